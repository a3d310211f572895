//! The statement that judges the rows of a wave, inserts the valid ones, and reports which rules the others break.
//!
//! Rows come as arrays, one for each column, whose elements are in the loader's own encoding. The first two arrays are the rows'
//! numbers and whether each row is valid by itself. For the table `t` with the key `id` and a parent `p` the statement is
//!
//! ```sql
//! WITH r AS (SELECT … FROM ROWS FROM (unnest($1), unnest($2), …) AS r (n, fine, c0, c1)),
//!      j AS (SELECT r.*, CASE WHEN EXISTS (SELECT FROM t WHERE t.id = r.c0) THEN 2 ELSE 0 END
//!                      | CASE WHEN r.c1 IS NOT NULL AND NOT EXISTS (SELECT FROM p WHERE p.id = r.c1) THEN 4 ELSE 0 END
//!                      AS breaks FROM r),
//!      i AS (INSERT INTO t (id, p_id) SELECT c0, c1 FROM j WHERE fine AND breaks = 0 ORDER BY c0
//!            ON CONFLICT DO NOTHING RETURNING id)
//! SELECT -1, count(*) FROM i UNION ALL
//! SELECT j.n, j.breaks FROM j WHERE NOT EXISTS (SELECT FROM i WHERE i.id = j.c0)
//! ```
//!
//! Each `EXISTS` ends with `OFFSET 0`. Without it the planner may read the whole table once into a hash, instead of looking in the
//! index for each row: it does so in every plan that is made while the table is small, and keeps that plan while the table grows.
//!
//! Rows are inserted in the order of the key, so that overlapping batches don't wait for each other's locks in a circle. The
//! keys of a wave all differ, which is seen to in memory: of two rows with the same key, RETURNING would name both.
//!
//! After these columns the answer has all columns of the table, as NULL (`(NULL::t).*`). Because of them the server itself refuses
//! a statement that was prepared before the table was altered: a plan must not change the types of its answer. Otherwise it would
//! cast the values to the new types, and round an amount whose column has fewer digits now.

use database::catalogue::constraints::Equality;
use database::catalogue::identifier::quoted;
use dataset::load_rules::Missing;
use loader::OnDuplicate;

use crate::rows::batch::Defaults;
use crate::table::{ServedKey, ServedTable};

/// How rows are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// Rows whose key others have taken meanwhile are left out; the answer tells them apart by a key that RETURNING gives.
    ByKey {
        /// The index of that key among the table's keys.
        key: usize,
    },
    /// Rows with the primary key of another row replace it.
    Update {
        /// The index of the primary key among the table's keys.
        key: usize,
    },
    /// Rows are inserted, and the server refuses all of them if it refuses one.
    Plain,
}

/// How many columns the answer has before those of the table.
pub(crate) const TOLD_COLUMNS: usize = 2;

/// The properties that a statement depends on: the columns for which rows have a value, and how rows are inserted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) defaults: Defaults,
    pub(crate) way: Way,
}

/// A statement and the meaning of its answer.
#[derive(Debug)]
pub(crate) struct Judging {
    pub(crate) sql: String,
    /// The columns that are parameters; these follow the rows' numbers and validity.
    pub(crate) columns: Vec<usize>,
    /// The meaning of each bit of a row's answer, from the lowest bit on.
    pub(crate) bits: Vec<Breach>,
}

/// A rule that the statement checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breach {
    /// Another row has the key; this is the key's index among the table's.
    Taken(usize),
    /// Another row has the primary key, and is replaced.
    Replaces,
    /// The parent is missing; this is the index of the reference among the target's.
    NoParent(usize),
}

impl Way {
    /// How rows without a value for `defaults` are inserted.
    pub(crate) fn of(
        table: &ServedTable,
        defaults: &[u16],
        on_duplicate: OnDuplicate,
    ) -> Option<Self> {
        let given = |key: &ServedKey| {
            let mut columns = key.columns.iter();
            columns.all(|place| !defaults.contains(&(*place as u16)))
        };
        let mut keys = table.unique.iter().enumerate();
        match on_duplicate {
            OnDuplicate::Update => {
                let primary = keys.find(|(_, key)| table.target.unique[key.index].primary);
                primary.map(|(place, key)| match given(key) {
                    true => Self::Update { key: place },
                    // The database makes a new key, which no row has yet.
                    false => Self::Plain,
                })
            }
            OnDuplicate::Reject | OnDuplicate::Skip => {
                let found = keys.find(|(_, key)| given(key) && key.is_never_null);
                Some(found.map_or(Self::Plain, |(key, _)| Self::ByKey { key }))
            }
        }
    }
}

/// The statement for rows of a table.
pub(crate) fn judging(table: &ServedTable, shape: &Shape) -> Judging {
    let target = &table.target;
    let given: Vec<usize> = (0..target.columns.len())
        .filter(|place| !shape.defaults.contains(&(*place as u16)))
        .collect();
    let has = |places: &[usize]| places.iter().all(|place| given.contains(place));

    let mut parameters = vec![
        "pg_catalog.unnest($1::pg_catalog.int4[])".to_owned(),
        "pg_catalog.unnest($2::pg_catalog.bool[])".to_owned(),
    ];
    let mut names = vec!["n".to_owned(), "fine".to_owned()];
    let mut selected = names.clone();
    for (index, place) in given.iter().enumerate() {
        let own = &target.types[*place];
        let is_text = target.columns[*place].server_type.is_some();
        let sent = match is_text {
            true => "pg_catalog.text",
            false => base_type(own),
        };
        parameters.push(format!("pg_catalog.unnest(${}::{sent}[])", index + 3));
        names.push(format!("c{place}"));
        selected.push(match is_text {
            // The type's input function on the server decides.
            true => format!("c{place}::{own} AS c{place}"),
            false => format!("c{place}"),
        });
    }

    let mut bits = Vec::new();
    let mut conditions = Vec::new();
    for (place, key) in table.unique.iter().enumerate() {
        let unique = &target.unique[key.index];
        if !has(&key.columns) {
            continue;
        }
        let same = same(
            &unique.name.columns,
            &key.columns,
            &unique.equality,
            unique.nulls_equal,
        );
        let replaced = match shape.way {
            Way::Update { key } if key == place => Breach::Replaces,
            _ => Breach::Taken(place),
        };
        let other = match shape.way {
            Way::Update { key: primary } if primary != place => {
                let primary = &table.unique[primary];
                let of_primary = &target.unique[primary.index];
                let same = self::same(
                    &of_primary.name.columns,
                    &primary.columns,
                    &of_primary.equality,
                    false,
                );
                format!(" AND NOT ({same})")
            }
            _ => String::new(),
        };
        let relation = unique.name.relation();
        conditions.push(format!(
            "EXISTS (SELECT FROM {relation} AS t WHERE {same}{other} OFFSET 0)"
        ));
        bits.push(replaced);
    }
    for reference in &table.references {
        let referring = &target.references[reference.index];
        if !has(&reference.columns) || referring.missing == Missing::Allow {
            continue;
        }
        let same = same(
            &referring.parent.columns,
            &reference.columns,
            &referring.equality,
            false,
        );
        let not_null = joined(&reference.columns, " AND ", |place| {
            format!("r.c{place} IS NOT NULL")
        });
        let relation = referring.parent.relation();
        // A row may be its own parent.
        let own = table
            .own_parents
            .iter()
            .find(|own| own.reference == reference.index)
            .map(|own| {
                let key = &table.unique[own.key];
                let pairs = key.columns.iter().zip(&own.columns);
                let pairs: Vec<_> = pairs
                    .map(|(key, own)| format!("r.c{key} = r.c{own}"))
                    .collect();
                let is_given = has(&key.columns);
                match is_given {
                    true => format!(" AND ({}) IS NOT TRUE", pairs.join(" AND ")),
                    false => String::new(),
                }
            })
            .unwrap_or_default();
        conditions.push(format!(
            "{not_null}{own} AND NOT EXISTS (SELECT FROM {relation} AS t WHERE {same} OFFSET 0)"
        ));
        bits.push(Breach::NoParent(reference.index));
    }
    let breaks: Vec<_> = conditions
        .iter()
        .enumerate()
        .map(|(bit, condition)| format!("CASE WHEN {condition} THEN {} ELSE 0 END", 1_i64 << bit))
        .collect();
    let breaks = match breaks.is_empty() {
        true => "0".to_owned(),
        false => breaks.join(" | "),
    };
    let hindering = bits
        .iter()
        .enumerate()
        .filter(|(_, breach)| **breach != Breach::Replaces)
        .fold(0_i64, |mask, (bit, _)| mask | 1 << bit);

    let list = joined(&given, ", ", |place| quoted(&target.columns[place].name));
    let values = joined(&given, ", ", |place| format!("c{place}"));
    let (into, conflict, order, returning, unmatched);
    match shape.way {
        Way::ByKey { key } | Way::Update { key } => {
            let columns = &table.unique[key].columns;
            order = joined(columns, ", ", |place| format!("c{place}"));
            returning = joined(columns, ", ", |place| {
                format!("{} AS c{place}", quoted(&target.columns[place].name))
            });
            let unique = &target.unique[table.unique[key].index];
            let named: Vec<_> = columns.iter().map(|place| format!("c{place}")).collect();
            let matched = matched(&named, &unique.equality);
            unmatched = format!("NOT EXISTS (SELECT FROM i WHERE {matched})");
            conflict = match shape.way {
                Way::Update { .. } => on_conflict(table, key, &given),
                _ => " ON CONFLICT DO NOTHING".to_owned(),
            };
        }
        Way::Plain => {
            order = "n".to_owned();
            returning = "0 AS n".to_owned();
            unmatched = format!("NOT j.fine OR j.breaks & {hindering} <> 0");
            conflict = String::new();
        }
    }
    into = match list.is_empty() {
        true => String::new(),
        false => format!(" ({list})"),
    };
    // In update mode, a row that replaced another is reported too, with the bit that says so.
    let told = match shape.way {
        Way::Update { .. } => format!("{unmatched} OR j.breaks <> 0"),
        _ => unmatched,
    };
    let sql = format!(
        "WITH r AS (SELECT {selected} FROM ROWS FROM ({parameters}) AS r ({names})),
         j AS (SELECT r.*, ({breaks})::pg_catalog.int8 AS breaks FROM r),
         i AS (INSERT INTO {relation}{into} OVERRIDING SYSTEM VALUE SELECT {values} FROM j
               WHERE j.fine AND j.breaks & {hindering} = 0 ORDER BY {order}{conflict} RETURNING {returning})
         SELECT -1, count(*), {row} FROM i UNION ALL SELECT j.n, j.breaks, {row} FROM j WHERE {told}",
        row = format_args!("(NULL::{}).*", table.relation()),
        selected = selected.join(", "),
        parameters = parameters.join(", "),
        names = names.join(", "),
        relation = table.relation(),
    );
    Judging {
        sql,
        columns: given,
        bits,
    }
}

/// The action for a row whose primary key exists: it sets the columns that the row has, without those of the key.
fn on_conflict(table: &ServedTable, key: usize, given: &[usize]) -> String {
    let column = |place: usize| quoted(&table.target.columns[place].name);
    let key = &table.unique[key].columns;
    let others: Vec<usize> = given
        .iter()
        .copied()
        .filter(|place| !key.contains(place) || table.target.columns[*place].server_type.is_some())
        .collect();
    // If there is nothing else to set, the key itself is set, so that the row is still reported.
    let set = match others.is_empty() {
        true => key,
        false => &others,
    };
    let set = joined(set, ", ", |place| {
        format!("{0} = EXCLUDED.{0}", column(place))
    });
    format!(
        " ON CONFLICT ({}) DO UPDATE SET {set}",
        joined(key, ", ", column)
    )
}

/// The SQL comparison of a row `r` with the columns of a table `t`.
fn same(theirs: &[String], own: &[usize], equality: &[Equality], nulls_equal: bool) -> String {
    let pairs = theirs.iter().zip(own).zip(equality);
    let pairs: Vec<_> = pairs
        .map(|((theirs, own), equality)| {
            let (theirs, own) = (format!("t.{}", quoted(theirs)), format!("r.c{own}"));
            match nulls_equal {
                true => format!("{theirs} IS NOT DISTINCT FROM {own}"),
                false => equality.sql(&theirs, &own),
            }
        })
        .collect();
    pairs.join(" AND ")
}

/// The SQL comparison of a judged row with the inserted ones.
fn matched(columns: &[String], equality: &[Equality]) -> String {
    let pairs = columns.iter().zip(equality);
    let pairs: Vec<_> = pairs
        .map(|(column, equality)| equality.sql(&format!("i.{column}"), &format!("j.{column}")))
        .collect();
    pairs.join(" AND ")
}

fn joined(places: &[usize], between: &str, part: impl Fn(usize) -> String) -> String {
    let parts: Vec<_> = places.iter().map(|place| part(*place)).collect();
    parts.join(between)
}

/// The name of a type without its length or precision, which the rules have checked already.
fn base_type(name: &str) -> &str {
    name.split_once('(').map_or(name, |(base, _)| base)
}
