//! TPC-H: a dataset of its eight tables, with its 22 queries as models and its generator's rows at any scale.

use std::fmt::{Display, Write as _};
use std::io::Write as _;

use dataset::Dataset;
use postgres::{Client, Transaction};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};

/// The dataset's folder.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tpch");

/// Creates TPC-H's tables in the connection's search path, fills them at a scale (at scale 1 `lineitem` has six million rows), adds
/// their primary and foreign keys, and analyses them. Returns the number of rows of each table.
///
/// The generator keeps 300 MB of text for as long as the process lives.
///
/// # Errors
/// The errors of the server, and of reading the dataset's files.
pub fn fill(client: &mut Client, scale: f64) -> anyhow::Result<Vec<(String, u64)>> {
    let dataset = Dataset::open(FOLDER)?;
    let mut transaction = client.transaction()?;
    transaction.batch_execute(&dataset.schema_sql)?;
    let rows = copy_all(&mut transaction, scale)?;
    transaction.batch_execute(&dataset.constraints_sql)?;
    transaction.commit()?;
    client.batch_execute("ANALYZE")?;
    Ok(rows)
}

fn copy_all(transaction: &mut Transaction<'_>, scale: f64) -> anyhow::Result<Vec<(String, u64)>> {
    // Part 1 of 1, that is all rows.
    let to = transaction;
    Ok(vec![
        copy(to, "region", RegionGenerator::new(scale, 1, 1))?,
        copy(to, "nation", NationGenerator::new(scale, 1, 1))?,
        copy(to, "part", PartGenerator::new(scale, 1, 1))?,
        copy(to, "supplier", SupplierGenerator::new(scale, 1, 1))?,
        copy(to, "partsupp", PartSuppGenerator::new(scale, 1, 1))?,
        copy(to, "customer", CustomerGenerator::new(scale, 1, 1))?,
        copy(to, "orders", OrderGenerator::new(scale, 1, 1))?,
        copy(to, "lineitem", LineItemGenerator::new(scale, 1, 1))?,
    ])
}

/// Copies rows into a table. They are written as in TPC-H's files: a bar after each field, and none within a field.
fn copy(
    transaction: &mut Transaction<'_>,
    table: &str,
    rows: impl IntoIterator<Item: Display>,
) -> anyhow::Result<(String, u64)> {
    let statement = format!("COPY {table} FROM STDIN WITH (DELIMITER '|')");
    let mut target = transaction.copy_in(&statement)?;
    let mut line = String::new();
    for row in rows {
        line.clear();
        write!(line, "{row}")?;
        // For COPY, the last bar would begin one more column.
        line.pop();
        line.push('\n');
        target.write_all(line.as_bytes())?;
    }
    Ok((table.to_owned(), target.finish()?))
}
