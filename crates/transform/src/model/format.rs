//! The patterns of TO_CHAR that are on the list.

/// A part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'p> {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// A text that goes into the result unchanged.
    Text(&'p str),
}

/// Splits a pattern of `YYYY`, `MM`, `DD`, `HH24`, `MI`, `SS`, punctuation between them, and texts in double quotes. `None` for any
/// other pattern, and for an empty one, for which Postgres gives NULL.
pub(crate) fn parts(pattern: &str) -> Option<Vec<Part<'_>>> {
    const FIELDS: [(&str, Part<'_>); 6] = [
        ("YYYY", Part::Year),
        ("HH24", Part::Hour),
        ("MM", Part::Month),
        ("DD", Part::Day),
        ("MI", Part::Minute),
        ("SS", Part::Second),
    ];
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, behind) = quoted.split_once('"')?;
            if text.contains('\\') {
                return None;
            }
            parts.push(Part::Text(text));
            rest = behind;
            continue;
        }
        if matches!(letter, '-' | '/' | ':' | '.' | ' ' | '_') {
            parts.push(Part::Text(&rest[..1]));
            rest = &rest[1..];
            continue;
        }
        let is_at = |name: &str| {
            let start = rest.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        let (name, part) = FIELDS.into_iter().find(|(name, _)| is_at(name))?;
        rest = &rest[name.len()..];
        // `DDD` and `SSSS` mean something else.
        let again = rest.chars().next().map(|next| next.to_ascii_uppercase());
        if matches!(
            (part, again),
            (Part::Day, Some('D')) | (Part::Second, Some('S'))
        ) {
            return None;
        }
        parts.push(part);
    }
    (!parts.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_numbers_and_what_stands_between_them() {
        use Part::*;
        assert_eq!(
            parts("YYYY-mm\"T\"HH24MI"),
            Some(vec![Year, Text("-"), Month, Text("T"), Hour, Minute])
        );
        for pattern in [
            "", "YY", "DDD", "SSSS", "Month", "FMMM", "HH", "DDth", "YYYY\"", "\"\\\"\"",
        ] {
            assert_eq!(parts(pattern), None, "{pattern}");
        }
    }
}
