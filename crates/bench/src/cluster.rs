//! Compares the same model, over the same Parquet files, on Spark and here.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use database::Cancel;
use testkit::Spark;

use crate::comparison::{RunArgs, list, sizes, surroundings};
use crate::place::{Place, files, rows_and_bytes};
use crate::rounds::{Line, Role, Sample, Way, interleaved};
use crate::server::Server;
use crate::storage::stage;
use crate::table::{Spread, markdown, middle, missing, ratio, rows, thousands};
use crate::transform::output_size;
use crate::{child, filled, processes, program};

/// With this many associates `movimento` has about 180,000 rows, of some 1,600 clients.
const ASSOCIATES: u32 = 2_000;

/// The arguments of the comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct ClusterArgs {
    /// How many associates; 100 movements of each on average
    #[arg(long, value_name = "N", default_value_t = ASSOCIATES,
          value_parser = clap::value_parser!(u32).range(1..))]
    associates: u32,

    /// Rounds; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    #[command(flatten)]
    run: RunArgs,
}

const READING: &str = "\
Both make `movimento_flat` from the Parquet files that `--stage` keeps, by `extrato transform --from-stage`, from the start of the program to
its end: reconciled, with manifests, published. Spark is a server of its own on the same two cores with one gigabyte, started and
warmed up before: the time of its start is in no figure. Processor time is that of extrato, and of Spark meanwhile. A cluster of several
machines was not measured.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &ClusterArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let spark = Rc::new(Spark::start());
    let server = Server::start(cancel)?;
    let tables = filled::tables(&server, arguments.associates)?;
    let (output_rows, clients) = output_size(&server)?;
    let lake = server.folder().join("lake");
    stage(&server, &lake)?;
    let mut facts = surroundings(&server)?;
    facts.push(format!(
        "{} rounds, {} associates: {}; output: {} rows of {} clients",
        arguments.runs,
        thousands(arguments.associates.into()),
        sizes(&tables),
        thousands(output_rows),
        thousands(clients)
    ));
    let place = Rc::new(Place::new(output_rows, clients)?);
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for is_single in [false, true] {
        for spark in [None, Some(spark.clone())] {
            ways.push(Box::new(Transform {
                spark,
                is_single,
                lake: lake.clone(),
                place: place.clone(),
                rows: output_rows,
            }));
        }
    }
    let (lines, _) = interleaved(&mut ways, arguments.runs as usize, &server, |_| Ok(()))?;
    let header = [
        "way",
        "rows",
        "files",
        "median s",
        "min–max s",
        "CPU s",
        "CPU s of Spark",
        "to ours",
    ];
    let cells = |line: &Line| {
        let Some(seconds) = Spread::of_seconds(line) else {
            return missing(line);
        };
        [
            line.label.clone(),
            rows(line),
            middle(line, 0, |sample| Some(sample.files? as f64)),
            format!("{:.3}", seconds.median),
            seconds.range(3),
            middle(line, 2, |sample| Some(sample.usage?.cpu_seconds)),
            middle(line, 2, |sample| sample.server_cpu_seconds),
            ratio(line, &lines).unwrap_or_else(crate::table::none),
        ]
    };
    let table = markdown(header, lines.iter().map(cells));
    let section = [list(&facts), table, READING.to_owned()];
    arguments.run.publish("cluster", &section.join("\n"))
}

/// `extrato transform`, here or on Spark.
struct Transform {
    spark: Option<Rc<Spark>>,
    is_single: bool,
    lake: PathBuf,
    place: Rc<Place>,
    rows: u64,
}

impl Transform {
    fn label(&self, on_spark: bool) -> String {
        let engine = if on_spark { "Spark" } else { "Polars" };
        let layout = match self.is_single {
            true => "one file",
            false => "a file for each client",
        };
        format!("{engine}, {layout}")
    }

    fn transform(&self, out: &Path, server: &Server) -> anyhow::Result<child::Done> {
        let mut command = program::extrato()?;
        command.arg("transform").arg("--out").arg(out);
        command.arg(format!("--from-stage={}", self.lake.display()));
        if self.is_single {
            command.arg("--single-file");
        }
        if let Some(spark) = &self.spark {
            command.args(["--engine", "spark", "--remote", &spark.remote()]);
        }
        child::run(&mut command, None, Duration::MAX, server.cancel())
    }
}

impl Way for Transform {
    fn lines(&self) -> Vec<Line> {
        let label = self.label(self.spark.is_some());
        let line = Line::new(label).of("", Role::Ours);
        vec![match self.spark {
            Some(_) => line.against(self.label(false), "Polars"),
            None => line,
        }]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let folder = self.place.fresh()?;
        self.transform(folder.path(), server).map(drop)
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let taken = || {
            let spark = self.spark.as_ref();
            spark
                .map(|spark| processes::seconds_of_family(spark.parent()))
                .transpose()
        };
        let folder = self.place.fresh()?;
        let before = taken()?;
        let done = self.transform(folder.path(), server)?;
        let after = taken()?;
        let (found, bytes) = rows_and_bytes(folder.path())?;
        anyhow::ensure!(
            found == self.rows,
            "{found} rows were written instead of {}",
            self.rows
        );
        Ok(vec![Sample {
            seconds: done.seconds,
            rows: found,
            bytes: Some(bytes),
            files: Some(csv_files(folder.path())?),
            usage: Some(done.usage),
            server_cpu_seconds: after.zip(before).map(|(after, before)| after - before),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        true
    }
}

/// The files of rows below a folder.
fn csv_files(folder: &Path) -> anyhow::Result<u64> {
    let is_of_rows = |path: &Path| path.extension().is_some_and(|end| end == "csv");
    let files = files(folder)?.into_iter();
    Ok(files.filter(|file| is_of_rows(&file.path)).count() as u64)
}
