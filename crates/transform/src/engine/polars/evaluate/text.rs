//! Functions of text. Characters are Unicode's, as in a database whose encoding is UTF-8.

use std::cell::Cell;

use super::super::array::Array;
use super::arguments::{Arguments, Cells, Result, binary, unary};
use super::like::{is_like, pattern_of};
use crate::model::tree::Function;

/// Limits how many bytes of memory growing texts may take together.
struct Growth {
    left_bytes: Cell<u64>,
}

/// How long a text may get in Postgres, in bytes (`MaxAllocSize`).
const LONGEST_BYTES: usize = 0x3fff_ffff;

impl Growth {
    /// Checks that a text of this many bytes may be made.
    fn check(&self, bytes: usize) -> Result<()> {
        if bytes > LONGEST_BYTES {
            return Err("requested length too large".to_owned());
        }
        match bytes as u64 <= self.left_bytes.get() {
            true => Ok(()),
            false => Err("texts grow beyond what --memory allows: allow more".to_owned()),
        }
    }

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

/// Computes a call of texts, which may grow to `limit_bytes` bytes in all.
pub(super) fn compute(
    function: Function,
    arguments: &Arguments<'_>,
    limit_bytes: u64,
) -> Result<Array> {
    let growth = Growth {
        // The texts are in memory twice while they become a column.
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
        Function::Initcap => capitalised(arguments)?,
        Function::Reverse => Array::of_texts(unary(text()?, |text| {
            Ok(text.chars().rev().collect::<String>())
        })?),
        Function::Repeat => {
            Array::of_texts(binary(text()?, arguments.integers(1)?, |text, count| {
                let count = count.max(0) as usize;
                growth.check(text.len().saturating_mul(count))?;
                growth.add(text.repeat(count))
            })?)
        }
        Function::PadLeft | Function::PadRight => padded(function, arguments, &growth)?,
        Function::SplitPart => split(arguments)?,
        Function::Translate => {
            let letters = arguments
                .texts(1)?
                .zip(arguments.texts(2)?)
                .map(|(from, to)| from.zip(to));
            let translated = binary(text()?, Box::new(letters), |text, (from, to)| {
                growth.add(translated(text, from, to))
            })?;
            Array::of_texts(translated)
        }
        _ => return Err(format!("{function:?} is not of text")),
    })
}

/// Upper or lower case; only for A to Z where the second argument is false.
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
                "it is not known what Postgres gives as the upper or lower case of {letter:?}"
            )),
        }
    })?;
    Ok(Array::of_texts(cased))
}

/// Whether a letter has the same upper and lower case in the C library, in ICU and here. This holds for ASCII and the accented
/// letters of Western Europe (U+00C0 to U+00FE), for the caseless characters of the blocks up to there, and for scripts and signs
/// without case: punctuation, currencies, Japanese, Chinese, Korean, pictures.
fn is_mapped_alike(letter: char) -> bool {
    match letter {
        '\u{00df}' | '\u{00b5}' | '\u{00aa}' | '\u{00ba}' => false,
        '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205e}'
        | '\u{20a0}'..='\u{20c0}'
        | '\u{3001}'..='\u{3003}'
        | '\u{3041}'..='\u{30ff}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{1f300}'..='\u{1f64f}' => true,
        letter => letter <= '\u{00fe}',
    }
}

/// Capitalises each word; only with A to Z where the second argument is false.
fn capitalised(arguments: &Arguments<'_>) -> Result<Array> {
    let has_all = arguments.booleans(1)?;
    let capitalised = binary(arguments.texts(0)?, has_all, |text, has_all| {
        let mut is_within = false;
        let mut whole = String::with_capacity(text.len());
        for letter in text.chars() {
            let is_known =
                letter <= '\u{fe}' && is_mapped_alike(letter) && !"²³¹¼½¾".contains(letter);
            if has_all && !is_known {
                return Err(format!(
                    "it is not known whether {letter:?} is a letter for Postgres"
                ));
            }
            let is_of_word = letter.is_ascii_alphanumeric()
                || has_all && letter >= 'À' && !matches!(letter, '×' | '÷');
            match (is_within, has_all) {
                (true, true) => whole.extend(letter.to_lowercase()),
                (false, true) => whole.extend(letter.to_uppercase()),
                (true, false) => whole.push(letter.to_ascii_lowercase()),
                (false, false) => whole.push(letter.to_ascii_uppercase()),
            }
            is_within = is_of_word;
        }
        Ok(whole)
    })?;
    Ok(Array::of_texts(capitalised))
}

/// Cuts texts to a number of characters, or fills them up with the third argument, or with blanks.
fn padded(function: Function, arguments: &Arguments<'_>, growth: &Growth) -> Result<Array> {
    let fills: Cells<'_, &str> = match arguments.len() {
        2 => Box::new(std::iter::repeat_n(Some(" "), arguments.rows)),
        _ => arguments.texts(2)?,
    };
    let lengths = arguments
        .integers(1)?
        .zip(fills)
        .map(|(length, fill)| length.zip(fill));
    let padded = binary(
        arguments.texts(0)?,
        Box::new(lengths),
        |text, (length, fill)| {
            let length = length.max(0) as usize;
            let kept = first(text, length);
            let lacking = match fill {
                "" => 0,
                _ => length - kept.chars().count(),
            };
            if lacking > 0 {
                // Postgres reserves room for as many characters of the longest kind.
                growth.check(length.saturating_mul(4))?;
            }
            let fill: String = fill.chars().cycle().take(lacking).collect();
            growth.add(match function {
                Function::PadLeft => fill + kept,
                _ => kept.to_owned() + &fill,
            })
        },
    )?;
    Ok(Array::of_texts(padded))
}

/// The part of a text between delimiters, counted from 1, or from the end if the number is negative.
fn split(arguments: &Arguments<'_>) -> Result<Array> {
    let places = arguments
        .texts(1)?
        .zip(arguments.integers(2)?)
        .map(|(delimiter, at)| delimiter.zip(at));
    let parts = binary(
        arguments.texts(0)?,
        Box::new(places),
        |text, (delimiter, at)| {
            if at == 0 {
                return Err("field position must not be zero".to_owned());
            }
            let parts: Vec<&str> = match delimiter {
                "" => vec![text],
                delimiter => text.split(delimiter).collect(),
            };
            let at = match at > 0 {
                true => at - 1,
                false => parts.len() as i64 + at,
            };
            let part = usize::try_from(at).ok().and_then(|at| parts.get(at));
            Ok(part.copied().unwrap_or_default().to_owned())
        },
    )?;
    Ok(Array::of_texts(parts))
}

/// Replaces each letter of one set by the letter at the same position of the other set; without such a letter, it is removed.
fn translated(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    let letter = |letter: char| match from.chars().position(|of| of == letter) {
        None => Some(letter),
        Some(at) => to.get(at).copied(),
    };
    text.chars().filter_map(letter).collect()
}

fn first(text: &str, count: usize) -> &str {
    match text.char_indices().nth(count) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// How many characters of a text to keep. A negative count says how many to leave out at the other end.
fn kept(text: &str, count: i64) -> usize {
    let all = text.chars().count() as i64;
    let kept = if count < 0 { all + count } else { count };
    kept.clamp(0, all) as usize
}

fn left(text: &str, count: i64) -> &str {
    first(text, kept(text, count))
}

fn right(text: &str, count: i64) -> &str {
    // Postgres negates this count in 32 bits, where it stays the same, and then leaves nothing out.
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

/// Joins the texts from the argument `from` on with a separator, leaving out NULLs.
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

/// Takes characters from a position on, which may lie before the text. Positions count from 1.
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

#[cfg(test)]
mod tests {
    use super::*;

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
