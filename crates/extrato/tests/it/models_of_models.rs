//! Models that read models.

use std::fs;

use testkit::csv_of;

use crate::exit_codes::check;
use crate::program::{World, bare_command, finish};

const TABLES: &str = "
    CREATE SCHEMA shop;
    CREATE TABLE shop.client (id int PRIMARY KEY, name text); INSERT INTO shop.client VALUES (1, 'Ana'), (2, 'Rui'), (3, NULL);
    CREATE TABLE shop.sale (id int PRIMARY KEY, client_id int, amount numeric(10,2), at timestamp);
    INSERT INTO shop.sale SELECT i, 1 + i % 3, i / 7.0, '2026-01-01'::timestamp + i * interval '1 hour' FROM generate_series(1, 60) AS i";

/// The models of a dataset: for each its name, the other lines of its entry, and its SELECT. The first ones read the last ones.
const MODELS: [(&str, &str, &str); 4] = [
    (
        "large",
        "order_by = [\"client_id\"]\n",
        "SELECT t.client_id, c.name, t.total, t.n FROM totals AS t JOIN client AS c ON c.id = t.client_id WHERE t.n > 1",
    ),
    (
        "dated",
        "order_by = [\"id\"]\n[model.reconcile]\ntable = \"sale\"\nkey = { id = \"id\" }\nsums = { amount = \"amount\" }\n",
        "WITH totals AS (SELECT id, amount FROM known) SELECT k.id, k.amount, x.amount AS again FROM known AS k JOIN totals AS x ON x.id = k.id",
    ),
    (
        "totals",
        "order_by = [\"client_id\"]\nnot_written = [\"n\"]\n",
        "SELECT client_id, SUM(amount) AS total, COUNT(*) AS n FROM known GROUP BY client_id;\n",
    ),
    (
        "known",
        "order_by = [\"id\"]\n",
        "SELECT * FROM sale WHERE client_id IN (SELECT id FROM client WHERE name IS NOT NULL) -- of someone",
    ),
];

/// The SELECT of a model for Postgres, with the models that it reads put in.
fn expanded(name: &str) -> String {
    let sql = |name: &str| {
        MODELS
            .iter()
            .find(|model| model.0 == name)
            .unwrap()
            .2
            .trim_end()
            .trim_end_matches(';')
    };
    match name {
        "known" => sql("known").to_owned(),
        "totals" | "dated" => format!(
            "WITH known AS ({}\n) SELECT * FROM ({}\n) AS m",
            sql("known"),
            sql(name)
        ),
        _ => format!(
            "WITH known AS ({}\n), totals AS ({}\n) SELECT * FROM ({}\n) AS m",
            sql("known"),
            sql("totals"),
            sql(name)
        ),
    }
}

fn world(models: &[(&str, &str, &str)]) -> World {
    let world = World::new();
    world
        .database
        .connect()
        .batch_execute(TABLES)
        .expect("the tables are made");
    fs::create_dir(world.path("shop")).unwrap();
    write(&world, models);
    world
}

fn write(world: &World, models: &[(&str, &str, &str)]) {
    let mut text = "name = \"shop\"\n".to_owned();
    for (name, entries, sql) in models {
        text += &format!("[[model]]\nname = \"{name}\"\nfile = \"{name}.sql\"\n{entries}");
        fs::write(world.path(&format!("shop/{name}.sql")), sql).unwrap();
    }
    fs::write(world.path("shop/dataset.toml"), text).unwrap();
}

const RUN: [&str; 4] = ["transform", "--dataset", "shop", "--json"];

#[test]
fn models_that_read_models_give_what_postgres_gives_in_both_engines() {
    let world = world(&MODELS);
    let mut client = world.database.connect();
    client.batch_execute("SET search_path = shop").unwrap();
    let expected: Vec<(&str, String)> = MODELS
        .iter()
        .map(|(name, ..)| {
            let columns = if *name == "totals" {
                "client_id, total"
            } else {
                "*"
            };
            (
                *name,
                csv_of(
                    &mut client,
                    &format!(
                        "SELECT {columns} FROM ({}\n) AS m ORDER BY 1",
                        expanded(name)
                    ),
                ),
            )
        })
        .collect();
    assert_eq!(expected[1].1.lines().count(), 41);
    let same = |folder: &str, of: &[&str]| {
        for (name, expected) in expected.iter().filter(|(name, _)| of.contains(name)) {
            let file = world.path(&format!("{folder}/{name}.csv"));
            // Postgres writes a blank between a day and a time.
            let given = fs::read_to_string(file).unwrap().replace('T', " ");
            assert_eq!(given, *expected, "{folder}: {name}");
        }
    };
    let all = ["large", "dated", "totals", "known"];
    let report = world.done(&[&RUN[..], &["--stage=lake"]].concat()).json();
    for model in report["models"].as_array().unwrap() {
        assert_eq!(model["engine"], "polars", "{model}");
    }
    // A table is read once, however many models lead to it.
    assert_eq!(report["tables"].as_array().unwrap().len(), 2);
    let left_out = &report["models"][1]["reconciliation"]["left_out"];
    assert_eq!(left_out["rows"], 20, "those of a client without a name");
    same("data/out", &all);
    world.done(&["verify", "--dataset", "shop", "--against-database"]);
    world.done(&[&RUN[..], &["--engine", "postgres", "--out", "scratch"]].concat());
    same("scratch", &all);
    for engine in ["auto", "postgres"] {
        let out = format!("staged-{engine}");
        world.done(
            &[
                &RUN[..],
                &["--from-stage=lake", "--out", &out, "--engine", engine],
            ]
            .concat(),
        );
        same(&out, &all);
    }

    // One model runs alone: what it reads is run for it, and not published.
    for engine in ["auto", "polars", "postgres"] {
        let out = format!("one-{engine}");
        let one = ["--model", "large", "--out", &out, "--engine", engine];
        let report = world.done(&[&RUN[..], &one].concat()).json();
        assert_eq!(report["models"].as_array().unwrap().len(), 1);
        same(&out, &["large"]);
        let others = ["totals", "known"].map(|of| world.path(&format!("{out}/{of}.csv")));
        assert!(others.iter().all(|file| !file.exists()), "{out}");
        // From Postgres, a numeric without a precision comes as text unless its type is declared.
        if engine != "postgres" {
            world.done(&["verify", &out, "--dataset", "shop", "--against-database"]);
        }
    }
    let checked = world.done(&["check", "--dataset", "shop"]).stdout;
    assert!(checked.contains("reads    model totals\n"), "{checked}");
    let offline = finish(&mut bare_command(
        world.folder.path(),
        &["check", "--dataset", "shop", "--json"],
    ));
    let offline = offline.json();
    assert_eq!(
        offline["models"][0]["reads_models"],
        serde_json::json!(["totals"])
    );
    assert_eq!(
        offline["models"][1]["reads_models"],
        serde_json::json!(["known"]),
        "its own WITH is no model"
    );
}

#[test]
fn a_model_that_only_postgres_runs_is_read_and_reads() {
    let world = world(&[
        (
            "odd",
            "order_by = [\"id\"]\n",
            "SELECT id, to_char(at, 'TMMonth') AS month, v.n FROM sale CROSS JOIN LATERAL (SELECT id * 2 AS n) AS v",
        ),
        (
            "reads",
            "order_by = [\"id\"]\n",
            "SELECT id, n, month FROM odd WHERE n > 100",
        ),
        ("plain", "order_by = [\"id\"]\n", "SELECT id FROM sale"),
        (
            "both",
            "order_by = [\"id\"]\n",
            "SELECT p.id, v.n FROM plain AS p CROSS JOIN LATERAL (SELECT p.id + 1 AS n) AS v",
        ),
    ]);
    let report = world.done(&RUN).json();
    let engines: Vec<_> = report["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["engine"].clone())
        .collect();
    assert_eq!(engines, ["postgres", "postgres", "polars", "postgres"]);
    let mut client = world.database.connect();
    client.batch_execute("SET search_path = shop").unwrap();
    let expected = csv_of(
        &mut client,
        "SELECT id, id * 2 AS n, to_char(at, 'TMMonth') AS month FROM sale WHERE id > 50 ORDER BY 1",
    );
    assert_eq!(
        fs::read_to_string(world.path("data/out/reads.csv")).unwrap(),
        expected
    );
    let both = csv_of(&mut client, "SELECT id, id + 1 AS n FROM sale ORDER BY 1");
    assert_eq!(
        fs::read_to_string(world.path("data/out/both.csv")).unwrap(),
        both
    );
    world.done(&["verify", "--dataset", "shop", "--against-database"]);
}

#[test]
fn what_cannot_be_read_is_named_with_the_way_out() {
    let world = world(&[
        ("a", "", "SELECT id FROM b"),
        ("b", "", "SELECT id FROM c"),
        ("c", "", "SELECT id FROM a"),
    ]);
    for arguments in [
        &RUN[..],
        &["check", "--dataset", "shop"],
        &[&RUN[..], &["--model", "b"]].concat(),
    ] {
        let refused = world.run(arguments);
        check(
            &refused,
            2,
            &["reads `c`", "in a circle", "model of its own"],
        );
    }
    let offline = finish(&mut bare_command(
        world.folder.path(),
        &["check", "--dataset", "shop"],
    ));
    check(
        &offline,
        2,
        &["`a` reads `b`, and `b` reads `c`, and `c` reads `a`"],
    );

    for (models, code, part) in [
        (&[("a", "", "SELECT id FROM a")][..], 2, "it reads itself"),
        (
            &[
                ("client", "", "SELECT id FROM client"),
                ("b", "", "SELECT id FROM client"),
            ],
            2,
            "`client`, which is a model, and a table of schema `shop`",
        ),
        (
            &[
                ("a", "stream = \"b\"\n", "SELECT b.id FROM b"),
                ("b", "", "SELECT id FROM sale"),
            ],
            2,
            "without `stream` it runs whole",
        ),
        (
            &[
                (
                    "a",
                    "[model.reconcile]\ntable = \"b\"\nkey = { id = \"id\" }\n",
                    "SELECT id FROM b",
                ),
                ("b", "", "SELECT id FROM sale"),
            ],
            2,
            "which is a model: name the table",
        ),
        // The error names the file of the model that is read.
        (
            &[
                ("a", "", "SELECT id FROM b"),
                ("b", "", "SELECT id,\n  nothing FROM sale"),
            ],
            2,
            "shop/b.sql, line 2, column 3",
        ),
        (
            &[
                (
                    "a",
                    "",
                    "SELECT v.id FROM b CROSS JOIN LATERAL (SELECT b.id) AS v",
                ),
                ("b", "", "SELECT id,\n nothing FROM sale"),
            ],
            2,
            "shop/b.sql, line 2, column 2",
        ),
        (
            &[
                ("a", "", "SELECT x FROM b"),
                ("b", "", "SELECT 1 / (id - id) AS x\nFROM sale"),
            ],
            4,
            "division by zero",
        ),
    ] {
        write(&world, models);
        let one = [
            &RUN[..],
            &["--model", models.last().unwrap().0, "--out", "x"],
        ]
        .concat();
        let arguments = match part {
            "it reads itself" => &one,
            _ => &[
                &RUN[..],
                &[
                    "--model",
                    models[models.len().min(2) - 1].0,
                    "--model",
                    models[0].0,
                    "--out",
                    "x",
                ],
            ]
            .concat(),
        };
        let refused = world.run(arguments);
        check(&refused, code, &[part]);
        assert!(!world.path("x/a.csv").exists(), "{part}");
    }
    // A model that has its table's name reads the table, as a name in `WITH` would; other models name the table with its schema.
    write(
        &world,
        &[
            (
                "client",
                "order_by = [\"id\"]\n",
                "SELECT id FROM client WHERE id > 1",
            ),
            ("b", "", "SELECT COUNT(*) AS n FROM shop.client"),
        ],
    );
    world.done(&RUN);
    assert_eq!(
        fs::read_to_string(world.path("data/out/client.csv")).unwrap(),
        "id\n2\n3\n"
    );
    assert_eq!(
        fs::read_to_string(world.path("data/out/b.csv")).unwrap(),
        "n\n3\n"
    );
}
