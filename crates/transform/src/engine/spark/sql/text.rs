//! Functions of text. Characters are Unicode's; texts are compared and ordered by their bytes.

use super::scope::{checked, unknown};
use super::types;
use crate::model::refusal::Result;
use crate::model::tree::{Function, Node, Scalar, Value};

/// The letters whose upper and lower case is the same everywhere, and characters without case, as a class of a regular expression.
/// These are the same as in Polars.
const MAPPED_ALIKE: &str = r"\x00-\xA9\xAB-\xB4\xB6-\xB9\xBB-\xDE\xE0-\xFE\u2010-\u2027\u2030-\u205E\u20A0-\u20C0\u3001-\u3003\u3041-\u30FF\u4E00-\u9FFF\uAC00-\uD7A3\x{1F300}-\x{1F64F}";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
const LARGE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Writes a call of a function of text.
pub(super) fn call(
    function: Function,
    arguments: &[Scalar],
    values: &[String],
    whole: &Scalar,
) -> Result<String> {
    let refused = |what: &str| unknown(whole.at, what);
    let one = &values[0];
    let constant = |at: usize| match arguments.get(at).map(|of| &of.node) {
        Some(Node::Constant(Value::Integer(value))) => i32::try_from(*value).ok(),
        _ => None,
    };
    let call = |name: &str| format!("{name}({})", values.join(", "));
    Ok(match function {
        Function::Concatenate => call("concat"),
        Function::Concat => {
            let parts = values.iter().map(|value| format!("coalesce({value}, '')"));
            format!("concat({})", parts.collect::<Vec<_>>().join(", "))
        }
        Function::ConcatWs => call("concat_ws"),
        Function::Length => format!("length({one})"),
        Function::Upper | Function::Lower => {
            let (name, from, to) = match function {
                Function::Upper => ("upper", SMALL, LARGE),
                _ => ("lower", LARGE, SMALL),
            };
            match arguments.get(1).map(|of| &of.node) {
                Some(Node::Constant(Value::Boolean(false))) => {
                    format!("translate({one}, '{from}', '{to}')")
                }
                _ => {
                    let others = types::text(&format!("[^{MAPPED_ALIKE}]"));
                    checked(
                        &format!("{one} RLIKE {others}"),
                        "the upper or lower case of a letter is not known to be Postgres's",
                        &format!("{name}({one})"),
                    )
                }
            }
        }
        Function::Cut(length) => format!("substring({one}, 1, {length})"),
        Function::TrimBoth | Function::TrimLeft | Function::TrimRight => {
            let blanks = values.get(1).map_or("' '", String::as_str);
            let side = match function {
                Function::TrimBoth => "BOTH",
                Function::TrimLeft => "LEADING",
                _ => "TRAILING",
            };
            format!("trim({side} {blanks} FROM {one})")
        }
        Function::Substring => substring(one, &values[1], values.get(2)),
        // A negative count is counted from the other end.
        Function::Left => match constant(1) {
            Some(count) if count >= 0 => format!("substring({one}, 1, {count})"),
            Some(count) => format!("substring({one}, 1, greatest(length({one}) + {count}, 0))"),
            None => return Err(refused("LEFT by a number that is not a constant")),
        },
        Function::Right => match constant(1) {
            Some(0) => format!("substring({one}, 1, 0)"),
            Some(count) if count > 0 => format!("right({one}, {count})"),
            Some(i32::MIN) | None => return Err(refused("RIGHT by this number")),
            Some(count) => format!("substring({one}, {}, length({one}))", 1 - i64::from(count)),
        },
        Function::Replace => call("replace"),
        Function::Position => format!("instr({one}, {})", values[1]),
        Function::StartsWith => call("startswith"),
        Function::Like => format!("({one} LIKE {})", values[1]),
        Function::Reverse => call("reverse"),
        Function::Repeat => call("repeat"),
        Function::Translate => call("translate"),
        Function::SplitPart => call("split_part"),
        Function::PadLeft | Function::PadRight => {
            let name = if function == Function::PadLeft {
                "lpad"
            } else {
                "rpad"
            };
            let fill = values.get(2).map_or("' '", String::as_str);
            format!("{name}({one}, {}, {fill})", at_least(&values[1], 0))
        }
        Function::Initcap => return Err(refused("INITCAP")),
        _ => return Err(refused("this function")),
    })
}

/// A number, or `least` if it is less. NULL stays NULL, which GREATEST would skip.
fn at_least(number: &str, least: i32) -> String {
    format!("CASE WHEN {number} < {least} THEN {least} ELSE {number} END")
}

/// The characters from a position on, which may lie before the text. Positions count from 1.
fn substring(text: &str, from: &str, count: Option<&String>) -> String {
    let start = at_least(from, 1);
    let Some(count) = count else {
        return format!("substring({text}, {start})");
    };
    // The sum is computed in 64 bits, where it cannot overflow.
    let end = format!("CAST({from} AS BIGINT) + CAST({count} AS BIGINT)");
    let length = at_least(&format!("({end} - {start})"), 0);
    let length = format!(
        "CAST(CASE WHEN {length} > {0} THEN {0} ELSE {length} END AS INT)",
        i32::MAX
    );
    checked(
        &format!("{count} < 0"),
        "negative substring length not allowed",
        &format!("substring({text}, {start}, {length})"),
    )
}
