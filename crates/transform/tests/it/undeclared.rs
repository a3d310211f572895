//! Models that declare no columns give the columns of their SELECTs.

use std::fs;

use database::{Cancel, Environment};
use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Dataset, Model};
use transform::check::verify::{Source, verify_against_database};
use transform::{Engine, Layout, Options};

use crate::shop::{SCHEMA, Shop};

fn undeclared(models: &[(&str, &str)]) -> Dataset {
    let tables = ["category", "product", "t"].map(|name| (name, &["id"][..]));
    let models = models.iter().map(|(name, sql)| Model {
        columns: Vec::new(),
        ..testkit::model(name, sql)
    });
    testkit::dataset(SCHEMA, &tables, models.collect())
}

fn options(shop: &Shop, dataset: Dataset) -> Options {
    Options {
        out: shop.out.path().into(),
        max_connections: 2,
        memory_bytes: 1 << 30,
        ..Options::of_models(dataset, Some(SCHEMA), &testkit::environment())
    }
}

#[test]
fn the_columns_are_those_of_the_select_in_either_engine_and_from_a_raw_layer() {
    let shop = Shop::open();
    let settings = shop.database.settings();
    let cancel = Cancel::default();
    let models = [
        ("plain", "SELECT id, v AS amount, day, b FROM t ORDER BY id"),
        (
            "sums",
            "SELECT n, SUM(v) AS total, COUNT(*) AS \"How many\" FROM t GROUP BY n ORDER BY n",
        ),
        (
            "arrays",
            "SELECT id, ARRAY[n, k] AS pair, regexp_replace(name, 'a', 'b') AS name FROM t JOIN category USING (id) ORDER BY id",
        ),
    ];
    let dataset = undeclared(&models);
    let layer = tempfile::tempdir().expect("a folder");
    let mut run = options(&shop, dataset.clone());
    run.stage = Some(layer.path().into());
    let report = transform::run(&settings, &run, &cancel).expect("run");
    let engines: Vec<_> = report.models.iter().map(|model| model.engine).collect();
    assert_eq!(engines, [Engine::Polars, Engine::Polars, Engine::Postgres]);
    let file = |name: &str| {
        fs::read_to_string(shop.out.path().join(format!("{name}.csv"))).expect("published")
    };
    assert_eq!(
        file("plain"),
        "id,amount,day,b\n1,1.50,2024-02-29,true\n2,1.50,2023-12-31,false\n3,10.05,,\n4,,2021-01-01,\n5,-10.05,2020-12-31,true\n"
    );
    assert_eq!(
        file("sums"),
        "n,total,How many\n1,-10.05,2\n3,3.00,2\n,10.05,1\n"
    );
    assert_eq!(
        file("arrays"),
        "id,pair,name\n1,\"{3,1}\",bll\n2,\"{3,2}\",tools\n3,\"{NULL,NULL}\",hbmmers\n"
    );

    let source = Source {
        dataset: dataset.clone(),
        schema: SCHEMA.to_owned(),
    };
    let source = source
        .declared(&settings, &testkit::environment(), &cancel)
        .expect("declared");
    let declared = &source.dataset.models[1].columns;
    let numeric = ColumnType::Numeric {
        precision: 38,
        scale: 2,
    };
    assert_eq!(
        *declared,
        [
            ("n".to_owned(), ColumnType::Integer),
            ("total".to_owned(), numeric),
            ("How many".to_owned(), ColumnType::BigInt),
        ]
    );
    let verified =
        verify_against_database(shop.out.path(), &settings, &source, &cancel).expect("equal");
    assert_eq!(verified.len(), 3);

    let before = ["plain", "sums"].map(file);
    let of_layer = options(&shop, undeclared(&models[..2]));
    transform::run_from_stage(layer.path(), &of_layer, &cancel).expect("run");
    assert_eq!(["plain", "sums"].map(file), before);
}

#[test]
fn names_of_columns_are_checked_once_they_are_known() {
    let shop = Shop::open();
    let settings = shop.database.settings();
    let cancel = Cancel::default();
    let refused = |options: &Options| {
        let error = transform::run(&settings, options, &cancel).expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
        format!("{error:#}")
    };
    let twice = undeclared(&[(
        "m",
        "SELECT p.id, c.id FROM product p JOIN category c ON c.id = p.category_id",
    )]);
    assert!(refused(&options(&shop, twice)).contains("two columns `id`"));
    let mut hidden = undeclared(&[("m", "SELECT id, name FROM product")]);
    hidden.models[0].hidden = vec!["price".to_owned()];
    assert!(refused(&options(&shop, hidden)).contains("`price`"));
    let mut by = options(&shop, undeclared(&[("m", "SELECT id, name FROM product")]));
    by.layout = Layout::PartitionBy(vec!["town".to_owned()]);
    assert!(refused(&by).contains("no column `town` to partition by; it has id, name"));
    by.layout = Layout::PartitionBy(vec!["id".to_owned()]);
    by.environment = Environment::default();
    let report = transform::run(&settings, &by, &cancel).expect("run");
    assert_eq!(report.models[0].files, 4);
}
