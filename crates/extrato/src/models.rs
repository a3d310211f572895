//! `extrato models`: what the models give, what they read, and where their SQL lies.

use dataset::Dataset;
use transform::models::{Described, TableRead, describe};

use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato models                                       those of the datasets built in
  extrato models --dataset shop/                       those of your own
  extrato models --dataset sales --json | jq -r '.[].model'";

/// List the models: what they give, what they read, and where their SQL lies
///
/// No database is asked, and every model's SQL is checked.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    /// A built-in dataset, or the folder of your own [default: all that are built in]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
}

pub(crate) fn run(arguments: &ModelsArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let names = match &arguments.dataset {
        Some(name) => vec![name.as_str()],
        None => Dataset::built_in().collect(),
    };
    let mut models = Vec::new();
    for name in names {
        models.extend(describe(&Dataset::open(name)?)?);
    }
    terminal.result(&models, || {
        let texts: Vec<String> = models.iter().map(text).collect();
        texts.join("\n\n")
    })
}

fn text(model: &Described) -> String {
    let columns: Vec<String> = model
        .columns
        .iter()
        .map(|column| {
            let hidden = if column.hidden { " (in no file)" } else { "" };
            format!("{} {}{hidden}", column.name, column.kind)
        })
        .collect();
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
