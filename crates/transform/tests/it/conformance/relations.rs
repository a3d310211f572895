//! Makes FROM: tables, subqueries and names of WITH, joined in every way.

use super::kinds::Kind;
use super::queries::Ask;
use super::schema::{TABLES, Table, Use};
use super::scope::{Generator, Leaf, Scope};

/// A column of a relation.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// The column's name, as written in SQL.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) usage: Use,
}

/// A table, a subquery or a name of WITH.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The name that qualifies the relation's columns.
    pub(super) alias: String,
    pub(super) columns: Vec<Column>,
    /// The columns by which no two different rows are equal.
    pub(super) ties: Vec<String>,
    /// Whether no two rows are equal in all columns.
    pub(super) is_keyed: bool,
    /// How many rows the relation has, roughly.
    pub(super) rows: usize,
}

/// Relations in FROM, joined.
pub(super) struct From {
    pub(super) sql: String,
    pub(super) relations: Vec<Relation>,
    /// Columns that USING merged from several relations, given by their positions.
    pub(super) merged: Vec<(Column, Vec<usize>)>,
    /// Conditions that must go into WHERE.
    pub(super) conditions: Vec<String>,
    /// How many rows there are, roughly.
    pub(super) rows: usize,
}

impl Relation {
    fn of_table(table: &Table, alias: String) -> Self {
        let columns = table.columns.iter().map(|(name, _, kind, usage)| Column {
            name: (*name).to_owned(),
            kind: *kind,
            usage: *usage,
        });
        Self {
            alias,
            columns: columns.collect(),
            ties: table.key.iter().map(|name| (*name).to_owned()).collect(),
            is_keyed: true,
            rows: table.row_count,
        }
    }

    /// A column, qualified by the relation's name.
    pub(super) fn qualified(&self, column: &str) -> String {
        format!("{}.{column}", self.alias)
    }

    /// The relation's columns, each qualified.
    pub(super) fn leaves(&self) -> impl Iterator<Item = Leaf> + '_ {
        self.columns.iter().map(|column| Leaf {
            sql: self.qualified(&column.name),
            from_within: Some(self.qualified(&column.name)),
            kind: column.kind,
            usage: column.usage,
            own: true,
            name: Some(column.name.clone()),
        })
    }
}

impl From {
    /// How many columns a bare name could mean.
    pub(super) fn times_named(&self, name: &str) -> usize {
        let merged = self
            .merged
            .iter()
            .filter(|(column, _)| column.name == name)
            .count();
        merged
            + self
                .unmerged()
                .filter(|(_, column)| column.name == name)
                .count()
    }

    /// Whether USING merged this relation's column into another one.
    fn is_merged(&self, relation: usize, name: &str) -> bool {
        let mut merged = self.merged.iter();
        merged.any(|(column, of)| column.name == name && of.contains(&relation))
    }

    /// The columns that USING has not merged.
    pub(super) fn unmerged(&self) -> impl Iterator<Item = (&Relation, &Column)> {
        let relations = self.relations.iter().enumerate();
        relations.flat_map(move |(at, relation)| {
            let columns = relation.columns.iter();
            let unmerged = columns.filter(move |column| !self.is_merged(at, &column.name));
            unmerged.map(move |column| (relation, column))
        })
    }

    /// The columns of `*`, if they all have different names.
    pub(super) fn all_columns(&self) -> Option<Vec<Column>> {
        let merged = self.merged.iter().map(|(column, _)| column);
        let all: Vec<Column> = merged
            .chain(self.unmerged().map(|(_, column)| column))
            .cloned()
            .collect();
        let differ = all.iter().all(|column| self.times_named(&column.name) == 1);
        differ.then_some(all)
    }
}

impl Generator<'_> {
    /// Makes a FROM of one to four relations.
    pub(super) fn from(&mut self, outer: &[Leaf], depth: usize) -> From {
        let relations = 1 + self.choices.weighted(&[46, 33, 14, 7]);
        let first = self.item(outer, depth);
        let mut from = From {
            sql: first.0,
            rows: first.1.rows,
            relations: vec![first.1],
            merged: Vec::new(),
            conditions: Vec::new(),
        };
        let by_commas = relations > 1 && self.choices.chance(12);
        for _ in 1..relations {
            let item = self.item(outer, depth);
            match by_commas {
                true => self.add_by_comma(&mut from, item),
                false => self.join(&mut from, item),
            }
        }
        from
    }

    /// The scope of an expression over these rows.
    pub(super) fn scope_of(&mut self, from: &From, outer: &[Leaf]) -> Scope {
        let mut leaves = Vec::new();
        let unique = from
            .merged
            .iter()
            .filter(|(column, _)| from.times_named(&column.name) == 1);
        for (column, _) in unique {
            leaves.push(Leaf {
                sql: column.name.clone(),
                from_within: None,
                kind: column.kind,
                usage: column.usage,
                own: true,
                name: Some(column.name.clone()),
            });
        }
        let short = self.choices.chance(40);
        for leaf in from.relations.iter().flat_map(Relation::leaves) {
            let name = leaf.name.clone().unwrap_or_default();
            let is_merged = from.merged.iter().any(|(column, _)| column.name == name);
            let sql = match short && !is_merged && from.times_named(&name) == 1 {
                true => name.clone(),
                false => leaf.sql.clone(),
            };
            leaves.push(Leaf { sql, ..leaf });
        }
        let ties = from.relations.iter().flat_map(|relation| {
            let names = relation.ties.iter();
            names.map(|name| relation.qualified(name))
        });
        leaves.extend(outer.iter().cloned());
        Scope {
            leaves,
            rows: None,
            ties: ties.collect(),
            is_keyed: from.relations.iter().all(|relation| relation.is_keyed),
            windows: false,
            subqueries: true,
        }
    }

    /// Makes a table, a subquery, or a name of WITH.
    fn item(&mut self, outer: &[Leaf], depth: usize) -> (String, Relation) {
        let of_with = match self.ctes.is_empty() {
            true => 0,
            false => 60,
        };
        let subquery = match depth > 0 && self.nesting < 2 {
            true => 14,
            false => 0,
        };
        let exotic = match self.exotic {
            true => 10,
            false => 0,
        };
        match self.choices.weighted(&[of_with, 76, subquery, exotic]) {
            0 => {
                let named = self.choices.below(self.ctes.len());
                let relation = self.ctes[named].clone();
                self.aliased(relation)
            }
            2 => self.derived(&[], "", depth - 1),
            3 => self.exotic_item(outer, depth),
            _ => {
                let table = self.table();
                self.aliased(Relation::of_table(table, table.name.to_owned()))
            }
        }
    }

    /// A table that no name of WITH hides.
    pub(super) fn table(&mut self) -> &'static Table {
        let hidden = |table: &&Table| self.ctes.iter().any(|cte| cte.alias == table.name);
        let tables: Vec<&Table> = TABLES.iter().filter(|table| !hidden(table)).collect();
        let weight = |table: &&Table| match table.row_count {
            0 => 4,
            _ => 12,
        };
        let weights: Vec<usize> = tables.iter().map(weight).collect();
        tables[self.choices.weighted(&weights)]
    }

    /// Makes a name that no other relation of the statement has.
    pub(super) fn new_alias(&mut self) -> String {
        let alias = format!("t{}", self.aliases.len() + 1);
        self.aliases.push(alias.clone());
        alias
    }

    /// Puts `relation`, whose alias is its own name, into FROM under another name or that one.
    fn aliased(&mut self, relation: Relation) -> (String, Relation) {
        let name = relation.alias.clone();
        let own = self.choices.chance(45) && !self.aliases.contains(&name);
        if own {
            self.aliases.push(name.clone());
            return (name, relation);
        }
        let mut alias = self.new_alias();
        if self.choices.chance(5) {
            // The other name may be that of another table, or one that must be quoted.
            let other =
                self.choices
                    .one_of(&["product", "category", "\"T 1\"", "note", "\"Category\""]);
            if !self.aliases.iter().any(|used| used == other) {
                self.aliases.push(other.to_owned());
                alias = other.to_owned();
            }
        }
        let word = self.choices.one_of(&["AS ", ""]);
        (
            format!("{name} {word}{alias}"),
            Relation { alias, ..relation },
        )
    }

    /// Makes a subquery of one or more columns.
    pub(super) fn derived(
        &mut self,
        outer: &[Leaf],
        before: &str,
        depth: usize,
    ) -> (String, Relation) {
        self.nesting += 1;
        let query = self.query(&Ask {
            outer: outer.to_vec(),
            ..Ask::of_any(depth)
        });
        self.nesting -= 1;
        let alias = self.new_alias();
        let (mut columns, mut list) = (query.columns, String::new());
        if self.choices.chance(15) {
            for column in &mut columns {
                column.name = self.new_column();
            }
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            list = format!("({})", names.join(", "));
        }
        let word = self.choices.one_of(&["AS ", ""]);
        let sql = format!("{before}({}) {word}{alias}{list}", query.sql);
        let ties = columns.iter().map(|column| column.name.clone()).collect();
        (
            sql,
            Relation {
                alias,
                columns,
                ties,
                is_keyed: false,
                rows: query.rows,
            },
        )
    }
}
