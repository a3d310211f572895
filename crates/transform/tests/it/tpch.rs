//! TPC-H: its 22 queries as models, over the rows of its generator.

use std::fs;

use database::Cancel;
use dataset::Dataset;
use testkit::{Database, csv_of, tpch};
use transform::{Engine, Layout, Options};

/// The scale factor, at which `lineitem` has 60,175 rows.
const SCALE: f64 = 0.01;

/// The queries that Polars runs. The others run in a scratch database.
const IN_POLARS: &[&str] = &[
    "q01", "q02", "q03", "q04", "q05", "q06", "q07", "q08", "q09", "q10", "q11", "q12", "q13",
    "q14", "q15", "q16", "q17", "q18", "q19", "q20", "q21", "q22",
];

#[test]
fn the_queries_of_tpch_give_digit_for_digit_what_postgres_gives() {
    let database = Database::create();
    let mut client = database.connect();
    client
        .batch_execute("CREATE SCHEMA tpch; SET search_path = tpch")
        .expect("a schema");
    let rows = tpch::fill(&mut client, SCALE).expect("filled");
    let rows_of = |name: &str| rows.iter().find(|(table, _)| table == name);
    assert_eq!(rows_of("lineitem").expect("a table").1, 60_175);

    let dataset = Dataset::open(tpch::FOLDER).expect("a dataset");
    let models = dataset.models.clone();
    assert_eq!(models.len(), 22);
    let out = tempfile::tempdir().expect("a folder");
    let options = Options {
        out: out.path().into(),
        layout: Layout::SingleFile,
        max_connections: 2,
        memory_bytes: 2 << 30,
        ..Options::of_models(dataset, None, &testkit::environment())
    };
    let report = transform::run(&database.settings(), &options, &Cancel::default());
    let report = report.expect("all queries run");

    for model in &models {
        let path = out.path().join(format!("{}.csv", model.name));
        let file = fs::read_to_string(path).expect("published");
        let expected = csv_of(&mut client, &model.sql);
        let (ours, theirs) = (file.lines().count(), expected.lines().count());
        assert_eq!(ours, theirs, "{}: lines", model.name);
        assert_eq!(file, expected, "{}", model.name);
    }
    let run_by_polars = report
        .models
        .iter()
        .filter(|of| of.engine == Engine::Polars);
    let run_by_polars: Vec<_> = run_by_polars.map(|of| of.model.as_str()).collect();
    assert_eq!(run_by_polars, IN_POLARS);
}
