//! What the texts of cells mean, where files differ: words for NULL, thousands marks, and the columns that an option applies to.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The key, in a table by column, of the value for all columns.
const EVERY_COLUMN: &str = "*";

/// Words that mean NULL.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "DescribedWords")]
pub struct NullWords {
    /// The words for all columns.
    pub everywhere: Vec<String>,
    /// Further words for certain columns.
    pub by_column: BTreeMap<String, Vec<String>>,
}

impl NullWords {
    /// The words for a column: those for all columns and its own.
    pub fn of(&self, column: &str) -> impl Iterator<Item = &String> {
        let own = self.by_column.get(column);
        self.everywhere.iter().chain(own.into_iter().flatten())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DescribedWords {
    Everywhere(Vec<String>),
    ByColumn(BTreeMap<String, Vec<String>>),
}

impl TryFrom<DescribedWords> for NullWords {
    type Error = String;

    fn try_from(described: DescribedWords) -> Result<Self, String> {
        match described {
            DescribedWords::Everywhere(everywhere) => Ok(Self {
                everywhere,
                by_column: BTreeMap::new(),
            }),
            DescribedWords::ByColumn(mut by_column) => {
                // An empty list would seem to take the general words away from its column.
                if let Some((column, _)) = by_column.iter().find(|(_, words)| words.is_empty()) {
                    return Err(format!(
                        "`null.{column}` has no word: a column's words are added to those of \"{EVERY_COLUMN}\""
                    ));
                }
                Ok(Self {
                    everywhere: by_column.remove(EVERY_COLUMN).unwrap_or_default(),
                    by_column,
                })
            }
        }
    }
}

/// The columns that an option applies to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Columns {
    /// All columns (`true`), or none.
    All(bool),
    /// Only these columns.
    Listed(Vec<String>),
}

impl Default for Columns {
    fn default() -> Self {
        Self::All(false)
    }
}

impl Columns {
    /// Whether the option applies to this column.
    pub fn has(&self, column: &str) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Listed(columns) => columns.iter().any(|listed| listed == column),
        }
    }

    /// The columns that are named one by one.
    pub fn named(&self) -> &[String] {
        match self {
            Self::All(_) => &[],
            Self::Listed(columns) => columns,
        }
    }
}

/// The mark between the groups of three digits of large numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThousandsMark {
    /// `1.234.567`
    Point,
    /// `1,234,567`
    Comma,
    /// `1'234'567`, also with the typographic apostrophe
    Apostrophe,
    /// `1 234 567`, also with the no-break space, the narrow one and the thin space
    Blank,
}

impl ThousandsMark {
    /// All thousands marks.
    pub const ALL: [Self; 4] = [Self::Point, Self::Comma, Self::Apostrophe, Self::Blank];

    /// The characters that the mark may be written with. All marks in a number are the same character.
    pub fn characters(self) -> &'static [char] {
        match self {
            Self::Point => &['.'],
            Self::Comma => &[','],
            Self::Apostrophe => &['\'', '\u{2019}'],
            Self::Blank => &[' ', '\u{a0}', '\u{202f}', '\u{2009}'],
        }
    }

    /// Whether this mark is the same as the given decimal mark.
    pub fn is(self, decimal_mark: u8) -> bool {
        self.characters() == [char::from(decimal_mark)]
    }

    /// Parses a mark.
    ///
    /// # Errors
    /// A message for a text that is none of the marks.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut characters = text.chars();
        let found = match (characters.next(), characters.next()) {
            (Some(character), None) => Self::ALL
                .into_iter()
                .find(|mark| mark.characters().contains(&character)),
            _ => None,
        };
        found.ok_or_else(|| format!("{text:?} is not a thousands mark: give . , ' or a blank"))
    }
}

/// The thousands marks of columns; numbers of other columns have none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "DescribedMarks")]
pub enum ThousandsMarks {
    /// All columns have this mark.
    Everywhere(ThousandsMark),
    /// These columns have these marks.
    ByColumn(BTreeMap<String, ThousandsMark>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DescribedMarks {
    Everywhere(String),
    ByColumn(BTreeMap<String, String>),
}

impl TryFrom<DescribedMarks> for ThousandsMarks {
    type Error = String;

    fn try_from(described: DescribedMarks) -> Result<Self, String> {
        match described {
            DescribedMarks::Everywhere(mark) => ThousandsMark::parse(&mark).map(Self::Everywhere),
            DescribedMarks::ByColumn(marks) => marks
                .into_iter()
                .map(|(column, mark)| Ok((column, ThousandsMark::parse(&mark)?)))
                .collect::<Result<_, String>>()
                .map(Self::ByColumn),
        }
    }
}

impl Default for ThousandsMarks {
    fn default() -> Self {
        Self::ByColumn(BTreeMap::new())
    }
}

impl ThousandsMarks {
    /// The thousands mark of a column; `None` if its numbers have none.
    pub fn of(&self, column: &str) -> Option<ThousandsMark> {
        match self {
            Self::Everywhere(mark) => Some(*mark),
            Self::ByColumn(marks) => marks.get(column).copied(),
        }
    }

    /// The columns that are named one by one.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        let marks = match self {
            Self::Everywhere(_) => None,
            Self::ByColumn(marks) => Some(marks),
        };
        marks.into_iter().flat_map(BTreeMap::keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Section {
        #[serde(default)]
        null: NullWords,
        #[serde(default)]
        force_null: Columns,
        #[serde(default)]
        thousands_mark: ThousandsMarks,
    }

    fn parsed(text: &str) -> Result<Section, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_column_has_the_words_of_all_columns_and_its_own() {
        let words = |text: &str, column: &str| -> Vec<String> {
            let null = parsed(text).expect("parsed").null;
            null.of(column).cloned().collect()
        };
        assert_eq!(words("null = ['NULL', '-']", "a"), ["NULL", "-"]);
        let both = "null = { '*' = ['NULL'], born = ['00000000', '0'] }";
        assert_eq!(words(both, "born"), ["NULL", "00000000", "0"]);
        assert_eq!(words(both, "bank"), ["NULL"]);
        assert!(words("null = { born = ['0'] }", "bank").is_empty());
        let error = parsed("null = { '*' = ['NULL'], born = [] }").expect_err("no word");
        assert!(error.contains("null.born"), "{error}");
    }

    #[test]
    fn an_option_is_for_all_columns_or_for_those_listed() {
        let forced = |text: &str| {
            let columns = parsed(text).expect("parsed").force_null;
            [columns.has("a"), columns.has("b")]
        };
        assert_eq!(forced(""), [false, false]);
        assert_eq!(forced("force_null = true"), [true, true]);
        assert_eq!(forced("force_null = ['b']"), [false, true]);
    }

    #[test]
    fn marks_are_given_for_all_columns_or_by_column() {
        let marks = |text: &str| {
            let marks = parsed(text).expect("parsed").thousands_mark;
            [marks.of("a"), marks.of("b")]
        };
        let point = Some(ThousandsMark::Point);
        assert_eq!(marks("thousands_mark = '.'"), [point, point]);
        assert_eq!(marks("thousands_mark = { b = '.' }"), [None, point]);
        assert_eq!(marks(""), [None, None]);
        for bad in ["''", "';'", "'..'", "1"] {
            assert!(parsed(&format!("thousands_mark = {bad}")).is_err(), "{bad}");
        }
        for blank in [' ', '\u{a0}', '\u{202f}'] {
            let parsed = ThousandsMark::parse(&blank.to_string());
            assert_eq!(parsed, Ok(ThousandsMark::Blank));
        }
        assert!(ThousandsMark::Point.is(b'.') && !ThousandsMark::Point.is(b','));
    }
}
