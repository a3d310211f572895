//! Makes a model that looks up the parents of each row of a table, and their parents.

use std::collections::{BTreeSet, VecDeque};

use database::catalogue::inventory::{KnownTable, Reference};
use dataset::failure::Kind;
use dataset::{LONGEST_NAME_BYTES, Place, did_you_mean, is_of_model_name};

use super::graph::{is_same, likeness};

/// How many tables are joined at most.
const MOST_JOINS: usize = 16;

/// A model that joins a table with its parents.
pub(super) struct Flat {
    /// The model's name.
    pub(super) model: String,
    /// The table that each row of the model comes from.
    pub(super) fact: Place,
    /// The tables that are looked up, each after the one that refers to it.
    pub(super) joins: Vec<Join>,
    /// The columns of the output.
    pub(super) columns: Vec<Output>,
    /// The column that names the folders of the output.
    pub(super) partition_by: Option<String>,
    /// The table's primary key: pairs of a column of the table and its name in the output.
    pub(super) key: Vec<(String, String)>,
    /// The table's exact amounts: pairs of a column of the table and its name in the output.
    pub(super) sums: Vec<(String, String)>,
}

/// A table that is looked up.
pub(super) struct Join {
    pub(super) table: Place,
    pub(super) alias: String,
    /// Whether rows without a parent are kept, because the reference may be NULL.
    pub(super) is_left: bool,
    /// The columns that must be equal: alias and column of the referring table, and the column of this table.
    pub(super) on: Vec<(String, String, String)>,
}

/// A column of the output.
pub(super) struct Output {
    pub(super) alias: String,
    pub(super) column: String,
    pub(super) name: String,
}

/// A table whose parents are still to be joined.
struct Reached<'a> {
    table: &'a KnownTable,
    alias: String,
    is_left: bool,
}

impl Flat {
    /// Makes the model that begins at a table.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a column to partition by that the model doesn't have.
    pub(super) fn of(
        fact: &KnownTable,
        tables: &[&KnownTable],
        partition_by: Option<&str>,
        notes: &mut Vec<String>,
    ) -> anyhow::Result<Self> {
        let mut flat = Self {
            model: model_name(fact),
            fact: fact.place(),
            joins: Vec::new(),
            columns: Vec::new(),
            partition_by: None,
            key: Vec::new(),
            sums: Vec::new(),
        };
        let mut names = Names::default();
        names.aliases.insert(fact.name.clone());
        for column in &fact.columns {
            let name = names.column(&column.name);
            let pair = (column.name.clone(), name.clone());
            if fact.key.contains(&column.name) {
                flat.key.push(pair);
            } else if column.shown.starts_with("numeric(") {
                flat.sums.push(pair);
            }
            flat.columns.push(Output {
                alias: fact.name.clone(),
                column: column.name.clone(),
                name,
            });
        }
        let mut reached = VecDeque::from([Reached {
            table: fact,
            alias: fact.name.clone(),
            is_left: false,
        }]);
        let mut joined = vec![fact];
        // Each table is joined on the shortest way from the first: nearer tables are joined first.
        while let Some(child) = reached.pop_front() {
            let parents = flat.parents(&child, tables, &joined, notes);
            joined.extend(parents.iter().map(|(_, parent)| *parent));
            for (reference, parent) in parents {
                if flat.joins.len() == MOST_JOINS {
                    notes.push(format!(
                        "table `{}` is not joined: the model joins {MOST_JOINS} others already",
                        parent.name
                    ));
                    continue;
                }
                let next = flat.join(&child, reference, parent, &mut names, notes);
                reached.push_back(next);
            }
        }
        flat.partition_by = match partition_by {
            Some(named) => Some(flat.named(named)?),
            None => flat.client(tables),
        };
        if flat.partition_by.is_none() {
            notes.push(
                "no column looks like a client's: the output is one file, or name its column with --partition-by"
                    .to_owned(),
            );
        }
        if flat.key.is_empty() {
            notes.push(format!(
                "table `{}` has no primary key: no [model.reconcile] counts its rows, and no order_by makes the order of \
                 rows the same in every run; name columns that are unique there, once you know them",
                fact.name
            ));
        }
        Ok(flat)
    }

    /// The parents of a table that are still to be joined.
    fn parents<'a>(
        &self,
        child: &Reached<'a>,
        tables: &[&'a KnownTable],
        joined: &[&KnownTable],
        notes: &mut Vec<String>,
    ) -> Vec<(&'a Reference, &'a KnownTable)> {
        let mut parents: Vec<(&Reference, &KnownTable)> = Vec::new();
        for reference in &child.table.references {
            let columns = reference.columns.join(", ");
            let from = format!("{}.{columns}", child.table.name);
            let found = tables.iter().find(|table| reference.is_to(table));
            let why = match found {
                None => Some("is not among these tables"),
                Some(parent) if is_same(parent, child.table) => Some("is the table itself"),
                Some(parent) if joined.iter().any(|other| is_same(other, parent)) => {
                    Some("is already joined by a shorter way")
                }
                Some(parent) => {
                    let twice =
                        |(of, _): &(&Reference, &KnownTable)| of.columns == reference.columns;
                    if !parents.iter().any(twice) {
                        parents.push((reference, parent));
                    }
                    None
                }
            };
            if let Some(why) = why {
                let to = match reference.schema == child.table.schema {
                    true => reference.table.clone(),
                    false => format!("{}.{}", reference.schema, reference.table),
                };
                let note = format!("not joined by {from}: `{to}`, to which it refers, {why}");
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        parents
    }

    fn join<'a>(
        &mut self,
        child: &Reached<'a>,
        reference: &Reference,
        parent: &'a KnownTable,
        names: &mut Names,
        notes: &mut Vec<String>,
    ) -> Reached<'a> {
        let twins = child.table.references.iter();
        let twins = twins.filter(|other| other.is_to(parent)).count();
        let alias = match (twins, reference.columns.as_slice()) {
            (2.., [column]) => names.alias(stem(column)),
            _ => names.alias(&parent.name),
        };
        let may_be_null = reference.columns.iter().any(|name| {
            let column = child.table.column(name);
            column.is_none_or(|column| column.nullable)
        });
        let is_left = child.is_left || may_be_null;
        let pairs = reference.columns.iter().zip(&reference.key);
        self.joins.push(Join {
            table: parent.place(),
            alias: alias.clone(),
            is_left,
            on: pairs
                .map(|(from, to)| (child.alias.clone(), from.clone(), to.clone()))
                .collect(),
        });
        for column in &parent.columns {
            // The referring column has the same value.
            if reference.key.contains(&column.name) {
                continue;
            }
            if column.type_name == "bytea" {
                notes.push(format!(
                    "left out: {}.{}, whose bytes would be repeated in every row",
                    parent.name, column.name
                ));
                continue;
            }
            let name = match repeats(&alias, &column.name) {
                true => names.column(&column.name),
                false => names.column(&format!("{alias}_{}", column.name)),
            };
            self.columns.push(Output {
                alias: alias.clone(),
                column: column.name.clone(),
                name,
            });
        }
        Reached {
            table: parent,
            alias,
            is_left,
        }
    }

    /// The output column with a name that the user gave, which may be its name in the output or in its table.
    fn named(&self, name: &str) -> anyhow::Result<String> {
        let of_output = self.columns.iter().find(|column| column.name == name);
        let of_table = || self.columns.iter().find(|column| column.column == name);
        if let Some(column) = of_output.or_else(of_table) {
            return Ok(column.name.clone());
        }
        let names: Vec<&str> = self
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        Err(Kind::Usage.error(format!(
            "the model has no column `{name}` to partition by{}; it has {}",
            did_you_mean(name, names.iter().copied()),
            names.join(", ")
        )))
    }

    /// The column that looks like the client: one that refers to a table of clients, or one that is named like a client itself.
    fn client(&self, tables: &[&KnownTable]) -> Option<String> {
        let referring = self.joins.iter().filter_map(|join| {
            let [(alias, column, _)] = join.on.as_slice() else {
                return None;
            };
            let mut columns = self.columns.iter();
            let output =
                columns.find(|output| output.alias == *alias && output.column == *column)?;
            Some((likeness(&join.table.name)?, output))
        });
        let best = referring.min_by_key(|(likeness, _)| *likeness);
        let named = || {
            let mut columns = self.columns.iter().filter_map(|output| {
                let is_key = output.column.to_lowercase();
                let is_key = is_key.starts_with("id") || is_key.ends_with("id");
                let is_client = tables.iter().any(|table| table.name == output.alias);
                (is_key && is_client).then_some((likeness(&output.column)?, output))
            });
            columns.next()
        };
        let (_, output) = best.or_else(named)?;
        Some(output.name.clone())
    }
}

/// The names that are taken.
#[derive(Default)]
struct Names {
    aliases: BTreeSet<String>,
    columns: BTreeSet<String>,
}

impl Names {
    fn alias(&mut self, wish: &str) -> String {
        free(&mut self.aliases, wish)
    }

    fn column(&mut self, wish: &str) -> String {
        free(&mut self.columns, wish)
    }
}

/// The wished name, or one with a number if it is taken; cut to the length that Postgres keeps.
fn free(taken: &mut BTreeSet<String>, wish: &str) -> String {
    let cut = |bytes: usize| &wish[..wish.floor_char_boundary(bytes)];
    let mut name = cut(LONGEST_NAME_BYTES).to_owned();
    for number in 2.. {
        if taken.insert(name.clone()) {
            break;
        }
        let end = format!("_{number}");
        name = format!("{}{end}", cut(LONGEST_NAME_BYTES - end.len()));
    }
    name
}

/// What a column refers to, judging by its name: `billing_address` for `billing_address_id`.
fn stem(column: &str) -> &str {
    let end = column
        .strip_suffix("_id")
        .or_else(|| column.strip_suffix("Id"))
        .or_else(|| column.strip_prefix("id_"));
    end.filter(|stem| !stem.is_empty()).unwrap_or(column)
}

/// Whether a column's name begins with that of its table: `film_title` in `film` or `films`.
fn repeats(table: &str, column: &str) -> bool {
    let begins = |table: &str| {
        let rest = column.strip_prefix(table);
        rest.is_some_and(|rest| rest.starts_with('_'))
    };
    begins(table) || table.strip_suffix('s').is_some_and(begins)
}

/// The model's name: that of the table, with only the characters that a file may have.
fn model_name(fact: &KnownTable) -> String {
    let name = fact.name.replace(|c: char| !is_of_model_name(c), "_");
    let name = name.to_lowercase();
    format!("{name}_flat")
}
