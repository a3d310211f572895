//! The arguments of `generate`.

use std::path::PathBuf;

use database::ConnectionArgs;
use dataset::Dataset;
use dataset::calendar::Date;
use dataset::failure::Kind;
use storage::place::Place;

use crate::cards::distributions::Distributions;
use crate::encode::file_format::FileFormat;
use crate::options::{MAX_WORKERS, Mode, Options, Storage};
use crate::recipe::Asked;
use crate::registry::KnownDataset;

/// Behind all other arguments of its heading.
const LAST: usize = 999;

/// Examples for the help of both binaries.
pub const EXAMPLES: &str = "\
Examples:
  1,000 associates and about 100,000 movements, in schema cards
    extrato generate
  Fifty times as many, from a seed of your own, in place of what an earlier run made
    extrato generate --scale 50 --seed 7 --replace
  500 associates more, the same as if all had been generated at once
    extrato generate --associates 500 --append
  With faults in one row of a hundred, to see what a pipeline does about them
    extrato generate --dirty 0.01 --replace
  With distributions of your own
    extrato generate --describe > distributions.toml; $EDITOR distributions.toml
    extrato generate --distributions distributions.toml --replace
  As files, without a database
    extrato generate --scale 10 --to rows --format csv
    extrato generate --scale 10 --to s3://bucket/rows --format csv
  AdventureWorks' sales, half as many orders again, in schema sales; then files as they arrive, faults included
    extrato generate --dataset sales --scale 1.5
    extrato generate --dataset sales --dirty 0.01 --to arrived
  Into another schema of a given database
    extrato generate --url postgresql://ana@db.example/folha --schema cards_teste";

/// Fill a Postgres schema with realistic fake rows
///
/// The rows are the associates (clients) of a credit cooperative, their accounts, cards and card movements, with keys and
/// foreign keys, or those of another dataset. The same seed gives the same rows, whatever the number of workers, the machine
/// or the date. A run that fails leaves the schema as it was.
#[derive(Debug, Clone, clap::Args)]
pub struct GenerateArgs {
    /// Print the distributions, as a file for --distributions, and a sample of rows; no database is needed
    #[arg(long, conflicts_with_all = ["append", "replace", "to"], help_heading = "Rows", display_order = LAST)]
    pub describe: bool,

    /// Add associates to those of an earlier run, as if that run had made them all. It takes one transaction on one
    /// connection, with keys and indexes in place, so it is several times slower than a fresh load
    #[arg(long, conflicts_with = "replace", help_heading = "Loading")]
    pub append: bool,

    /// Load into UNLOGGED tables, and leave them so: nothing goes to the write-ahead log, but a crash of the server empties
    /// them and no replica has them. For data that can be generated again
    #[arg(long, conflicts_with = "append", help_heading = "Loading")]
    pub unlogged: bool,

    /// Load with COPY … FREEZE: rows need no vacuum and no marking by their first reader, and where the server
    /// has wal_level=minimal they skip the write-ahead log. Each table is one transaction on one connection, so
    /// it is slower where several connections would share the largest table
    #[arg(long, conflicts_with = "append", help_heading = "Loading")]
    pub freeze: bool,

    /// Write files into this folder, or s3://BUCKET/PREFIX, instead, without any database: one for each table, the tables'
    /// SQL, and load.sql for psql. The place must be new or empty
    #[arg(long, value_name = "PLACE", help_heading = "Files",
          conflicts_with_all = ["append", "replace", "unlogged", "freeze", "url"])]
    pub to: Option<Place>,

    /// The format of the files
    #[arg(
        long,
        value_enum,
        default_value = "csv",
        requires = "to",
        help_heading = "Files"
    )]
    pub format: FileFormat,

    /// Which rows, and where they go.
    #[command(flatten)]
    pub rows: RowsArgs,
}

/// Which rows, and where they go.
#[derive(Debug, Clone, clap::Args)]
pub struct RowsArgs {
    /// The dataset: cards, sales or hiring. Options for associates, movements and distributions are for cards
    #[arg(
        long,
        value_name = "NAME",
        default_value = "cards",
        help_heading = "Rows"
    )]
    pub dataset: String,

    /// How many associates (clients); accounts, cards and movements follow from them [default: 1000]
    #[arg(long, value_name = "N", conflicts_with = "scale", help_heading = "Rows",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(KnownDataset::Cards.most())))]
    pub associates: Option<u32>,

    /// The size as a factor: scale 1 is 1,000 associates with about 100,000 movements; for sales, 31,465 orders with about
    /// 120,000 lines; for hiring, 2,000 employees
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "FACTOR",
        help_heading = "Rows"
    )]
    pub scale: Option<f64>,

    /// The seed [default: 42]
    #[arg(long, value_name = "SEED", help_heading = "Rows")]
    pub seed: Option<u64>,

    /// The day that is today for the rows: everything in them happened before it [default: 2026-01-01]
    #[arg(long, value_name = "DATE", help_heading = "Rows")]
    pub as_of: Option<Date>,

    /// Put a fault into this share of rows (0 to 1): trailing spaces, decomposed accents, empty texts, quotes, line breaks,
    /// delimiters, path characters, duplicate clients, far-off dates, extreme amounts. The report counts them (where a fault
    /// would not show in its row, a trailing space takes its place). Files of sales and hiring also get as many rows that
    /// break a rule
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "SHARE",
        help_heading = "Rows"
    )]
    pub dirty: Option<f64>,

    /// A TOML file that says how many accounts, cards and movements there are, when, and of what amounts; --describe prints
    /// one
    #[arg(long, value_name = "FILE", help_heading = "Rows")]
    pub distributions: Option<PathBuf>,

    /// The number of movements per card follows a zeta distribution with this exponent: the lower, the more unequal
    /// [default: 1.55]
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "X",
        help_heading = "Rows"
    )]
    pub movements_exponent: Option<f64>,

    /// The most movements that a card can have [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Rows")]
    pub movements_cap: Option<u32>,

    /// How many connections load at the same time, besides one that leads them; with 1 there is only that one [default: one
    /// for each processor, if the server has that many]
    #[arg(long, value_name = "N", help_heading = "Loading",
          value_parser = clap::value_parser!(u8).range(1..=MAX_WORKERS as i64))]
    pub workers: Option<u8>,

    /// Drop the dataset's own tables in the schema first; everything else in it stays
    #[arg(long, help_heading = "Loading")]
    pub replace: bool,

    /// Where the rows go.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

impl GenerateArgs {
    /// The options that the arguments mean.
    ///
    /// # Errors
    /// As [`RowsArgs::options`].
    pub fn options(&self) -> anyhow::Result<Options> {
        let mut options = self.rows.options()?;
        if self.append {
            options.mode = Mode::Append;
        }
        options.storage = Storage {
            unlogged: self.unlogged,
            freeze: self.freeze,
        };
        Ok(options)
    }
}

impl RowsArgs {
    /// The options that the arguments mean.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an unknown dataset, a scale that makes no sense, or distributions that cannot be read.
    pub fn options(&self) -> anyhow::Result<Options> {
        let dataset = Dataset::open(&self.dataset)?;
        let schema = dataset.schema(self.connection.schema.as_deref()).to_owned();
        Ok(Options {
            schema: schema.clone(),
            size: self.size(&dataset)?,
            asked: Asked {
                seed: self.seed,
                as_of: self.as_of,
                dirty: self.dirty,
                distributions: self.distributions()?,
            },
            workers: self.workers.map(usize::from),
            mode: if self.replace {
                Mode::Replace
            } else {
                Mode::Fresh
            },
            storage: Storage::default(),
            dataset,
        })
    }

    /// The distributions, if anything is said about them.
    fn distributions(&self) -> anyhow::Result<Option<Distributions>> {
        let read = self
            .distributions
            .as_deref()
            .map(Distributions::read)
            .transpose()?;
        let (exponent, cap) = (self.movements_exponent, self.movements_cap);
        if read.is_none() && exponent.is_none() && cap.is_none() {
            return Ok(None);
        }
        let mut distributions = read.unwrap_or_default();
        let zeta = &mut distributions.movements_per_card;
        zeta.exponent = exponent.unwrap_or(zeta.exponent);
        zeta.cap = cap.unwrap_or(zeta.cap);
        distributions.check()?;
        Ok(Some(distributions))
    }

    /// How many of what the dataset's sizes count.
    fn size(&self, dataset: &Dataset) -> anyhow::Result<u32> {
        let known = KnownDataset::of(&dataset.name)?;
        let (at_1, most, unit) = (known.scale_1(), known.most(), known.unit());
        if let Some(associates) = self.associates {
            if known == KnownDataset::Cards {
                return Ok(associates);
            }
            return Err(Kind::Usage.error(format!(
                "--associates: {} has {unit}; give their number with --scale, where 1 is {at_1}",
                dataset.name
            )));
        }
        let scale = self.scale.unwrap_or(1.0);
        let size = (scale * f64::from(at_1)).round();
        if (1.0..=f64::from(most)).contains(&size) {
            return Ok(size as u32);
        }
        Err(Kind::Usage.error(format!(
            "--scale {scale}: give {} to {}; scale 1 is {at_1} {unit}",
            1.0 / f64::from(at_1),
            most / at_1
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use dataset::failure::Failure;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        generate: GenerateArgs,
    }

    fn parse(arguments: &[&str]) -> Result<GenerateArgs, clap::Error> {
        let arguments = std::iter::once("generate").chain(arguments.iter().copied());
        Program::try_parse_from(arguments).map(|program| program.generate)
    }

    #[test]
    fn without_arguments_a_thousand_associates_are_made_in_schema_cards() {
        let options = parse(&[]).expect("parsed").options().expect("options");
        assert_eq!(
            (options.size, options.asked, options.mode),
            (1000, Asked::default(), Mode::Fresh)
        );
        assert_eq!((options.schema.as_str(), options.workers), ("cards", None));
    }

    #[test]
    fn a_scale_is_a_thousand_associates() {
        for (scale, associates) in [
            ("1", 1000),
            ("0.001", 1),
            ("2.5", 2500),
            ("1e6", 1_000_000_000),
        ] {
            let options = parse(&["--scale", scale])
                .expect("parsed")
                .options()
                .expect("options");
            assert_eq!(options.size, associates);
        }
    }

    #[test]
    fn other_datasets_have_their_own_sizes() {
        for (arguments, size) in [
            (&["--dataset", "sales"][..], 31_465),
            (&["--dataset", "sales", "--scale", "0.1"], 3_147),
            (&["--dataset", "hiring"], 2_000),
            (&["--dataset", "hiring", "--scale", "5"], 10_000),
        ] {
            let options = parse(arguments)
                .expect("parsed")
                .options()
                .expect("options");
            assert_eq!(options.size, size);
            assert_eq!(options.schema, arguments[1]);
        }
        let error = parse(&["--dataset", "sales", "--associates", "7"])
            .expect("parsed")
            .options()
            .expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error}");
        assert!(error.to_string().contains("orders"), "{error}");
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for arguments in [
            &["--associates", "0"][..],
            &["--associates=-1"],
            &["--associates", "1000000001"],
            &["--associates", "10", "--scale", "1"],
            &["--workers", "0"],
            &["--workers", "65"],
            &["--seed=-1"],
            &["--seed", "forty-two"],
            &["--append", "--replace"],
            &["--append", "--freeze"],
            &["--as-of", "2025-02-30"],
            &["--as-of", "today"],
            &["--dirty", "much"],
            &["--format", "csv"],
            &["--to", "x", "--format", "xml"],
            &["--to", "x", "--append"],
            &["--to", "x", "--url", "postgresql://h/d"],
            &["--describe", "--to", "x"],
            &["--movements-cap=-1"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
        for scale in [
            "--scale=0",
            "--scale=-1",
            "--scale=NaN",
            "--scale=inf",
            "--scale=0.0001",
            "--scale=1e7",
        ] {
            let error = parse(&[scale])
                .expect("a number")
                .options()
                .expect_err(scale);
            assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error}");
        }
    }

    #[test]
    fn single_distributions_can_be_named_without_a_file() {
        let options = parse(&["--movements-cap", "7"])
            .expect("parsed")
            .options()
            .expect("options");
        let distributions = options.asked.distributions.expect("named");
        assert_eq!(
            (
                distributions.movements_per_card.cap,
                distributions.movements_per_card.exponent
            ),
            (7, 1.55)
        );
        for arguments in [
            &["--movements-exponent", "0"][..],
            &["--movements-cap", "0"],
            &["--distributions", "/nowhere"],
        ] {
            let error = parse(arguments)
                .expect("parsed")
                .options()
                .expect_err("refused");
            assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error}");
        }
    }

    #[test]
    fn an_unknown_dataset_is_a_usage_error() {
        let error = parse(&["--dataset", "nothing"])
            .expect("parsed")
            .options()
            .expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage));
    }
}
