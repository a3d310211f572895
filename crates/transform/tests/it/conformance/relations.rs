//! What stands after FROM: tables, subqueries and names of WITH, joined in every way.

use super::kinds::Kind;
use super::queries::Ask;
use super::schema::{TABLES, Table, Use};
use super::scope::{Generator, Leaf, Scope};

/// A column that a relation has.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// As it stands in SQL.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) usage: Use,
}

/// Something with rows.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// What its columns are qualified with.
    pub(super) alias: String,
    pub(super) columns: Vec<Column>,
    /// The names of columns by which no two different rows are equal.
    pub(super) ties: Vec<String>,
    /// Whether no two rows are equal in all columns.
    pub(super) is_keyed: bool,
    /// About how many rows it has.
    pub(super) rows: usize,
}

/// Relations, joined.
pub(super) struct From {
    pub(super) sql: String,
    pub(super) relations: Vec<Relation>,
    /// Columns that USING made of those of several relations, which are named by their places.
    pub(super) merged: Vec<(Column, Vec<usize>)>,
    /// Conditions that belong into WHERE.
    pub(super) conditions: Vec<String>,
    /// About how many rows there are.
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

    /// A column with the relation's name before it.
    pub(super) fn qualified(&self, column: &str) -> String {
        format!("{}.{column}", self.alias)
    }

    /// Its columns, each qualified.
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

    /// Whether USING made this relation's column part of another.
    fn is_merged(&self, relation: usize, name: &str) -> bool {
        let mut merged = self.merged.iter();
        merged.any(|(column, of)| column.name == name && of.contains(&relation))
    }

    /// The columns that USING left as they are.
    pub(super) fn unmerged(&self) -> impl Iterator<Item = (&Relation, &Column)> {
        let relations = self.relations.iter().enumerate();
        relations.flat_map(move |(at, relation)| {
            let columns = relation.columns.iter();
            let unmerged = columns.filter(move |column| !self.is_merged(at, &column.name));
            unmerged.map(move |column| (relation, column))
        })
    }

    /// What `*` gives, if all of it has names that differ.
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
    /// One to four relations.
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

    /// What an expression may name where these are the rows.
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

    /// A table, a subquery, or a name of WITH.
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

    /// A name that no other relation of the statement bears.
    pub(super) fn new_alias(&mut self) -> String {
        let alias = format!("t{}", self.aliases.len() + 1);
        self.aliases.push(alias.clone());
        alias
    }

    /// `relation`, which is known by its alias, under another name or under its own.
    fn aliased(&mut self, relation: Relation) -> (String, Relation) {
        let name = relation.alias.clone();
        let own = self.choices.chance(45) && !self.aliases.contains(&name);
        if own {
            self.aliases.push(name.clone());
            return (name, relation);
        }
        let mut alias = self.new_alias();
        if self.choices.chance(5) {
            // That of another table, or one that must be quoted.
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

    /// A subquery of one or more columns.
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
