//! What a table takes: its columns and constraints in the database, together with the rules of the dataset.

use std::sync::Arc;

use database::catalogue;
use database::catalogue::constraints::{self, ColumnLimits, Constraints, ForeignKey};
use dataset::failure::{Kind, OrFail};
use dataset::load_rules::{LoadRules, Missing};
use dataset::{Dataset, Table, TableSchema};
use postgres::Client;
use values::strftime::Format;

use crate::options::Dialect;
use crate::rules::column::ColumnRules;
use crate::rules::key::{KeyClass, KeyName};
use crate::target::wanted::Wanted;

pub(crate) mod tables;
pub(crate) mod wanted;

/// A table that is loaded, and what it takes.
#[derive(Debug)]
pub(crate) struct Target {
    /// The table's name.
    pub(crate) table: String,
    /// How the table's files are read.
    pub(crate) rules: LoadRules,
    /// The columns that can be loaded, in the table's order.
    pub(crate) columns: Vec<ColumnRules>,
    /// The type of each of these columns, qualified.
    pub(crate) types: Vec<String>,
    /// The names of those columns whose type is a domain.
    pub(crate) domains: Vec<String>,
    /// The names of those columns whose texts only the server can judge.
    pub(crate) of_server: Vec<String>,
    /// The columns that a file may have. An index into these is not one into `columns`.
    pub(crate) wanted: Vec<Wanted>,
    /// The keys that no two rows share, the primary key first.
    pub(crate) unique: Vec<Unique>,
    /// The columns that refer to other rows.
    pub(crate) references: Vec<Referring>,
    /// Whether the table has CHECK constraints.
    pub(crate) checked: bool,
}

/// A key that no two rows share.
#[derive(Debug, Clone)]
pub(crate) struct Unique {
    /// The key's table and columns.
    pub(crate) name: KeyName,
    /// Whether this is the primary key.
    pub(crate) primary: bool,
    /// Whether NULL equals NULL in the key.
    pub(crate) nulls_equal: bool,
}

/// Columns that refer to a row of another table, or of their own.
#[derive(Debug, Clone)]
pub(crate) struct Referring {
    /// The referring columns, in the order of the parent's.
    pub(crate) columns: Vec<String>,
    /// The parent's table and columns.
    pub(crate) parent: KeyName,
    /// What a missing parent means.
    pub(crate) missing: Missing,
    /// Whether either all or none of the columns may be NULL.
    pub(crate) match_full: bool,
}

impl Target {
    /// Reads what each of `tables` takes, in the dataset's order.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a table or a column is missing; [`Kind::Usage`] for rules that name what the table lacks,
    /// or that cannot be kept for a column's type.
    pub(crate) fn read(
        client: &mut Client,
        dataset: &Dataset,
        schema: &str,
        tables: &[&str],
        dialect: &Dialect,
    ) -> anyhow::Result<Vec<Self>> {
        let mut loaded = dataset.clone();
        loaded
            .tables
            .retain(|table| tables.contains(&table.name.as_str()));
        let mut demanded = Vec::new();
        for table in &mut loaded.tables {
            let constraints = constraints::read(client, schema, &table.name)?;
            // What is not carried goes in as it goes out where a dataset asks for it: as its text.
            let columns = constraints.iter().flat_map(|demands| &demands.columns);
            let (others, carried): (Vec<_>, Vec<_>) =
                columns.partition(|column| column.server_type.is_some());
            table
                .cast_to_text
                .retain(|name| carried.iter().all(|column| column.name != *name));
            table
                .cast_to_text
                .extend(others.iter().map(|column| column.name.clone()));
            demanded.push(constraints);
        }
        let live = catalogue::read(client, &loaded, schema, &|_, _| true)?;
        let mut targets = Vec::new();
        for ((table, live), constraints) in loaded.tables.iter().zip(live).zip(demanded) {
            let constraints = constraints.ok_or_else(|| {
                Kind::Mismatch.error(format!(
                    "{schema}.{} is not a table: rows cannot be loaded into it",
                    table.name
                ))
            })?;
            let rules = dialect.over(&table.load);
            let mut target = Self::of(table, schema, &live.schema, &constraints, rules)?;
            for reference in &mut target.references {
                compare_as_parent(client, reference)?;
            }
            targets.push(target);
        }
        Ok(targets)
    }

    fn of(
        table: &Table,
        schema: &str,
        live: &TableSchema,
        constraints: &Constraints,
        rules: LoadRules,
    ) -> anyhow::Result<Self> {
        let usage = |why: String| {
            Kind::Usage.error(format!("dataset.toml, table `{}`, load: {why}", table.name))
        };
        let has = |name: &str| live.columns.iter().any(|column| column.name == name);
        let named = rules
            .required
            .iter()
            .chain(rules.ranges.keys())
            .chain(rules.references.keys());
        if let Some(unknown) = named.clone().find(|name| !has(name)) {
            return Err(usage(format!("there is no column `{unknown}`")));
        }
        let formats: Result<Vec<_>, _> = rules
            .timestamp_formats
            .iter()
            .map(|format| Format::parse(format))
            .collect();
        let formats: Arc<[Format]> = formats.map_err(usage)?.into();

        let (mut columns, mut types, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let (mut domains, mut of_server) = (Vec::new(), Vec::new());
        for (column, limits) in live.columns.iter().zip(&constraints.columns) {
            if !limits.writable {
                continue;
            }
            let required = rules.required.contains(&column.name);
            let mut rule = ColumnRules {
                name: column.name.clone(),
                kind: column.kind,
                nullable: column.nullable,
                required,
                max_chars: limits.max_chars,
                blank_padded: limits.blank_padded,
                fraction_digits: limits.fraction_digits,
                labels: limits.labels.clone(),
                server_type: limits.server_type,
                min: None,
                max: None,
                decimal_mark: b'.',
                formats: Arc::clone(&formats),
            };
            if let Some(range) = rules.ranges.get(&column.name) {
                if limits.server_type.is_some() {
                    return Err(usage(format!(
                        "`ranges.{}`: values of type {} are compared by the server alone: give the table a CHECK constraint",
                        column.name, limits.type_name
                    )));
                }
                let bound = |text: &Option<String>| {
                    let parsed = text.as_ref().map(|text| rule.parse(text.as_str().into()));
                    parsed
                        .transpose()
                        .map(|value| value.map(values::value::Value::into_owned))
                        .map_err(|fault| {
                            usage(format!(
                                "a bound of `ranges.{}` {}",
                                column.name, fault.message
                            ))
                        })
                };
                (rule.min, rule.max) = (bound(&range.min)?, bound(&range.max)?);
            }
            rule.decimal_mark = rules.decimal_mark.of(&column.name);
            names.push((
                column.name.clone(),
                required || !column.nullable && !limits.filled,
            ));
            columns.push(rule);
            types.push(limits.qualified_type.clone());
            domains.extend(limits.is_domain.then(|| column.name.clone()));
            of_server.extend(limits.server_type.map(|_| column.name.clone()));
        }
        let wanted = wanted::wanted(&rules.columns, &names).map_err(usage)?;
        if let Some((missing, _)) = names
            .iter()
            .find(|(name, needed)| *needed && wanted.iter().all(|wanted| wanted.column != *name))
        {
            return Err(usage(format!(
                "`columns` leaves out `{missing}`, which must not be missing"
            )));
        }
        let classes = |names: &[String]| -> Vec<KeyClass> {
            let found = |name: &String| {
                columns
                    .iter()
                    .find(|column: &&ColumnRules| column.name == *name)
            };
            names
                .iter()
                .filter_map(found)
                .map(
                    |column| match is_compared_by_server(constraints, &column.name) {
                        true => KeyClass::Server,
                        false => KeyClass::of(column.kind),
                    },
                )
                .collect()
        };
        let mut unique = unique(table, schema, constraints);
        for key in &mut unique {
            key.name.classes = classes(&key.name.columns);
        }
        // A parent of another type is compared as the child is.
        let mut references = references(table, schema, &constraints.foreign, &rules);
        for reference in &mut references {
            reference.parent.classes = classes(&reference.columns);
        }
        Ok(Self {
            unique,
            references,
            checked: constraints.checked,
            table: table.name.clone(),
            rules,
            columns,
            types,
            domains,
            of_server,
            wanted,
        })
    }

    /// The rules of a column.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] for a column that cannot be loaded.
    pub(crate) fn column(&self, name: &str) -> anyhow::Result<&ColumnRules> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| {
            Kind::Mismatch.error(format!(
                "column `{name}` of {} cannot be loaded",
                self.table
            ))
        })
    }

    /// The qualified name of a column's type.
    pub(crate) fn type_of(&self, name: &str) -> &str {
        let found = self.columns.iter().zip(&self.types);
        let mut found = found.filter(|(column, _)| column.name == name);
        found.next().map_or("text", |(_, name)| name)
    }

    /// The columns of the primary key, as the dataset or the database names them.
    pub(crate) fn primary(&self) -> &[String] {
        self.unique
            .iter()
            .find(|unique| unique.primary)
            .map_or(&[], |unique| &unique.name.columns)
    }
}

/// The unique keys of the database and the key of the dataset, each once.
fn unique(table: &Table, schema: &str, constraints: &Constraints) -> Vec<Unique> {
    let live = constraints
        .unique
        .iter()
        .map(|unique| (&unique.columns, unique.primary, unique.nulls_equal));
    let mut keys: Vec<Unique> = Vec::new();
    for (columns, primary, nulls_equal) in std::iter::once((&table.key, true, false)).chain(live) {
        let mut columns = columns.clone();
        columns.sort();
        if !columns.is_empty() && keys.iter().all(|key| key.name.columns != columns) {
            let is_first = keys.is_empty();
            keys.push(Unique {
                name: KeyName {
                    schema: schema.to_owned(),
                    table: table.name.clone(),
                    columns,
                    classes: Vec::new(),
                },
                primary: primary && is_first,
                nulls_equal,
            });
        } else if let Some(known) = keys.iter_mut().find(|key| key.name.columns == columns) {
            known.nulls_equal |= nulls_equal;
        }
    }
    keys
}

/// The references of the database and those of the dataset, each once. A missing parent cannot be allowed where the
/// database enforces the reference.
fn references(
    table: &Table,
    schema: &str,
    foreign: &[ForeignKey],
    rules: &LoadRules,
) -> Vec<Referring> {
    let mut all: Vec<Referring> = foreign
        .iter()
        .map(|key| {
            let mut pairs: Vec<_> = key.parent_columns.iter().zip(&key.columns).collect();
            pairs.sort();
            Referring {
                columns: pairs.iter().map(|(_, column)| (*column).clone()).collect(),
                parent: KeyName {
                    schema: key.parent_schema.clone(),
                    table: key.parent.clone(),
                    columns: pairs.iter().map(|(parent, _)| (*parent).clone()).collect(),
                    classes: Vec::new(),
                },
                missing: Missing::Reject,
                match_full: key.match_full,
            }
        })
        .collect();
    for (column, to) in &rules.references {
        let parent = KeyName {
            schema: schema.to_owned(),
            table: to.table.clone(),
            columns: vec![to.column.clone()],
            classes: Vec::new(),
        };
        let enforced = all
            .iter()
            .any(|known| known.parent == parent && known.columns == [column.clone()]);
        if enforced && to.missing == Missing::Allow {
            tracing::warn!(
                "{}.{column}: dataset.toml allows a missing {}, but a foreign key of the database doesn't: such rows \
                 are rejected",
                table.name,
                to.table
            );
        }
        if !enforced {
            all.push(Referring {
                columns: vec![column.clone()],
                parent,
                missing: to.missing,
                match_full: false,
            });
        }
    }
    all
}

/// Leaves a reference to the server if only the server can compare what it refers to.
///
/// # Errors
/// Errors of the server.
fn compare_as_parent(client: &mut Client, reference: &mut Referring) -> anyhow::Result<()> {
    let parent = &mut reference.parent;
    let Some(demands) = constraints::read(client, &parent.schema, &parent.table)? else {
        return Ok(());
    };
    for (name, class) in parent.columns.iter().zip(&mut parent.classes) {
        if is_compared_by_server(&demands, name) {
            *class = KeyClass::Server;
        }
    }
    Ok(())
}

fn is_compared_by_server(demands: &Constraints, name: &str) -> bool {
    let found = demands.columns.iter().find(|column| column.name == *name);
    found.is_some_and(ColumnLimits::is_compared_by_server)
}

/// Makes the dataset's tables in `schema`, without keys, in the client's transaction. Returns what [`Target::read`]
/// gives once the tables have their keys, and whether the keys bring rules that only the server can judge.
///
/// # Errors
/// [`Kind::Mismatch`] if the dataset has no `schema.sql`; errors of the server.
pub(crate) fn create(
    client: &mut Client,
    dataset: &Dataset,
    schema: &str,
    tables: &[&str],
    dialect: &Dialect,
) -> anyhow::Result<(Vec<Target>, bool)> {
    if dataset.schema_sql.trim().is_empty() {
        return Err(Kind::Mismatch.error(format!(
            "schema {schema} has none of the tables of {}, and the dataset has no schema.sql to make them with",
            dataset.name
        )));
    }
    let name = database::catalogue::identifier::quoted(schema);
    let failed = || {
        format!(
            "cannot create the tables of {} in schema {schema}",
            dataset.name
        )
    };
    // Keys come after the rows, but what they demand must be known before.
    client
        .batch_execute(&format!(
            "SET LOCAL search_path TO {name}; SAVEPOINT keyed; {}; {}",
            dataset.schema_sql, dataset.constraints_sql
        ))
        .or_fail(Kind::Refused, failed)?;
    let targets = Target::read(client, dataset, schema, tables, dialect)?;
    let keyed = tables::rules_of_the_server(client, schema)?;
    client
        .batch_execute(&format!(
            "ROLLBACK TO SAVEPOINT keyed; {}",
            dataset.schema_sql
        ))
        .or_fail(Kind::Refused, failed)?;
    let unkeyed = tables::rules_of_the_server(client, schema)?;
    Ok((targets, keyed.iter().any(|rule| !unkeyed.contains(rule))))
}
