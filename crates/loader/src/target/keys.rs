//! The keys of a table, the keys that it refers to, and how the server compares the columns of both.

use database::catalogue::constraints::{self, ColumnLimits, Constraints, Equality, UniqueKey};
use dataset::Table;
use dataset::failure::Kind;
use dataset::load_rules::{LoadRules, Missing};
use postgres::Client;
use values::rule::{Rule, Violation};

use crate::rules::key::{KeyClass, KeyName, type_of_postgres};

/// The equality operator of Postgres's own types.
const EQUALS: &str = "OPERATOR(pg_catalog.=)";
const ANY_ENUM: &str = "pg_catalog.anyenum";

/// A key that no two rows share.
#[derive(Debug, Clone)]
pub struct Unique {
    /// The key's table and columns.
    pub name: KeyName,
    /// How the server compares each of these columns.
    pub equality: Vec<Equality>,
    /// Whether this is the primary key.
    pub primary: bool,
    /// Whether NULL equals NULL in the key.
    pub nulls_equal: bool,
}

/// Columns that refer to a row of another table, or of the same table.
#[derive(Debug, Clone)]
pub struct Referring {
    /// The referring columns, in the order of the parent's.
    pub columns: Vec<String>,
    /// The parent's table and columns.
    pub parent: KeyName,
    /// How the server compares each referring column with the parent's column.
    pub equality: Vec<Equality>,
    /// What happens when the parent is missing.
    pub missing: Missing,
    /// Whether either all or none of the columns may be NULL.
    pub match_full: bool,
}

impl Unique {
    /// The broken rule of a row whose key another row already has.
    pub fn taken(&self) -> Violation {
        let columns = self.name.columns.join(", ");
        Violation {
            message: format!("another row has the same {columns}"),
            column: columns,
            rule: Rule::Unique,
        }
    }
}

impl Referring {
    /// The broken rule of a row whose parent is missing.
    pub fn without_parent(&self) -> Violation {
        Violation {
            message: format!(
                "{} has no row with this {}",
                self.parent.table,
                self.parent.columns.join(", ")
            ),
            column: self.columns.join(", "),
            rule: Rule::Reference,
        }
    }
}

/// The keys by which the rows of a table are checked.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The keys that no two rows share, the primary key first.
    pub(crate) unique: Vec<Unique>,
    /// The columns that refer to other rows.
    pub(crate) references: Vec<Referring>,
    /// Whether the database has further keys, which only the server can compare.
    pub(crate) left_to_server: bool,
}

/// Finds the keys of a table: those of the database and those of the dataset, each once.
///
/// # Errors
/// [`Kind::Usage`] for a reference of the dataset that leads nowhere, or whose types cannot be compared; errors of the
/// server.
pub(crate) fn read(
    client: &mut Client,
    table: &Table,
    schema: &str,
    constraints: &Constraints,
    rules: &LoadRules,
) -> anyhow::Result<Keys> {
    let mut keys = Keys::default();
    keys.add_unique(table, schema, constraints);
    keys.add_foreign(table, schema, constraints);
    keys.add_declared(client, table, schema, constraints, rules)?;
    Ok(keys)
}

impl Keys {
    fn add_unique(&mut self, table: &Table, schema: &str, constraints: &Constraints) {
        let of_dataset: Vec<Equality> = table
            .key
            .iter()
            .filter_map(|column| Some(of_itself(named(&constraints.columns, column)?)))
            .collect();
        let of_dataset = (&table.key, true, &of_dataset);
        let live = constraints
            .unique
            .iter()
            .map(|unique| (&unique.columns, unique.primary, &unique.equality));
        let mut seen: Vec<Vec<String>> = Vec::new();
        for (columns, primary, equality) in std::iter::once(of_dataset).chain(live) {
            let name = sorted(columns);
            if name.is_empty() || seen.contains(&name) {
                continue;
            }
            let indexes = constraints.unique.iter();
            let indexes: Vec<&UniqueKey> =
                indexes.filter(|key| sorted(&key.columns) == name).collect();
            // How a key is compared is a matter of its index, not of its columns.
            let (columns, equality) = indexes
                .first()
                .map_or((columns, equality), |key| (&key.columns, &key.equality));
            let is_first = seen.is_empty();
            seen.push(name.clone());
            let mut pairs: Vec<_> = columns.iter().zip(equality).collect();
            pairs.sort_by_key(|(column, _)| *column);
            if pairs.len() != name.len() {
                self.leave(table, &name);
                continue;
            }
            let classes = pairs.iter().map(|(column, equality)| {
                class(equality, named(&constraints.columns, column)).unwrap_or(KeyClass::Server)
            });
            self.unique.push(Unique {
                nulls_equal: indexes.iter().any(|key| key.nulls_equal),
                name: KeyName {
                    schema: schema.to_owned(),
                    table: table.name.clone(),
                    only: !constraints.partitioned,
                    columns: name,
                    classes: classes.collect(),
                },
                equality: pairs.iter().map(|(_, how)| (*how).clone()).collect(),
                primary: primary && is_first,
            });
        }
    }

    fn add_foreign(&mut self, table: &Table, schema: &str, constraints: &Constraints) {
        for key in &constraints.foreign {
            let columns = key.parent_columns.iter().zip(&key.columns);
            let mut pairs: Vec<_> = columns.zip(&key.equality).collect();
            pairs.sort_by_key(|((parent, _), _)| *parent);
            let classes = pairs.iter().map(|((_, column), equality)| {
                class(equality, named(&constraints.columns, column)).unwrap_or(KeyClass::Server)
            });
            let mut parent = KeyName {
                schema: key.parent_schema.clone(),
                table: key.parent.clone(),
                only: !key.parent_partitioned,
                columns: pairs.iter().map(|((key, _), _)| (*key).clone()).collect(),
                classes: classes.collect(),
            };
            if pairs.len() != key.columns.len() || !self.completes(&mut parent, table, schema) {
                self.leave(table, &key.columns);
                continue;
            }
            self.references.push(Referring {
                columns: pairs.iter().map(|((_, own), _)| (*own).clone()).collect(),
                parent,
                equality: pairs.iter().map(|(_, how)| (*how).clone()).collect(),
                missing: Missing::Reject,
                match_full: key.match_full,
            });
        }
    }

    fn add_declared(
        &mut self,
        client: &mut Client,
        table: &Table,
        schema: &str,
        constraints: &Constraints,
        rules: &LoadRules,
    ) -> anyhow::Result<()> {
        for (column, to) in &rules.references {
            let usage = |why: String| {
                Kind::Usage.error(format!(
                    "dataset.toml, table `{}`, load: `references.{column}` leads to `{}.{}`, {why}",
                    table.name, to.table, to.column
                ))
            };
            let Some(own) = named(&constraints.columns, column) else {
                continue;
            };
            let enforced = constraints.foreign.iter().any(|key| {
                (&key.parent_schema[..], &key.parent) == (schema, &to.table)
                    && key.parent_columns == [to.column.clone()]
                    && key.columns == [column.clone()]
            });
            if enforced {
                // A missing parent cannot be allowed where the database enforces the reference.
                if to.missing == Missing::Allow {
                    tracing::warn!(
                        "{}.{column}: dataset.toml allows a missing {}, but a foreign key of the database doesn't: such \
                         rows are rejected",
                        table.name,
                        to.table
                    );
                }
                continue;
            }
            let there = constraints::columns(client, schema, &to.table)?;
            let key = named(&there, &to.column)
                .ok_or_else(|| usage("which the database lacks".to_owned()))?;
            let equality = between(key, own);
            // The server can compare any type with itself.
            let alike = (base_type(key) == base_type(own)).then_some(KeyClass::Server);
            let found = class(&equality, Some(own)).or(alike).ok_or_else(|| {
                usage(format!(
                    "which is {} and cannot be compared with {}: leave the reference out, or give both columns one type",
                    key.type_name, own.type_name
                ))
            })?;
            let mut parent = KeyName {
                schema: schema.to_owned(),
                table: to.table.clone(),
                // Where no foreign key forbids it, a row of a table that inherits from the parent counts as a row of the parent.
                only: to.table == table.name && !constraints.partitioned,
                columns: vec![to.column.clone()],
                classes: vec![found],
            };
            if !self.completes(&mut parent, table, schema) {
                return Err(usage(
                    "which is in the same table and not a unique key of the same type".to_owned(),
                ));
            }
            self.references.push(Referring {
                columns: vec![column.clone()],
                parent,
                equality: vec![equality],
                missing: to.missing,
                match_full: false,
            });
        }
        Ok(())
    }

    /// Whether the set of the parent's keys will be complete. A table's own keys come with its rows, and go only into the sets
    /// of its unique keys. If the server compares such a key, it also compares the columns that refer to it.
    fn completes(&self, parent: &mut KeyName, table: &Table, schema: &str) -> bool {
        let is_own = (&parent.schema[..], &parent.table) == (schema, &table.name);
        let mut own = self.unique.iter().map(|unique| &unique.name);
        match own.find(|own| is_own && own.columns == parent.columns) {
            Some(own) if own.is_of_server() => {
                parent.classes.clone_from(&own.classes);
                true
            }
            own => !is_own || own == Some(parent),
        }
    }

    /// Leaves a key to the server, and logs that.
    fn leave(&mut self, table: &Table, columns: &[String]) {
        self.left_to_server = true;
        tracing::info!(
            "{}: only the server can compare the values of the key ({}): a row that breaks it ends the load",
            table.name,
            columns.join(", ")
        );
    }
}

fn sorted(columns: &[String]) -> Vec<String> {
    let mut columns = columns.to_vec();
    columns.sort();
    columns
}

fn named<'a>(columns: &'a [ColumnLimits], name: &str) -> Option<&'a ColumnLimits> {
    columns.iter().find(|column| column.name == name)
}

/// The name of a column's type without its length or precision.
fn base_type(column: &ColumnLimits) -> &str {
    let (name, _) = column
        .qualified_type
        .split_once('(')
        .unwrap_or((&column.qualified_type, ""));
    name
}

/// How a value of a key is compared with a value of `column`; `None` if only the server can compare them.
fn class(equality: &Equality, column: Option<&ColumnLimits>) -> Option<KeyClass> {
    let is_plain = equality.deterministic && equality.operator == EQUALS;
    let column = column.filter(|column| is_plain && column.server_type.is_none())?;
    KeyClass::of(&equality.key_type, &equality.other_type, base_type(column))
}

/// How a column is compared by the index that Postgres creates for it by default.
fn of_itself(column: &ColumnLimits) -> Equality {
    let name = match base_type(column) {
        _ if column.labels.is_some() => ANY_ENUM,
        name if type_of_postgres(name) == Some("varchar") => "pg_catalog.text",
        name => name,
    };
    // Other types are compared through the search path: their names don't tell in which schema their operators are.
    let operator = match name.starts_with("pg_catalog.") {
        true => EQUALS,
        false => "=",
    };
    Equality {
        operator: operator.to_owned(),
        key_type: name.to_owned(),
        other_type: name.to_owned(),
        collation: column.collation.clone(),
        deterministic: column.deterministic,
    }
}

/// How a foreign key from the column `other` to `key` would compare values: with an operator for both types, or by converting
/// the other value to the key's type. Where no such foreign key is possible, the key is converted to the other's type.
fn between(key: &ColumnLimits, other: &ColumnLimits) -> Equality {
    let of_key = of_itself(key);
    let deterministic = key.deterministic && other.deterministic;
    let equality = |key_type: &str, other_type: &str| Equality {
        key_type: key_type.to_owned(),
        other_type: other_type.to_owned(),
        deterministic,
        ..of_key.clone()
    };
    let of_other = of_itself(other);
    let (key_type, own_type) = (&of_key.key_type, &of_other.key_type);
    // Labels of two enums are never equal.
    let same = base_type(key) == base_type(other);
    let foreign = key_type == ANY_ENUM || own_type == ANY_ENUM;
    if foreign && !same {
        return equality(base_type(key), base_type(other));
    }
    let takes = |equality: &Equality, column| {
        KeyClass::of(&equality.key_type, &equality.other_type, column).is_some()
    };
    [
        equality(key_type, base_type(other)),
        equality(key_type, key_type),
    ]
    .into_iter()
    .find(|equality| takes(equality, base_type(other)))
    .or_else(|| {
        let turned = equality(own_type, own_type);
        takes(&turned, base_type(key)).then_some(turned)
    })
    .unwrap_or_else(|| equality(key_type, base_type(other)))
}
