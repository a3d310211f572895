//! The state with which a resolved SELECT is written as Spark's SQL, and pieces of SQL that all parts use.

use dataset::TableSchema;

use crate::model::tree::Relation;

/// Writes a resolved SELECT as Spark's SQL.
pub(super) struct Writer<'a> {
    pub(super) tables: &'a [&'a TableSchema],
    /// The relations for WITH, in the order in which they are needed: each with its address and its SELECT.
    pub(super) shared: Vec<(*const Relation, String)>,
    /// The prefix of the names in WITH, with which no table's name begins.
    prefix: String,
    aliases: usize,
}

/// A SELECT, and the keys that its rows are ordered by. The keys are columns `k0`, `k1` and so on after its own.
pub(super) struct Ordered {
    pub(super) sql: String,
    /// For each key, whether it descends, and whether NULL comes first.
    pub(super) keys: Vec<(bool, bool)>,
}

impl Ordered {
    /// A SELECT whose rows are in no order.
    pub(super) fn by_nothing(sql: String) -> Self {
        Self {
            sql,
            keys: Vec::new(),
        }
    }

    /// The ORDER BY: the keys, then all columns, so that only one order is possible.
    pub(super) fn order(&self, alias: &str, width: usize) -> Vec<String> {
        let key = |(at, (descends, nulls_first)): (usize, &(bool, bool))| {
            format!("{alias}.k{at}{}", direction(*descends, *nulls_first))
        };
        let keys = self.keys.iter().enumerate().map(key);
        keys.chain((0..width).map(|at| format!("{alias}.c{at} NULLS LAST")))
            .collect()
    }
}

/// The direction of a key in ORDER BY.
pub(super) fn direction(descends: bool, nulls_first: bool) -> &'static str {
    match (descends, nulls_first) {
        (false, false) => " ASC NULLS LAST",
        (false, true) => " ASC NULLS FIRST",
        (true, false) => " DESC NULLS LAST",
        (true, true) => " DESC NULLS FIRST",
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(tables: &'a [&'a TableSchema]) -> Self {
        let mut prefix = "with_".to_owned();
        let is_taken = |prefix: &str| {
            let names = tables.iter().map(|table| table.name.to_lowercase());
            { names }.any(|name| name.starts_with(prefix))
        };
        while is_taken(&prefix) {
            prefix.push('_');
        }
        Self {
            tables,
            shared: Vec::new(),
            prefix,
            aliases: 0,
        }
    }

    /// The name of the shared relation of this number.
    pub(super) fn shared_name(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }

    /// Makes a name that is used nowhere else.
    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("q{}", self.aliases)
    }
}

/// The columns of a relation with this alias, under their own names.
pub(super) fn names(alias: &str, width: usize) -> Vec<String> {
    (0..width).map(|at| format!("{alias}.c{at}")).collect()
}

/// The columns of a relation with this alias, in another order.
pub(super) fn reordered(alias: &str, places: &[usize]) -> Vec<String> {
    let places = places.iter().enumerate();
    let columns = places.map(|(at, place)| format!("{alias}.c{place} AS c{at}"));
    columns.collect()
}

/// The list of a SELECT, which must not be empty.
pub(super) fn listed(columns: Vec<String>) -> String {
    match columns.is_empty() {
        true => "1 AS one".to_owned(),
        false => columns.join(", "),
    }
}
