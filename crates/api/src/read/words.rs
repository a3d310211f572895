//! Names and values in a query: percent-encoded, separated by commas, and in double quotes if they contain a comma or
//! another character with a meaning.

use std::borrow::Cow;

use axum::http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::problem::Problem;

/// The characters that a URL has unencoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes a segment of a path, or a name or a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Decodes a name or a value of a query.
///
/// # Errors
/// A problem for bytes that are not UTF-8, and for NUL, which no text in Postgres can hold.
pub(crate) fn decoded(text: &str) -> Result<String, Problem> {
    let text = text.replace('+', " ");
    decoded_segment(&text)
}

/// The parts of a query: each as it is written, with its name and its value decoded.
pub(crate) fn pairs(uri: &Uri) -> impl Iterator<Item = Result<(&str, String, String), Problem>> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((pair, decoded(name)?, decoded(value)?))
    })
}

/// Decodes a segment of a path, in which `+` stands for itself.
///
/// # Errors
/// The errors of [`decoded`].
pub(crate) fn decoded_segment(text: &str) -> Result<String, Problem> {
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded.map(Cow::into_owned) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(Problem::bad(
            "bad-query",
            "the URL holds bytes that are not UTF-8, or a NUL: percent-encode UTF-8",
        )),
    }
}

/// Splits a list at the commas that are not in double quotes.
pub(crate) fn parts(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, c) in list.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' if is_quoted || at == start => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// A name or a value without its double quotes, if it has any. Within them, `"` and backslash are preceded by a backslash.
pub(crate) fn unquoted(part: &str) -> Cow<'_, str> {
    let inside = part
        .strip_prefix('"')
        .and_then(|part| part.strip_suffix('"'));
    let Some(inside) = inside else {
        return Cow::Borrowed(part);
    };
    let mut text = String::new();
    let mut characters = inside.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => text.extend(characters.next()),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::{parts, unquoted};

    #[test]
    fn commas_in_quotes_part_nothing() {
        assert_eq!(
            parts(r#"a,"b,\",c",,d"e"#),
            ["a", r#""b,\",c""#, "", "d\"e"]
        );
        assert_eq!(unquoted(r#""b,\",\\c""#), r#"b,",\c"#);
        assert_eq!(unquoted(r#"b"c\"#), r#"b"c\"#);
    }
}
