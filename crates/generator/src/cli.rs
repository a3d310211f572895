//! The arguments of `generate`.

use std::thread;

use database::ConnectionArgs;
use dataset::Dataset;
use dataset::failure::Kind;

use crate::load::{MAX_WORKERS, Mode, Options};
use crate::plan::MAX_ASSOCIATES;

/// Associates at scale 1; they have about 100,000 movements.
const SCALE_ASSOCIATES: u32 = 1_000;

/// Examples for the help of both binaries.
pub const EXAMPLES: &str = "\
Examples:
  1,000 associates and about 100,000 movements, in schema cards
    extrato generate
  Fifty times as many, from a seed of your own, in place of what an earlier run made
    extrato generate --scale 50 --seed 7 --replace
  500 associates more, the same as if all had been generated at once
    extrato generate --associates 500 --append
  Into another schema of a given database
    extrato generate --url postgresql://ana@db.example/folha --schema cards_teste";

/// Fill a Postgres schema with realistic fake rows
///
/// Associates of a credit cooperative, their accounts, cards and card movements, with keys and foreign
/// keys. The same seed gives the same rows, whatever the number of workers, the machine or the date. A run
/// that fails leaves the schema as it was.
#[derive(Debug, Clone, clap::Args)]
pub struct GenerateArgs {
    /// Which rows, and where they go.
    #[command(flatten)]
    pub rows: RowsArgs,

    /// Add associates to those that an earlier run made, from its seed
    #[arg(long, conflicts_with = "replace", help_heading = "Rows")]
    pub append: bool,
}

/// Which rows, and where they go.
#[derive(Debug, Clone, clap::Args)]
pub struct RowsArgs {
    /// Where the rows go.
    #[command(flatten)]
    pub connection: ConnectionArgs,

    /// The dataset
    #[arg(
        long,
        value_name = "NAME",
        default_value = "cards",
        help_heading = "Rows"
    )]
    pub dataset: String,

    /// How many associates; accounts, cards and movements follow from them [default: 1000]
    #[arg(long, value_name = "N", conflicts_with = "scale", help_heading = "Rows",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ASSOCIATES)))]
    pub associates: Option<u32>,

    /// The same as a factor: scale 1 is 1,000 associates with about 100,000 movements
    #[arg(long, value_name = "FACTOR", help_heading = "Rows")]
    pub scale: Option<f64>,

    /// The seed [default: 42]
    #[arg(long, value_name = "SEED", help_heading = "Rows")]
    pub seed: Option<u64>,

    /// Connections that load at the same time [default: one for each processor]
    #[arg(long, value_name = "N", help_heading = "Rows",
          value_parser = clap::value_parser!(u8).range(1..=MAX_WORKERS as i64))]
    pub workers: Option<u8>,

    /// Drop the dataset's own tables in the schema first; everything else in it stays
    #[arg(long, help_heading = "Rows")]
    pub replace: bool,
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
        Ok(options)
    }
}

impl RowsArgs {
    /// The options that the arguments mean.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an unknown dataset or a scale that makes no sense.
    pub fn options(&self) -> anyhow::Result<Options> {
        let dataset = Dataset::open(&self.dataset)?;
        let processors = || {
            thread::available_parallelism()
                .map_or(1, usize::from)
                .min(MAX_WORKERS)
        };
        let schema = self.connection.schema.as_ref().unwrap_or(&dataset.name);
        Ok(Options {
            schema: schema.clone(),
            associates: self.associates()?,
            seed: self.seed,
            workers: self.workers.map_or_else(processors, usize::from),
            mode: if self.replace {
                Mode::Replace
            } else {
                Mode::Fresh
            },
            dataset,
        })
    }

    fn associates(&self) -> anyhow::Result<u32> {
        let Some(scale) = self.scale else {
            return Ok(self.associates.unwrap_or(SCALE_ASSOCIATES));
        };
        let associates = (scale * f64::from(SCALE_ASSOCIATES)).round();
        if (1.0..=f64::from(MAX_ASSOCIATES)).contains(&associates) {
            return Ok(associates as u32);
        }
        Err(Kind::Usage.error(format!(
            "--scale {scale}: give 0.001 to {}; scale 1 is {SCALE_ASSOCIATES} associates",
            MAX_ASSOCIATES / SCALE_ASSOCIATES
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
            (options.associates, options.seed, options.mode),
            (1000, None, Mode::Fresh)
        );
        assert_eq!(options.schema, "cards");
        assert!((1..=MAX_WORKERS).contains(&options.workers));
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
            assert_eq!(options.associates, associates);
        }
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
    fn an_unknown_dataset_is_a_usage_error() {
        let error = parse(&["--dataset", "nothing"])
            .expect("parsed")
            .options()
            .expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage));
    }
}
