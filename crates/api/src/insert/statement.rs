//! The statement that judges the rows of a wave, inserts those that keep all rules, and tells of the others which they break.
//!
//! Rows come as arrays, one for each column, whose elements are the loader's own encoding. A row's number and whether it
//! keeps the rules by itself are the first two. For the table `t` with the key `id` and a parent `p` it is
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
//! Each `EXISTS` ends with `OFFSET 0`, which keeps the planner from reading the whole table once into a hash instead of asking its
//! index for each row. Of that kind is every plan that is made while the table is small and kept while it grows.
//!
//! Rows are inserted in the order of the key, so that batches that overlap don't wait for each other's locks in a circle. The
//! keys of a wave are told apart in memory before: of two rows with one key, RETURNING would name both.
//!
//! Behind that, the answer has all columns of the table, as NULL (`(NULL::t).*`). By these the server itself refuses a statement that
//! was prepared before the table was altered: a plan must not change the types of its answer. Without, it would cast the values to
//! the new types, and round an amount whose column has fewer digits now.

use database::catalogue::constraints::Equality;
use database::catalogue::identifier::quoted;
use dataset::load_rules::Missing;
use loader::OnDuplicate;

use crate::rows::batch::Defaults;
use crate::table::{ServedKey, ServedTable};

/// How rows are inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// Rows that others have come before with are left out, and told apart by a key that RETURNING gives.
    ByKey {
        /// The place of that key among the table's.
        key: usize,
    },
    /// Rows with the primary key of another replace it.
    Update {
        /// The place of the primary key among the table's.
        key: usize,
    },
    /// Rows are inserted, and the server refuses all of them for one that it doesn't take.
    Plain,
}

/// How many columns the answer has before those of the table.
pub(crate) const TOLD_COLUMNS: usize = 2;

/// What makes a statement: the columns that rows have a value for, and how they are inserted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) defaults: Defaults,
    pub(crate) way: Way,
}

/// A statement and what its answer means.
#[derive(Debug)]
pub(crate) struct Judging {
    pub(crate) sql: String,
    /// The columns that are parameters, behind the rows' numbers and marks.
    pub(crate) columns: Vec<usize>,
    /// What each bit of a row's answer says, from the lowest on.
    pub(crate) bits: Vec<Breach>,
}

/// A rule that the statement judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breach {
    /// Another row has the key, which is at this place among the table's.
    Taken(usize),
    /// Another row has the primary key, which the row replaces.
    Replaces,
    /// The parent is not there; the place is the reference's among the target's.
    NoParent(usize),
}

impl Way {
    /// The way in which rows without a value for `defaults` are inserted.
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
                    // The key is a new one, which no row has.
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

/// Makes the statement for rows of a table.
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
            // The server's input function has the word.
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
    // In update mode a row that replaced another is told too, with the bit that says so.
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

/// What replaces a row with the same primary key: the columns that the row has, without the key's.
fn on_conflict(table: &ServedTable, key: usize, given: &[usize]) -> String {
    let column = |place: usize| quoted(&table.target.columns[place].name);
    let key = &table.unique[key].columns;
    let others: Vec<usize> = given
        .iter()
        .copied()
        .filter(|place| !key.contains(place) || table.target.columns[*place].server_type.is_some())
        .collect();
    // With nothing to replace, the row is still told of.
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

/// The comparison of a row `r` with the columns of a table `t`.
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

/// The comparison of a judged row with what was inserted.
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

/// The name of a type without its length or precision, which the rules have checked.
fn base_type(name: &str) -> &str {
    name.split_once('(').map_or(name, |(base, _)| base)
}
