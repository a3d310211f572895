//! Matches the patterns of LIKE.

/// A part of a pattern.
#[derive(PartialEq)]
pub(super) enum Part {
    Letter(char),
    /// The mark `_`, for one character.
    One,
    /// The mark `%`, for any characters.
    Any,
}

/// Splits a pattern into parts. A backslash makes the next letter stand for itself.
pub(super) fn pattern_of(pattern: &str) -> Vec<Part> {
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

/// Whether a text matches a pattern. On a mismatch, this goes back to the last `%` and lets it take one letter more.
pub(super) fn is_like(text: &str, pattern: &[Part]) -> bool {
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
}
