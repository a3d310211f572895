//! `extrato models`: what the models give, what they read, and where their SQL lies.

use database::{Cancel, ConnectionArgs, Environment, Settings};
use dataset::Dataset;
use dataset::failure::{Failure, Kind};
use transform::describe::{Described, TableRead, check, describe};
use transform::{Engine, Options};

use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato models                                       those of the datasets built in
  extrato models --dataset shop/                       those of your own
  extrato models --dataset shop/ --url 'postgresql://ana@db.example/shop?sslmode=verify-full'
                                                       … and whether they can be run over these tables
  extrato models --dataset sales --json | jq -r '.[].model'";

/// List the models: what they give, what they read, and where their SQL lies
///
/// Each model runs in Polars if that is known to give what Postgres gives, else in a scratch database of the embedded
/// Postgres: which, and why, is told with the types of the dataset's schema.sql. With --url it is told by those of the
/// database, and all models are checked as a run checks them before it reads a row. Without --url no database is asked, and
/// how it orders text is not known.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    /// A built-in dataset, or the folder of your own [default: all that are built in]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(
    arguments: &ModelsArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let connection = &arguments.connection;
    let settings = match &connection.url {
        Some(_) => connection.settings(environment)?,
        None if connection.schema.is_some() => {
            return Err(
                Kind::Usage.error("--schema is of no use without --url: no database is asked")
            );
        }
        None => None,
    };
    let names = match &arguments.dataset {
        Some(name) => vec![name.as_str()],
        None => Dataset::built_in().collect(),
    };
    let mut models = Vec::new();
    let mut refused = None;
    for name in names {
        let dataset = Dataset::open(name)?;
        let mut described = describe(&dataset)?;
        if let Some(settings) = &settings {
            let schema = connection.schema.as_deref();
            let options = Options::of_models(dataset, schema, environment);
            refused = check_all(settings, &options, &mut described, cancel)?;
        }
        models.extend(described);
    }
    terminal.answer(&models, || {
        let texts: Vec<String> = models.iter().map(text).collect();
        texts.join("\n\n")
    })?;
    refused.map_or(Ok(()), Err)
}

/// Checks all models, and gives the first error of those that cannot be run, once all are described.
fn check_all(
    settings: &Settings,
    options: &Options,
    described: &mut [Described],
    cancel: &Cancel,
) -> anyhow::Result<Option<anyhow::Error>> {
    let mut refused = None;
    match check(settings, options, cancel) {
        Ok(checked) => {
            for (model, (run_by, columns)) in described.iter_mut().zip(checked) {
                (model.run_by, model.columns) = (run_by, columns);
            }
        }
        Err(error) if described.len() < 2 || Failure::kind_of(&error) == Some(Kind::Connection) => {
            return Err(error);
        }
        // Each by itself, to tell those that can be run from those that cannot.
        Err(_) => {
            for (at, model) in described.iter_mut().enumerate() {
                let mut options = options.clone();
                options.dataset.models = vec![options.dataset.models[at].clone()];
                let model = std::slice::from_mut(model);
                if let Err(error) = check_all(settings, &options, model, cancel) {
                    model[0].refused = Some(format!("{error:#}"));
                    refused.get_or_insert(error);
                }
            }
        }
    }
    Ok(refused)
}

/// A model, described for people.
pub(crate) fn text(model: &Described) -> String {
    let mut columns: Vec<String> = model
        .columns
        .iter()
        .map(|column| {
            let hidden = if column.hidden { " (in no file)" } else { "" };
            format!("{} {}{hidden}", column.name, column.kind)
        })
        .collect();
    if columns.is_empty() {
        columns.push("what its SELECT gives, which --url tells".to_owned());
    }
    let reads: Vec<String> = model.reads.iter().map(read).collect();
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
    let engine = match (&model.run_by.engine, &model.run_by.why) {
        (Engine::Postgres, Some(why)) => {
            format!("a scratch database of the embedded Postgres: {why}")
        }
        _ => "Polars".to_owned(),
    };
    match &model.refused {
        Some(why) => lines.push(format!("  refused  {why}")),
        None => lines.push(format!("  run by   {engine}")),
    }
    lines.join("\n")
}

fn read(table: &TableRead) -> String {
    match &table.columns {
        Some(columns) => format!("{}: {}", table.table, columns.join(", ")),
        None => format!(
            "{}: those of its columns that the SELECT names",
            table.table
        ),
    }
}
