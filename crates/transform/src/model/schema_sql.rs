//! The tables that a dataset's `schema.sql` makes: what is known of them without a database.

use std::collections::BTreeMap;

use dataset::{Collation, Column, ColumnType, MAX_PRECISION, TextKind, TextTraits};
use sqlparser::ast::{
    CharacterLength, ColumnOption, DataType, ExactNumberInfo, Statement, TimezoneInfo,
    UserDefinedTypeRepresentation,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::engine::plan::folded;

/// The columns of each table; of none where the text holds what the parser doesn't know. A column whose type isn't
/// known is carried as text, of a type that is cast.
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

/// A column as it is read: as its text where the dataset says so.
pub(crate) fn as_read(column: Column, table: &dataset::Table) -> Column {
    match table.cast_to_text.contains(&column.name) {
        true => Column {
            kind: ColumnType::Text,
            text: Some(traits(TextKind::Cast)),
            ..column
        },
        false => column,
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
    let plain = match kind {
        DataType::Boolean | DataType::Bool => ColumnType::Boolean,
        DataType::SmallInt(_) | DataType::Int2(_) => ColumnType::SmallInt,
        DataType::Integer(_) | DataType::Int(_) | DataType::Int4(_) => ColumnType::Integer,
        DataType::BigInt(_) | DataType::Int8(_) => ColumnType::BigInt,
        DataType::Real | DataType::Float4 => ColumnType::Real,
        DataType::DoublePrecision | DataType::Float8 => ColumnType::Double,
        DataType::Numeric(of) | DataType::Decimal(of) => match numeric(of) {
            Some(kind) => kind,
            None => return text(TextKind::Cast),
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
            let kind = found.map(|(labels, name)| TextKind::Enum(name, labels));
            return text(kind.unwrap_or(TextKind::Cast));
        }
        _ => return text(TextKind::Cast),
    };
    (plain, None)
}

/// The type of a numeric that is carried.
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

/// The length of a `varchar(n)`; `None` for one without.
pub(crate) fn length(of: &Option<CharacterLength>) -> Option<u64> {
    match of {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        _ => None,
    }
}
