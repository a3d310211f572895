//! Resolves casts, and brings results of several types to one.

use dataset::ColumnType;
use sqlparser::ast::{DataType, ExactNumberInfo, Expr, TimezoneInfo};

use super::super::list;
use super::super::refusal::{Refusal, Result, place};
use super::super::schema_sql;
use super::super::tree::{Derived, Function, Scalar};
use super::super::types::Type;
use super::coerce::cast;
use super::resolver::Resolver;

impl Resolver<'_> {
    /// Resolves the explicit cast to a type that the SQL names.
    pub(super) fn cast_to(
        &self,
        value: Scalar,
        data_type: &DataType,
        expr: &Expr,
    ) -> Result<Scalar> {
        let refused = || {
            Refusal::of(
                expr,
                format!(
                    "casts {} to {data_type}, which is not on the list",
                    value.kind
                ),
            )
        };
        let (kind, modifier) = type_of(data_type).ok_or_else(refused)?;
        let at = place(expr);
        let value = match value.kind {
            Type::Any => value,
            Type::Unknown => {
                let unbound = match kind {
                    Type::Numeric(_) => Type::Numeric(0),
                    ref kind => kind.clone(),
                };
                self.cast_implicitly(value, &unbound)?
            }
            _ if value.kind == kind || list::casts(&value.kind, &kind) => value,
            _ => return Err(refused()),
        };
        let kind = match (&kind, modifier, &value.kind) {
            // A numeric keeps its own digits, whether it comes from a column or a literal.
            (Type::Numeric(_), None, own) if own.is_numeric() => own.clone(),
            _ => kind,
        };
        let collation = match kind.is_collatable() {
            true => value.collation.clone(),
            false => Derived::None,
        };
        let cast = match modifier {
            Some(Modifier::Precision(precision)) => {
                Scalar::call(Function::CastNumeric(precision), vec![value], kind)
            }
            Some(Modifier::Length(length)) => {
                let text = cast(value, Type::Varchar);
                Scalar::call(Function::Cut(length), vec![text], kind)
            }
            None => cast(value, kind),
        };
        Ok(Scalar { collation, ..cast }.at(at))
    }

    /// Brings results to one type, as for CASE, COALESCE and GREATEST.
    pub(super) fn brought_together(
        &self,
        values: Vec<Scalar>,
        expr: &Expr,
    ) -> Result<(Type, Derived, Vec<Scalar>)> {
        let mut common = Type::Unknown;
        for value in &values {
            common = common.common(&value.kind).ok_or_else(|| {
                Refusal::of(
                    expr,
                    format!(
                        "has results of {common} and {}: cast them to one type",
                        value.kind
                    ),
                )
            })?;
        }
        if common == Type::Unknown {
            common = Type::Text;
        }
        if common == Type::Char {
            return Err(Refusal::of(
                expr,
                "has results of char(n): cast them to text",
            ));
        }
        let collation = self.collation_of(&values.iter().collect::<Vec<_>>(), place(expr))?;
        let (common, values) = self.of_type(values, common)?;
        Ok((common, collation, values))
    }

    /// Casts values to their common type, which gets the digits of the literal that has most.
    pub(super) fn of_type(&self, values: Vec<Scalar>, common: Type) -> Result<(Type, Vec<Scalar>)> {
        let cast = |values: Vec<Scalar>, kind: &Type| -> Result<Vec<Scalar>> {
            let values = values.into_iter();
            values
                .map(|value| self.cast_implicitly(value, kind))
                .collect()
        };
        let values = cast(values, &common)?;
        let most = values.iter().filter_map(|value| value.kind.scale()).max();
        let common = match (common.scale(), most) {
            (Some(_), Some(most)) => {
                let fixed = Type::Numeric(most);
                match values.iter().all(|value| value.kind == fixed) {
                    true => fixed,
                    false => Type::NumericUpTo(most),
                }
            }
            _ => common,
        };
        let values = cast(values, &common)?;
        Ok((common, values))
    }
}

/// The modifier of a type, which a cast names in parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Modifier {
    /// The precision of a numeric.
    Precision(u8),
    /// The length in characters.
    Length(u32),
}

/// The type that the SQL names; `None` if a model may not cast to it.
pub(super) fn type_of(data_type: &DataType) -> Option<(Type, Option<Modifier>)> {
    Some(match data_type {
        DataType::Boolean | DataType::Bool => (Type::Boolean, None),
        DataType::SmallInt(None) | DataType::Int2(None) => (Type::SmallInt, None),
        DataType::Integer(None) | DataType::Int(None) | DataType::Int4(None) => {
            (Type::Integer, None)
        }
        DataType::BigInt(None) | DataType::Int8(None) => (Type::BigInt, None),
        DataType::Real | DataType::Float4 => (Type::Real, None),
        DataType::DoublePrecision | DataType::Float8 => (Type::Double, None),
        DataType::Numeric(of) | DataType::Decimal(of) | DataType::Dec(of) => {
            match schema_sql::numeric(of) {
                Some(ColumnType::Numeric { precision, scale }) => {
                    (Type::Numeric(scale), Some(Modifier::Precision(precision)))
                }
                _ if *of == ExactNumberInfo::None => (Type::Numeric(0), None),
                _ => return None,
            }
        }
        DataType::Text => (Type::Text, None),
        DataType::Varchar(of) | DataType::CharacterVarying(of) | DataType::CharVarying(of) => {
            let length = match of {
                None => None,
                of => Some(Modifier::Length(
                    u32::try_from(schema_sql::length(of)?)
                        .ok()
                        .filter(|length| *length > 0)?,
                )),
            };
            (Type::Varchar, length)
        }
        DataType::Date => (Type::Date, None),
        DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            (Type::Time, None)
        }
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            (Type::Timestamp, None)
        }
        DataType::Timestamp(None, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            (Type::TimestampTz, None)
        }
        DataType::Uuid => (Type::Uuid, None),
        _ => return None,
    })
}
