//! `extrato check`: whether a dataset can be run, and what its models give and read.

use std::collections::BTreeMap;

use database::{Cancel, ConnectionArgs, Environment, Settings};
use dataset::Dataset;
use dataset::failure::{Failure, Kind};
use transform::describe::{self, Described, TableRead};
use transform::{Engine, Options};

use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato check                                        the datasets built in
  extrato check --dataset shop/                        one of your own
  extrato check --dataset shop/ --url 'postgresql://ana@db.example/shop?sslmode=verify-full'
                                                       … over these tables
  extrato check --dataset shop/ --engine spark         … and can a cluster run its models?
  extrato check --dataset sales --json | jq -r '.models[].model'";

/// Check a dataset, and show what its models give and read, and what runs them
///
/// All problems are reported at once: in dataset.toml, in each model, and, where --url or the environment names a database,
/// in its tables. No row is read. Without a database the types are taken from schema.sql, and the order of text is not
/// known.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// A built-in dataset, or the folder of your own [default: all built-in ones]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,

    /// What is to run the models: one that polars or spark may not run as Postgres does is refused
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(
    arguments: &CheckArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let connection = &arguments.connection;
    // A built-in dataset is not checked against a database that the environment happens to name.
    let settings = match arguments.dataset.is_some() || connection.url.is_some() {
        true => connection.settings(environment)?,
        false => None,
    };
    if settings.is_none() && connection.schema.is_some() {
        return Err(Kind::Usage.error("--schema needs --url: without it no database is asked"));
    }
    let names = match &arguments.dataset {
        Some(name) => vec![name.as_str()],
        None => Dataset::built_in().collect(),
    };
    let (mut models, mut problems) = (Vec::new(), Vec::new());
    for name in names {
        let mut dataset = Dataset::open(name)?;
        dataset.with_those_for_reports();
        models.extend(match &settings {
            None => {
                let described = describe::describe(&dataset, arguments.engine)?;
                let refused = described.iter().filter_map(|model| model.refused.as_ref());
                problems.extend(refused.map(|why| Kind::Usage.error(why)));
                described
            }
            Some(settings) => {
                let schema = connection.schema.as_deref();
                let mut options = Options::of_models(dataset, schema, environment);
                options.engine = arguments.engine;
                check(settings, &options, &mut problems, cancel)?
            }
        });
    }
    let result = all(problems);
    let value = BTreeMap::from([("models", &models)]);
    terminal.answer_of(&value, || text(&models), result.as_ref().err())?;
    result
}

/// Describes the models of a dataset over the tables of a database, and collects what is wrong with either.
fn check(
    settings: &Settings,
    options: &Options,
    problems: &mut Vec<anyhow::Error>,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Described>> {
    problems.extend(describe::wrong_tables(settings, options, cancel)?);
    match describe::describe_live(settings, options, cancel) {
        Err(error) if Failure::kind_of(&error) != Some(Kind::Connection) => {}
        described => return described,
    }
    // Each model is described by itself, to tell those that can be run from those that cannot.
    let mut described = Vec::new();
    for model in &options.dataset.models {
        let mut options = options.clone();
        options
            .dataset
            .keep_models_where(|of| of.name == model.name);
        match describe::describe_live(settings, &options, cancel) {
            Ok(live) => described.extend(live),
            Err(error) => {
                let mut refused = describe::describe(&options.dataset, Engine::Auto)?;
                for model in &mut refused {
                    model.refused = Some(format!("{error:#}"));
                }
                described.extend(refused);
                let is_told = |other: &anyhow::Error| format!("{other:#}") == format!("{error:#}");
                if !problems.iter().any(is_told) {
                    problems.push(error);
                }
            }
        }
    }
    Ok(described)
}

/// Joins all problems into one error, of the first one's kind.
fn all(mut problems: Vec<anyhow::Error>) -> anyhow::Result<()> {
    if problems.len() < 2 {
        return problems.pop().map_or(Ok(()), Err);
    }
    let kind = problems.iter().find_map(Failure::kind_of);
    let told: Vec<String> = problems.iter().map(|error| format!("{error:#}")).collect();
    Err(kind.unwrap_or(Kind::Usage).error(format!(
        "{} problems:\n  {}",
        told.len(),
        told.join("\n  ")
    )))
}

/// Describes models for people.
pub(crate) fn text(models: &[Described]) -> String {
    let texts: Vec<String> = models.iter().map(text_of).collect();
    texts.join("\n\n")
}

fn text_of(model: &Described) -> String {
    let mut columns: Vec<String> = model
        .columns
        .iter()
        .map(|column| {
            let hidden = if column.hidden { " (in no file)" } else { "" };
            format!("{} {}{hidden}", column.name, column.kind)
        })
        .collect();
    if columns.is_empty() {
        columns.push("what its SELECT gives, known only with --url".to_owned());
    }
    let reads: Vec<String> = model.reads.iter().map(read).collect();
    let models = model.reads_models.iter();
    let models = models.map(|name| format!("model {name}"));
    let reads: Vec<String> = models.chain(reads).collect();
    let mut lines = vec![
        format!("{}, dataset {}", model.model, model.dataset),
        format!("  sql      {}", model.file),
        format!("  gives    {}", columns.join(",\n           ")),
        format!("  reads    {}", reads.join("\n           ")),
    ];
    if !model.partition_by.is_empty() {
        let folders = model.partition_by.join(", ");
        let order = match model.order_in_partition.as_slice() {
            [] => String::new(),
            order => format!(", rows in it by {}", order.join(", ")),
        };
        lines.push(format!("  folders  by {folders}{order}"));
    }
    let order = match model.order_by.as_slice() {
        [] => "as the SELECT gives them".to_owned(),
        order => format!("by {}", order.join(", ")),
    };
    lines.push(format!("  rows     {order}"));
    if !model.checks.is_empty() {
        lines.push(format!("  checks   {}", model.checks.join("\n           ")));
    }
    let engine = match (&model.run_by.engine, &model.run_by.why) {
        (Engine::Postgres, Some(why)) => {
            format!("a scratch database of the embedded Postgres: {why}")
        }
        (Engine::Spark, _) => "Spark".to_owned(),
        _ => "Polars".to_owned(),
    };
    match &model.refused {
        Some(why) => lines.push(format!("  refused  {why}")),
        None => lines.push(format!("  run by   {engine}")),
    }
    lines.join("\n")
}

fn read(table: &TableRead) -> String {
    let rows = table.rows.iter();
    let rows: String = rows.map(|rows| format!("; on the server {rows}")).collect();
    match &table.columns {
        Some(columns) => format!("{}: {}{rows}", table.table, columns.join(", ")),
        None => format!(
            "{}: those of its columns that the SELECT names",
            table.table
        ),
    }
}
