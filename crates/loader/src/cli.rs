//! The arguments of `load`.

use std::thread;

use bytesize::ByteSize;
use database::ConnectionArgs;
use dataset::Dataset;
use dataset::cell_rules::ThousandsMark;
use dataset::encoding::Encoding;
use dataset::load_rules;
use storage::place::Place;

use crate::options::{DEFAULT_MEMORY_BYTES, Dialect, OnDuplicate, Options, RejectLimit};

/// How many threads validate at most: with more of them, the server is what takes the time.
const MAX_WORKERS: usize = 4;

/// The examples that the help ends with.
pub const EXAMPLES: &str = "\
Examples:
  Files to try it with, in which one row of fifty has a fault
    extrato generate --dataset sales --dirty 0.02 --to exports --format csv
  Every file of the dataset that a folder holds, by the names that dataset.toml gives
    extrato load --dataset sales --from exports
  Again, with corrected rows, which replace those that are there
    extrato load --dataset sales --from exports --on-duplicate update
  One table, from files that a pattern names, into a schema of its own
    extrato load --dataset sales --table 'product=exports/Production.Product*.csv' --schema trial
  From another program
    gzip -c exports/Person.Person.csv | extrato load --dataset sales --table person=- --schema trial
  Nothing at all if more than one row of twenty is bad
    extrato load --dataset sales --from exports --schema strict --max-rejects 5%
  Very many rows: what is done stays done, and the same command goes on after a failure
    extrato load --dataset sales --from exports --schema large --commit-every 100000";

/// Load CSV files into Postgres, with a record of each rejected row and its reason
///
/// Rows are checked as Postgres would check them (types, lengths, labels, keys, references) and by the rules of
/// dataset.toml, and copied in one transaction. Rows that break a rule are rejected: each broken rule is recorded in
/// rejects/TABLE.csv and in the table extrato_reject, with file, line, byte offset and raw text. Missing tables are created.
#[derive(Debug, Clone, clap::Args)]
pub struct LoadArgs {
    /// The dataset: one built in, or the folder of one of your own
    #[arg(long, value_name = "NAME", help_heading = "Files")]
    pub dataset: String,

    /// The folder with the files, or s3://BUCKET/PREFIX; they are found by the names that dataset.toml gives (TABLE.csv if
    /// it gives none), plain or as .gz or .zst
    #[arg(long, value_name = "PLACE", help_heading = "Files")]
    pub from: Option<Place>,

    /// A file of a table: a path, s3://BUCKET/KEY, a pattern of either such as 'sales-*.csv', or - for standard input, which
    /// is kept in a temporary file (see TMPDIR) as it is read. May be given several times
    #[arg(long = "table", value_name = "TABLE=FILE", value_parser = table_file, help_heading = "Files")]
    pub tables: Vec<(String, String)>,

    /// The folder for files of rejects, or s3://BUCKET/PREFIX
    #[arg(
        long,
        value_name = "PLACE",
        default_value = "rejects",
        help_heading = "Rejects"
    )]
    pub rejects: Place,

    /// Keep rejects in files only, and not in the table extrato_reject
    #[arg(long, help_heading = "Rejects")]
    pub no_reject_table: bool,

    /// Load nothing if more rows than this are rejected in all: a number, or a share such as 0.5%; 100% allows any number
    /// [default: a tenth of the rows of each table, and never all rows of a file]
    #[arg(long, value_name = "N|P%", help_heading = "Rejects")]
    pub max_rejects: Option<RejectLimit>,

    /// What to do with a row whose key exists already, in the table or in an earlier line
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value = "reject",
        help_heading = "Loading"
    )]
    pub on_duplicate: OnDuplicate,

    /// Load files even if they were loaded before
    #[arg(long, help_heading = "Loading")]
    pub force: bool,

    /// Empty the tables first, in the same transaction
    #[arg(long, help_heading = "Loading")]
    pub truncate: bool,

    /// Empty tables with --truncate even if their files hold no row
    #[arg(long, requires = "truncate", help_heading = "Loading")]
    pub allow_empty: bool,

    /// Commit after every N rows read, instead of once at the end. If the same load is run again, it continues after its
    /// last commit and leaves out finished files
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Loading")]
    pub commit_every: Option<u64>,

    /// Memory for the keys of rows, such as 512MB or 4GiB; keys that don't fit are checked by the database, which takes
    /// longer [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = memory, help_heading = "Loading")]
    pub memory: Option<ByteSize>,

    /// How the files are written.
    #[command(flatten)]
    pub dialect: DialectArgs,

    /// The database that the rows go into.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// How the files are written, where that differs from what dataset.toml says.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DialectArgs {
    /// Whether the first line names the columns
    #[arg(
        long,
        value_name = "true|false",
        help_heading = "Dialect, if other than dataset.toml says"
    )]
    pub header: Option<bool>,

    /// How many lines stand before the header, or before the first row
    #[arg(
        long,
        value_name = "N",
        help_heading = "Dialect, if other than dataset.toml says"
    )]
    pub skip_lines: Option<u64>,

    /// What stands between fields: one character, or \t
    #[arg(long, value_name = "C", value_parser = one_character, help_heading = "Dialect, if other than dataset.toml says")]
    pub delimiter: Option<u8>,

    /// What encloses fields: one character, or none
    #[arg(long, value_name = "C", value_parser = quote, help_heading = "Dialect, if other than dataset.toml says")]
    pub quote: Option<Quote>,

    /// How the files encode characters: utf-8, windows-1252, utf-16le or any other label of the WHATWG standard (where
    /// latin-1 means windows-1252)
    #[arg(long, value_name = "LABEL", value_parser = Encoding::for_label, help_heading = "Dialect, if other than dataset.toml says")]
    pub encoding: Option<Encoding>,

    /// The longest row, such as 16MiB; what is longer is rejected [default: 4MiB]
    #[arg(long, value_name = "SIZE", value_parser = max_record, help_heading = "Dialect, if other than dataset.toml says")]
    pub max_record: Option<usize>,

    /// What stands before a number's fraction, in all columns
    #[arg(long, value_name = ".|,", value_parser = decimal_mark, help_heading = "Dialect, if other than dataset.toml says")]
    pub decimal_mark: Option<u8>,

    /// What stands between a number's groups of three digits, in all columns; a blank stands for any kind of blank
    #[arg(long, value_name = ".|,|'|BLANK", value_parser = ThousandsMark::parse, help_heading = "Dialect, if other than dataset.toml says")]
    pub thousands_mark: Option<ThousandsMark>,

    /// Accept integers that are written with a fraction of zeros, such as 8.0
    #[arg(long, help_heading = "Dialect, if other than dataset.toml says")]
    pub zero_fraction: bool,

    /// A word that means NULL, in addition to the empty field and the words that dataset.toml gives for single columns. May
    /// be given several times
    #[arg(
        long,
        value_name = "WORD",
        help_heading = "Dialect, if other than dataset.toml says"
    )]
    pub null: Vec<String>,

    /// In columns of text, read an empty field or a word for NULL as NULL even in quotes; other columns always do
    #[arg(long, help_heading = "Dialect, if other than dataset.toml says")]
    pub force_null: bool,

    /// A format of dates and timestamps, such as '%d/%m/%Y %H:%M', in addition to ISO 8601. May be given several times
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Dialect, if other than dataset.toml says"
    )]
    pub timestamp_format: Vec<String>,
}

/// What encloses fields, if anything does; a type of its own, since clap takes an `Option` for a missing argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote(pub Option<u8>);

impl LoadArgs {
    /// The options that the arguments mean.
    ///
    /// # Errors
    /// [`Kind::Usage`](dataset::failure::Kind::Usage) for an unknown dataset or one that contradicts itself.
    pub fn options(&self) -> anyhow::Result<Options> {
        let mut dataset = Dataset::open(&self.dataset)?;
        let schema = dataset.schema(self.connection.schema.as_deref()).to_owned();
        dataset.in_schema(&schema);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Ok(Options {
            schema: schema.clone(),
            dataset,
            from: self.from.clone(),
            tables: self.tables.clone(),
            rejects: self.rejects.clone(),
            reject_table: !self.no_reject_table,
            max_rejects: self.max_rejects,
            on_duplicate: self.on_duplicate,
            force: self.force,
            truncate: self.truncate,
            allow_empty: self.allow_empty,
            commit_every: self.commit_every,
            memory_bytes: self
                .memory
                .map_or(DEFAULT_MEMORY_BYTES, |ByteSize(bytes)| bytes),
            workers: processors.min(MAX_WORKERS),
            dialect: Dialect {
                skip_lines: self.dialect.skip_lines,
                max_record_bytes: self.dialect.max_record,
                header: self.dialect.header,
                delimiter: self.dialect.delimiter,
                quote: self.dialect.quote.map(|Quote(quote)| quote),
                encoding: self.dialect.encoding,
                decimal_mark: self.dialect.decimal_mark,
                thousands_mark: self.dialect.thousands_mark,
                zero_fraction: self.dialect.zero_fraction,
                null: self.dialect.null.clone(),
                force_null: self.dialect.force_null,
                timestamp_formats: self.dialect.timestamp_format.clone(),
            },
        })
    }
}

const NO_SIZE: &str = "give a size such as 512MB or 4GiB";

fn table_file(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((table, file)) if !table.is_empty() && !file.is_empty() => {
            Ok((table.to_owned(), file.to_owned()))
        }
        _ => Err("give TABLE=FILE, as in person=people.csv".to_owned()),
    }
}

fn one_character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err("give one ASCII character, or \\t".to_owned()),
    }
}

fn quote(text: &str) -> Result<Quote, String> {
    match text {
        "none" | "" => Ok(Quote(None)),
        text => one_character(text).map(|quote| Quote(Some(quote))),
    }
}

fn max_record(text: &str) -> Result<usize, String> {
    let size = text.parse().map_err(|_| NO_SIZE)?;
    load_rules::record_bytes(size)
}

fn decimal_mark(text: &str) -> Result<u8, String> {
    match text {
        "." => Ok(b'.'),
        "," => Ok(b','),
        _ => Err("give . or ,".to_owned()),
    }
}

fn memory(text: &str) -> Result<ByteSize, String> {
    match text.parse().map_err(|_| NO_SIZE)? {
        ByteSize(0) => Err("some memory is needed".to_owned()),
        size => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn parse(arguments: &[&str]) -> Result<LoadArgs, clap::Error> {
        let arguments = ["load", "--dataset", "cards"]
            .into_iter()
            .chain(arguments.iter().copied());
        Program::try_parse_from(arguments).map(|program| program.load)
    }

    #[test]
    fn without_more_all_rows_go_in_at_once_and_no_limit_of_rejects_is_given() {
        let options = parse(&["--from", "x"])
            .expect("parsed")
            .options()
            .expect("options");
        assert_eq!(
            (options.schema.as_str(), options.max_rejects),
            ("cards", None)
        );
        assert_eq!(options.on_duplicate, OnDuplicate::Reject);
        assert_eq!((options.commit_every, options.reject_table), (None, true));
        assert_eq!(options.memory_bytes, DEFAULT_MEMORY_BYTES);
    }

    #[test]
    fn what_is_given_is_understood() {
        let options = parse(&[
            "--table",
            "conta=a=b.csv",
            "--table",
            "cartao=-",
            "--max-rejects",
            "0.5%",
            "--memory",
            "64MiB",
            "--delimiter",
            "\\t",
            "--quote",
            "none",
            "--encoding",
            "latin-1",
            "--skip-lines",
            "2",
            "--max-record",
            "16MiB",
            "--decimal-mark",
            ",",
            "--header",
            "false",
            "--thousands-mark",
            ".",
            "--zero-fraction",
            "--force-null",
            "--null",
            "NULL",
            "--on-duplicate",
            "update",
        ]);
        let options = options.expect("parsed").options().expect("options");
        assert_eq!(
            options.tables[0],
            ("conta".to_owned(), "a=b.csv".to_owned())
        );
        assert_eq!(options.max_rejects, Some(RejectLimit::Percent(0.5)));
        assert_eq!(options.memory_bytes, 64 << 20);
        let rules = options
            .dialect
            .over(&dataset::load_rules::LoadRules::default());
        assert_eq!(
            (rules.delimiter, rules.quote, rules.header),
            (b'\t', None, false)
        );
        assert_eq!(
            (rules.encoding.name().as_str(), rules.decimal_mark.of("x")),
            ("windows-1252", b',')
        );
        assert_eq!((rules.skip_lines, rules.max_record_bytes), (2, 16 << 20));
        assert_eq!(rules.thousands_mark.of("x"), Some(ThousandsMark::Point));
        assert!(rules.zero_fraction.has("x") && rules.force_null.has("x"));
        assert!(rules.null.of("x").eq(["NULL"]));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for arguments in [
            &["--table", "conta"][..],
            &["--table", "=x"],
            &["--max-rejects", "101%"],
            &["--max-rejects", "-1"],
            &["--commit-every", "0"],
            &["--memory", "many"],
            &["--memory", "0"],
            &["--delimiter", ";;"],
            &["--encoding", "ebcdic"],
            &["--max-record", "0"],
            &["--max-record", "2GiB"],
            &["--skip-lines", "-1"],
            &["--thousands-mark", ""],
            &["--thousands-mark", "_"],
            &["--on-duplicate", "perhaps"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
