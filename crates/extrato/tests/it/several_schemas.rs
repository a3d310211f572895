//! Tables of several schemas in one SELECT: two of the same name are never confused.

use std::fs;

use serde_json::json;
use testkit::csv_of;

use crate::exit_codes::check;
use crate::program::{World, finish};

/// Tables of the same name in three schemas, each with its own rows. A role's search path may name any of them.
const TABLES: &str = "
    CREATE SCHEMA sales; CREATE SCHEMA archive; CREATE SCHEMA \"Odd.one\";
    CREATE TABLE sales.client (id int PRIMARY KEY, name text);
    INSERT INTO sales.client VALUES (1, 'Ana'), (2, 'Rui'), (3, 'Eva');
    CREATE TABLE sales.orders (id int PRIMARY KEY, client_id int REFERENCES sales.client, total numeric(10,2));
    INSERT INTO sales.orders SELECT i, 1 + i % 3, i FROM generate_series(1, 40) AS i;
    CREATE TABLE archive.orders (id int PRIMARY KEY, client_id int REFERENCES sales.client, total numeric(10,2), closed date);
    INSERT INTO archive.orders SELECT i, 1 + i % 2, -i, '2020-01-01' FROM generate_series(30, 90) AS i;
    CREATE TABLE public.orders (id int PRIMARY KEY, client_id int, total numeric(10,2));
    INSERT INTO public.orders VALUES (1, 1, 1000), (35, 2, 2000);
    CREATE TABLE public.client (id int PRIMARY KEY, name text); INSERT INTO public.client VALUES (1, 'nobody');
    CREATE TABLE \"Odd.one\".\"t.x\" (id int PRIMARY KEY, v text); INSERT INTO \"Odd.one\".\"t.x\" VALUES (1, 'odd'), (31, NULL);
    CREATE TABLE archive.note (at date); INSERT INTO archive.note VALUES ('2020-02-29')";

fn world() -> World {
    let world = World::new();
    let mut client = world.database.connect();
    client.batch_execute(TABLES).expect("the tables are made");
    client.batch_execute("ANALYZE").expect("analysed");
    world
}

/// SELECTs that give other rows if a table is read from the wrong schema.
const SELECTS: [&str; 14] = [
    "SELECT o.id, o.total, a.total AS archived FROM sales.orders AS o JOIN archive.orders AS a ON a.id = o.id ORDER BY 1",
    "SELECT o.id, o.total, a.total AS archived FROM archive.orders AS o JOIN sales.orders AS a ON a.id = o.id ORDER BY 1",
    // Two tables have the same name and no alias.
    "SELECT sales.orders.id, archive.orders.total, sales.orders.total AS t FROM sales.orders JOIN archive.orders ON sales.orders.id = archive.orders.id ORDER BY 1",
    "SELECT orders.id, orders.total FROM archive.orders ORDER BY orders.id",
    "SELECT archive.orders.* FROM archive.orders ORDER BY archive.orders.id",
    "SELECT s.*, archive.orders.closed FROM sales.orders AS s, archive.orders WHERE archive.orders.id = s.id ORDER BY s.id",
    // A WITH hides only names that are written without a schema.
    "WITH orders AS (SELECT id, total FROM archive.orders) SELECT o.id, o.total, s.total AS t FROM orders AS o JOIN sales.orders AS s ON s.id = o.id ORDER BY 1",
    "WITH orders AS (SELECT id FROM orders) SELECT o.id, p.total FROM orders AS o JOIN archive.orders AS p ON p.id = o.id ORDER BY 1",
    "SELECT id, total FROM orders ORDER BY id",
    "SELECT o.id, p.total FROM orders AS o JOIN public.orders AS p ON p.id = o.id ORDER BY 1",
    "SELECT id FROM sales.orders UNION ALL SELECT id FROM archive.orders ORDER BY id",
    "SELECT id, (SELECT MAX(a.total) FROM archive.orders AS a WHERE a.id = s.id) AS m FROM sales.orders AS s ORDER BY id",
    "SELECT c.name, SUM(o.total) AS total, COUNT(*) AS n FROM ARCHIVE.Orders AS o JOIN \"sales\".client AS c ON c.id = o.client_id GROUP BY c.name ORDER BY c.name",
    "SELECT t.id, t.v, a.total FROM \"Odd.one\".\"t.x\" AS t LEFT JOIN archive.orders AS a ON a.id = t.id ORDER BY t.id",
];

#[test]
fn each_table_is_that_of_its_schema_in_both_engines_whatever_the_search_path_is() {
    let world = world();
    let mut client = world.database.connect();
    let mut in_polars = 0;
    for path in ["sales, archive", "archive, sales", "public", "archive"] {
        client
            .batch_execute(&format!("SET search_path = {path}"))
            .expect("set");
        let options = format!("-c search_path={}", path.replace(' ', ""));
        let run = |arguments: &[&str]| {
            let mut command = world.command(&[&["query"], arguments].concat());
            let given = finish(command.env("PGOPTIONS", &options));
            assert_eq!(given.code, 0, "{path}: {arguments:?}: {}", given.stderr);
            given
        };
        let is_of_two = path.contains(',');
        let selects = SELECTS.into_iter();
        for select in selects.filter(|select| is_of_two || select.contains("FROM orders")) {
            let expected = csv_of(&mut client, select);
            assert!(expected.lines().count() > 1, "{path}: {select}");
            let given = run(&[select, "--out", "-"]);
            assert_eq!(given.stdout, expected, "{path}: {select}");
            if path == "archive, sales" {
                in_polars += usize::from(!given.stderr.contains("scratch database"));
                let given = run(&[select, "--out", "-", "--engine", "postgres"]).stdout;
                assert_eq!(given, expected, "in a scratch database: {select}");
            }
        }
    }
    assert!(in_polars >= SELECTS.len() - 1, "{in_polars} run in Polars");
}

#[test]
fn what_postgres_does_not_find_is_not_found_in_another_schema() {
    let world = world();
    for (arguments, code, part) in [
        // An alias hides the table's own name.
        (
            &["SELECT sales.orders.id FROM sales.orders AS o"][..],
            2,
            "the SELECT, line 1, column 8",
        ),
        (
            &["SELECT orders.id FROM sales.orders, archive.orders"],
            2,
            "\"orders\" is ambiguous",
        ),
        (
            &["SELECT archive.orders.id FROM sales.orders"],
            2,
            "invalid reference to FROM-clause entry",
        ),
        (
            &["SELECT at FROM note, sales.orders"],
            7,
            "`note` does not exist in schema `public`, but `archive.note` is there",
        ),
        (
            &["SELECT at FROM sales.note"],
            7,
            "`sales.note` does not exist in schema `sales`, but `archive.note` is there",
        ),
        (
            &["--schema", "sales", "SELECT at FROM archive.note, note"],
            7,
            "`note` does not exist",
        ),
        (
            &["--table", "sales.note"],
            7,
            "schema `sales` has no table `note`",
        ),
    ] {
        let finished = world.run(&[&["query"], arguments, &["--out", "-"]].concat());
        check(&finished, code, &[part]);
        assert_eq!(finished.stdout, "");
    }
    // A name with its schema always means that schema, whatever else is asked for.
    for (arguments, expected) in [
        (
            &[
                "--schema",
                "archive",
                "SELECT COUNT(*) AS n FROM archive.orders",
            ][..],
            "n\n61\n",
        ),
        (
            &[
                "--schema",
                "archive",
                "SELECT COUNT(*) AS n FROM sales.orders",
            ],
            "n\n40\n",
        ),
        (
            &["--schema", "archive", "SELECT COUNT(*) AS n FROM orders"],
            "n\n61\n",
        ),
        (
            &[
                "--schema",
                "sales",
                "SELECT COUNT(*) AS n FROM archive.orders, note, archive.note AS b",
            ],
            "",
        ),
    ] {
        let finished = world.run(&[&["query"], arguments, &["--out", "-"]].concat());
        assert_eq!(
            finished.stdout, expected,
            "{arguments:?}: {}",
            finished.stderr
        );
    }
    let table = [
        "query",
        "--schema",
        "sales",
        "--table",
        "archive.orders",
        "--json",
    ];
    assert_eq!(world.done(&table).json()["total_rows"], 61);
}

/// A dataset over tables in three schemas.
fn dataset(world: &World) {
    let text = "name = \"all\"\nschema = \"sales\"\n[[table]]\nname = \"client\"\n[[table]]\nname = \"orders\"\n\
                [[table]]\nname = \"orders\"\nschema = \"archive\"\n\
                [[model]]\nname = \"both\"\nfile = \"both.sql\"\norder_by = [\"id\"]\norder_by_in_file = [\"id\"]\n\
                partition_by = [\"name\"]\n[model.reconcile]\ntable = \"archive.orders\"\nkey = { id = \"id\" }\nsums = { total = \"archived\" }\n\
                [[model]]\nname = \"here\"\nfile = \"here.sql\"\norder_by = [\"id\"]\n\
                [model.reconcile]\ntable = \"orders\"\nkey = { id = \"id\" }\nsums = { total = \"total\" }\n\
                [[model]]\nname = \"third\"\nfile = \"third.sql\"\norder_by = [\"id\"]\n\
                [[model]]\nname = \"streamed\"\nfile = \"streamed.sql\"\nstream = \"archive.orders\"\norder_by = [\"id\"]\n\
                [model.reconcile]\ntable = \"archive.orders\"\nkey = { id = \"id\" }\nsums = { total = \"total\" }\n\
                [model.columns]\nid = \"integer\"\ntotal = \"numeric(10,2)\"\nname = \"text\"\n";
    fs::create_dir(world.path("all")).unwrap();
    fs::write(world.path("all/dataset.toml"), text).unwrap();
    for (name, sql) in MODELS {
        fs::write(world.path(&format!("all/{name}.sql")), sql).unwrap();
    }
}

const MODELS: [(&str, &str); 4] = [
    (
        "both",
        "SELECT a.id, c.name, a.total AS archived, o.total FROM archive.orders AS a JOIN client AS c ON c.id = a.client_id \
         LEFT JOIN orders AS o ON o.id = a.id",
    ),
    ("here", "SELECT o.id, o.total FROM sales.orders AS o"),
    (
        "third",
        "SELECT p.id, p.total, o.total AS t FROM public.orders AS p JOIN orders AS o USING (id)",
    ),
    (
        "streamed",
        "SELECT o.id, o.total, c.name FROM archive.orders AS o JOIN sales.client AS c ON c.id = o.client_id",
    ),
];

#[test]
fn a_dataset_of_several_schemas_runs_is_kept_checked_and_verified() {
    let world = world();
    dataset(&world);
    let mut client = world.database.connect();
    client.batch_execute("SET search_path = sales").unwrap();
    let checked = world.done(&["check", "--dataset", "all", "--json"]).json();
    assert_eq!(checked["models"][0]["reads"][2]["table"], "archive.orders");
    let expected: Vec<String> = MODELS[1..]
        .iter()
        .map(|(_, sql)| csv_of(&mut client, &format!("{sql} ORDER BY 1")))
        .collect();
    let same = |folder: &str| {
        for ((name, _), expected) in MODELS[1..].iter().zip(&expected) {
            let file = world.path(&format!("{folder}/{name}.csv"));
            assert_eq!(
                fs::read_to_string(file).unwrap(),
                *expected,
                "{folder}: {name}"
            );
        }
    };
    let run = ["transform", "--dataset", "all", "--json"];
    let report = world.done(&[&run[..], &["--stage=lake"]].concat()).json();
    let models = report["models"].as_array().unwrap();
    let engines: Vec<_> = models.iter().map(|model| model["engine"].clone()).collect();
    assert_eq!(engines, ["polars"; 4]);
    let counted = &models[0]["reconciliation"];
    assert_eq!(counted["read"]["rows"], 61);
    assert_eq!(counted["read"]["sums"]["total"], "-3660.00");
    assert_eq!(models[1]["reconciliation"]["read"]["rows"], 40);
    let tables = report["tables"].as_array().unwrap();
    let tables: Vec<_> = tables
        .iter()
        .map(|of| (of["table"].clone(), of["rows"].clone()))
        .collect();
    let rows = [
        ("client", 3),
        ("orders", 40),
        ("archive.orders", 61),
        ("public.orders", 2),
    ];
    assert_eq!(
        tables,
        rows.map(|(table, rows)| (json!(table), json!(rows)))
    );
    same("data/out");
    world.done(&[
        "verify",
        "data/out",
        "--dataset",
        "all",
        "--against-database",
    ]);
    world.done(&[&run[..], &["--engine", "postgres", "--out", "scratch"]].concat());
    same("scratch");
    world.done(&[
        "verify",
        "scratch",
        "--dataset",
        "all",
        "--against-database",
    ]);
    let as_staged = ["--from-stage=lake", "--out", "again"];
    world.done(&[&run[..], &as_staged].concat());
    same("again");
    world.done(&[&run[..], &as_staged, &["--engine", "postgres"]].concat());
    same("again");

    // If another schema replaces the dataset's, a name with its schema stays as it is.
    let in_public = ["--schema", "public", "--out", "o", "--model"];
    let report = world
        .done(&[&run[..], &in_public, &["both"]].concat())
        .json();
    assert_eq!(report["models"][0]["reconciliation"]["read"]["rows"], 61);
    let rows =
        "SELECT count(*) FROM archive.orders AS a JOIN public.client AS c ON c.id = a.client_id";
    let rows: i64 = testkit::value(&mut client, rows);
    assert_eq!(report["models"][0]["rows"], rows);
    let refused = world.run(&[&run[..], &in_public, &["here"]].concat());
    let part = "2 rows of `orders` were read, but 40 written";
    check(&refused, 8, &[part]);
    let refused = world.run(&["transform", "--dataset", "all", "--schema", "archive"]);
    check(&refused, 2, &["two tables called `orders`"]);
    let refused = world.run(&["transform", "--dataset", "all", "--to-postgres", "archive"]);
    check(&refused, 2, &["lie in that schema: name another"]);
    let missing = fs::read_to_string(world.path("all/dataset.toml"))
        .unwrap()
        .replace("schema = \"archive\"", "schema = \"gone\"");
    fs::write(world.path("all/dataset.toml"), missing).unwrap();
    let refused = world.run(&["check", "--dataset", "all"]);
    check(&refused, 7, &["table `orders` is missing in schema `gone`"]);
}

#[test]
fn a_dataset_of_several_schemas_is_described_from_the_database() {
    let world = world();
    let made = world
        .done(&[
            "init", "both", "--schema", "archive", "--schema", "sales", "--json",
        ])
        .json();
    assert_eq!(made["table"], "orders", "{made}");
    assert_eq!(made["joined"], json!(["sales.client"]));
    let text = fs::read_to_string(world.path("both/dataset.toml")).unwrap();
    for part in [
        "schema = \"archive\"\n\n",
        "name = \"orders\"\nschema = \"sales\"\nkey = [\"id\"]\n",
        "name = \"orders\"\nkey = [\"id\"]\n",
        "name = \"client\"\nschema = \"sales\"\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let sql = fs::read_to_string(world.path("both/orders_flat.sql")).unwrap();
    assert!(
        sql.contains("FROM orders\nJOIN sales.client ON")
            || sql.contains("FROM orders\nLEFT JOIN sales.client ON"),
        "{sql}"
    );
    let report = world
        .done(&["transform", "--dataset", "both", "--json"])
        .json();
    assert_eq!(report["models"][0]["rows"], 61);
    world.done(&["verify", "--dataset", "both", "--against-database"]);

    let one = ["init", "one", "--schema", "sales", "--table", "orders"];
    world.done(&one);
    let added = world
        .done(&[
            "init",
            "one",
            "--update",
            "--schema",
            "archive",
            "--table",
            "archive.orders",
            "--json",
        ])
        .json();
    assert_eq!(added["tables"], json!(["archive.orders"]));
    let text = fs::read_to_string(world.path("one/dataset.toml")).unwrap();
    assert!(
        text.ends_with("name = \"orders\"\nschema = \"archive\"\nkey = [\"id\"]\n"),
        "{text}"
    );
    let again = world.done(&["init", "one", "--update", "--json"]).json();
    assert_eq!(
        again["tables"],
        json!(["client", "archive.note"]),
        "the schemas that it lists"
    );
    let mistyped = world.run(&["init", "one", "--update", "--table", "archve.orders"]);
    check(
        &mistyped,
        7,
        &["no table `archve.orders`; did you mean `archive.orders`?"],
    );
    let mistyped = world.run(&["init", "one", "--update", "--table", "clients"]);
    check(
        &mistyped,
        7,
        &["no table `clients`; did you mean `client`?"],
    );
}
