//! Conditions on a column, in the form that PostgREST uses: `gte.10`, `not.in.(1,2)`, `is.null`.

use crate::problem::Problem;
use crate::read::columns::ReadColumn;
use crate::read::words::{parts, unquoted};

/// The comparison in a condition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// Compares with a value by an operator of SQL.
    Value(&'static str, String),
    /// Compares with a list of values, of which any may match; the list is the text of an array.
    AnyOf(String),
    /// Tests for NULL, TRUE or FALSE, given as SQL.
    Is(&'static str),
}

/// A condition on a column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The index of the column.
    pub(crate) column: usize,
    pub(crate) is_negated: bool,
    pub(crate) test: Test,
}

/// The forms that a condition may have, for messages.
const FORMS: &str = "eq, neq, gt, gte, lt, lte, like, ilike, in and is, each with a value after a dot (gte.10), perhaps with not. before them";

impl Condition {
    /// Parses the condition on the column with this index.
    ///
    /// # Errors
    /// A problem that names the column, for any other form.
    pub(crate) fn parse(text: &str, place: usize, column: &ReadColumn) -> Result<Self, Problem> {
        let bad =
            |why: String| Problem::bad("bad-filter", format!("column {}: {why}", column.name));
        let (is_negated, rest) = match text.strip_prefix("not.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let unknown = || bad(format!("the condition is not one of {FORMS}"));
        let (operator, value) = rest.split_once('.').ok_or_else(unknown)?;
        let is_pattern = matches!(operator, "like" | "ilike");
        if is_pattern && !column.is_text {
            return Err(bad(format!(
                "{operator} is for texts, and this is {}",
                column.type_name
            )));
        }
        let compared = |operator| Test::Value(operator, value.to_owned());
        let test = match operator {
            "eq" => compared("="),
            "neq" => compared("<>"),
            "gt" => compared(">"),
            "gte" => compared(">="),
            "lt" => compared("<"),
            "lte" => compared("<="),
            "like" => Test::Value("~~", value.replace('*', "%")),
            "ilike" => Test::Value("~~*", value.replace('*', "%")),
            "in" => {
                let inside = value
                    .strip_prefix('(')
                    .and_then(|rest| rest.strip_suffix(')'));
                let list = inside.ok_or_else(|| bad("write in.(a,b,c)".to_owned()))?;
                Test::AnyOf(array(list))
            }
            "is" => match value {
                "null" => Test::Is("NULL"),
                "true" => Test::Is("TRUE"),
                "false" => Test::Is("FALSE"),
                _ => return Err(bad("is compares with null, true or false".to_owned())),
            },
            _ => return Err(unknown()),
        };
        Ok(Self {
            column: place,
            is_negated,
            test,
        })
    }
}

/// Turns a list into the text of an array.
fn array(list: &str) -> String {
    let parts = match list {
        "" => Vec::new(),
        list => parts(list),
    };
    let element = |part: &&str| {
        let text = unquoted(part).replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    };
    let elements: Vec<String> = parts.iter().map(element).collect();
    format!("{{{}}}", elements.join(","))
}
