//! The statements that ask the database about staged values. Each records what it finds out, row by row.

use database::catalogue::constraints::Equality;
use database::catalogue::identifier::quoted;

use crate::keys::check::KeyCheck;
use crate::keys::results::{Finding, TABLE as FINDINGS};
use crate::rules::key::KeyName;
use crate::target::Unique;

/// The name of the temporary table that holds the staged values.
pub(crate) const VALUES: &str = "extrato_values";
/// The statement that indexes the staged values by their rows' numbers, unless there is such an index.
pub(crate) const INDEX_BY_ROW: &str =
    "CREATE INDEX IF NOT EXISTS extrato_values_by_row ON pg_temp.extrato_values (row)";
/// Classes of SQLSTATE that say nothing about a check or a row: the connection, resources, cancellation, the system.
pub(crate) const NOT_OF_A_ROW: [&str; 6] = ["", "08", "53", "57", "58", "XX"];

/// The statements that find the rows that matter about a key. `keys` has the columns of each key; `of_server` says whether only the
/// database can compare this key.
pub(crate) fn about_key(
    check: &KeyCheck<'_>,
    keys: &[Vec<usize>],
    key: usize,
    of_server: bool,
) -> Vec<String> {
    let columns = &keys[key];
    let list = each(columns, ", ", |_, column| format!("s.{column}"));
    let not_null = each(columns, " AND ", |_, column| {
        format!("s.{column} IS NOT NULL")
    });
    let there = |name: &KeyName, equality: &[Equality]| {
        let same = each(columns, " AND ", |index, column| {
            let key = format!("t.{}", quoted(&name.columns[index]));
            equality[index].sql(&key, &format!("s.{column}"))
        });
        let table = name.relation();
        format!("EXISTS (SELECT FROM {table} AS t WHERE {same})")
    };
    let values = format!("pg_temp.{VALUES} AS s");
    let Some((unique, place)) = check.unique.get(key) else {
        let (reference, parent) = &check.references[key - check.unique.len()];
        let there = there(&reference.parent, &reference.equality);
        let rows = format!("{values} WHERE {not_null} AND NOT {there}");
        let mut statements = vec![record(key, Finding::Missing, None, &rows)];
        let own = check.unique.iter().position(|(_, own)| own == parent);
        if let Some(own) = own.filter(|_| of_server) {
            let own = &keys[own];
            let same = each(columns, " AND ", |index, column| {
                let key = format!("u.{}", staged_name(own[index]));
                reference.equality[index].sql(&key, &format!("s.{column}"))
            });
            let rows = format!("{values} JOIN pg_temp.{VALUES} AS u ON {same} GROUP BY s.row");
            statements.push(record(key, Finding::Parent, Some("min(u.row)"), &rows));
        }
        return statements;
    };
    if unique.nulls_equal {
        let is_parent = check.references.iter().any(|(_, parent)| parent == place);
        return about_key_with_nulls(key, columns, unique, is_parent);
    }
    let same = each(columns, " AND ", |index, column| {
        unique.equality[index].sql(&format!("d.{column}"), &format!("s.{column}"))
    });
    let several = format!(
        "{values} JOIN (SELECT {list}, min(s.row) AS first FROM {values} WHERE {not_null} GROUP BY {list}
                        HAVING count(*) > 1) AS d ON {same}"
    );
    let mut statements = vec![
        record(
            key,
            Finding::Taken,
            None,
            &format!("{values} WHERE {}", there(&unique.name, &unique.equality)),
        ),
        record(key, Finding::Shared, Some("d.first"), &several),
    ];
    for (index, (reference, parent)) in check.references.iter().enumerate() {
        if parent == place {
            let referring = &keys[check.unique.len() + index];
            let same = each(columns, " AND ", |index, column| {
                let other = format!("r.{}", staged_name(referring[index]));
                reference.equality[index].sql(&format!("s.{column}"), &other)
            });
            let rows =
                format!("{values} WHERE EXISTS (SELECT FROM pg_temp.{VALUES} AS r WHERE {same})");
            statements.push(record(key, Finding::Shared, Some("s.row"), &rows));
        }
    }
    statements
}

/// The statements that find the rows that matter about a key in which NULL equals NULL. `is_parent` says whether rows of the file
/// may refer to the key. The statements sort, since no join uses such an equality.
fn about_key_with_nulls(
    key: usize,
    columns: &[usize],
    unique: &Unique,
    is_parent: bool,
) -> Vec<String> {
    let list = each(columns, ", ", |_, column| column);
    let theirs = each(columns, ", ", |index, _| {
        quoted(&unique.name.columns[index])
    });
    let table = unique.name.relation();
    let rows = format!(
        "(SELECT u.row, min(u.row) OVER same AS first, count(u.row) OVER same AS several,
                 bool_or(u.row IS NULL) OVER same AS taken
          FROM (SELECT row, {list} FROM pg_temp.{VALUES} UNION ALL SELECT NULL, {theirs} FROM {table}) AS u
          WINDOW same AS (PARTITION BY {list})) AS s WHERE s.row IS NOT NULL"
    );
    let (taken, shared) = (
        format!("{rows} AND taken"),
        format!("{rows} AND several > {}", u8::from(!is_parent)),
    );
    vec![
        record(key, Finding::Taken, None, &taken),
        record(key, Finding::Shared, Some("s.first"), &shared),
    ]
}

/// The statement that records a finding about the key or check with the index `of`, for the rows that `rows` selects, under the
/// alias `s`. For keys that several rows share, `first` gives the number of the first row that has the key.
pub(crate) fn record(of: usize, finding: Finding, first: Option<&str>, rows: &str) -> String {
    format!(
        "INSERT INTO pg_temp.{FINDINGS} SELECT s.row, {of}, {}, {} FROM {rows}",
        finding as i16,
        first.unwrap_or("NULL::bigint")
    )
}

/// The name of the staged column that holds a column's values.
pub(crate) fn staged_name(column: usize) -> String {
    format!("c{column}")
}

/// The name of the staged column that holds a column's texts, as they are in the file.
pub(crate) fn text_name(column: usize) -> String {
    format!("t{column}")
}

/// Applies `part` to each column's index in the key and its staged name, and joins the results.
pub(crate) fn each(
    columns: &[usize],
    between: &str,
    part: impl Fn(usize, String) -> String,
) -> String {
    let parts: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| part(index, staged_name(*column)))
        .collect();
    parts.join(between)
}
