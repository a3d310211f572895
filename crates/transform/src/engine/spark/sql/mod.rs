//! A model as Spark's SQL. It is written from the resolved SELECT, expression by expression, so that nothing depends on how Spark
//! understands the original text. Anything not known to give the same in Spark is refused.

mod arithmetic;
mod cast;
mod constant;
mod group;
mod join;
mod relation;
mod scalar;
mod scope;
mod sub_select;
mod text;
mod time;
pub(crate) mod types;
mod window;
mod writer;

use std::fmt::Write;

use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Driving, Model, TableSchema};

use crate::model::refusal::{Refusal, error_at};
use crate::model::tree::{Place, Resolved};
use crate::options::Format;
use crate::sink::NULL_FOLDER;
use scope::{checked, spark_type};
use types::quoted;
use writer::{Ordered, Writer, direction, listed};

/// The prefix of the columns that Spark names folders by; a number follows. It is short, since it is part of each folder's name.
pub(crate) const PARTITION: &str = "xp";

/// A SELECT whose rows are to be written, and the columns that name the folders.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) partition_by: Vec<String>,
}

/// A model with its resolved SELECT and the tables that it reads.
pub(crate) struct Source<'a> {
    pub(crate) model: &'a Model,
    pub(crate) resolved: &'a Resolved,
    pub(crate) tables: &'a [&'a TableSchema],
}

impl Source<'_> {
    /// The rows of the output, in order, as they are written: as text for CSV, else in the declared types.
    ///
    /// # Errors
    /// [`Kind::Usage`] with file, line and column for anything not known to be the same in Spark.
    pub(crate) fn output(
        &self,
        partition_by: Option<&[String]>,
        format: Format,
    ) -> anyhow::Result<Statement> {
        let model = self.model;
        let mut writer = Writer::new(self.tables);
        let rows = self.rows(&mut writer)?;
        let width = model.columns.len();
        let names = partition_by.unwrap_or_default();
        let in_partition = |name: &&String| !names.contains(name);
        let order: Vec<&String> = match partition_by {
            Some(_) => model
                .order_in_partition
                .iter()
                .filter(in_partition)
                .collect(),
            None => model.order_by.iter().collect(),
        };
        let place = |name: &String| {
            let found = model.columns.iter().position(|(column, _)| column == name);
            found.ok_or_else(|| anyhow::anyhow!("no column `{name}`"))
        };
        let is_taken = |name: &str| {
            let number = name.strip_prefix(PARTITION);
            let number = number.and_then(|number| number.parse::<usize>().ok());
            number.is_some_and(|number| number < names.len())
        };
        if let Some((name, _)) = model.columns.iter().find(|(name, _)| is_taken(name)) {
            return Err(self.refused(format!(
                "column `{name}` has a name that is needed for folders on Spark: give it another"
            )));
        }
        let mut folders = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let at = place(name)?;
            let value = as_text(&format!("t.c{at}"), model.columns[at].1).ok_or_else(|| {
                self.refused(format!(
                    "folders named by `{name}`, which is {}, are not known to be the same in Spark",
                    model.columns[at].1
                ))
            })?;
            // The empty text goes into the folder of NULL; no other value may.
            let value = checked(
                &format!("{value} = '{NULL_FOLDER}'"),
                &format!("a value of `{name}` is {NULL_FOLDER}, as the folder of NULL is called"),
                &format!("nullif({value}, '')"),
            );
            folders.push(format!("{value} AS {PARTITION}{number}"));
        }
        let mut sort: Vec<_> = (0..names.len())
            .map(|number| format!("{PARTITION}{number}"))
            .collect();
        for name in order {
            sort.push(format!("c{} ASC NULLS LAST", place(name)?));
        }
        for (at, (descends, nulls_first)) in rows.keys.iter().enumerate() {
            sort.push(format!("k{at}{}", direction(*descends, *nulls_first)));
        }
        // All columns are added to the order, so that every run gives the same order.
        sort.extend((0..width).map(|at| format!("c{at} ASC NULLS LAST")));
        let mut written = Vec::new();
        for (at, (name, kind)) in model.columns.iter().enumerate() {
            if model.hidden.contains(name) {
                continue;
            }
            let column = format!("c{at}");
            let value = match format {
                Format::Parquet => Some(column),
                _ => as_text(&column, *kind),
            };
            let value = value.ok_or_else(|| {
                self.refused(format!(
                    "column `{name}` is {kind}, whose text is not known to be the same in Spark: write --format parquet, or run \
                     this model with --engine polars"
                ))
            })?;
            written.push((name, value));
        }
        if let ([(name, only)], Format::Csv) = (written.as_mut_slice(), format) {
            // Spark leaves out an empty line.
            *only = checked(
                &format!("{only} IS NULL"),
                &format!(
                    "`{name}` is the only column and NULL in a row, for which Spark's CSV has no line: write Parquet, \
                     or one more column"
                ),
                only,
            );
        }
        let written = written.into_iter();
        let mut written: Vec<_> = written
            .map(|(name, value)| format!("{value} AS {}", quoted(name)))
            .collect();
        let partition_by: Vec<_> = (0..names.len())
            .map(|number| format!("{PARTITION}{number}"))
            .collect();
        written.extend(partition_by.iter().cloned());
        let mut all = vec!["t.*".to_owned()];
        all.extend(folders);
        let (hint, distribute) = match partition_by.is_empty() {
            true => ("/*+ REPARTITION(1) */ ", String::new()),
            false => ("", format!("DISTRIBUTE BY {}\n", partition_by.join(", "))),
        };
        let sql = format!(
            "{}SELECT {} FROM (\nSELECT {hint}* FROM (\nSELECT {} FROM (\n{}\n) AS t\n) AS placed\n{distribute}SORT BY {}\n) AS sorted",
            with(&writer),
            written.join(", "),
            all.join(", "),
            rows.sql,
            sort.join(", ")
        );
        Ok(Statement { sql, partition_by })
    }

    /// A SELECT of one row: how many rows the driving table has, with their sums, and the same for the rows that the output lacks.
    /// The latter are found by a join that is independent of how the model runs.
    ///
    /// # Errors
    /// As [`Source::output`].
    pub(crate) fn counts(&self, driving: &Driving) -> anyhow::Result<String> {
        let mut writer = Writer::new(self.tables);
        let rows = self.rows(&mut writer)?;
        let (mut keys, mut on) = (Vec::new(), Vec::new());
        for (number, (of_table, of_output)) in driving.key.iter().enumerate() {
            let mut columns = self.model.columns.iter();
            let at = columns.position(|(name, _)| name == of_output);
            let at = at.ok_or_else(|| anyhow::anyhow!("no column `{of_output}`"))?;
            keys.push(format!("t.c{at} AS k{number}"));
            on.push(format!("d.{} <=> o.k{number}", quoted(of_table)));
        }
        let mut counts = Vec::new();
        for filter in ["", " FILTER (WHERE o.is_there IS NULL)"] {
            counts.push(format!("CAST(count(*){filter} AS STRING)"));
            for column in driving.sums.keys() {
                let table = self.tables.iter().find(|table| table.name == driving.table);
                let scale = scale(table.copied(), column);
                let kind = format!("DECIMAL({}, {scale})", dataset::MAX_PRECISION);
                counts.push(format!(
                    "CAST(coalesce(sum(CAST(d.{} AS {kind})){filter}, CAST(0 AS {kind})) AS STRING)",
                    quoted(column)
                ));
            }
        }
        let named = counts.iter().enumerate();
        let named: Vec<_> = named
            .map(|(at, count)| format!("{count} AS n{at}"))
            .collect();
        Ok(format!(
            "{}SELECT /*+ REPARTITION(1) */ {} FROM {} AS d\nLEFT JOIN (\nSELECT DISTINCT {}, true AS is_there FROM (\n{}\n) AS t\n) AS o\nON {}",
            with(&writer),
            named.join(", "),
            quoted(&driving.table),
            keys.join(", "),
            rows.sql,
            on.join(" AND ")
        ))
    }

    /// The rows with columns of the declared types.
    fn rows(&self, writer: &mut Writer<'_>) -> anyhow::Result<Ordered> {
        let Self {
            model, resolved, ..
        } = self;
        let refused = |refusal: Refusal| refusal.error(model);
        let inner = writer.ordered(&resolved.relation).map_err(refused)?;
        for column in &resolved.columns {
            spark_type(&column.kind, Place::default()).map_err(refused)?;
        }
        let mut columns = Vec::new();
        for (at, (name, kind)) in model.columns.iter().enumerate() {
            let kind = types::of_column(*kind).ok_or_else(|| {
                self.refused(format!(
                    "column `{name}` is {kind}, which Spark does not have: declare it text and cast it"
                ))
            })?;
            columns.push(format!("CAST(m.c{at} AS {kind}) AS c{at}"));
        }
        columns.extend((0..inner.keys.len()).map(|at| format!("m.k{at}")));
        Ok(Ordered {
            sql: format!(
                "SELECT {} FROM (\n{}\n) AS m",
                columns.join(", "),
                inner.sql
            ),
            keys: inner.keys,
        })
    }

    fn refused(&self, why: String) -> anyhow::Error {
        error_at(self.model, &self.model.file, &why)
    }
}

/// The scale of a table's column.
pub(crate) fn scale(table: Option<&TableSchema>, column: &str) -> u8 {
    let mut columns = table.into_iter().flat_map(|table| &table.columns);
    match columns.find(|of| of.name == column).map(|of| of.kind) {
        Some(ColumnType::Numeric { scale, .. }) => scale,
        _ => 0,
    }
}

/// The WITH clause of the shared relations.
fn with(writer: &Writer<'_>) -> String {
    let mut sql = String::new();
    for (number, (_, of)) in writer.shared.iter().enumerate() {
        let before = if number == 0 { "WITH" } else { "," };
        // Writing into a string cannot fail.
        let _ = write!(sql, "{before} {} AS (\n{of}\n)", writer.shared_name(number));
    }
    match sql.is_empty() {
        true => sql,
        false => sql + "\n",
    }
}

/// The text of an output's column as CSV has it; `None` if Spark's is not known to be the same.
fn as_text(column: &str, kind: ColumnType) -> Option<String> {
    Some(match kind {
        ColumnType::Text | ColumnType::Uuid | ColumnType::Json | ColumnType::JsonBinary => {
            column.to_owned()
        }
        ColumnType::Timestamp | ColumnType::TimestampTz => {
            let zone = match kind {
                ColumnType::TimestampTz => "\\'Z\\'",
                _ => "",
            };
            let form = |fraction: &str| {
                format!("date_format({column}, 'yyyy-MM-dd\\'T\\'HH:mm:ss{fraction}{zone}')")
            };
            format!(
                "CASE WHEN date_format({column}, 'SSSSSS') = '000000' THEN {} ELSE {} END",
                form(""),
                form(".SSSSSS")
            )
        }
        ColumnType::Bytes => format!("concat('\\\\x', lower(hex({column})))"),
        ColumnType::Boolean
        | ColumnType::SmallInt
        | ColumnType::Integer
        | ColumnType::BigInt
        | ColumnType::Numeric { .. }
        | ColumnType::Date => format!("CAST({column} AS STRING)"),
        ColumnType::Real | ColumnType::Double | ColumnType::Time => return None,
    })
}

/// A SELECT that stands in for a table without rows, which has no files.
pub(crate) fn empty(table: &TableSchema) -> String {
    let columns = read_columns(table);
    let columns = columns.map(|(name, kind)| format!("CAST(NULL AS {kind}) AS {name}"));
    let columns = listed(columns.collect());
    format!("SELECT {columns} WHERE false")
}

/// The columns of a table in the files of a raw layer, as Spark reads a schema.
pub(crate) fn schema(table: &TableSchema) -> String {
    let columns = read_columns(table).map(|(name, kind)| format!("{name} {kind}"));
    columns.collect::<Vec<_>>().join(", ")
}

fn read_columns(table: &TableSchema) -> impl Iterator<Item = (String, String)> + '_ {
    let columns = table.columns.iter();
    columns.filter_map(|column| Some((quoted(&column.name), types::in_layer(column.kind)?)))
}

/// The error for a model whose rows cannot be computed, in Spark's words.
pub(crate) fn cannot(model: &Model, error: &anyhow::Error) -> anyhow::Error {
    let verb = match Failure::kind_of(error) {
        Some(Kind::Refused) => "computed",
        Some(Kind::Interrupted | Kind::Connection | Kind::Mismatch | Kind::Output) => {
            return explained(error);
        }
        _ => "run by Spark",
    };
    let kind = Failure::kind_of(error).unwrap_or(Kind::Internal);
    kind.error(format!(
        "{}: {} cannot be {verb}: {error:#}",
        model.file,
        model.it()
    ))
}

/// An error of Spark, with what can be done about it.
pub(crate) fn explained(error: &anyhow::Error) -> anyhow::Error {
    let kind = Failure::kind_of(error).unwrap_or(Kind::Internal);
    kind.error(match kind {
        Kind::Mismatch => format!(
            "{error:#}: Spark must see the tables and be allowed to read them; --remote-path says what it calls a folder"
        ),
        Kind::Output => format!(
            "{error:#}: Spark's user must be allowed to write below --out, and its locale be UTF-8 (LC_ALL=C.UTF-8) for names that \
             are not ASCII"
        ),
        _ => format!("{error:#}"),
    })
}
