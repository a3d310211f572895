//! Descriptions of data that tests make without a folder.

use dataset::{Dataset, Model, Table};

/// A model `name`, whose file would be `name.sql`, without declared columns and without a layout of its output.
pub fn model(name: &str, sql: &str) -> Model {
    Model {
        name: name.to_owned(),
        file: format!("{name}.sql"),
        sql: sql.to_owned(),
        ..Model::default()
    }
}

/// A dataset with tables, given by their names and the columns of their keys, and models.
pub fn dataset(name: &str, tables: &[(&str, &[&str])], models: Vec<Model>) -> Dataset {
    let table = |(name, key): &(&str, &[&str])| Table {
        name: (*name).to_owned(),
        key: key.iter().map(|column| (*column).to_owned()).collect(),
        ..Table::default()
    };
    Dataset {
        name: name.to_owned(),
        tables: tables.iter().map(table).collect(),
        models,
        ..Dataset::default()
    }
}
