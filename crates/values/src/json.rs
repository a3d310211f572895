//! Checks `json` and `jsonb`, which stay as text.

use crate::rule::{Fault, Rule};

/// Checks a json. More than 127 levels, and numbers beyond a double, are refused although Postgres takes them.
///
/// # Errors
/// [`Rule::Type`].
pub fn json(text: &str) -> Result<(), Fault> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::new(Rule::Type, format!("is not JSON: {error}"))),
    }
}

/// Checks a jsonb, which cannot hold `\u0000` either.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Nul`].
pub fn jsonb(text: &str) -> Result<(), Fault> {
    json(text)?;
    // Backslashes in pairs before it are characters by themselves.
    let escaped = |(at, _): (usize, &str)| {
        let before = &text.as_bytes()[..at];
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
        backslashes.count() % 2 == 0
    };
    if text.match_indices("\\u0000").any(escaped) {
        return Err(Fault::new(
            Rule::Nul,
            "holds \\u0000, which jsonb cannot hold",
        ));
    }
    Ok(())
}
