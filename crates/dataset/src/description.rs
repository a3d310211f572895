//! Reads `dataset.toml`, and the files that it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::chart::Chart;
use crate::checks::Entry;
use crate::dataset::{Dataset, Table};
use crate::failure::{Kind, OrFail};
use crate::model::{DESCRIPTION, Driving, Model};
use crate::nearest::did_you_mean;
use crate::output_check::CheckDescription;
use crate::parameter::{ParameterDescription, Parameters};
use crate::place::Place;

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sql");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    name: String,
    schema: Option<String>,
    #[serde(rename = "table", default)]
    tables: Vec<Table>,
    #[serde(rename = "model", default)]
    models: Vec<ModelDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelDescription {
    name: String,
    file: String,
    #[serde(default, alias = "hidden")]
    not_written: Vec<String>,
    #[serde(default)]
    partition_by: Vec<String>,
    file_name: Option<String>,
    #[serde(default)]
    order_by: Vec<String>,
    #[serde(default, alias = "order_in_partition")]
    order_by_in_file: Vec<String>,
    stream: Option<String>,
    #[serde(alias = "driving")]
    reconcile: Option<Driving>,
    #[serde(rename = "check", default)]
    checks: Vec<CheckDescription>,
    #[serde(default)]
    only_in_report: bool,
    chart: Option<Chart>,
    #[serde(default)]
    parameters: BTreeMap<String, ParameterDescription>,
    #[serde(default)]
    columns: toml::Table,
}

/// Entries of a model that had other names in earlier versions and are still read under these: (the old name, the new one).
pub(crate) const FORMER: [(&str, &str); 3] = [
    ("hidden", "not_written"),
    ("order_in_partition", "order_by_in_file"),
    ("driving", "reconcile"),
];

/// The place that a dataset's files come from.
enum Folder<'a> {
    BuiltIn(&'a Dir<'a>),
    Disk(PathBuf),
}

impl Folder<'_> {
    /// The name of a file in messages.
    fn display(&self, name: &str) -> String {
        match self {
            Self::BuiltIn(dir) => Path::new("sql").join(dir.path()).join(name),
            Self::Disk(dir) => dir.join(name),
        }
        .display()
        .to_string()
    }

    /// The text of a file; `None` if the folder has no such file.
    fn read(&self, name: &str) -> anyhow::Result<Option<String>> {
        match self {
            Self::BuiltIn(dir) => Ok(dir
                .get_file(dir.path().join(name))
                .and_then(|file| file.contents_utf8())
                .map(str::to_owned)),
            Self::Disk(dir) => match fs::read_to_string(dir.join(name)) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error).or_fail(Kind::Usage, || {
                    format!("cannot read {}", dir.join(name).display())
                }),
            },
        }
    }
}

impl Dataset {
    /// The names of the built-in datasets.
    pub fn built_in() -> impl Iterator<Item = &'static str> {
        BUILT_IN.dirs().filter_map(|dir| dir.path().to_str())
    }

    /// Opens a built-in dataset by its name, or one of the user's by the path of its folder.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is no such dataset or its description contradicts itself; the message
    /// names the file and the entry.
    pub fn open(name_or_path: &str) -> anyhow::Result<Self> {
        if let Some(dir) = BUILT_IN.get_dir(name_or_path) {
            return read(&Folder::BuiltIn(dir));
        }
        let path = Path::new(name_or_path);
        if !path.join(DESCRIPTION).is_file() {
            let names: Vec<_> = Self::built_in().collect();
            return Err(Kind::Usage.error(format!(
                "no dataset `{name_or_path}`: give one of {}, or a folder that holds {DESCRIPTION}{}",
                names.join(", "),
                did_you_mean(name_or_path, names.iter().copied())
            )));
        }
        read(&Folder::Disk(path.to_owned())).with_context(|| format!("dataset {name_or_path}"))
    }
}

/// Reads and checks the dataset that a folder describes.
///
/// # Errors
/// [`Kind::Usage`] if the description cannot be read or contradicts itself; the message names each entry with its line.
fn read(folder: &Folder<'_>) -> anyhow::Result<Dataset> {
    let text = folder
        .read(DESCRIPTION)?
        .with_context(|| format!("{DESCRIPTION} is missing"))?;
    let description: Description =
        toml::from_str(&text).or_fail(Kind::Usage, || format!("{DESCRIPTION} is not valid"))?;
    tell_former(&text, folder);
    let mut dataset = Dataset {
        name: description.name,
        schema: description.schema,
        is_built_in: matches!(folder, Folder::BuiltIn(_)),
        tables: description.tables,
        models: Vec::new(),
        beside: Vec::new(),
        schema_sql: folder.read("schema.sql")?.unwrap_or_default(),
        constraints_sql: folder.read("constraints.sql")?.unwrap_or_default(),
    };
    // Positions are looked up in the text only once something is wrong.
    let problem = |entry: Entry<'_>, why: &str| Lines::of(&text).problem(entry, why);
    let mut problems = Vec::new();
    for described in description.models {
        let name = described.name.clone();
        match described.read(folder)? {
            Ok(model) => dataset.models.push(model),
            Err(why) => problems.push(problem(Entry::Model(&name), &why)),
        }
    }
    dataset.find_places();
    let contradictions = dataset.problems();
    let told = contradictions.iter();
    problems.extend(told.map(|(entry, why)| problem(*entry, why)));
    match problems.is_empty() {
        true => {
            dataset.keep_models_where(|model| !model.is_for_report);
            Ok(dataset)
        }
        false => Err(Kind::Usage.error(problems.join("\n"))),
    }
}

/// The positions of the entries of a description.
#[derive(Deserialize, Default)]
struct Lines {
    #[serde(skip)]
    text: String,
    #[serde(default)]
    table: Vec<NamedAt>,
    #[serde(default)]
    model: Vec<NamedAt>,
}

#[derive(Deserialize)]
struct NamedAt {
    name: toml::Spanned<String>,
    schema: Option<String>,
}

impl NamedAt {
    /// Whether this is the entry of the table or model with this name in a run.
    fn is_called(&self, called: &str) -> bool {
        let name = self.name.get_ref().clone();
        match self.schema.clone() {
            None => name == called,
            // With an empty schema as the run's own, the schema always comes before the name.
            Some(schema) => Place { schema, name }.called("") == called,
        }
    }
}

impl Lines {
    fn of(text: &str) -> Self {
        let lines: Self = toml::from_str(text).unwrap_or_default();
        Self {
            text: text.to_owned(),
            ..lines
        }
    }

    /// The message about what is wrong with an entry, with the line of its name. If the name comes twice, the last one counts.
    fn problem(&self, entry: Entry<'_>, why: &str) -> String {
        let (entries, what, name) = match entry {
            Entry::Dataset => return format!("{DESCRIPTION}: {why}"),
            Entry::Table(name) => (&self.table, "table", name),
            Entry::Model(name) => (&self.model, "model", name),
        };
        let found = entries.iter().rfind(|entry| entry.is_called(name));
        let found = found.or_else(|| entries.iter().rfind(|of| of.name.get_ref() == name));
        let line = found.map_or_else(String::new, |entry| {
            let before = &self.text[..entry.name.span().start];
            format!(" line {},", before.matches('\n').count() + 1)
        });
        format!("{DESCRIPTION},{line} {what} `{name}`: {why}")
    }
}

/// Warns about entries with names that later versions will not know.
fn tell_former(text: &str, folder: &Folder<'_>) {
    let described: Option<toml::Table> = toml::from_str(text).ok();
    let models = described.as_ref().and_then(|table| table.get("model"));
    let models = models.and_then(toml::Value::as_array).into_iter().flatten();
    for model in models.filter_map(toml::Value::as_table) {
        for (former, now) in FORMER {
            if model.contains_key(former) {
                tracing::warn!(
                    "{}: `{former}` is now called `{now}`, and the next version will read only that name",
                    folder.display(DESCRIPTION)
                );
            }
        }
    }
}

impl ModelDescription {
    /// The model with its SELECT; the inner error is what is wrong with its entry.
    ///
    /// # Errors
    /// [`Kind::Usage`] if its file cannot be read.
    fn read(self, folder: &Folder<'_>) -> anyhow::Result<Result<Model, String>> {
        let Some(sql) = folder.read(&self.file)? else {
            return Ok(Err(format!("its file {} is missing", self.file)));
        };
        let parameters = match Parameters::read(&sql, self.parameters) {
            Ok(parameters) => parameters,
            Err(why) => return Ok(Err(why)),
        };
        let mut columns = Vec::new();
        for (column, kind) in self.columns {
            let kind = kind.as_str().ok_or_else(|| "a type is a string".to_owned());
            match kind.and_then(str::parse) {
                Ok(kind) => columns.push((column, kind)),
                Err(why) => return Ok(Err(format!("column `{column}`: {why}"))),
            }
        }
        let mut checks = Vec::new();
        for check in self.checks {
            let open = |name: &str| Ok((folder.read(name)?, folder.display(name)));
            match check.read(&self.name, open)? {
                Ok(check) => checks.push(check),
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Ok(Model {
            name: self.name,
            file: folder.display(&self.file),
            sql: parameters.bound(),
            parameters,
            is_asked: false,
            schema: String::new(),
            columns,
            hidden: self.not_written,
            partition_by: self.partition_by,
            file_name: self.file_name,
            order_by: self.order_by,
            order_in_partition: self.order_by_in_file,
            stream: self.stream,
            stream_place: None,
            driving: self.reconcile,
            checks,
            chart: self.chart,
            is_for_report: self.only_in_report,
            ..Model::default()
        }))
    }
}
