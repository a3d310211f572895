//! Counts the rows of a body while it arrives, so that a body with too many is refused before all of it is read.

use crate::problem::Problem;

/// The form of the rows of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A JSON array of objects.
    JsonArray,
    /// A JSON object on each line.
    JsonLines,
    /// Records of CSV.
    Csv,
}

/// Counts rows without judging them. Text that is not JSON is counted too, and refused later.
#[derive(Debug)]
pub(crate) struct RowCounter {
    form: Form,
    rows: usize,
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    /// Whether the current line, or the array, contains anything yet.
    holds_something: bool,
}

impl RowCounter {
    /// A counter for a body of this form.
    pub(crate) fn new(form: Form) -> Self {
        Self {
            form,
            rows: 0,
            depth: 0,
            in_text: false,
            is_escaped: false,
            holds_something: false,
        }
    }

    /// Counts further bytes, and returns how many rows have begun so far.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> usize {
        match self.form {
            Form::JsonArray => bytes.iter().for_each(|byte| self.of_array(*byte)),
            Form::JsonLines => bytes.iter().for_each(|byte| self.of_lines(*byte)),
            // A record may contain line breaks, so records are counted once they are split.
            Form::Csv => {}
        }
        self.rows
    }

    fn of_array(&mut self, byte: u8) {
        if self.in_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return;
        }
        let begins_row = self.depth == 1 && !self.holds_something;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b',' if self.depth == 1 => self.holds_something = false,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            byte => {
                if begins_row {
                    self.rows += 1;
                    self.holds_something = true;
                }
                match byte {
                    b'"' => self.in_text = true,
                    b'[' | b'{' => self.depth += 1,
                    _ => {}
                }
            }
        }
    }

    fn of_lines(&mut self, byte: u8) {
        match byte {
            b'\n' => self.holds_something = false,
            b' ' | b'\t' | b'\r' => {}
            _ if self.holds_something => {}
            _ => {
                self.rows += 1;
                self.holds_something = true;
            }
        }
    }
}

/// The problem of a body that has more rows than allowed.
pub(crate) fn too_many(most: usize) -> Problem {
    Problem::too_large(format!(
        "the body has more than {most} rows: send them in several requests"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(form: Form, text: &str) -> usize {
        let mut counter = RowCounter::new(form);
        // The bytes come one by one, as from the slowest client.
        text.bytes()
            .map(|byte| counter.add(&[byte]))
            .last()
            .unwrap_or(0)
    }

    #[test]
    fn rows_of_an_array_are_counted_whatever_they_hold() {
        for (text, rows) in [
            ("", 0),
            ("[]", 0),
            (" [ ] ", 0),
            ("[{}]", 1),
            (r#"[{"a": [1, 2, {"b": 3}]}, {"c": "],}\"[{,"}]"#, 2),
            ("[1,2,3]", 3),
            (r#"["\\", "\\\""]"#, 2),
        ] {
            assert_eq!(count(Form::JsonArray, text), rows, "{text}");
        }
    }

    #[test]
    fn lines_that_hold_something_are_rows() {
        assert_eq!(count(Form::JsonLines, "{}\n\n  \r\n{}\r\n{}"), 3);
        assert_eq!(count(Form::JsonLines, "\n"), 0);
    }
}
