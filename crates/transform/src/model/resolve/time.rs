//! Resolves functions of dates and times whose meaning depends on a literal.

use sqlparser::ast::Expr;

use super::super::format;
use super::super::list;
use super::super::refusal::{Refusal, Result, place};
use super::super::tree::{Field, Function, Node, Scalar, Value};
use super::super::types::Type;
use super::coerce::cast;
use super::resolver::Resolver;

impl Resolver<'_> {
    /// Resolves DATE_TRUNC, DATE_PART or TO_CHAR with their two arguments, in whichever order these come.
    pub(super) fn of_time(&self, expr: &Expr, name: &str, values: Vec<Scalar>) -> Result<Scalar> {
        let refused = |why: String| Refusal::of(expr, why);
        let [first, second]: [Scalar; 2] = values
            .try_into()
            .map_err(|_| refused("is not supported".to_owned()))?;
        let (literal, value) = match name {
            "to_char" => (second, first),
            _ => (first, second),
        };
        let Node::Constant(Value::Text(word)) = &literal.node else {
            let what = if name == "to_char" { "pattern" } else { "unit" };
            return Err(refused(format!("has a {what} that is not a literal")));
        };
        let at = place(expr);
        match name {
            "date_trunc" => self.truncated(expr, word, value),
            "date_part" => {
                let field = field(word)
                    .ok_or_else(|| refused("takes a field that is not on the list".to_owned()))?;
                // A date is taken as its midnight.
                let value = match value.kind {
                    Type::Date => cast(value, Type::Timestamp),
                    _ => value,
                };
                if value.kind != Type::Any && !list::extracts(field, &value.kind) {
                    return Err(refused(format!(
                        "takes a field that {} does not have, or that is not on the list",
                        value.kind
                    )));
                }
                Ok(Scalar::call(Function::DatePart(field), vec![value], Type::Double).at(at))
            }
            _ => {
                if format::parts(word).is_none() {
                    return Err(refused(
                        "has a pattern that is not on the list: YYYY, MM, DD, HH24, MI and SS, and signs between them, are"
                            .to_owned(),
                    ));
                }
                let value = match value.kind {
                    Type::Date => cast(value, Type::Timestamp),
                    Type::Timestamp | Type::TimestampTz | Type::Any => value,
                    kind => {
                        return Err(refused(format!("writes {kind}, which is not on the list")));
                    }
                };
                let pattern = self.cast_implicitly(literal, &Type::Text)?;
                Ok(Scalar::call(Function::ToChar, vec![value, pattern], Type::Text).at(at))
            }
        }
    }

    fn truncated(&self, expr: &Expr, unit: &str, value: Scalar) -> Result<Scalar> {
        let unit = unit.to_ascii_lowercase();
        let unit = list::UNITS.iter().find(|(name, _)| *name == unit);
        let Some((_, unit)) = unit else {
            let units: Vec<&str> = list::UNITS.iter().map(|(name, _)| *name).collect();
            return Err(Refusal::of(
                expr,
                format!("has a unit that is not on the list: {}", units.join(", ")),
            ));
        };
        // For a date, Postgres prefers the cast to a timestamp with a time zone.
        let value = match value.kind {
            Type::Date => cast(value, Type::TimestampTz),
            _ => value,
        };
        match value.kind {
            Type::Timestamp | Type::TimestampTz | Type::Any => {
                let kind = value.kind.clone();
                Ok(Scalar::call(Function::TruncateTime(*unit), vec![value], kind).at(place(expr)))
            }
            _ => Err(Refusal::of(
                expr,
                format!("truncates {}: cast it to timestamp", value.kind),
            )),
        }
    }
}

/// The field of a date or time that a word names.
pub(super) fn field(word: &str) -> Option<Field> {
    Some(match word.to_ascii_lowercase().as_str() {
        "year" => Field::Year,
        "isoyear" => Field::IsoYear,
        "quarter" => Field::Quarter,
        "month" => Field::Month,
        "week" => Field::Week,
        "day" => Field::Day,
        "dow" => Field::DayOfWeek,
        "isodow" => Field::IsoDayOfWeek,
        "doy" => Field::DayOfYear,
        "hour" => Field::Hour,
        "minute" => Field::Minute,
        "second" => Field::Second,
        "epoch" => Field::Epoch,
        _ => return None,
    })
}
