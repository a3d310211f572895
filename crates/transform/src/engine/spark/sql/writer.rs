//! What a resolved SELECT is turned into Spark's with, and the words that all its parts use.

use dataset::TableSchema;

use crate::model::tree::Relation;

/// What turns a resolved SELECT into Spark's.
pub(super) struct Writer<'a> {
    pub(super) tables: &'a [&'a TableSchema],
    /// What WITH names, in the order in which it is needed: where it is in memory, and its SELECT.
    pub(super) shared: Vec<(*const Relation, String)>,
    /// What the names of these begin with, and no table's.
    prefix: String,
    aliases: usize,
}

/// A SELECT, and what its rows are ordered by beside its columns: `k0`, `k1` and so on, behind them.
pub(super) struct Ordered {
    pub(super) sql: String,
    /// With each key, whether it descends, and whether NULL comes first.
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

    /// What to order by: the keys, and then all columns, so that it is one order.
    pub(super) fn order(&self, alias: &str, width: usize) -> Vec<String> {
        let key = |(at, (descends, nulls_first)): (usize, &(bool, bool))| {
            format!("{alias}.k{at}{}", direction(*descends, *nulls_first))
        };
        let keys = self.keys.iter().enumerate().map(key);
        keys.chain((0..width).map(|at| format!("{alias}.c{at} NULLS LAST")))
            .collect()
    }
}

/// How a key orders.
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

    /// What the shared relation of this number is called.
    pub(super) fn shared_name(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }

    /// A name that nothing else has.
    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("q{}", self.aliases)
    }
}

/// The columns of a relation of this alias, under their own names.
pub(super) fn names(alias: &str, width: usize) -> Vec<String> {
    (0..width).map(|at| format!("{alias}.c{at}")).collect()
}

/// The columns of a relation of this alias in another order.
pub(super) fn reordered(alias: &str, places: &[usize]) -> Vec<String> {
    let places = places.iter().enumerate();
    let columns = places.map(|(at, place)| format!("{alias}.c{place} AS c{at}"));
    columns.collect()
}

/// What a SELECT lists: something even where nothing is asked for.
pub(super) fn listed(columns: Vec<String>) -> String {
    match columns.is_empty() {
        true => "1 AS one".to_owned(),
        false => columns.join(", "),
    }
}
