//! Reads from a dataset's `schema.sql` which tables it makes, so that they are known without a database.

use std::collections::BTreeMap;

use dataset::{
    Collation, Column, ColumnType, Dataset, MAX_PRECISION, TableSchema, TextKind, TextTraits,
};
use sqlparser::ast::{
    CharacterLength, ColumnOption, DataType, ExactNumberInfo, Statement, TimezoneInfo,
    UserDefinedTypeRepresentation,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::model::identifier::folded;

/// The columns of each table that is made in one statement; none if the SQL has something that the parser doesn't know. A column of
/// an unknown type is text of an unknown kind.
pub(crate) fn tables(schema_sql: &str) -> BTreeMap<String, Vec<Column>> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, schema_sql).unwrap_or_default();
    let mut enums = BTreeMap::new();
    let mut tables = BTreeMap::new();
    for statement in statements {
        match statement {
            Statement::CreateType {
                name,
                representation: Some(UserDefinedTypeRepresentation::Enum { labels }),
            } => {
                let labels = labels.into_iter().map(|label| label.value).collect();
                let name = name.0.last().and_then(|part| part.as_ident()).map(folded);
                enums.extend(name.map(|name| (name, labels)));
            }
            // Such a statement doesn't list all columns.
            Statement::CreateTable(table)
                if table.query.is_some() || table.like.is_some() || table.inherits.is_some() => {}
            Statement::AlterTable(altered) => {
                let name = altered.name.0.last().and_then(|part| part.as_ident());
                name.map(|name| tables.remove(&folded(name)));
            }
            Statement::CreateTable(table) => {
                let Some(name) = table.name.0.last().and_then(|part| part.as_ident()) else {
                    continue;
                };
                let column = |column: &sqlparser::ast::ColumnDef| {
                    let is_not_null = |option: &ColumnOption| {
                        matches!(option, ColumnOption::NotNull | ColumnOption::PrimaryKey(_))
                    };
                    let (kind, text) = column_type(&column.data_type, &enums);
                    Column {
                        name: folded(&column.name),
                        kind,
                        cast_to_text: false,
                        fixed_scale: matches!(kind, ColumnType::Numeric { .. }),
                        nullable: !column.options.iter().any(|of| is_not_null(&of.option)),
                        text,
                    }
                };
                tables.insert(folded(name), table.columns.iter().map(column).collect());
            }
            _ => {}
        }
    }
    tables
}

/// The tables of a dataset whose columns its `schema.sql` tells, as they are read.
pub(crate) fn schemas(dataset: &Dataset) -> Vec<TableSchema> {
    let mut made = tables(&dataset.schema_sql);
    let known = dataset.tables.iter().filter_map(|table| {
        let columns = made.remove(&table.name)?.into_iter();
        Some(TableSchema {
            name: table.name.clone(),
            columns: columns.map(|column| as_read(column, table)).collect(),
            unread: Vec::new(),
        })
    });
    known.collect()
}

/// The column as it is read if the dataset says so: as its text, or as another numeric.
pub(crate) fn as_read(column: Column, table: &dataset::Table) -> Column {
    let carried = table.carry_as.get(&column.name);
    match (table.cast_to_text.contains(&column.name), carried) {
        (true, _) => Column {
            kind: ColumnType::Text,
            text: Some(traits(TextKind::Cast)),
            ..column
        },
        (false, Some(kind)) => Column {
            kind: *kind,
            fixed_scale: false,
            text: None,
            ..column
        },
        (false, None) => column,
    }
}

fn traits(kind: TextKind) -> TextTraits {
    TextTraits {
        kind,
        collation: Collation::unknown(),
    }
}

fn column_type(
    kind: &DataType,
    enums: &BTreeMap<String, Vec<String>>,
) -> (ColumnType, Option<TextTraits>) {
    let text = |kind| (ColumnType::Text, Some(traits(kind)));
    let unknown = (ColumnType::Text, None);
    let plain = match kind {
        DataType::Boolean | DataType::Bool => ColumnType::Boolean,
        DataType::SmallInt(_) | DataType::Int2(_) => ColumnType::SmallInt,
        DataType::Integer(_) | DataType::Int(_) | DataType::Int4(_) => ColumnType::Integer,
        DataType::BigInt(_) | DataType::Int8(_) => ColumnType::BigInt,
        DataType::Real | DataType::Float4 => ColumnType::Real,
        DataType::DoublePrecision | DataType::Float8 => ColumnType::Double,
        DataType::Numeric(of) | DataType::Decimal(of) => match numeric(of) {
            Some(kind) => kind,
            None => return unknown,
        },
        DataType::Date => ColumnType::Date,
        DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => ColumnType::Time,
        DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            ColumnType::Timestamp
        }
        DataType::Timestamp(..) => ColumnType::TimestampTz,
        DataType::Uuid => ColumnType::Uuid,
        DataType::Bytea => ColumnType::Bytes,
        DataType::JSON => ColumnType::Json,
        DataType::JSONB => ColumnType::JsonBinary,
        DataType::Text => return text(TextKind::Text),
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => {
            return text(TextKind::Varchar);
        }
        DataType::Char(_) | DataType::Character(_) => return text(TextKind::Char),
        DataType::Custom(name, _) => {
            let name = name.0.last().and_then(|part| part.as_ident()).map(folded);
            let found = name.and_then(|name| Some((enums.get(&name)?.clone(), name)));
            let of_enum = found.map(|(labels, name)| text(TextKind::Enum(name, labels)));
            return of_enum.unwrap_or(unknown);
        }
        _ => return unknown,
    };
    (plain, None)
}

/// The type of a numeric that can be carried.
pub(crate) fn numeric(of: &ExactNumberInfo) -> Option<ColumnType> {
    let (precision, scale) = match *of {
        ExactNumberInfo::None => return None,
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let (precision, scale) = (u8::try_from(precision).ok()?, u8::try_from(scale).ok()?);
    let is_carried = (1..=MAX_PRECISION).contains(&precision) && scale <= precision;
    is_carried.then_some(ColumnType::Numeric { precision, scale })
}

/// The length of a `varchar(n)`; `None` if it has none.
pub(crate) fn length(of: &Option<CharacterLength>) -> Option<u64> {
    match of {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::types::Type;

    #[test]
    fn columns_have_their_types_as_far_as_one_statement_tells() {
        let tables = tables(
            "CREATE TYPE size AS ENUM ('S', 'L'); CREATE DOMAIN price AS numeric(8,2);
             CREATE TABLE T (Id int PRIMARY KEY, \"No\" numeric(8,2) NOT NULL, f char(5), size size, price price, at timestamptz);
             CREATE TABLE more (id int); ALTER TABLE more ADD COLUMN v int; CREATE TABLE child () INHERITS (t);",
        );
        assert_eq!(tables.keys().collect::<Vec<_>>(), ["t"]);
        let columns: Vec<(&str, String, bool)> = tables["t"]
            .iter()
            .map(|column| {
                (
                    column.name.as_str(),
                    Type::of(column).to_string(),
                    column.nullable,
                )
            })
            .collect();
        let expected = [
            ("id", "integer", false),
            ("No", "numeric", false),
            ("f", "char(n)", true),
            ("size", "size", true),
            ("price", "any type", true),
            ("at", "timestamptz", true),
        ];
        assert_eq!(
            columns,
            expected.map(|(name, kind, nullable)| (name, kind.to_owned(), nullable))
        );
    }
}
