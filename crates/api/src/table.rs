//! A table that is served, and what was found out about it when its rules were read.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::transaction;
use dataset::Dataset;
use dataset::failure::Kind;
use loader::Dialect;
use loader::rules::row::RowRules;
use loader::target::Target;
use postgres::Client;
use tokio_postgres::Column;

use crate::metrics::{Metrics, RowCounters};

use crate::read::columns::{self, ReadTable};

/// How many keys and references a table may have: each is a bit in the statement's answer about a row, and one bit says
/// whether the row was inserted.
const MOST_KEYS: usize = 62;

/// A unique key of a table.
#[derive(Debug)]
pub(crate) struct ServedKey {
    /// The index of the key among the target's.
    pub(crate) index: usize,
    /// The indices of the key's columns in the table.
    pub(crate) columns: Vec<usize>,
    /// Whether only the server can compare two of these keys, and memory cannot.
    pub(crate) is_of_server: bool,
    /// Whether none of the key's columns may be NULL.
    pub(crate) is_never_null: bool,
}

/// A reference of a table.
#[derive(Debug)]
pub(crate) struct ServedReference {
    /// The index of the reference among the target's.
    pub(crate) index: usize,
    /// The indices of the referring columns in the table.
    pub(crate) columns: Vec<usize>,
}

/// A reference of a table to itself.
#[derive(Debug)]
pub(crate) struct OwnParent {
    /// The index of the reference among the target's.
    pub(crate) reference: usize,
    /// The indices of the referring columns, in the order of the key's columns.
    pub(crate) columns: Vec<usize>,
    /// The index of the key that is referred to, among the table's keys.
    pub(crate) key: usize,
}

/// A column, as the server describes the columns of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveColumn {
    name: String,
    type_oid: u32,
    type_modifier: i32,
}

impl LiveColumn {
    /// The description of an answer's column.
    pub(crate) fn of(column: &Column) -> Self {
        Self {
            name: column.name().to_owned(),
            type_oid: column.type_().oid(),
            type_modifier: column.type_modifier(),
        }
    }
}

/// The rules of a table, and how it is read.
#[derive(Debug)]
pub(crate) struct ServedTable {
    /// A number that is different for each reading of any table's rules.
    pub(crate) id: u64,
    /// All columns that the table had when its rules were read.
    pub(crate) live: Vec<LiveColumn>,
    pub(crate) counters: RowCounters,
    pub(crate) schema: String,
    /// The table's rules, in the form that its files need.
    pub(crate) target: Target,
    /// The rules for fields of JSON, in which numbers always have a decimal point.
    pub(crate) json: RowRules,
    /// For each column, whether the database fills in a value if none is given.
    pub(crate) filled: Vec<bool>,
    pub(crate) unique: Vec<ServedKey>,
    pub(crate) references: Vec<ServedReference>,
    pub(crate) own_parents: Vec<OwnParent>,
    /// How the table is read.
    pub(crate) read: ReadTable,
}

impl ServedTable {
    /// The table's name in errors.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.schema, self.target.table)
    }

    /// The table's name in SQL.
    pub(crate) fn relation(&self) -> String {
        qualified(&self.schema, &self.target.table)
    }

    /// Puts together what was read about a table.
    ///
    /// # Errors
    /// An error if the table has too many keys.
    pub(crate) fn of(
        target: Target,
        read: ReadTable,
        schema: &str,
        live: Vec<LiveColumn>,
        counters: RowCounters,
    ) -> anyhow::Result<Self> {
        static READ: AtomicU64 = AtomicU64::new(0);
        let keys = target.unique.len() + target.references.len();
        if keys > MOST_KEYS {
            return Err(Kind::Mismatch.error(format!(
                "{schema}.{} has {keys} keys and foreign keys, more than the {MOST_KEYS} that can be served: load its rows \
                 from files",
                target.table
            )));
        }
        let mut json = RowRules {
            columns: target.columns.clone(),
        };
        for column in &mut json.columns {
            column.decimal_mark = b'.';
            column.thousands_mark = None;
        }
        let place = |name: &String| {
            target
                .columns
                .iter()
                .position(|column| column.name == *name)
        };
        let places = |names: &[String]| names.iter().map(place).collect::<Option<Vec<_>>>();
        let unique: Vec<ServedKey> = target
            .unique
            .iter()
            .enumerate()
            .filter_map(|(index, key)| {
                let columns = places(&key.name.columns)?;
                let is_null = |place: &usize| {
                    let column = &target.columns[*place];
                    column.nullable && !column.required
                };
                Some(ServedKey {
                    index,
                    is_of_server: key.name.is_of_server(),
                    is_never_null: !columns.iter().any(is_null),
                    columns,
                })
            })
            .collect();
        let references: Vec<ServedReference> = target
            .references
            .iter()
            .enumerate()
            .filter_map(|(index, reference)| {
                let columns = places(&reference.columns)?;
                Some(ServedReference { index, columns })
            })
            .collect();
        let own_parents = references.iter().filter_map(|reference| {
            let parent = &target.references[reference.index].parent;
            let is_own = parent.schema == schema && parent.table == target.table;
            let is_parent =
                |key: &ServedKey| target.unique[key.index].name.columns == parent.columns;
            let key = unique.iter().position(is_parent).filter(|_| is_own)?;
            Some(OwnParent {
                reference: reference.index,
                columns: reference.columns.clone(),
                key,
            })
        });
        Ok(Self {
            id: READ.fetch_add(1, Ordering::Relaxed),
            live,
            counters,
            own_parents: own_parents.collect(),
            schema: schema.to_owned(),
            filled: target
                .columns
                .iter()
                .map(|column| target.filled.contains(&column.name))
                .collect(),
            json,
            unique,
            references,
            target,
            read,
        })
    }
}

/// Reads the rules of tables of a dataset, and how they are read, in the dataset's order.
///
/// # Errors
/// [`Kind::Mismatch`] if a table is missing; errors of the server.
pub(crate) fn read(
    client: &mut Client,
    dataset: &Dataset,
    schema: &str,
    names: &[&str],
    metrics: &Metrics,
) -> anyhow::Result<Vec<ServedTable>> {
    // The columns are read before the rules: if the table is altered in between, preparing the first statement will notice.
    let live: Vec<Vec<LiveColumn>> = names
        .iter()
        .map(|name| {
            let all = client.prepare(&format!("SELECT * FROM {}", qualified(schema, name)));
            // A missing table is reported when its rules are read.
            all.map_or(Vec::new(), |all| {
                all.columns().iter().map(LiveColumn::of).collect()
            })
        })
        .collect();
    transaction::reading(client, |client| {
        let targets = Target::read(client, dataset, schema, names, &Dialect::default())?;
        let tables = targets.into_iter().zip(live).map(|(target, live)| {
            let read = columns::read(client, &qualified(schema, &target.table))?;
            let counters = metrics.rows_of(&dataset.name, &target.table);
            ServedTable::of(target, read, schema, live, counters)
        });
        tables.collect()
    })
    .with_context(|| {
        format!(
            "reading the columns and rules of the tables of {}",
            dataset.name
        )
    })
}
