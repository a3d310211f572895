//! The tables that a SELECT can name, with their columns and types.

use std::sync::Arc;

use dataset::{Collation, ColumnType, Dataset, TableSchema};

use super::tree::Derived;
use super::types::Type;

/// The tables of a dataset, with what is known of their columns.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    tables: Vec<Table>,
    /// The database's own collation, if some column tells it.
    default: Option<Arc<Collation>>,
    /// Whether no database was asked.
    is_offline: bool,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The table's columns; `None` if only the database knows them.
    pub(crate) columns: Option<Vec<TableColumn>>,
    /// The names of the table's columns that are not read.
    pub(crate) unread: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    pub(crate) kind: Type,
    /// The type that the column's values are carried as.
    pub(crate) carried: ColumnType,
    pub(crate) collation: Derived,
}

impl Catalog {
    /// A catalogue of tables whose columns are known.
    pub(crate) fn of<'a>(tables: impl Iterator<Item = &'a TableSchema>) -> Self {
        let tables: Vec<_> = tables.collect();
        let read = tables.iter();
        let read = read.map(|table| (table.name.clone(), Some(table.columns.clone())));
        let mut catalog = Self::of_columns(read);
        for (table, schema) in catalog.tables.iter_mut().zip(tables) {
            table.unread = schema.unread.clone();
        }
        catalog
    }

    /// A catalogue of a dataset's tables without any columns known.
    pub(crate) fn open(dataset: &Dataset) -> Self {
        let tables = dataset
            .tables
            .iter()
            .map(|table| (table.name.clone(), None));
        Self {
            is_offline: true,
            ..Self::of_columns(tables)
        }
    }

    /// A catalogue of a dataset's tables, of which those in `known` have their columns from its `schema.sql`.
    pub(crate) fn described(dataset: &Dataset, known: &[TableSchema]) -> Self {
        let tables = dataset.tables.iter().map(|table| {
            let known = known.iter().find(|known| known.name == table.name);
            (table.name.clone(), known.map(|known| known.columns.clone()))
        });
        Self {
            is_offline: true,
            ..Self::of_columns(tables)
        }
    }

    /// Whether no database was asked.
    pub(crate) fn is_offline(&self) -> bool {
        self.is_offline
    }

    fn of_columns(tables: impl Iterator<Item = (String, Option<Vec<dataset::Column>>)>) -> Self {
        let mut catalog = Self::default();
        for (name, columns) in tables {
            let columns = columns.map(|columns| {
                columns
                    .iter()
                    .map(|column| catalog.column(column))
                    .collect()
            });
            catalog.tables.push(Table {
                name,
                columns,
                unread: Vec::new(),
            });
        }
        catalog
    }

    fn column(&mut self, column: &dataset::Column) -> TableColumn {
        let kind = Type::of(column);
        let collation = match &column.text {
            Some(text) if kind.is_collatable() => {
                let collation = Arc::new(text.collation.clone());
                if collation.name == Collation::DEFAULT {
                    self.default.get_or_insert_with(|| collation.clone());
                }
                Derived::Implicit(collation)
            }
            _ => Derived::None,
        };
        TableColumn {
            name: column.name.clone(),
            kind,
            carried: column.kind,
            collation,
        }
    }

    /// The table of this name.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The type that the values of a table's column are carried as, if it is known.
    pub(crate) fn carried(&self, table: &str, column: &str) -> Option<ColumnType> {
        let mut columns = self.table(table)?.columns.iter().flatten();
        let found = columns.find(|of| of.name == column)?;
        Some(found.carried)
    }

    /// The names of all tables.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.tables
            .iter()
            .map(|table| table.name.as_str())
            .collect()
    }

    /// The collation of an expression; that of the database if it has none of its own. `None` if it isn't known, or if columns
    /// contradict each other.
    pub(crate) fn collation(&self, derived: &Derived) -> Option<Arc<Collation>> {
        match derived {
            Derived::Implicit(of) | Derived::Explicit(of) => Some(of.clone()),
            Derived::None => self.default.clone(),
            Derived::Conflict => None,
        }
    }
}
