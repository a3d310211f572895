//! Parses texts into UUIDs and `bytea`, as Postgres's input functions do.

use crate::number::trimmed;
use crate::rule::Fault;
use crate::value::Value;

/// Parses a UUID: 32 hexadecimal digits, optionally in braces, optionally with a hyphen after each group of four.
///
/// # Errors
/// [`Rule::Type`](crate::rule::Rule::Type).
pub fn uuid(text: &str) -> Result<Value<'static>, Fault> {
    uuid_bytes(text)
        .map(Value::Uuid)
        .ok_or_else(|| Fault::not_a("a uuid"))
}

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text = trimmed(text);
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let (mut bytes, mut count) = ([0; 16], 0_usize);
    for byte in inner.bytes() {
        if byte == b'-' && count > 0 && count < 32 && count.is_multiple_of(4) {
            continue;
        }
        let digit = char::from(byte).to_digit(16)? as u8;
        *bytes.get_mut(count / 2)? |= if count.is_multiple_of(2) {
            digit << 4
        } else {
            digit
        };
        count += 1;
    }
    let doubled = inner.contains("--");
    (count == 32 && !doubled && !inner.ends_with('-')).then_some(bytes)
}

/// Parses a bytea: `\x` followed by hexadecimal digits, or text with `\\` and `\ooo`.
///
/// # Errors
/// [`Rule::Type`](crate::rule::Rule::Type).
pub fn bytea(text: &str) -> Result<Value<'static>, Fault> {
    bytea_bytes(text)
        .map(Value::Bytes)
        .ok_or_else(|| Fault::not_a("a bytea"))
}

fn bytea_bytes(text: &str) -> Option<Vec<u8>> {
    if let Some(hex) = text.strip_prefix("\\x") {
        let digits: Option<Vec<u8>> = hex
            .chars()
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
        let pairs = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]);
        return Some(pairs.collect());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
        } else if let Some((b'\\', behind)) = rest.split_first() {
            bytes.push(b'\\');
            rest = behind;
        } else {
            let (octal, behind) = rest.split_at_checked(3)?;
            let value = octal.iter().try_fold(0_u32, |value, digit| {
                (b'0'..=b'7')
                    .contains(digit)
                    .then(|| value * 8 + u32::from(digit - b'0'))
            })?;
            bytes.push(u8::try_from(value).ok()?);
            rest = behind;
        }
    }
    Some(bytes)
}
