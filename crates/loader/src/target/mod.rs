//! What a table takes: its columns and constraints in the database, together with the rules of the dataset.

use std::sync::Arc;

use database::catalogue;
use database::catalogue::constraints::{self, ColumnLimits, Constraints, ServerType};
use dataset::failure::{Kind, OrFail};
use dataset::load_rules::LoadRules;
use dataset::{ColumnType, Dataset, Table, TableSchema};
use postgres::Client;
use values::strftime::Format;

use crate::options::Dialect;
use crate::rules::column::ColumnRules;
use crate::target::keys::Keys;
use crate::target::wanted::Wanted;

pub(crate) mod keys;
pub(crate) mod tables;
#[cfg(feature = "fuzzing")]
mod trial;
pub(crate) mod wanted;

pub use crate::target::keys::{Referring, Unique};

/// A table that is loaded, and what it takes.
#[derive(Debug)]
pub struct Target {
    /// The table's name.
    pub table: String,
    /// How the table's files are read.
    pub rules: LoadRules,
    /// The columns that can be loaded, in the table's order.
    pub columns: Vec<ColumnRules>,
    /// The qualified type of each column of `columns`.
    pub types: Vec<String>,
    /// The names of the columns for which the database fills in a value where none is given.
    pub filled: Vec<String>,
    /// The names of the columns whose type is a domain.
    pub(crate) domains: Vec<String>,
    /// The columns that a file may have. Indices into these are not indices into `columns`.
    pub(crate) wanted: Vec<Wanted>,
    /// The keys that no two rows share, the primary key first.
    pub unique: Vec<Unique>,
    /// The columns that refer to other rows.
    pub references: Vec<Referring>,
    /// Whether the table has keys that only the server can compare.
    pub left_to_server: bool,
    /// Whether the table has CHECK constraints.
    pub checked: bool,
    /// Whether the table's rows are those of its partitions.
    pub partitioned: bool,
}

impl Target {
    /// Reads what each of `tables` takes, in the dataset's order.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a table or a column is missing; [`Kind::Usage`] for rules that name something the table lacks,
    /// or that a column's type cannot have.
    pub fn read(
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
            // A type that only the server knows is loaded as its text, the way a dataset that casts it to text exports it.
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
            let keys = keys::read(client, table, schema, &constraints, &rules)?;
            targets.push(Self::of(table, &live.schema, &constraints, rules, keys)?);
        }
        Ok(targets)
    }

    fn of(
        table: &Table,
        live: &TableSchema,
        constraints: &Constraints,
        rules: LoadRules,
        keys: Keys,
    ) -> anyhow::Result<Self> {
        let usage = |why: String| {
            Kind::Usage.error(format!("dataset.toml, table `{}`, load: {why}", table.name))
        };
        let has = |name: &str| live.columns.iter().any(|column| column.name == name);
        let unknown = rules
            .required
            .iter()
            .chain(rules.ranges.keys())
            .chain(rules.references.keys())
            .chain(rules.decimal_mark.named())
            .chain(rules.thousands_mark.named())
            .chain(rules.zero_fraction.named())
            .chain(rules.null.by_column.keys())
            .chain(rules.force_null.named())
            .find(|name| !has(name));
        if let Some(unknown) = unknown {
            return Err(usage(format!("there is no column `{unknown}`")));
        }
        let formats: Result<Vec<_>, _> = rules
            .timestamp_formats
            .iter()
            .map(|format| Format::parse(format))
            .collect();
        let formats: Arc<[Format]> = formats.map_err(usage)?.into();

        let (mut columns, mut types, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let (mut domains, mut filled) = (Vec::new(), Vec::new());
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
                thousands_mark: None,
                zero_fraction: false,
                null: rules.null.of(&column.name).cloned().collect(),
                quoted_null: !takes_empty(column.kind, limits)
                    || rules.force_null.has(&column.name),
                formats: Arc::clone(&formats),
            };
            if let Some(range) = rules.ranges.get(&column.name) {
                if limits.server_type.is_some() {
                    return Err(usage(format!(
                        "`ranges.{}`: only the server can compare values of type {}: give the table a CHECK constraint",
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
            rule.thousands_mark = rules.thousands_mark.of(&column.name);
            rule.zero_fraction = rules.zero_fraction.has(&column.name);
            if has_fraction(&rule) {
                rules
                    .check_marks(&column.name)
                    .map_err(|why| usage(format!("column `{}`: {why}", column.name)))?;
            }
            names.push((
                column.name.clone(),
                required || !column.nullable && !limits.filled,
            ));
            columns.push(rule);
            types.push(limits.qualified_type.clone());
            filled.extend(limits.filled.then(|| column.name.clone()));
            domains.extend(limits.is_domain.then(|| column.name.clone()));
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
        Ok(Self {
            unique: keys.unique,
            references: keys.references,
            left_to_server: keys.left_to_server,
            checked: constraints.checked,
            partitioned: constraints.partitioned,
            table: table.name.clone(),
            rules,
            columns,
            types,
            filled,
            domains,
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

    /// The primary key, as the dataset or the database names it.
    pub(crate) fn primary(&self) -> Option<&Unique> {
        self.unique.iter().find(|unique| unique.primary)
    }
}

/// Whether the empty text is a value of a column, so that quotes must tell it from NULL: text, `varchar`, `char(n)`,
/// `name` and `bytea`.
fn takes_empty(kind: ColumnType, limits: &ColumnLimits) -> bool {
    match kind {
        ColumnType::Text => {
            limits.labels.is_none()
                && !matches!(
                    limits.server_type,
                    Some(ServerType::Number | ServerType::Other)
                )
        }
        kind => kind == ColumnType::Bytes,
    }
}

/// Whether numbers of a column may be written with a decimal mark.
fn has_fraction(rule: &ColumnRules) -> bool {
    match rule.kind {
        ColumnType::Numeric { .. } | ColumnType::Real | ColumnType::Double => true,
        ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt => rule.zero_fraction,
        _ => false,
    }
}

/// Creates the dataset's tables in `schema`, without keys, in the client's transaction. Returns what [`Target::read`]
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
    // Keys are added after the rows, but what they demand must be known before.
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
    let judges = targets.iter().any(|target| target.left_to_server)
        || keyed.iter().any(|rule| !unkeyed.contains(rule));
    Ok((targets, judges))
}
