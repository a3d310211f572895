//! The expression of `--where`, over the columns of one table, and whether the server may evaluate it.

use std::ops::ControlFlow;

use dataset::failure::Kind;
use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArguments, UnaryOperator, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use crate::model::walk::{Part, walk};

/// The expression of `--where`.
pub(crate) struct Condition {
    /// The expression's text, as parsed.
    pub(crate) sql: String,
    /// Whether it consists of columns, constants, and operators and functions of Postgres's own that always give the same for the
    /// same row. Then each part of a table may be read with it on a connection of its own.
    pub(crate) is_plain: bool,
}

/// Functions that are immutable for all types of arguments.
const FUNCTIONS: [&str; 27] = [
    "abs",
    "btrim",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "greatest",
    "least",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "mod",
    "nullif",
    "octet_length",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sign",
    "split_part",
    "strpos",
    "upper",
];

/// Parses the expression of `--where`.
///
/// # Errors
/// [`Kind::Usage`] if it is not one expression, or reads other tables.
pub(crate) fn read(text: &str) -> anyhow::Result<Condition> {
    let refused = |why: &str| Kind::Usage.error(format!("--where {text}: {why}"));
    let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text);
    let mut parser = parser.map_err(|error| refused(&error.to_string()))?;
    let expr = parser.parse_expr();
    let expr = expr.map_err(|error| refused(&error.to_string()))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(refused(&format!(
            "one expression is expected, but `{next}` follows it"
        )));
    }
    let found = walk(&expr, |part| match part {
        Part::Query(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    if found.is_break() {
        return Err(refused(
            "it reads another table, and --where cannot: write a SELECT",
        ));
    }
    Ok(Condition {
        sql: expr.to_string(),
        is_plain: is_plain(&expr),
    })
}

/// Whether an expression consists of columns, constants, and operators and functions of Postgres's own that always give the same
/// for the same row.
pub(crate) fn is_plain(expr: &Expr) -> bool {
    let found = walk(expr, |part| match part {
        Part::Expr(part) if is_plain_part(part) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    found.is_continue()
}

/// Whether a part is plain, apart from the parts below it.
fn is_plain_part(part: &Expr) -> bool {
    match part {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::Nested(_)
        | Expr::Case { .. } => true,
        Expr::Value(value) => match &value.value {
            // Whether a backslash stands for itself depends on the session.
            Value::SingleQuotedString(text) => !text.contains('\\'),
            Value::Number(..) | Value::Boolean(_) | Value::Null => true,
            _ => false,
        },
        Expr::TypedString(typed) => is_own(&typed.data_type) && !typed.to_string().contains('\\'),
        Expr::Cast { data_type, .. } => is_own(data_type),
        Expr::UnaryOp { op, .. } => matches!(
            op,
            UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus
        ),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
                | BinaryOperator::StringConcat
                | BinaryOperator::Gt
                | BinaryOperator::Lt
                | BinaryOperator::GtEq
                | BinaryOperator::LtEq
                | BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::PGRegexMatch
                | BinaryOperator::PGRegexIMatch
                | BinaryOperator::PGRegexNotMatch
                | BinaryOperator::PGRegexNotIMatch
                | BinaryOperator::Arrow
                | BinaryOperator::LongArrow
        ),
        Expr::Function(function) => is_plain_function(function),
        _ => false,
    }
}

fn is_plain_function(function: &Function) -> bool {
    let name = function.name.to_string().to_lowercase();
    FUNCTIONS.contains(&name.as_str())
        && matches!(function.args, FunctionArguments::List(_))
        && matches!(function.parameters, FunctionArguments::None)
        && function.filter.is_none()
        && function.over.is_none()
        && function.within_group.is_empty()
}

/// Whether a type is Postgres's own, and its values are the same whenever they are read.
fn is_own(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::SmallInt(_)
            | DataType::Int(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::Real
            | DataType::DoublePrecision
            | DataType::Boolean
            | DataType::Text
            | DataType::Uuid
    ) || matches!(
        kind,
        DataType::Date | DataType::Timestamp(..) | DataType::Time(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expression_is_read_and_plain_ones_are_told() {
        for (text, is_plain) in [
            ("total > 5 AND note IS NOT NULL -- here", true),
            ("lower(name) LIKE 'a%' OR id IN (1, 2)", true),
            ("day BETWEEN DATE '2024-01-01' AND date '2024-12-31'", true),
            ("CASE WHEN a THEN 1 ELSE 2 END = 1", true),
            ("random() < 0.5", false),
            ("coalesce(random(), 1) < 0.5", false),
            ("day < now()", false),
            ("day < CURRENT_DATE", false),
            ("mine(id)", false),
            ("name = E'a'", false),
            ("name = 'a\\'", false),
            ("id::mine = 1", false),
        ] {
            let read = read(text).expect(text);
            assert_eq!(read.is_plain, is_plain, "{text}: {}", read.sql);
            assert!(!read.sql.contains("--"), "{}", read.sql);
        }
    }

    #[test]
    fn what_is_no_expression_or_more_than_one_is_refused() {
        for text in [
            "1 = 1) UNION SELECT * FROM secret WHERE (1 = 1",
            "1 = 1; DROP TABLE t",
            "1 = 1 ORDER BY 1",
            "true LIMIT 5",
            "id IN (SELECT id FROM other)",
            "EXISTS (SELECT 1)",
            "",
            "id =",
        ] {
            let error = read(text).map(|read| read.sql).expect_err(text);
            assert!(error.to_string().starts_with("--where"), "{error}");
        }
    }
}
