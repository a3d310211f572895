//! Models with parameters: the values chosen reach the rows, the manifest and `verify`.

use std::fs;

use database::Cancel;
use dataset::Dataset;
use dataset::failure::{Failure, Kind};
use serde_json::Value;
use transform::check::verify::{Source, verify_against_database};
use transform::{Engine, Options};

use crate::shop::{SCHEMA, Shop};

const DESCRIPTION: &str = r#"
    name = "shop"
    [[table]]
    name = "t"
    key = ["id"]
    [[model]]
    name = "chosen"
    file = "chosen.sql"
    [model.parameters]
    since = { type = "date", default = 2021-01-01 }
    least = { type = "numeric(8,2)", default = 0 }
    size = { type = "text", default = "large" }
    word = { type = "text", default = "none" }
    flag = { type = "boolean", default = false }
    above = { type = "integer", default = -4 }
    below = { type = "bigint", default = "9223372036854775807" }
"#;

const SELECT: &str = "SELECT id, ':size' AS text FROM t
    WHERE day >= :since AND (v IS NULL OR v >= :least) AND (size = :size OR b = :flag) AND (s IS NULL OR s <> :word) AND k > :above AND (g IS NULL OR g <= :below)
    ORDER BY id";

#[test]
fn the_values_chosen_reach_the_rows_the_manifest_and_the_comparison() {
    let shop = Shop::open();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("dataset.toml"), DESCRIPTION).expect("written");
    fs::write(folder.path().join("chosen.sql"), SELECT).expect("written");
    let dataset = Dataset::open(&folder.path().display().to_string()).expect("a dataset");
    let (settings, cancel) = (shop.database.settings(), Cancel::default());
    let source = Source {
        dataset: dataset.clone(),
        schema: SCHEMA.to_owned(),
    };
    let environment = testkit::environment();
    let source = source
        .declared(&settings, &environment, &cancel)
        .expect("columns");
    for engine in [Engine::Polars, Engine::Postgres] {
        for (chosen, expected) in [
            (&[][..], "2,:size\n4,:size\n"),
            (&[("since", "2023-12-31")][..], "2,:size\n"),
            (&[("flag", "true"), ("size", "small")], "1,:size\n"),
            (
                &[
                    ("since", "2020-12-31"),
                    ("least", "-10.05"),
                    ("size", "small"),
                ],
                "1,:size\n2,:size\n5,:size\n",
            ),
            (&[("above", "1"), ("below", "5")], ""),
            (&[("word", "b' OR true --")], "2,:size\n4,:size\n"),
            (&[("word", "a")], "2,:size\n"),
        ] {
            let mut dataset = dataset.clone();
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let chosen: Vec<_> = chosen.iter().map(owned).collect();
            dataset.set_parameters(&chosen).expect("values");
            let options = Options {
                out: shop.out.path().into(),
                engine,
                ..Options::of_models(dataset, Some(SCHEMA), &environment)
            };
            transform::run(&settings, &options, &cancel).expect("run");
            let rows = fs::read_to_string(shop.out.path().join("chosen.csv")).expect("a file");
            assert_eq!(
                rows,
                format!("id,text\n{expected}"),
                "{engine:?} {chosen:?}"
            );
            let manifest = shop.out.path().join("chosen.csv.manifest.jsonl");
            let manifest = fs::read_to_string(manifest).expect("a manifest");
            let head: Value =
                serde_json::from_str(manifest.lines().next().expect("a line")).expect("JSON");
            for (name, value) in &chosen {
                assert_eq!(head["parameters"][name], **value);
            }
            // The dataset has other default values than those that the output was made with.
            verify_against_database(shop.out.path(), &settings, &source, &cancel).expect("equal");
        }
    }
}

#[test]
fn a_value_of_another_type_or_of_no_parameter_is_refused() {
    let mut dataset = Dataset::open("hiring").expect("a dataset");
    for (name, value, why) in [
        (
            "year",
            "x",
            "parameter year of model `hires_by_quarter`: `x` is not an integer",
        ),
        (
            "yaer",
            "2020",
            "no model of dataset `hiring` has a parameter `yaer`: they have year; did you mean `year`?",
        ),
    ] {
        let error = dataset
            .set_parameters(&[(name.to_owned(), value.to_owned())])
            .expect_err(name);
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage));
        assert_eq!(format!("{error:#}"), why);
    }
}
