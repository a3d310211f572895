//! Parses texts into numbers and booleans, as Postgres's input functions do.
//!
//! What those functions would change is refused: for example, digits beyond the scale are not rounded. Hexadecimal numbers and
//! underscores are refused too, since only newer servers know them.

use std::borrow::Cow;

use dataset::MAX_PRECISION;
use dataset::cell_rules::ThousandsMark;

use crate::rule::{Fault, Rule};
use crate::value::Value;

/// The text without the blanks that Postgres skips around a value.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
}

/// Removes the thousands marks from a number whose fraction follows `decimal_mark`; the number has no fraction if that is the same
/// mark. A number without marks is left as it is. `None` if the marks don't separate groups of three digits; the first group may be
/// shorter, but must not begin with a zero: `1.23` and `0.123` are not whole numbers, and neither is `1.234e5`.
pub fn ungrouped(text: &str, mark: ThousandsMark, decimal_mark: u8) -> Option<Cow<'_, str>> {
    let text = trimmed(text);
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some(at) = unsigned.find(mark.characters()) else {
        return Some(Cow::Borrowed(text));
    };
    let mark = unsigned[at..].chars().next()?;
    let decimal = char::from(decimal_mark);
    let (whole, fraction) = match unsigned.find(decimal).filter(|_| decimal != mark) {
        Some(at) => unsigned.split_at(at),
        None => (unsigned, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(mark);
    let first = groups.next()?;
    let is_grouped = (1..=3).contains(&first.len())
        && is_digits(first)
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3 && is_digits(group));
    if !is_grouped || !is_digits(fraction.get(1..).unwrap_or_default()) {
        return None;
    }
    let sign = &text[..text.len() - unsigned.len()];
    let digits = whole.replace(mark, "");
    Some(Cow::Owned(format!("{sign}{digits}{fraction}")))
}

/// The integer part of a number whose fraction after `mark` is only zeros, as in `8.0`; any other text stays as it is.
pub fn without_zero_fraction(text: &str, mark: u8) -> &str {
    let text = trimmed(text);
    match text.split_once(char::from(mark)) {
        Some((whole, zeros))
            if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') && !whole.is_empty() =>
        {
            whole
        }
        _ => text,
    }
}

/// Parses the text that the server writes for a `numeric` of any scale. `None` for numbers that are not finite, and for those with
/// more digits than are carried.
pub fn exact(text: &str) -> Option<Value<'static>> {
    let (_, fraction) = text.split_once('.').unwrap_or_default();
    let scale = u8::try_from(fraction.trim_end_matches('0').len()).ok()?;
    let scale = Some(scale).filter(|scale| *scale <= MAX_PRECISION)?;
    numeric(text, b'.', MAX_PRECISION, scale).ok()
}

fn out_of_range(what: &str) -> Fault {
    Fault::new(Rule::Overflow, format!("is out of range for {what}"))
}

/// Parses an integer of the type `T`, whose name in Postgres is `name`.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Overflow`].
pub fn whole<T: TryFrom<i64>>(text: &str, name: &'static str) -> Result<T, Fault> {
    let text = trimmed(text).as_bytes();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Fault::not_a(match name {
            "integer" => "an integer",
            "bigint" => "a bigint",
            _ => "a smallint",
        }));
    }
    let mut value = 0_i64;
    for digit in digits {
        let digit = i64::from(digit - b'0');
        let next = value
            .checked_mul(10)
            .and_then(|value| value.checked_sub(digit));
        value = next.ok_or_else(|| out_of_range(name))?;
    }
    // Counted downwards, since there is one more negative number than there are positive ones.
    let value = if negative {
        Some(value)
    } else {
        value.checked_neg()
    };
    value
        .and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| out_of_range(name))
}

/// A number in written form: the digits of `integer` and `fraction` joined, times ten to the `exponent`.
struct Literal<'a> {
    negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

fn literal(text: &str, mark: u8) -> Option<Literal<'_>> {
    let bytes = trimmed(text).as_bytes();
    let (negative, rest) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (integer, rest) = rest.split_at(digits(rest));
    let (fraction, rest) = match rest.split_first() {
        Some((first, rest)) if *first == mark => rest.split_at(digits(rest)),
        _ => (&rest[..0], rest),
    };
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest.split_first() {
        None => 0,
        Some((b'e' | b'E', rest)) => {
            let (negative, digits) = match rest.split_first()? {
                (b'-', rest) => (true, rest),
                (b'+', rest) => (false, rest),
                _ => (false, rest),
            };
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            // The exponent is far beyond any type, so only its sign matters.
            let size = digits.iter().fold(0_i64, |value, digit| {
                (value * 10 + i64::from(digit - b'0')).min(1_000_000)
            });
            if negative { -size } else { size }
        }
        Some(_) => return None,
    };
    Some(Literal {
        negative,
        integer,
        fraction,
        exponent,
    })
}

/// Parses a `numeric(precision, scale)` whose fraction follows `mark`. Digits beyond the scale are accepted
/// only if they are zeros.
///
/// # Errors
/// [`Rule::Type`], [`Rule::Overflow`] and [`Rule::Scale`].
pub fn numeric(text: &str, mark: u8, precision: u8, scale: u8) -> Result<Value<'static>, Fault> {
    let number = literal(text, mark).ok_or_else(|| match mark {
        b',' => Fault::not_a("a number with a decimal comma"),
        _ => Fault::not_a("a number"),
    })?;
    let digits = || number.integer.iter().chain(number.fraction).copied();
    let total = number.integer.len() + number.fraction.len();
    let leading = digits().take_while(|digit| *digit == b'0').count();
    let zeros_behind = digits().rev().take_while(|digit| *digit == b'0').count();
    if leading == total {
        return Ok(Value::Numeric(0, u16::from(scale)));
    }
    let significant = total - leading - zeros_behind;
    // Multiplied by ten to this power, the significant digits as a whole number are the value at the scale.
    let shift =
        zeros_behind as i64 - number.fraction.len() as i64 + number.exponent + i64::from(scale);
    if shift + significant as i64 > i64::from(precision) {
        return Err(Fault::new(
            Rule::Overflow,
            format!("is out of range for numeric({precision},{scale})"),
        ));
    }
    if shift < 0 {
        return Err(Fault::new(
            Rule::Scale,
            format!("has more than {scale} digits after the decimal mark"),
        ));
    }
    // There are at most 38 digits, since `precision` is at most 38.
    let unscaled = digits()
        .skip(leading)
        .take(significant)
        .fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'))
        * 10_i128.pow(shift as u32);
    let unscaled = if number.negative { -unscaled } else { unscaled };
    Ok(Value::Numeric(unscaled, u16::from(scale)))
}

/// The text of a float with a point before its fraction; `None` for a text that is not a float. Infinities and NaN are
/// floats.
fn float_text(text: &str, mark: u8) -> Option<Cow<'_, str>> {
    let text = trimmed(text);
    if literal(text, mark).is_some() {
        return Some(match mark {
            b'.' => Cow::Borrowed(text),
            mark => Cow::Owned(text.replace(char::from(mark), ".")),
        });
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let infinite = ["inf", "infinity"]
        .iter()
        .any(|word| unsigned.eq_ignore_ascii_case(word));
    (infinite || text.eq_ignore_ascii_case("nan")).then_some(Cow::Borrowed(text))
}

/// Whether a number with non-zero digits became zero or infinite, being too small or too large for the type.
fn lost(text: &str, is_zero: bool, is_infinite: bool) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let has_digit = mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let digits = mantissa.bytes().any(|byte| byte.is_ascii_digit());
    is_zero && has_digit || is_infinite && digits
}

/// Parses a `double precision` whose fraction follows `mark`.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Overflow`].
pub fn double(text: &str, mark: u8) -> Result<Value<'static>, Fault> {
    let text = float_text(text, mark).ok_or_else(|| Fault::not_a("a number"))?;
    let value: f64 = text.parse().map_err(|_| Fault::not_a("a number"))?;
    if lost(&text, value == 0.0, value.is_infinite()) {
        return Err(out_of_range("double precision"));
    }
    Ok(Value::Double(value))
}

/// Parses a `real` whose fraction follows `mark`.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Overflow`].
pub fn real(text: &str, mark: u8) -> Result<Value<'static>, Fault> {
    let text = float_text(text, mark).ok_or_else(|| Fault::not_a("a number"))?;
    let value: f32 = text.parse().map_err(|_| Fault::not_a("a number"))?;
    if lost(&text, value == 0.0, value.is_infinite()) {
        return Err(out_of_range("real"));
    }
    Ok(Value::Real(value))
}

/// Parses a boolean: `true`, `yes`, `on`, `1` and their opposites, or enough of their beginning to tell them apart.
///
/// # Errors
/// [`Rule::Type`].
pub fn boolean(text: &str) -> Result<Value<'static>, Fault> {
    let text = trimmed(text).to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || text == "on" || text == "1" {
        Ok(Value::Boolean(true))
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Ok(Value::Boolean(false))
    } else {
        Err(Fault::not_a("a boolean"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_in_their_type() {
        assert_eq!(whole::<i32>(" +2147483647 ", "integer"), Ok(i32::MAX));
        assert_eq!(whole::<i32>("-2147483648", "integer"), Ok(i32::MIN));
        assert_eq!(whole::<i64>("-9223372036854775808", "bigint"), Ok(i64::MIN));
        for text in ["2147483648", "99999999999999999999999"] {
            let fault = whole::<i32>(text, "integer").expect_err(text);
            assert_eq!(fault.rule, Rule::Overflow);
        }
        for text in ["", "+", "1.0", "1e3", "0x1", "1_000", "- 1", "١"] {
            let fault = whole::<i32>(text, "integer").expect_err(text);
            assert_eq!(fault.rule, Rule::Type, "{text}");
        }
    }

    #[test]
    fn numerics_are_exact_or_refused() {
        let cases = [
            ("343,6496", b',', Ok(3_436_496)),
            ("343.6496", b'.', Ok(3_436_496)),
            ("1.50000000", b'.', Ok(15_000)),
            ("-0.0", b'.', Ok(0)),
            ("12e2", b'.', Ok(12_000_000)),
            ("1200e-6", b'.', Ok(12)),
            (".5", b'.', Ok(5_000)),
            ("5.", b'.', Ok(50_000)),
            (
                "000000000000000000000000000000000000000000001",
                b'.',
                Ok(10_000),
            ),
            ("99999.99991", b'.', Err(Rule::Scale)),
            ("1000000", b'.', Err(Rule::Overflow)),
            ("1e400", b'.', Err(Rule::Overflow)),
            ("1e99999999999999999999", b'.', Err(Rule::Overflow)),
            ("1e-99999999999999999999", b'.', Err(Rule::Scale)),
            ("0e99999999999999999999", b'.', Ok(0)),
            ("1.234,56", b',', Err(Rule::Type)),
            ("1.234,56", b'.', Err(Rule::Type)),
            ("1,5", b'.', Err(Rule::Type)),
            ("NaN", b'.', Err(Rule::Type)),
            ("", b'.', Err(Rule::Type)),
            (".", b'.', Err(Rule::Type)),
            ("1e", b'.', Err(Rule::Type)),
        ];
        for (text, mark, expected) in cases {
            let found = numeric(text, mark, 10, 4).map_err(|fault| fault.rule);
            assert_eq!(
                found,
                expected.map(|unscaled| Value::Numeric(unscaled, 4)),
                "{text}"
            );
        }
    }

    #[test]
    fn thousands_marks_stand_between_groups_of_three() {
        use ThousandsMark::{Apostrophe, Blank, Comma, Point};
        for (text, mark, decimal, expected) in [
            ("1.234.567,89", Point, b',', Some("1234567,89")),
            ("-1,234.56", Comma, b'.', Some("-1234.56")),
            ("+12,345", Comma, b'.', Some("+12345")),
            (" 1 234,5 ", Blank, b',', Some("1234,5")),
            ("1\u{a0}234", Blank, b',', Some("1234")),
            ("1\u{202f}234\u{202f}567,8", Blank, b',', Some("1234567,8")),
            ("1'234.50", Apostrophe, b'.', Some("1234.50")),
            ("1\u{2019}234.50", Apostrophe, b'.', Some("1234.50")),
            ("1234,5", Point, b',', Some("1234,5")),
            ("1e3", Point, b',', Some("1e3")),
            ("-Infinity", Comma, b'.', Some("-Infinity")),
            ("1.23,4", Point, b',', None),
            ("1.2345", Point, b',', None),
            ("1234.567", Point, b',', None),
            (".123", Point, b',', None),
            ("0.123", Point, b',', None),
            ("1.234.", Point, b',', None),
            ("1..234", Point, b',', None),
            ("1.234e5", Point, b',', None),
            ("1,234.567", Point, b',', None),
            ("1.234.567", Point, b'.', Some("1234567")),
            ("1.23", Point, b'.', None),
            ("1.234,5,6", Point, b',', None),
            ("12,34,567", Comma, b'.', None),
            ("1\u{a0}234 567", Blank, b',', None),
            ("1 234\u{a0}", Blank, b',', None),
            ("- 1.234", Point, b',', None),
            ("1.é34", Point, b',', None),
        ] {
            let found = ungrouped(text, mark, decimal);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_zeros_are_taken_from_an_integer() {
        for (text, mark, expected) in [
            ("8.0", b'.', "8"),
            (" -934.000 ", b'.', "-934"),
            ("8,0", b',', "8"),
            ("8.0", b',', "8.0"),
            ("8.5", b'.', "8.5"),
            ("8.", b'.', "8."),
            (".0", b'.', ".0"),
            ("8.0.0", b'.', "8.0.0"),
            ("8", b'.', "8"),
        ] {
            assert_eq!(without_zero_fraction(text, mark), expected, "{text}");
        }
    }

    #[test]
    fn a_numeric_of_the_server_is_read_whatever_its_scale() {
        let digits = "12345678901234567890123456789012345678";
        let unscaled = 12_345_678_901_234_567_890_123_456_789_012_345_678;
        for (text, expected) in [
            ("1.00", Some(Value::Numeric(1, 0))),
            ("-0.50000", Some(Value::Numeric(-5, 1))),
            ("0.00", Some(Value::Numeric(0, 0))),
            (digits, Some(Value::Numeric(unscaled, 0))),
            (&format!("0.{digits}"), Some(Value::Numeric(unscaled, 38))),
            (&format!("{digits}0"), None),
            (&format!("0.{digits}1"), None),
            (&format!("0.{}", "1".repeat(300)), None),
            ("NaN", None),
            ("Infinity", None),
        ] {
            assert_eq!(exact(text), expected, "{text}");
        }
    }

    #[test]
    fn floats_that_lose_themselves_are_refused() {
        assert_eq!(double("1,5e3", b','), Ok(Value::Double(1500.0)));
        assert_eq!(
            double("-Infinity", b'.'),
            Ok(Value::Double(f64::NEG_INFINITY))
        );
        for text in ["1e400", "1e-400", "-1e400"] {
            assert_eq!(double(text, b'.').expect_err(text).rule, Rule::Overflow);
        }
        assert_eq!(real("1e39", b'.').expect_err("large").rule, Rule::Overflow);
        for text in ["", "1.2.3", "0x10", "1,5", "--1"] {
            assert_eq!(
                double(text, b'.').expect_err(text).rule,
                Rule::Type,
                "{text}"
            );
        }
    }
}
