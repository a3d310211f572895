//! The arguments that choose the form of files.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use dataset::failure::Kind;
use storage::compress::Compression;

use crate::dialect::{Dialect, LineEnd, Quote};
use crate::options::{Format, Options};

/// What the files are.
#[derive(Debug, Clone, clap::Args)]
pub struct FileArgs {
    /// The format of the files [default: csv]
    #[arg(long, value_enum, help_heading = HEADING)]
    pub format: Option<Format>,

    /// Compress CSV and JSON Lines as they are written
    #[arg(long, value_name = "HOW", value_parser = compression(), help_heading = HEADING)]
    pub compress: Option<Compression>,

    /// CSV for Excel where the decimal mark is a comma, as in Brazil and Germany: --delimiter ';' --decimal-mark , --bom --line-end crlf
    #[arg(long, help_heading = HEADING)]
    pub excel: bool,

    /// What stands between the fields of CSV, one ASCII character; \t is a tab [default: ,]
    #[arg(long, value_name = "CHARACTER", value_parser = one_character, help_heading = HEADING)]
    pub delimiter: Option<char>,

    /// What stands before the fraction of numbers in CSV [default: .]
    #[arg(long, value_name = "MARK", value_parser = decimal_mark(), help_heading = HEADING)]
    pub decimal_mark: Option<char>,

    /// Begin each CSV file with a byte order mark, by which Excel recognises UTF-8
    #[arg(long, help_heading = HEADING)]
    pub bom: bool,

    /// Which fields of CSV are quoted; NULL never is [default: needed]
    #[arg(long, value_enum, help_heading = HEADING)]
    pub quote: Option<Quote>,

    /// What to write for NULL in CSV; a text that reads the same is quoted [default: an empty field]
    #[arg(long, value_name = "WORD", allow_hyphen_values = true, help_heading = HEADING)]
    pub null_word: Option<String>,

    /// What ends the lines of CSV [default: lf]
    #[arg(long, value_enum, help_heading = HEADING)]
    pub line_end: Option<LineEnd>,
}

const HEADING: &str = "Files";

impl FileArgs {
    /// Sets the form of files in the options, as the arguments say.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the arguments contradict each other.
    pub fn options(&self, options: Options) -> anyhow::Result<Options> {
        let options = Options {
            format: self.format.unwrap_or_default(),
            dialect: self.dialect()?,
            compression: self.compress,
            ..options
        };
        options.check_files()?;
        Ok(options)
    }

    /// The first option about files that was given, if any.
    pub fn first(&self) -> Option<&'static str> {
        let of_all = [
            ("--format", self.format.is_some()),
            ("--compress", self.compress.is_some()),
        ];
        given(of_all).or_else(|| self.of_csv())
    }

    /// The first option about CSV that was given, if any.
    fn of_csv(&self) -> Option<&'static str> {
        given([
            ("--excel", self.excel),
            ("--delimiter", self.delimiter.is_some()),
            ("--decimal-mark", self.decimal_mark.is_some()),
            ("--bom", self.bom),
            ("--quote", self.quote.is_some()),
            ("--null-word", self.null_word.is_some()),
            ("--line-end", self.line_end.is_some()),
        ])
    }

    fn dialect(&self) -> anyhow::Result<Dialect> {
        let format = self.format.unwrap_or_default();
        if format != Format::Csv
            && let Some(name) = self.of_csv()
        {
            return Err(Kind::Usage.error(format!(
                "{name} is about CSV, and the files are {format}: leave out {name}, or --format"
            )));
        }
        let usual = match self.excel {
            true => Dialect::excel(),
            false => Dialect::default(),
        };
        let dialect = Dialect {
            delimiter: self.delimiter.unwrap_or(usual.delimiter),
            decimal_mark: self.decimal_mark.unwrap_or(usual.decimal_mark),
            byte_order_mark: self.bom || usual.byte_order_mark,
            quote: self.quote.unwrap_or(usual.quote),
            null_word: self.null_word.clone().unwrap_or(usual.null_word),
            line_end: self.line_end.unwrap_or(usual.line_end),
        };
        dialect.check()?;
        Ok(dialect)
    }
}

/// The first of these options that was given.
fn given<const OPTIONS: usize>(options: [(&'static str, bool); OPTIONS]) -> Option<&'static str> {
    let mut options = options.into_iter();
    options.find_map(|(name, is_given)| is_given.then_some(name))
}

fn one_character(text: &str) -> Result<char, String> {
    if text == "\\t" {
        return Ok('\t');
    }
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err("it is not one character".to_owned()),
    }
}

fn compression() -> impl TypedValueParser<Value = Compression> {
    let names = Compression::ALL.map(Compression::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Compression>())
}

fn decimal_mark() -> impl TypedValueParser<Value = char> {
    PossibleValuesParser::new([".", ","]).map(|mark| mark.chars().next().unwrap_or('.'))
}
