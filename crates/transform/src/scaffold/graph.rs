//! Orders tables by their foreign keys.

use database::catalogue::inventory::KnownTable;

/// Names for tables of clients, the surest first.
const CLIENTS: [&str; 20] = [
    "client",
    "cliente",
    "customer",
    "associado",
    "associate",
    "consumer",
    "buyer",
    "comprador",
    "member",
    "subscriber",
    "assinante",
    "patient",
    "paciente",
    "tenant",
    "company",
    "empresa",
    "user",
    "usuario",
    "person",
    "pessoa",
];

/// How surely a name means clients: the lower, the surer. `None` if it doesn't.
pub(super) fn likeness(name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(['_', ' ', '-']).collect();
    let is_word = |client: &str| {
        words.iter().any(|word| {
            let end = word.strip_prefix(client);
            end.is_some_and(|end| matches!(end, "" | "s" | "es" | "id"))
        })
    };
    CLIENTS.iter().position(|client| is_word(client))
}

/// Orders tables so that those that others refer to come first, otherwise by name. A circle is broken at its first name.
pub(super) fn ordered(mut left: Vec<&KnownTable>) -> Vec<&KnownTable> {
    left.sort_by(|one, other| (&one.name, &one.schema).cmp(&(&other.name, &other.schema)));
    let mut ordered: Vec<&KnownTable> = Vec::new();
    while !left.is_empty() {
        let is_free = |table: &&KnownTable| {
            let waits = |of: &&KnownTable| !is_same(of, table) && refers(table, of);
            !left.iter().any(waits)
        };
        let at = left.iter().position(is_free).unwrap_or(0);
        ordered.push(left.remove(at));
    }
    ordered
}

/// Whether two tables are the same.
pub(super) fn is_same(one: &KnownTable, other: &KnownTable) -> bool {
    one.schema == other.schema && one.name == other.name
}

fn refers(table: &KnownTable, to: &KnownTable) -> bool {
    table.references.iter().any(|reference| reference.is_to(to))
}

/// The table to begin the model with, among those that no other table refers to (or all, if there are none): preferably one from
/// which clients can be reached, then one that refers to others, then the one with the most rows.
///
/// `tables` must be in order and not empty.
pub(super) fn fact<'a>(tables: &[&'a KnownTable]) -> &'a KnownTable {
    let is_end = |table: &&&KnownTable| {
        let mut others = tables.iter().filter(|other| !is_same(other, table));
        !others.any(|other| refers(other, table))
    };
    let ends: Vec<&KnownTable> = tables.iter().filter(is_end).copied().collect();
    let ends = match ends.is_empty() {
        true => tables,
        false => &ends,
    };
    let rank = |table: &&&KnownTable| {
        let clients = reaches_clients(table, tables, &mut Vec::new());
        (clients, !table.references.is_empty(), table.estimated_rows)
    };
    // Of equal tables, the first by name is taken.
    let best = ends.iter().rev().max_by_key(rank);
    best.copied().unwrap_or(tables[0])
}

fn reaches_clients<'a>(
    table: &'a KnownTable,
    tables: &[&'a KnownTable],
    seen: &mut Vec<&'a KnownTable>,
) -> bool {
    if seen.iter().any(|other| is_same(other, table)) {
        return false;
    }
    seen.push(table);
    table.references.iter().any(|reference| {
        let parent = tables.iter().find(|parent| reference.is_to(parent));
        parent.is_some_and(|parent| {
            likeness(&parent.name).is_some() || reaches_clients(parent, tables, seen)
        })
    })
}
