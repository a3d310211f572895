//! Functions of text. Characters are those of Unicode, as in a database whose encoding is UTF-8.

use std::cell::Cell;

use super::super::array::Array;
use super::arguments::{Arguments, Cells, Result, binary, unary};
use crate::model::tree::Function;

/// Texts that grow, and may take no more than so many bytes of memory together.
struct Growth {
    left_bytes: Cell<u64>,
}

impl Growth {
    fn add(&self, text: String) -> Result<String> {
        let bytes = (text.len() + size_of::<String>()) as u64;
        match self.left_bytes.get().checked_sub(bytes) {
            Some(left) => {
                self.left_bytes.set(left);
                Ok(text)
            }
            None => Err("texts grow beyond what --memory allows: allow more".to_owned()),
        }
    }
}

/// Computes a call of texts, which may grow to `limit_bytes` in all.
pub(super) fn compute(
    function: Function,
    arguments: &Arguments<'_>,
    limit_bytes: u64,
) -> Result<Array> {
    let growth = Growth {
        // They are there twice while they become a column.
        left_bytes: Cell::new(limit_bytes / 2),
    };
    let text = || arguments.texts(0);
    Ok(match function {
        Function::Length => {
            Array::of_integers(unary(text()?, |text| Ok(text.chars().count() as i64))?)
        }
        Function::Upper => cased(
            arguments,
            |text| text.to_uppercase(),
            |text| text.to_ascii_uppercase(),
        )?,
        Function::Lower => cased(
            arguments,
            |text| text.to_lowercase(),
            |text| text.to_ascii_lowercase(),
        )?,
        Function::Cut(length) => Array::of_texts(unary(text()?, |text| {
            Ok(first(text, length as usize).to_owned())
        })?),
        Function::TrimBoth | Function::TrimLeft | Function::TrimRight => {
            trimmed(function, arguments)?
        }
        Function::Concatenate => {
            Array::of_texts(binary(text()?, arguments.texts(1)?, |one, other| {
                growth.add(format!("{one}{other}"))
            })?)
        }
        Function::Concat => joined(
            arguments,
            0,
            Box::new(std::iter::repeat_n(Some(""), arguments.rows)),
            &growth,
        )?,
        Function::ConcatWs => joined(arguments, 1, text()?, &growth)?,
        Function::Left => {
            Array::of_texts(binary(text()?, arguments.integers(1)?, |text, count| {
                Ok(left(text, count).to_owned())
            })?)
        }
        Function::Right => {
            Array::of_texts(binary(text()?, arguments.integers(1)?, |text, count| {
                Ok(right(text, count).to_owned())
            })?)
        }
        Function::Substring => substring(arguments)?,
        Function::Replace => {
            let parts = arguments
                .texts(1)?
                .zip(arguments.texts(2)?)
                .map(|(from, to)| from.zip(to));
            let replaced = binary(text()?, Box::new(parts), |text, (from, to)| {
                growth.add(match from.is_empty() {
                    true => text.to_owned(),
                    false => text.replace(from, to),
                })
            })?;
            Array::of_texts(replaced)
        }
        Function::Position => {
            Array::of_integers(binary(text()?, arguments.texts(1)?, |text, part| {
                Ok(text
                    .find(part)
                    .map_or(0, |at| text[..at].chars().count() as i64 + 1))
            })?)
        }
        Function::StartsWith => {
            Array::of_booleans(binary(text()?, arguments.texts(1)?, |text, start| {
                Ok(text.starts_with(start))
            })?)
        }
        Function::Like => {
            Array::of_booleans(binary(text()?, arguments.texts(1)?, |text, pattern| {
                Ok(is_like(text, &pattern_of(pattern)))
            })?)
        }
        _ => return Err(format!("{function:?} is not of text")),
    })
}

/// Upper or lower case: of A to Z alone where the second argument is false.
fn cased(
    arguments: &Arguments<'_>,
    all: impl Fn(&str) -> String,
    ascii: impl Fn(&str) -> String,
) -> Result<Array> {
    let has_all = arguments.booleans(1)?;
    let cased = binary(arguments.texts(0)?, has_all, |text, has_all| {
        if !has_all {
            return Ok(ascii(text));
        }
        match text.chars().find(|letter| !is_mapped_alike(*letter)) {
            None => Ok(all(text)),
            Some(letter) => Err(format!(
                "the upper or lower case of {letter:?} is not known to be Postgres's"
            )),
        }
    })?;
    Ok(Array::of_texts(cased))
}

/// Whether a letter has one upper and one lower case, the same in the C library, ICU and here: those of ASCII and the
/// letters with accents of Western Europe (U+00C0 to U+00FE), and what has no case in the blocks up to there.
fn is_mapped_alike(letter: char) -> bool {
    match letter {
        '\u{00df}' | '\u{00b5}' | '\u{00aa}' | '\u{00ba}' => false,
        letter => letter <= '\u{00fe}',
    }
}

fn first(text: &str, count: usize) -> &str {
    match text.char_indices().nth(count) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// A count of characters that is negative is one of those that are left out at the other end.
fn kept(text: &str, count: i64) -> usize {
    let all = text.chars().count() as i64;
    let kept = if count < 0 { all + count } else { count };
    kept.clamp(0, all) as usize
}

fn left(text: &str, count: i64) -> &str {
    first(text, kept(text, count))
}

fn right(text: &str, count: i64) -> &str {
    // Postgres negates it within 32 bits, where it stays what it is, and then leaves nothing out.
    if count == i64::from(i32::MIN) {
        return text;
    }
    let left_out = text.chars().count() - kept(text, count);
    &text[first(text, left_out).len()..]
}

fn trimmed(function: Function, arguments: &Arguments<'_>) -> Result<Array> {
    let blanks: Cells<'_, &str> = match arguments.len() {
        1 => Box::new(std::iter::repeat_n(Some(" "), arguments.rows)),
        _ => arguments.texts(1)?,
    };
    let trimmed = binary(arguments.texts(0)?, blanks, |text, blanks| {
        let is_blank = |letter: char| blanks.contains(letter);
        let text = match function {
            Function::TrimRight => text,
            _ => text.trim_start_matches(is_blank),
        };
        let text = match function {
            Function::TrimLeft => text,
            _ => text.trim_end_matches(is_blank),
        };
        Ok(text.to_owned())
    })?;
    Ok(Array::of_texts(trimmed))
}

/// The texts from the argument `from` on, those that are NULL left out, with a separator between them.
fn joined<'a>(
    arguments: &'a Arguments<'_>,
    from: usize,
    separators: Cells<'a, &'a str>,
    growth: &Growth,
) -> Result<Array> {
    let mut parts = (from..arguments.len())
        .map(|at| arguments.texts(at))
        .collect::<Result<Vec<_>>>()?;
    let joined = separators.map(|separator| {
        let mut is_first = true;
        let mut whole = String::new();
        for part in parts.iter_mut().filter_map(Iterator::next) {
            if let (Some(part), Some(separator)) = (part, separator) {
                if !is_first {
                    whole.push_str(separator);
                }
                whole.push_str(part);
                is_first = false;
            }
        }
        separator.map(|_| growth.add(whole)).transpose()
    });
    Ok(Array::of_texts(joined.collect::<Result<_>>()?))
}

/// The characters from a position, counted from 1 and also where there are none, as many as are wanted.
fn substring(arguments: &Arguments<'_>) -> Result<Array> {
    let counts: Cells<'_, i64> = match arguments.len() {
        2 => Box::new(std::iter::repeat_n(Some(i64::MAX), arguments.rows)),
        _ => arguments.integers(2)?,
    };
    let places = arguments
        .integers(1)?
        .zip(counts)
        .map(|(from, count)| from.zip(count));
    let parts = binary(
        arguments.texts(0)?,
        Box::new(places),
        |text, (from, count)| {
            if count < 0 {
                return Err("negative substring length not allowed".to_owned());
            }
            let end = from.saturating_add(count).max(1) as usize - 1;
            let skipped = from.max(1) as usize - 1;
            let head = first(text, end);
            Ok(head[first(head, skipped).len()..].to_owned())
        },
    )?;
    Ok(Array::of_texts(parts))
}

/// A part of a pattern.
#[derive(PartialEq)]
enum Part {
    Letter(char),
    /// `_`
    One,
    /// `%`
    Any,
}

fn pattern_of(pattern: &str) -> Vec<Part> {
    let mut letters = pattern.chars();
    let mut parts = Vec::new();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Letter(letters.next().unwrap_or('\\')),
            letter => Part::Letter(letter),
        });
    }
    parts
}

/// Whether a text matches a pattern: goes back to the last `%` where it doesn't, and lets that take one letter more.
fn is_like(text: &str, pattern: &[Part]) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let (mut at, mut part) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < letters.len() {
        match pattern.get(part) {
            Some(Part::Any) => {
                back = Some((at, part));
                part += 1;
            }
            Some(Part::One) => (at, part) = (at + 1, part + 1),
            Some(Part::Letter(letter)) if *letter == letters[at] => (at, part) = (at + 1, part + 1),
            _ => match &mut back {
                Some((taken, any)) => {
                    *taken += 1;
                    (at, part) = (*taken, *any + 1);
                }
                None => return false,
            },
        }
    }
    pattern[part..].iter().all(|part| *part == Part::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts_by_characters() {
        for (text, pattern, expected) in [
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "a_c", true),
            ("abc", "ab", false),
            ("ação", "a__o", true),
            ("a%c", "a\\%c", true),
            ("abc", "a\\%c", false),
            ("", "%", true),
            ("", "_", false),
            ("aab", "%ab", true),
            ("mississippi", "%is%pi", true),
        ] {
            assert_eq!(
                is_like(text, &pattern_of(pattern)),
                expected,
                "{text} {pattern}"
            );
        }
    }

    #[test]
    fn ends_are_counted_in_characters() {
        assert_eq!(
            (left("ação", 2), left("ação", -1), left("ação", -9)),
            ("aç", "açã", "")
        );
        assert_eq!(
            (right("ação", 2), right("ação", -1), right("ação", 9)),
            ("ão", "ção", "ação")
        );
    }
}
