//! Turns arrays of JSON into the text that Postgres reads arrays from.

use serde_json::value::RawValue;

/// How many dimensions an array of Postgres may have.
const MOST_DIMENSIONS: usize = 6;

/// The text of an array: `{1,"a",NULL}`. `None` for an array that is nested more deeply than Postgres supports, or that contains
/// half of a surrogate pair.
pub(crate) fn text(json: &str) -> Option<String> {
    let mut text = String::with_capacity(json.len());
    write(json, MOST_DIMENSIONS, &mut text)?;
    Some(text)
}

fn write(json: &str, dimensions: usize, text: &mut String) -> Option<()> {
    let dimensions = dimensions.checked_sub(1)?;
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    text.push('{');
    for (index, element) in elements.iter().map(|element| element.get()).enumerate() {
        if index > 0 {
            text.push(',');
        }
        match element.as_bytes().first() {
            Some(b'[') => write(element, dimensions, text)?,
            Some(b'n') => text.push_str("NULL"),
            Some(b'"') => quote(&serde_json::from_str::<String>(element).ok()?, text),
            // An object becomes the text of an element of type json.
            _ => quote(element, text),
        }
    }
    text.push('}');
    Some(())
}

fn quote(element: &str, text: &mut String) {
    text.push('"');
    for c in element.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn elements_are_quoted_and_null_is_null() {
        let json = r#"[1, "NULL", null, "a\"\\,\u00e9", true, {"a": "b"}]"#;
        let expected = r#"{"1","NULL",NULL,"a\"\\,é","true","{\"a\": \"b\"}"}"#;
        assert_eq!(text(json).as_deref(), Some(expected));
        assert_eq!(text("[[1],[]]").as_deref(), Some(r#"{{"1"},{}}"#));
        assert_eq!(text(&"[".repeat(1 << 20)), None);
        assert_eq!(text(&("[".repeat(7) + &"]".repeat(7))), None);
    }
}
