//! Says how a file looks compared with how it was declared, for a message about a file whose rows don't fit.

use dataset::load_rules::{DecimalMark, LoadRules};
use values::text::printable;

/// Delimiters that files have. Those come first that are less often part of a text or a number.
pub(crate) const DELIMITERS: [u8; 4] = [b'\t', b'|', b';', b','];

/// Says how the fields, decimals and dates of rows are written, and how they were declared. `raws` are rows as they are in the
/// file.
pub(crate) fn described<'a>(raws: impl Iterator<Item = &'a str>, rules: &LoadRules) -> String {
    let raws: Vec<&str> = raws.collect();
    let declared = char::from(rules.delimiter);
    let delimiter = delimiter(&raws, declared);
    let fields = || {
        let fields = raws.iter().flat_map(|raw| match delimiter {
            Some(delimiter) => raw.split(delimiter).collect::<Vec<_>>(),
            None => vec![*raw],
        });
        fields.map(|field| field.trim().trim_matches('"'))
    };
    let between = match delimiter {
        Some(delimiter) => format!("has {} between fields", shown(delimiter)),
        None => "has one field in a row".to_owned(),
    };
    let mut seen = vec![between];
    let decimal = fields().find_map(|field| Some((field, decimal_mark(field)?)));
    seen.extend(decimal.map(|(number, mark)| {
        let mark = if mark == ',' { "comma" } else { "point" };
        format!("decimals with a {mark} (`{number}`)")
    }));
    // Dates in ISO 8601 are always accepted.
    let is_other = |field: &&str| is_date(field) && field.find('-') != Some(4);
    let date = fields().find(is_other);
    let date = date.or_else(|| fields().find(|field| is_date(field)));
    seen.extend(date.map(|date| format!("dates such as `{}`", printable(date))));
    let mark = match &rules.decimal_mark {
        DecimalMark::Everywhere(b',') => "decimals with a comma".to_owned(),
        DecimalMark::ByColumn(marks) if marks.values().any(|mark| *mark == b',') => {
            let with_comma = marks.iter().filter(|(_, mark)| **mark == b',');
            let columns: Vec<&str> = with_comma.map(|(column, _)| column.as_str()).collect();
            format!("decimals with a comma in {}", columns.join(", "))
        }
        _ => "decimals with a point".to_owned(),
    };
    let dates: Vec<String> = std::iter::once("ISO 8601".to_owned())
        .chain(
            rules
                .timestamp_formats
                .iter()
                .map(|format| format!("`{format}`")),
        )
        .collect();
    format!(
        "the file {}; declared are {}, {mark}, dates as {}",
        seen.join(", "),
        shown(declared),
        dates.join(" or ")
    )
}

/// The first delimiter that all rows have.
fn delimiter(raws: &[&str], declared: char) -> Option<char> {
    let in_all = |delimiter: &char| raws.iter().all(|raw| raw.contains(*delimiter));
    let mut delimiters = DELIMITERS.map(char::from).into_iter().chain([declared]);
    delimiters.find(in_all)
}

fn shown(delimiter: char) -> String {
    match delimiter {
        '\t' => "tabs".to_owned(),
        delimiter => format!("`{delimiter}`"),
    }
}

/// The decimal mark of a text that is a number with a fraction.
fn decimal_mark(field: &str) -> Option<char> {
    let digits = field.trim_start_matches(['-', '+']);
    let at = digits.rfind(['.', ','])?;
    let (mark, thousands_mark) = match digits[at..].starts_with(',') {
        true => (',', '.'),
        false => ('.', ','),
    };
    let (whole, fraction) = (&digits[..at], &digits[at + 1..]);
    let is_decimal = whole.starts_with(|c: char| c.is_ascii_digit())
        && whole
            .chars()
            .all(|c| c.is_ascii_digit() || c == thousands_mark)
        && !fraction.is_empty()
        && fraction.chars().all(|c| c.is_ascii_digit());
    is_decimal.then_some(mark)
}

fn is_date(field: &str) -> bool {
    let date = field.split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split(['/', '-', '.']).collect();
    let are_numbers = parts
        .iter()
        .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    are_numbers && matches!(lengths[..], [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_a_file_looks_like_stands_beside_what_is_declared() {
        let rules = LoadRules::default();
        let raws = ["1;\"1.234,50\";31/12/2020 10:00", "2;0,5;1/2/2021"];
        assert_eq!(
            described(raws.into_iter(), &rules),
            "the file has `;` between fields, decimals with a comma (`1.234,50`), dates such as `31/12/2020 10:00`; \
             declared are `,`, decimals with a point, dates as ISO 8601"
        );
        let rules = LoadRules {
            delimiter: b';',
            decimal_mark: DecimalMark::ByColumn(BTreeMap::from([("price".to_owned(), b',')])),
            timestamp_formats: vec!["%d/%m/%Y".to_owned()],
            ..LoadRules::default()
        };
        assert_eq!(
            described(["a\t1.5\t2020-01-31"].into_iter(), &rules),
            "the file has tabs between fields, decimals with a point (`1.5`), dates such as `2020-01-31`; declared are \
             `;`, decimals with a comma in price, dates as ISO 8601 or `%d/%m/%Y`"
        );
        assert!(
            described(["a"].into_iter(), &rules).starts_with("the file has one field in a row")
        );
    }

    #[test]
    fn versions_words_and_addresses_are_neither_decimals_nor_dates() {
        for field in [
            "", "-", "a.b", "1.2.3.4", ".5", "5.", "x1,5", "1-1", "2020-01", "á/b/c",
        ] {
            assert_eq!(
                (decimal_mark(field), is_date(field)),
                (None, false),
                "{field}"
            );
        }
    }
}
