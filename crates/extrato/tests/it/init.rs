//! `extrato init`: from a database to files per client, without an edit.

use std::fs;

use crate::documents::lines_of_picture;
use crate::exit_codes::check;
use crate::program::World;

/// Public databases, by their schemas: a name, the schema, the table that the model begins at, the column of the client, and the
/// clients that have rows.
const PUBLIC: [(&str, &str, &str, &str, &str); 5] = [
    (
        "northwind",
        include_str!("schemas/northwind.sql"),
        "order_details",
        "orders_customer_id",
        "SELECT count(DISTINCT o.customer_id) FROM order_details JOIN orders AS o USING (order_id)",
    ),
    (
        "chinook",
        include_str!("schemas/chinook.sql"),
        "invoice_line",
        "invoice_customer_id",
        "SELECT count(DISTINCT i.customer_id) FROM invoice_line JOIN invoice AS i USING (invoice_id)",
    ),
    (
        "dvdrental",
        include_str!("schemas/dvdrental.sql"),
        "payment",
        "customer_id",
        "SELECT count(DISTINCT customer_id) FROM payment",
    ),
    (
        "olist",
        include_str!("schemas/olist.sql"),
        "order_items",
        "orders_customer_id",
        "SELECT count(DISTINCT o.customer_id) FROM order_items JOIN orders AS o USING (order_id)",
    ),
    (
        "shop",
        include_str!("schemas/shop.sql"),
        "order_item",
        "order_customer_id",
        "SELECT count(DISTINCT o.customer_id) FROM order_item JOIN \"order\" AS o ON o.id = order_id",
    ),
];

fn filled(schema_sql: &str) -> World {
    let world = World::new();
    let mut client = world.database.connect();
    client
        .batch_execute(schema_sql)
        .expect("the tables are made");
    client.batch_execute("ANALYZE").expect("analysed");
    world
}

fn count(world: &World, query: &str) -> u64 {
    let row = world.database.connect().query_one(query, &[]).unwrap();
    row.get::<_, i64>(0) as u64
}

#[test]
fn a_select_that_leaves_rows_out_publishes_nothing_until_it_is_allowed_to() {
    let world = filled(
        "CREATE TABLE client (id int PRIMARY KEY, name text);
         CREATE TABLE sale (id int PRIMARY KEY, client_id int REFERENCES client, amount numeric(10,2));
         INSERT INTO client VALUES (1, 'a'), (2, 'b');
         INSERT INTO sale SELECT i, nullif(i % 3, 0), i / 100.0 FROM generate_series(1, 9) AS i",
    );
    world.done(&["init", "d"]);
    let run = || world.run(&["transform", "--dataset", "d", "--out", "out"]);
    assert_eq!(run().code, 0);
    let model = world.path("d/sale_flat.sql");
    let select = fs::read_to_string(&model).unwrap();
    assert_eq!(select.matches("LEFT JOIN").count(), 1, "{select}");
    fs::write(&model, select.replace("LEFT JOIN", "JOIN")).unwrap();
    let former = fs::read(world.path("out/sale_flat/_manifest.jsonl")).unwrap();
    let said = "model `sale_flat` leaves out 3 of 9 rows of `sale`, and `max_left_out` allows 0; nothing was published";
    check(&run(), 8, &[said]);
    assert_eq!(
        fs::read(world.path("out/sale_flat/_manifest.jsonl")).unwrap(),
        former
    );
    let description = world.path("d/dataset.toml");
    let text = fs::read_to_string(&description).unwrap();
    for allowed in ["max_left_out = 3", ""] {
        fs::write(&description, text.replace("max_left_out = 0", allowed)).unwrap();
        let report = world
            .done(&["transform", "--dataset", "d", "--out", "out", "--json"])
            .json();
        let left_out = &report["models"][0]["reconciliation"]["left_out"]["rows"];
        assert_eq!(left_out.as_u64(), Some(3), "{report}");
    }
    fs::write(
        &description,
        text.replace("max_left_out = 0", "max_left_out = -1"),
    )
    .unwrap();
    check(&run(), 2, &["max_left_out"]);

    fs::write(&description, &text).unwrap();
    let other = select.replace("sale.amount", "sale.amount::text AS amount");
    assert_ne!(other, select);
    fs::write(&model, other).unwrap();
    let said = "`reconcile` sums `amount`, which is text in the output";
    check(&run(), 2, &[said, "::numeric(12,2)"]);
    fs::write(&model, &select).unwrap();

    let named = text.replace("order_by =", "file_name = \"{client_id}.csv\"\norder_by =");
    fs::write(&description, &named).unwrap();
    let finished = run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let said = "  3 rows without client_id: under __HIVE_DEFAULT_PARTITION__";
    assert!(finished.stdout.contains(said), "{}", finished.stdout);
    for file in ["1.csv", "2.csv", "__HIVE_DEFAULT_PARTITION__.csv"] {
        assert!(world.path("out/sale_flat").join(file).is_file(), "{file}");
    }
    world.done(&["verify", "out", "--dataset", "d", "--against-database"]);
    let parquet = ["transform", "--dataset", "d", "--format", "parquet"];
    let said = "dataset.toml, model `sale_flat`, file_name {client_id}.csv: readers tell";
    check(&world.run(&parquet), 2, &[said]);
    for (wrong, why) in [
        ("{id}.csv", "it names {id}"),
        ("x.csv", "it lacks {client_id}"),
        ("{client_id", "no brace stands alone"),
    ] {
        fs::write(&description, named.replace("{client_id}.csv", wrong)).unwrap();
        check(&run(), 2, &[&format!("file_name {wrong}"), why]);
    }
}

#[test]
fn databases_that_anyone_knows_go_to_files_per_client_without_an_edit() {
    for (name, schema_sql, fact, client, clients) in PUBLIC {
        let world = filled(schema_sql);
        let rows = count(&world, &format!("SELECT count(*) FROM {fact}"));
        assert!(rows > 300, "{name}: {rows}");
        let made = world.done(&["init", name, "--json"]).json();
        assert_eq!(made["table"], fact, "{name}: {made}");
        assert_eq!(made["partition_by"], client, "{name}: {made}");
        let report = world.done(&["transform", "--dataset", name, "--out", "out", "--json"]);
        let model = &report.json()["models"][0];
        assert_eq!(model["rows"].as_u64(), Some(rows), "{name}");
        let files = count(&world, clients);
        assert_eq!(model["files"].as_u64(), Some(files), "{name}");
        let accounted = &model["reconciliation"]["left_out"]["rows"];
        assert_eq!(accounted.as_u64(), Some(0), "{name}: {model}");
        // The output equals, cell by cell, what Postgres itself gives for the same SELECT.
        let verify = ["verify", "out", "--dataset", name, "--against-database"];
        let verified = world.done(&[&verify[..], &["--json"]].concat()).json();
        let compared = verified["outputs"][0]["database"]["rows"].as_u64();
        assert_eq!(compared, Some(rows), "{name}");
    }
}

#[test]
fn what_is_left_out_is_said_and_what_is_described_says_why() {
    let world = filled(PUBLIC[4].1);
    let said = world.done(&["init", "shop"]).stdout;
    for part in [
        "views (name one with --table): big_order",
        "category.parent_id: `category`, to which it refers, is the table itself",
        "address.customer_id: `customer`, to which it refers, is already joined by a shorter way",
        "Next: extrato transform --dataset shop",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let described = fs::read_to_string(world.path("shop/dataset.toml")).unwrap();
    for part in [
        "no file has such a type: tags text[].\ncast_to_text = [\"tags\"]",
        "price numeric",
        "sums = { amount = \"amount\" }",
    ] {
        assert!(described.contains(part), "{part}: {described}");
    }
    let sql = fs::read_to_string(world.path("shop/order_item_flat.sql")).unwrap();
    for part in [
        "JOIN \"order\" ON \"order\".id = order_item.order_id",
        "LEFT JOIN address AS billing_address ON",
        "\nJOIN address AS shipping_address ON",
        "category.\"Name\" AS \"category_Name\"",
    ] {
        assert!(sql.contains(part), "{part}: {sql}");
    }
}

#[test]
fn a_table_without_a_key_is_described_and_what_to_add_is_said() {
    let world = filled(
        "CREATE TABLE visit (customer_id int, at timestamp); INSERT INTO visit VALUES (1, now()), (2, NULL)",
    );
    let said = world.done(&["init", "site"]).stdout;
    assert!(said.contains("table `visit` has no primary key"), "{said}");
    let report = world
        .done(&["transform", "--dataset", "site", "--json"])
        .json();
    assert_eq!(report["models"][0]["rows"], 2);
    assert_eq!(report["models"][0]["files"], 2, "by customer_id");
}

#[test]
fn a_reference_into_another_schema_is_not_taken_for_the_table_of_the_same_name_here() {
    let world = filled(
        "CREATE SCHEMA old; CREATE TABLE old.customer (id int PRIMARY KEY, name text); INSERT INTO old.customer VALUES (1, 'old');
         CREATE TABLE customer (id int PRIMARY KEY, name text); INSERT INTO customer VALUES (1, 'new');
         CREATE TABLE sale (id int PRIMARY KEY, customer_id int REFERENCES old.customer); INSERT INTO sale VALUES (9, 1)",
    );
    let said = world
        .done(&["init", "s", "--table", "sale", "--table", "customer"])
        .stdout;
    let why = "not joined by sale.customer_id: `old.customer`, to which it refers, is not among these tables";
    assert!(said.contains(why), "{said}");
    let report = world
        .done(&["transform", "--dataset", "s", "--single-file", "--json"])
        .json();
    assert_eq!(report["models"][0]["rows"], 1);
    let file = fs::read_to_string(world.path("data/out/sale_flat.csv")).unwrap();
    assert_eq!(file, "id,customer_id\n9,1\n");
}

#[test]
fn tables_that_are_new_are_added_and_nothing_else_is_touched() {
    let world = filled(PUBLIC[1].1);
    world.done(&["init", "music", "--table", "invoice", "--table", "customer"]);
    let path = world.path("music/dataset.toml");
    let before = fs::read_to_string(&path).unwrap() + "# mine";
    fs::write(&path, &before).unwrap();
    let added = world
        .done(&[
            "init", "music", "--update", "--table", "genre", "--table", "customer", "--json",
        ])
        .json();
    assert_eq!(added["tables"], serde_json::json!(["genre"]));
    let after = fs::read_to_string(&path).unwrap();
    let new = after
        .strip_prefix(&before)
        .expect("what was there is there");
    assert!(
        new.contains("name = \"genre\"\nkey = [\"genre_id\"]"),
        "{new}"
    );
    world.done(&["init", "music", "--update"]);
    let all = fs::read_to_string(&path).unwrap();
    assert_eq!(all.matches("[[table]]").count(), 11, "{all}");
    let said = world.done(&["init", "music", "--update"]).stdout;
    assert!(said.contains("no table is new"), "{said}");
    world.done(&["transform", "--dataset", "music"]);
}

#[test]
fn what_cannot_be_described_is_said_before_anything_is_written() {
    let world = filled(
        "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t (id int); CREATE TABLE b.customers (id int)",
    );
    for (arguments, code, part) in [
        (&["init", "x"][..], 2, "name one with --schema: a, b"),
        (
            &["init", "x", "--schema", "c"],
            7,
            "schema `c` has no table",
        ),
        (
            &["init", "x", "--schema", "b", "--table", "customer"],
            7,
            "no table `customer`; did you mean `customers`?",
        ),
        (
            &["init", "x", "--schema", "a", "--partition-by", "idd"],
            2,
            "no column `idd` to partition by; did you mean `id`?",
        ),
        (
            &["init", "x", "--update", "--schema", "a"],
            2,
            "no dataset `x`",
        ),
    ] {
        let finished = world.run(arguments);
        check(&finished, code, &[part]);
        assert!(!world.path("x").exists(), "{arguments:?}");
    }
    world.done(&["init", "x", "--schema", "a"]);
    let before = fs::read_to_string(world.path("x/dataset.toml")).unwrap();
    check(
        &world.run(&["init", "x", "--schema", "b"]),
        5,
        &["--update"],
    );
    let after = fs::read_to_string(world.path("x/dataset.toml")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_dataset_of_a_name_and_a_model_takes_the_rest_from_the_catalogue() {
    let world = filled(PUBLIC[1].1);
    fs::create_dir(world.path("few")).unwrap();
    let described = "name = \"few\"\nschema = \"public\"\n[[model]]\nname = \"spent\"\nfile = \"spent.sql\"\n\
                     [[model]]\nname = \"lines\"\nfile = \"lines.sql\"\norder_by = [\"n\"]\n";
    fs::write(world.path("few/dataset.toml"), described).unwrap();
    let spent = "SELECT c.customer_id, SUM(i.total) AS total FROM customer AS c \
                 JOIN invoice AS i ON i.customer_id = c.customer_id GROUP BY c.customer_id ORDER BY 1";
    fs::write(world.path("few/spent.sql"), spent).unwrap();
    let lines = "WITH album AS (SELECT COUNT(*) AS n FROM invoice_line) SELECT n FROM album";
    fs::write(world.path("few/lines.sql"), lines).unwrap();
    let report = world.done(&["transform", "--dataset", "few", "--stage=lake", "--json"]);
    let rows = ["spent", "lines"]
        .map(|model| fs::read_to_string(world.path(&format!("data/out/{model}.csv"))).unwrap());
    let expected = testkit::csv_of(&mut world.database.connect(), spent);
    assert_eq!(rows[0], expected);
    assert_eq!(rows[1], "n\n500\n");
    let read = report.json()["tables"].clone();
    let read: Vec<_> = read
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["table"].clone())
        .collect();
    assert!(
        read.contains(&"invoice_line".into()) && !read.contains(&"genre".into()),
        "{read:?}"
    );
    world.done(&[
        "transform",
        "--dataset",
        "few",
        "--from-stage=lake",
        "--out",
        "again",
    ]);
    let again = fs::read_to_string(world.path("again/spent.csv")).unwrap();
    assert_eq!(again, expected);
    fs::write(world.path("few/lines.sql"), "SELECT n FROM invoice_lines").unwrap();
    check(
        &world.run(&["transform", "--dataset", "few"]),
        7,
        &["`invoice_lines` does not exist in schema `public`; did you mean `invoice_line`?"],
    );
}

#[test]
fn entries_by_their_former_names_are_read_and_told() {
    let world = filled("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 2)");
    fs::create_dir(world.path("old")).unwrap();
    let described = "name = \"old\"\nschema = \"public\"\n[[model]]\nname = \"m\"\nfile = \"m.sql\"\nhidden = [\"id\"]\n\
                     order_in_partition = [\"id\"]\n[model.driving]\ntable = \"t\"\nkey = { id = \"id\" }\n";
    fs::write(world.path("old/dataset.toml"), described).unwrap();
    fs::write(world.path("old/m.sql"), "SELECT id, v FROM t").unwrap();
    let finished = world.done(&["transform", "--dataset", "old"]);
    for now in ["not_written", "order_by_in_file", "reconcile"] {
        assert!(
            finished.stderr.contains(&format!("is now called `{now}`")),
            "{}",
            finished.stderr
        );
    }
    assert_eq!(
        fs::read_to_string(world.path("data/out/m.csv")).unwrap(),
        "v\n2\n"
    );
}

#[test]
fn every_entry_is_described_and_editors_are_told_which_there_are() {
    let world = filled(PUBLIC[0].1);
    let described = world.done(&["init", "--describe"]).stdout;
    assert!(described.contains("\n[[model.check]]\n"), "{described}");
    let page = include_str!("../../../../docs/dataset-reference.md");
    let hint =
        "`extrato init --describe` gives other lines: write them into docs/dataset-reference.md";
    assert!(
        page.ends_with(&format!("```toml\n{}\n```\n", described.trim_end())),
        "{hint}"
    );
    let schema = world.done(&["init", "--describe", "--json"]).json();
    let kept: serde_json::Value =
        serde_json::from_str(include_str!("../../../../sql/dataset.schema.json")).unwrap();
    let hint = "`extrato init --describe --json > sql/dataset.schema.json` brings it up to date";
    assert!(schema == kept, "{hint}");
    world.done(&["init", "d"]);
    let first = fs::read_to_string(world.path("d/dataset.toml")).unwrap();
    assert_eq!(first.lines().next(), Some("#:schema dataset.schema.json"));
    let beside = fs::read_to_string(world.path("d/dataset.schema.json")).unwrap();
    let beside: serde_json::Value = serde_json::from_str(&beside).unwrap();
    assert!(beside == kept, "the schema beside the description");
    check(&world.run(&["init"]), 2, &["<DIR>"]);
    check(&world.run(&["init", "e", "--describe"]), 2, &["--describe"]);
}

#[test]
fn the_shop_of_the_readme_gives_what_its_picture_shows() {
    let world = filled(include_str!("../../../../docs/pictures/shop.sql"));
    let made = world.done(&["init", "shop"]).stdout;
    let run = world.done(&["transform", "--dataset", "shop"]).stdout;
    let file = world.path("data/out/order_item_flat/orders_customer_id=1/part-0.csv");
    let rows = fs::read_to_string(file).unwrap();
    let picture = lines_of_picture("docs/terminal-light.svg");
    // Lines of steps, which have times, begin with one blank.
    let is_step = |line: &str| line.starts_with(' ') && !line.starts_with("  ");
    let shown = made.lines().chain(run.lines()).chain(rows.lines().take(3));
    let shown: Vec<_> = shown
        .filter(|line| !line.is_empty() && !is_step(line))
        .collect();
    assert!(shown.len() > 12, "{shown:?}");
    for line in shown {
        assert!(
            picture.iter().any(|of_picture| of_picture == line),
            "not in the picture, which `just picture` makes anew: {line}"
        );
    }
}
