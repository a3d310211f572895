//! How the files of a table arrive: delimiters, line ends, words for what is missing.

/// How the files of a table arrive.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// The file's name.
    pub file: &'static str,
    /// The names in the file's first line; empty if the file has no such line.
    pub header: &'static [&'static str],
    /// The character between two fields.
    pub delimiter: char,
    /// The characters that end a line.
    pub line_end: &'static str,
    /// Whether the last line is ended too.
    pub final_line_end: bool,
    /// Whether a byte order mark comes first.
    pub byte_order_mark: bool,
    /// The word that stands for a missing value.
    pub null: &'static str,
    /// Columns whose numbers have a decimal comma.
    pub commas: &'static [&'static str],
    /// Columns in which later times are dates without a time of day, as if the source had changed its mind.
    pub days: &'static [&'static str],
}
