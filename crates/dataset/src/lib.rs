//! What a dataset is: tables with their keys, models with their outputs, and the SQL that makes them.
//!
//! A dataset is a folder holding `dataset.toml`, `schema.sql`, `constraints.sql` and the models. Those
//! built in live under `sql/` and are embedded in the binary; any other is read from a folder of the user's.

pub mod calendar;
pub mod cell_rules;
mod column;
pub mod encoding;
pub mod failure;
pub mod load_rules;
mod load_section;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use failure::{Kind, OrFail};
use include_dir::{Dir, include_dir};
use serde::Deserialize;

pub use column::{
    Collation, Column, ColumnType, Letters, MAX_PRECISION, TableSchema, TextKind, TextTraits,
};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sql");

const DESCRIPTION: &str = "dataset.toml";

/// The most bytes of a name in Postgres: `NAMEDATALEN` without the byte that ends it.
pub const LONGEST_NAME_BYTES: usize = 63;

/// A dataset, read and checked.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The dataset's name, which is also the Postgres schema it lives in unless another is named.
    pub name: String,
    /// Whether it is one of those built in, whose rows can be generated.
    pub is_built_in: bool,
    /// The tables, parents before children.
    pub tables: Vec<Table>,
    /// The models.
    pub models: Vec<Model>,
    /// Types and tables, without schema names. Empty if the dataset has no `schema.sql`.
    pub schema_sql: String,
    /// Keys, foreign keys and indexes, run after a load. Empty if there is no `constraints.sql`.
    pub constraints_sql: String,
}

/// A table of a dataset. Its columns come from the live database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The table's name, without the schema.
    pub name: String,
    /// The columns of its primary key.
    pub key: Vec<String>,
    /// Columns whose type has no decoder and which are read as their text instead.
    #[serde(default)]
    pub cast_to_text: Vec<String>,
    /// Numeric columns and the `numeric(p,s)` that each is carried as, `{ amount = "numeric(20,4)" }`: those that the database
    /// gives no precision, or one that is not carried. A value that it does not hold is refused, never rounded.
    #[serde(default)]
    pub carry_as: BTreeMap<String, ColumnType>,
    /// What the models of a run say that columns are carried as, if these are numerics of no precision that `carry_as` lacks.
    #[serde(skip)]
    pub carried_by_models: BTreeMap<String, ColumnType>,
    /// The columns that a run reads as the server sends them, whatever their types are: nothing of ours decodes them.
    #[serde(skip)]
    pub as_is: Vec<String>,
    /// How its files are read.
    #[serde(default, deserialize_with = "load_section::rules")]
    pub load: load_rules::LoadRules,
}

/// A model: one SELECT over the dataset's tables and the shape of what it gives.
#[derive(Debug, Clone)]
pub struct Model {
    /// The name of the output.
    pub name: String,
    /// Where the SELECT lies, for messages: below `sql/` in the sources if the dataset is built in.
    pub file: String,
    /// The SELECT.
    pub sql: String,
    /// The output's columns and their types, in the SELECT's order, hidden ones included; none where the SELECT alone says.
    pub columns: Vec<(String, ColumnType)>,
    /// Columns of the SELECT that are not written into files.
    pub hidden: Vec<String>,
    /// The columns that name the folders of a partitioned output.
    pub partition_by: Vec<String>,
    /// The order of rows in a single file.
    pub order_by: Vec<String>,
    /// The order of rows within a partition.
    pub order_in_partition: Vec<String>,
    /// The table that the SELECT runs over row by row: it looks up each row's parents in the other tables and
    /// does nothing else. `None` for a model that runs whole.
    pub stream: Option<String>,
    /// The table whose rows must all be accounted for. A model that aggregates has none.
    pub driving: Option<Driving>,
}

/// What a model is reconciled against.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driving {
    /// The driving table.
    pub table: String,
    /// The table's key: column of the table = column of the output.
    pub key: BTreeMap<String, String>,
    /// Columns whose sums must agree: column of the table = column of the output.
    #[serde(default)]
    pub sums: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    #[serde(rename = "table")]
    tables: Vec<Table>,
    #[serde(rename = "model", default)]
    models: Vec<ModelDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelDescription {
    name: String,
    file: String,
    #[serde(default)]
    hidden: Vec<String>,
    #[serde(default)]
    partition_by: Vec<String>,
    #[serde(default)]
    order_by: Vec<String>,
    #[serde(default)]
    order_in_partition: Vec<String>,
    stream: Option<String>,
    driving: Option<Driving>,
    #[serde(default)]
    columns: toml::Table,
}

/// Where a dataset's files come from.
enum Folder<'a> {
    BuiltIn(&'a Dir<'a>),
    Disk(PathBuf),
}

impl Folder<'_> {
    /// What messages call a file.
    fn display(&self, name: &str) -> String {
        match self {
            Self::BuiltIn(dir) => Path::new("sql").join(dir.path()).join(name),
            Self::Disk(dir) => dir.join(name),
        }
        .display()
        .to_string()
    }

    /// A file's text, or `None` if the folder has no such file.
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
    /// The names of the datasets built in.
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
            return Self::read(&Folder::BuiltIn(dir));
        }
        let path = Path::new(name_or_path);
        if !path.join(DESCRIPTION).is_file() {
            let names: Vec<_> = Self::built_in().collect();
            return Err(Kind::Usage.error(format!(
                "no dataset `{name_or_path}`: give one of {}, or a folder that holds {DESCRIPTION}",
                names.join(", ")
            )));
        }
        Self::read(&Folder::Disk(path.to_owned()))
            .with_context(|| format!("dataset {name_or_path}"))
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Leaves all models away but those named.
    ///
    /// # Errors
    /// [`Kind::Usage`] naming the models there are if one is unknown.
    pub fn keep_models(&mut self, names: &[String]) -> anyhow::Result<()> {
        let known: Vec<&str> = self
            .models
            .iter()
            .map(|model| model.name.as_str())
            .collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(Kind::Usage.error(format!(
                "dataset `{}` has no model `{unknown}`; it has {}",
                self.name,
                known.join(", ")
            )));
        }
        self.models.retain(|model| names.contains(&model.name));
        Ok(())
    }

    fn read(folder: &Folder<'_>) -> anyhow::Result<Self> {
        let text = folder
            .read(DESCRIPTION)?
            .with_context(|| format!("{DESCRIPTION} is missing"))?;
        let description: Description =
            toml::from_str(&text).or_fail(Kind::Usage, || format!("{DESCRIPTION} is not valid"))?;
        let models = description
            .models
            .into_iter()
            .map(|model| Model::read(model, folder))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let dataset = Self {
            name: description.name,
            is_built_in: matches!(folder, Folder::BuiltIn(_)),
            tables: description.tables,
            models,
            schema_sql: folder.read("schema.sql")?.unwrap_or_default(),
            constraints_sql: folder.read("constraints.sql")?.unwrap_or_default(),
        };
        dataset.check()?;
        Ok(dataset)
    }

    fn check(&self) -> anyhow::Result<()> {
        let mut names: Vec<_> = self.tables.iter().map(|table| &table.name).collect();
        names.extend(self.models.iter().map(|model| &model.name));
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Kind::Usage.error(format!(
                "{DESCRIPTION} names `{}` twice among its tables and models",
                twice[0]
            )));
        }
        for table in &self.tables {
            table.check_carried()?;
            let checked = table.load.check(|name| self.table(name).is_some());
            checked.map_err(|why| {
                Kind::Usage.error(format!(
                    "{DESCRIPTION}, table `{}`, load: {why}",
                    table.name
                ))
            })?;
        }
        let tables = self.tables.iter().map(|table| &table.name);
        if let Some(name) = tables.chain([&self.name]).find(|name| !is_file_name(name)) {
            return Err(Kind::Usage.error(format!(
                "{DESCRIPTION}: `{name}` cannot be the name of a dataset or table, since no file can bear it"
            )));
        }
        for model in &self.models {
            model.check()?;
            if let Some(stream) = &model.stream
                && (self.table(stream).is_none()
                    || model
                        .driving
                        .as_ref()
                        .is_some_and(|driving| driving.table != *stream))
            {
                return Err(model.error(format!(
                    "stream `{stream}` is not a table, or not the driving table"
                )));
            }
            if let Some(driving) = &model.driving
                && self.table(&driving.table).is_none()
            {
                return Err(
                    model.error(format!("driving table `{}` is not a table", driving.table))
                );
            }
        }
        Ok(())
    }
}

impl Table {
    fn check_carried(&self) -> anyhow::Result<()> {
        let refused = |why: String| {
            Err(Kind::Usage.error(format!(
                "{DESCRIPTION}, table `{}`, carry_as: {why}",
                self.name
            )))
        };
        for (column, kind) in &self.carry_as {
            if !matches!(kind, ColumnType::Numeric { precision, .. } if *precision > 0) {
                return refused(format!(
                    "column `{column}` is given {kind}, but only a numeric(p,s) can be"
                ));
            }
            if self.cast_to_text.contains(column) {
                return refused(format!("column `{column}` stands under `cast_to_text` too"));
            }
        }
        Ok(())
    }
}

/// Whether a file or folder in some folder can bear this name, with an ending.
fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= 200 && !name.contains(['/', '\0'])
}

impl Model {
    fn read(description: ModelDescription, folder: &Folder<'_>) -> anyhow::Result<Self> {
        let name = description.name;
        let file = description.file;
        let sql = folder.read(&file)?.ok_or_else(|| {
            Kind::Usage.error(format!("model `{name}`: its file {file} is missing"))
        })?;
        let columns = description
            .columns
            .into_iter()
            .map(|(column, kind)| {
                let kind = kind
                    .as_str()
                    .ok_or_else(|| "a type is a string".to_owned())
                    .and_then(str::parse)
                    .or_fail(Kind::Usage, || format!("model `{name}`, column `{column}`"))?;
                Ok((column, kind))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            name,
            file: folder.display(&file),
            sql,
            columns,
            hidden: description.hidden,
            partition_by: description.partition_by,
            order_by: description.order_by,
            order_in_partition: description.order_in_partition,
            stream: description.stream,
            driving: description.driving,
        })
    }

    /// The columns that files have, and their types.
    pub fn visible_columns(&self) -> impl Iterator<Item = &(String, ColumnType)> {
        let is_visible = |(name, _): &&(String, ColumnType)| !self.hidden.contains(name);
        self.columns.iter().filter(is_visible)
    }

    /// Whether the output has a column of this name, hidden or not.
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|(column, _)| column == name)
    }

    /// Gives a model that declares no columns those that its SELECT gives.
    ///
    /// # Errors
    /// [`Kind::Usage`] if two have one name, or one is missing that the description names.
    pub fn declare(&mut self, columns: Vec<(String, ColumnType)>) -> anyhow::Result<()> {
        self.columns = columns;
        let mut names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(self.error(format!(
                "{} gives two columns `{}`: give one another name with AS",
                self.file, twice[0]
            )));
        }
        self.check_columns()
    }

    fn check(&self) -> anyhow::Result<()> {
        // The name becomes a file and a folder.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(self.error("the name may hold ASCII letters, digits, `_` and `-` only"));
        }
        let too_long = |(name, _): &&(String, ColumnType)| name.len() > LONGEST_NAME_BYTES;
        if let Some((name, _)) = self.columns.iter().find(too_long) {
            return Err(self.error(format!(
                "column `{name}` has {} bytes, but Postgres cuts names off after {LONGEST_NAME_BYTES}, so no SELECT gives it",
                name.len()
            )));
        }
        // Without a declaration it is the SELECT that says which there are.
        match self.columns.is_empty() {
            true => Ok(()),
            false => self.check_columns(),
        }
    }

    fn check_columns(&self) -> anyhow::Result<()> {
        let named = [
            ("hidden", &self.hidden),
            ("partition_by", &self.partition_by),
            ("order_by", &self.order_by),
            ("order_in_partition", &self.order_in_partition),
        ];
        for (list, columns) in named {
            if let Some(unknown) = columns.iter().find(|name| !self.has_column(name)) {
                return Err(self.error(format!(
                    "`{list}` names `{unknown}`, which is none of its columns"
                )));
            }
        }
        if self.visible_columns().next().is_none() {
            return Err(self.error("no column is left to write"));
        }
        if let Some(driving) = &self.driving {
            if driving.key.is_empty() {
                return Err(self.error("`driving.key` is empty"));
            }
            let outputs = driving.key.values().chain(driving.sums.values());
            for column in outputs {
                if !self.has_column(column) {
                    return Err(self.error(format!(
                        "`driving` names `{column}`, which is none of its columns"
                    )));
                }
            }
        }
        Ok(())
    }

    fn error(&self, message: impl std::fmt::Display) -> anyhow::Error {
        Kind::Usage.error(format!("{DESCRIPTION}, model `{}`: {message}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(toml: &str) -> anyhow::Result<Dataset> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(DESCRIPTION), toml).expect("written");
        fs::write(folder.path().join("m.sql"), "SELECT 1 AS a").expect("written");
        Dataset::open(folder.path().to_str().expect("UTF-8"))
    }

    #[test]
    fn every_dataset_built_in_opens_and_bears_its_folders_name() {
        let names: Vec<_> = Dataset::built_in().collect();
        assert!(names.contains(&"cards"), "{names:?}");
        for name in names {
            let dataset = Dataset::open(name).expect(name);
            assert_eq!(dataset.name, name);
            assert!(!dataset.schema_sql.is_empty());
        }
    }

    #[test]
    fn movimento_flat_has_its_eleven_columns_in_order() {
        let cards = Dataset::open("cards").expect("cards");
        let model = &cards.models[0];
        let visible: Vec<_> = model
            .visible_columns()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            visible,
            [
                "nome_associado",
                "sobrenome_associado",
                "idade_associado",
                "vlr_transacao_movimento",
                "des_transacao_movimento",
                "data_movimento",
                "numero_cartao",
                "nome_impresso_cartao",
                "data_criacao_cartao",
                "tipo_conta",
                "data_criacao_conta",
            ]
        );
    }

    #[test]
    fn a_dataset_that_contradicts_itself_is_refused_with_its_entry_named() {
        let model = "[[model]]\nname = \"m\"\nfile = \"m.sql\"\n";
        let cases = [
            ("name = 1", "not valid"),
            ("name = \"..\"\ntable = []", "`..` cannot be the name"),
            (
                "name = \"x\"\n[[table]]\nname = \"a/b\"\nkey = []",
                "`a/b` cannot be the name",
            ),
            ("name = \"x\"\ntable = []\nfoo = 1", "unknown field"),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{model}hidden = [\"b\"]\n[model.columns]\na = \"integer\""
                ),
                "`hidden` names `b`",
            ),
            (
                &format!("name = \"x\"\ntable = []\n{model}[model.columns]\na = \"money\""),
                "`money` is not a type",
            ),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{model}hidden = [\"a\"]\n[model.columns]\na = \"integer\""
                ),
                "no column is left",
            ),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{}[model.columns]\na = \"integer\"",
                    model.replace("\"m\"", "\"../m\"")
                ),
                "ASCII letters",
            ),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{}",
                    model.replace("m.sql", "n.sql")
                )
                .replace("\n\n", "\n"),
                "",
            ),
        ];
        for (toml, expected) in cases {
            let error = described(toml).expect_err(toml);
            assert_eq!(
                failure::Failure::kind_of(&error),
                Some(Kind::Usage),
                "{error:#}"
            );
            assert!(
                format!("{error:#}").contains(expected),
                "{error:#} lacks {expected}"
            );
        }
    }

    #[test]
    fn an_unknown_dataset_names_those_that_exist() {
        let error = Dataset::open("nothing-here").expect_err("refused");
        assert!(error.to_string().contains("cards"), "{error}");
    }

    const ONE_MODEL: &str = "name = \"d\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\n CARRIED
        [[model]]\nname = \"m\"\nfile = \"m.sql\"\n[model.columns]\n";

    #[test]
    fn a_column_is_carried_as_a_numeric_or_as_its_text() {
        let carried =
            |entry: &str| described(&(ONE_MODEL.replace("CARRIED", entry) + "a = \"text\""));
        let dataset = carried("carry_as = { v = \"numeric(20,4)\" }").expect("read");
        let (precision, scale) = (20, 4);
        let expected = ColumnType::Numeric { precision, scale };
        assert_eq!(dataset.tables[0].carry_as["v"], expected);
        for (entry, part) in [
            (
                "carry_as = { v = \"bigint\" }",
                "bigint, but only a numeric(p,s)",
            ),
            ("carry_as = { v = \"numeric(0,0)\" }", "only a numeric(p,s)"),
            ("carry_as = { v = \"numeric\" }", "is not valid"),
            (
                "carry_as = { v = \"numeric(3,1)\" }\ncast_to_text = [\"v\"]",
                "`cast_to_text` too",
            ),
        ] {
            let error = carried(entry).expect_err(entry);
            assert!(format!("{error:#}").contains(part), "{error:#}");
        }
    }

    #[test]
    fn a_columns_name_has_as_many_bytes_as_postgres_keeps() {
        let named = |name: &str| {
            described(&format!(
                "{}\"{name}\" = \"text\"",
                ONE_MODEL.replace("CARRIED", "")
            ))
        };
        assert!(named(&"a".repeat(63)).is_ok());
        assert!(named(&("é".repeat(31) + "a")).is_ok());
        for name in ["a".repeat(64), "é".repeat(32)] {
            let error = format!("{:#}", named(&name).expect_err("too long"));
            assert!(
                error.contains(&name) && error.contains("64 bytes") && error.contains("`m`"),
                "{error}"
            );
        }
    }
}
