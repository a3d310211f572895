//! `extrato query`: rows of any database, without a dataset.

use std::fs::{self, File};

use serde_json::json;
use testkit::csv_of;

use crate::exit_codes::check;
use crate::program::{World, finish, remains};

/// Two schemas with tables of a shop.
fn shop() -> World {
    let world = World::new();
    let tables = "
        CREATE TABLE customer (id int PRIMARY KEY, name text, note text);
        INSERT INTO customer VALUES (1, 'Ana, \"a\"', ''), (2, 'João', NULL), (3, NULL, 'x');
        CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int REFERENCES customer, total numeric(10,2), kinds text[]);
        INSERT INTO orders SELECT i, 1 + i % 3, i / 8.0, ARRAY['a', 'b'] FROM generate_series(1, 90) AS i;
        CREATE TABLE visit (at date, pages numeric);
        INSERT INTO visit VALUES ('2026-02-28', 1.50), (NULL, 2.5000);
        CREATE SCHEMA old; CREATE TABLE old.orders (id int); INSERT INTO old.orders VALUES (7);
        CREATE TABLE old.\"Odd Name\" (\"Id\" int PRIMARY KEY); INSERT INTO old.\"Odd Name\" VALUES (1)";
    world.database.connect().batch_execute(tables).unwrap();
    world
}

const JOIN: &str = "SELECT c.name, c.note, o.id, o.total, o.kinds FROM orders AS o JOIN customer AS c ON c.id = o.customer_id ORDER BY o.id";

#[test]
fn the_first_rows_of_a_join_are_shown_and_all_are_counted() {
    let world = shop();
    let shown = world.done(&["query", JOIN]).stdout;
    assert!(shown.contains("query: the first 20 of 90 rows"), "{shown}");
    assert_eq!(shown.lines().count(), 23, "{shown}");
    let shown = world.done(&["query", JOIN, "--json"]).json();
    assert_eq!(shown["total_rows"], 90);
    assert_eq!(shown["engine"], "polars");
    assert_eq!(shown["rows"].as_array().unwrap().len(), 20);
    assert_eq!(
        shown["rows"][0],
        json!(["João", null, "1", "0.13", "{a,b}"])
    );
    assert_eq!(shown["columns"][3], json!(["total", "numeric(10,2)"]));
    assert!(!world.path("data").exists(), "nothing is published");
}

#[test]
fn the_types_of_columns_do_not_depend_on_the_engine() {
    let world = shop();
    let select = "SELECT customer_id, sum(total) AS spent, avg(total) AS mean, count(*) AS n FROM orders GROUP BY 1 ORDER BY 1";
    let shown = |engine: &str| {
        let shown = world
            .done(&["query", select, "--engine", engine, "--json"])
            .json();
        assert_eq!(shown["engine"], engine, "{shown}");
        (shown["columns"].clone(), shown["rows"].clone())
    };
    assert_eq!(shown("polars"), shown("postgres"));
}

#[test]
fn through_a_pipe_comes_what_postgres_gives() {
    let world = shop();
    let expected = csv_of(&mut world.database.connect(), JOIN);
    assert_eq!(expected.lines().count(), 91);
    let of_argument = world.done(&["query", JOIN, "--out", "-"]).stdout;
    assert_eq!(of_argument, expected);
    fs::write(world.path("join.sql"), format!("{JOIN};\n")).unwrap();
    let of_file = world
        .done(&["query", "--file", "join.sql", "--out", "-"])
        .stdout;
    assert_eq!(of_file, expected);
    let commented = format!("-- Who bought what\n{JOIN}");
    let of_commented = world.done(&["query", &commented, "--out", "-"]).stdout;
    assert_eq!(of_commented, expected);
    let mut piped = world.command(&["query", "--out", "-", "--quiet"]);
    piped.stdin(File::open(world.path("join.sql")).unwrap());
    let of_input = finish(&mut piped);
    assert_eq!((of_input.code, of_input.stdout), (0, expected));
    assert_eq!(of_input.stderr, "");
}

#[test]
fn a_table_is_written_whole_counted_and_summed() {
    let world = shop();
    let report = world
        .done(&["query", "--table", "orders", "--out", "x/all.csv", "--json"])
        .json();
    let reconciliation = &report["models"][0]["reconciliation"];
    assert_eq!(reconciliation["written"]["rows"], 90);
    let sum = "SELECT sum(total)::text FROM orders";
    let sum: String = world.database.connect().query_one(sum, &[]).unwrap().get(0);
    assert_eq!(reconciliation["read"]["sums"]["total"], sum);
    let select = "SELECT * FROM orders ORDER BY id";
    let expected = csv_of(&mut world.database.connect(), select);
    assert_eq!(
        fs::read_to_string(world.path("x/all.csv")).unwrap(),
        expected
    );
    world.done(&["verify", "x/all.csv"]);
    for file in [
        "x/all.csv.gz",
        "x/all.jsonl",
        "x/all.jsonl.zst",
        "x/all.parquet",
    ] {
        world.done(&["query", "--table", "orders", "--out", file, "-q"]);
        world.done(&["verify", file]);
    }
    let excel = [
        "query",
        "SELECT total FROM orders WHERE id = 2",
        "--excel",
        "--out",
        "-",
    ];
    assert_eq!(world.done(&excel).stdout, "\u{feff}total\r\n0,25\r\n");

    let by_client = [
        "query",
        "--table",
        "orders",
        "--partition-by",
        "customer_id",
        "--out",
        "y",
    ];
    let report = world
        .done(&[&by_client[..], &["--format", "parquet", "--json"]].concat())
        .json();
    assert_eq!(report["models"][0]["files"], 3);
    assert!(world.path("y/orders/customer_id=2/part-0.parquet").exists());
    world.done(&["verify", "y/orders"]);
}

#[test]
fn rows_that_look_up_others_by_their_keys_are_accounted_for() {
    let world = shop();
    let tables =
        "CREATE TABLE price (customer_id int, factor int); INSERT INTO price VALUES (1, 1), (1, 2);
         CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
         INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1)";
    world.database.connect().batch_execute(tables).unwrap();
    let accounted = |sql: &str| {
        let report = world
            .done(&["query", sql, "--out", "z.csv", "--json"])
            .json();
        let expected = csv_of(&mut world.database.connect(), sql);
        assert_eq!(
            fs::read_to_string(world.path("z.csv")).unwrap(),
            expected,
            "{sql}"
        );
        report["models"][0]["reconciliation"].clone()
    };
    let sum = "SELECT sum(total)::text FROM orders";
    let sum: String = world.database.connect().query_one(sum, &[]).unwrap().get(0);
    let joined = "FROM orders AS o JOIN customer AS c ON c.id = o.customer_id";
    for (sql, written, left_out, sum) in [
        (
            format!("SELECT o.id, o.total, c.name {joined} ORDER BY o.id"),
            90,
            0,
            json!(sum),
        ),
        (
            format!("SELECT o.id AS n, o.total AS t {joined} WHERE c.name IS NOT NULL ORDER BY n"),
            60,
            30,
            json!(sum),
        ),
        (
            "SELECT id, total FROM orders WHERE id > extract(day FROM date '2026-01-20') * 4 ORDER BY id".to_owned(),
            10,
            80,
            json!(sum),
        ),
        (
            format!("SELECT o.id, c.name {joined} ORDER BY o.id LIMIT 7"),
            7,
            83,
            json!(null),
        ),
    ] {
        let found = accounted(&sql);
        assert_eq!(found["table"], "orders", "{sql}");
        assert_eq!(found["read"]["rows"], 90, "{sql}");
        assert_eq!(found["written"]["rows"], written, "{sql}");
        assert_eq!(found["left_out"]["rows"], left_out, "{sql}");
        assert_eq!(found["read"]["sums"]["total"], sum, "{sql}");
    }
    // What may give a row twice, or doesn't say which it is.
    for sql in [
        "SELECT o.id, p.factor FROM orders AS o JOIN price AS p ON p.customer_id = o.customer_id ORDER BY o.id, p.factor",
        "SELECT o.id, p.id AS parent FROM orders AS o JOIN parent AS p ON p.id = o.customer_id ORDER BY o.id, p.id",
        "SELECT o.total, c.name FROM orders AS o JOIN customer AS c ON c.id = o.customer_id ORDER BY o.id",
        "SELECT c.id, COUNT(*) AS n FROM customer AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id",
    ] {
        assert!(accounted(sql).is_null(), "{sql}");
    }
}

#[test]
fn tables_of_another_schema_without_a_key_and_of_odd_names_are_found() {
    let world = shop();
    for (arguments, expected) in [
        (&["--table", "old.orders"][..], "id\n7\n"),
        (&["--table", "orders", "--schema", "old"], "id\n7\n"),
        (&["SELECT id FROM old.orders"], "id\n7\n"),
        (&["--table", "old.odd name"], "Id\n1\n"),
        (
            &[
                "SELECT \"Id\" + 1 AS n FROM \"Odd Name\"",
                "--schema",
                "old",
            ],
            "n\n2\n",
        ),
        (
            &["--table", "visit", "--order-by", "at"],
            "at,pages\n2026-02-28,1.50\n,2.5000\n",
        ),
        (&["SELECT COUNT(*) AS n FROM visit"], "n\n2\n"),
        (&["SELECT 1 AS one"], "one\n1\n"),
    ] {
        let arguments = [&["query"], arguments, &["--out", "-"]].concat();
        assert_eq!(world.done(&arguments).stdout, expected, "{arguments:?}");
    }
}

#[test]
fn what_is_read_and_what_runs_it_is_explained_without_a_row_read() {
    let world = shop();
    let explained = world.done(&["query", JOIN, "--explain"]).stdout;
    for part in [
        "orders: id, customer_id, total, kinds",
        "customer: id, name, note",
        "total numeric(10,2)",
        "run by   Polars",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let elsewhere = "SELECT generate_series(1, 2) AS n FROM orders";
    let explained = world.done(&["query", elsewhere, "--explain"]).stdout;
    assert!(explained.contains("a scratch database"), "{explained}");
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_is_left() {
    let world = shop();
    fs::write(world.path("empty.sql"), " ;\n").unwrap();
    for (arguments, code, part) in [
        (
            &["--table", "order"][..],
            7,
            "no table `order`; did you mean `orders`?",
        ),
        (
            &["SELECT x FROM order_s"],
            7,
            "does not exist in schema `public`",
        ),
        (
            &["SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"],
            2,
            "schema `information_schema` is the server's own",
        ),
        (
            &["SELECT nam FROM customer"],
            2,
            "the SELECT, line 1, column 8",
        ),
        (
            &["DELETE FROM orders"],
            2,
            "it is not a SELECT, and nothing else is run",
        ),
        (
            &["SELECT id FROM orders; DELETE FROM orders"],
            2,
            "one SELECT is expected, not 2 statements",
        ),
        (&["SELEKT id FROM orders"], 2, "syntax error at or near"),
        (
            &["SELECT avg(pages), avg(pages) FROM visit"],
            2,
            "give one another name with AS",
        ),
        (
            &["SELECT count(*) FROM ONLY orders"],
            2,
            "column 22: it cannot be run: `ONLY` is not supported: a table is read with those that inherit from it",
        ),
        (
            &["--table", "orders", "--out", "o.xlsx"],
            2,
            ".xlsx files are not written: Excel opens a .csv",
        ),
        (
            &["--table", "customer", "--where", "name = Ana"],
            2,
            "(text stands in single quotes",
        ),
        (
            &["--table", "orders", "--order-by", "id desc", "--limit", "1"],
            2,
            "--order-by takes names of columns",
        ),
        (
            &["--table", "Odd Name"],
            7,
            "schema `public` has no table `Odd Name`, but `old.Odd Name` is there",
        ),
        (
            &["SELECT * FROM \"Odd Name\""],
            7,
            "does not exist in schema `public`, but `old.Odd Name` is there",
        ),
        (&["--file", "empty.sql"], 2, "empty.sql holds no SELECT"),
        (&["--file", "none.sql"], 2, "none.sql"),
        (&[], 2, "standard input holds no SELECT"),
        (
            &["SELECT 1 AS a", "--out", "a.csv", "--format", "parquet"],
            2,
            "--format asks for another",
        ),
        (
            &["--table", "orders", "--format", "jsonl"],
            2,
            "--format is about files",
        ),
        (
            &["SELECT pages FROM visit", "--out", "-", "--excel"],
            2,
            "column `pages` is a numeric without precision",
        ),
        (
            &[
                "SELECT avg(id) AS mean FROM orders",
                "--out",
                "-",
                "--excel",
            ],
            2,
            "column `mean` is a numeric without precision",
        ),
        (
            &["SELECT 1 AS a", "--out", "a.csv", "--name", "b"],
            2,
            "--name gives another name",
        ),
        (
            &["SELECT 1 AS a", "--out", "-", "--partition-by", "a"],
            2,
            "--partition-by writes folders",
        ),
        (
            &["SELECT 1 AS a", "--out", "o", "--partition-by", "b"],
            2,
            "`b`",
        ),
        (&["SELECT 1 AS a", "--name", "../a"], 2, "ASCII letters"),
        (&["SELECT 1 AS a, 2 AS a"], 2, "two columns `a`"),
        (&["SELECT FROM orders"], 2, "the SELECT gives no column"),
        (
            &["--table", "orders", "--order-by", "nope", "--out", "o"],
            2,
            "--table orders: `order_by` names `nope`, which is not one of its columns\n",
        ),
    ] {
        let finished = world.run(&[&["query"], arguments].concat());
        check(&finished, code, &[part]);
        assert_eq!(remains(world.folder.path()).len(), 0, "{arguments:?}");
    }
    assert!(!world.path("a.csv").exists() && !world.path("o/query").exists());
}

#[test]
fn of_one_table_the_server_gives_the_rows_that_are_asked_for() {
    let world = shop();
    let read = |arguments: &[&str]| {
        let out = ["--out", "filtered/orders.csv", "--json"];
        let base = ["query", "--table", "orders"];
        let report = world.done(&[&base[..], arguments, &out].concat()).json();
        let file = fs::read_to_string(world.path("filtered/orders.csv")).unwrap();
        (report["tables"][0]["rows"].as_u64().unwrap(), file)
    };
    let postgres = |rest: &str| {
        let sql = format!("SELECT * FROM orders {rest}");
        csv_of(&mut world.database.connect(), &sql)
    };
    for (condition, count, is_read) in [
        ("total > 5 AND customer_id IN (1, 2) -- few", 33, 33),
        ("kinds IS NULL OR total < 0.5", 3, 3),
        ("total::text LIKE '%.50'", 11, 11),
        // What the server is not asked for, though it could answer.
        ("id % 2 = 0 AND now() > '2020-01-01'", 45, 90),
    ] {
        let (rows, file) = read(&["--where", condition]);
        assert_eq!(
            file,
            postgres(&format!("WHERE {condition}\nORDER BY id")),
            "{condition}"
        );
        assert_eq!(file.lines().count(), 1 + count, "{condition}");
        assert_eq!(rows, is_read, "{condition}");
    }
    let (rows, file) = read(&[
        "--limit",
        "7",
        "--order-by",
        "total,id",
        "--where",
        "id > 10",
    ]);
    assert_eq!(rows, 7);
    assert_eq!(file, postgres("WHERE id > 10 ORDER BY total, id LIMIT 7"));
    let (rows, file) = read(&["--limit", "7"]);
    assert_eq!((rows, file.lines().count()), (7, 8));
    let (rows, file) = read(&[
        "--limit",
        "4",
        "--where",
        "now() > '2020-01-01'",
        "--order-by",
        "id",
    ]);
    assert_eq!((rows, file), (90, postgres("ORDER BY id LIMIT 4")));
    let explained = world.done(&[
        "query",
        "--table",
        "orders",
        "--where",
        "total > 5",
        "--limit",
        "3",
        "--explain",
    ]);
    let part = "orders: id, customer_id, total, kinds; on the server WHERE total > 5 LIMIT 3";
    assert!(explained.stdout.contains(part), "{}", explained.stdout);
    for (arguments, part) in [
        (
            &["--where", "1 = 1) UNION SELECT 1 WHERE (1 = 1"][..],
            "one expression is expected",
        ),
        (
            &["--where", "id IN (SELECT id FROM customer)"],
            "write a SELECT",
        ),
        (&["--where", "totl > 1"], "column \"totl\" does not exist"),
        (
            &["--where", "total"],
            "argument of WHERE must be type boolean",
        ),
    ] {
        let base = ["query", "--table", "orders"];
        check(&world.run(&[&base[..], arguments].concat()), 2, &[part]);
    }
    check(
        &world.run(&["query", "SELECT 1", "--where", "true"]),
        2,
        &["--table"],
    );
}

#[test]
fn of_a_select_over_one_table_the_server_gives_the_rows_that_it_needs() {
    let world = shop();
    for (select, is_read) in [
        (
            "SELECT * FROM orders WHERE total > 5 AND customer_id IN (1, 2) ORDER BY id",
            33,
        ),
        (
            "SELECT o.id, o.total * 2 AS twice FROM orders AS o WHERE o.total < 9 ORDER BY o.total DESC, o.id LIMIT 4 OFFSET 2",
            6,
        ),
        (
            "SELECT customer_id, count(*) AS n FROM public.orders WHERE total > 5 GROUP BY customer_id ORDER BY 1 LIMIT 2",
            50,
        ),
        // What the server is not asked for.
        (
            "SELECT id FROM orders WHERE total > 5 AND id > (SELECT min(id) FROM orders) ORDER BY id LIMIT 3",
            90,
        ),
    ] {
        for engine in ["auto", "postgres"] {
            let out = ["--out", "needed/rows.csv", "--engine", engine, "--json"];
            let report = world.done(&[&["query", select][..], &out].concat()).json();
            let file = fs::read_to_string(world.path("needed/rows.csv")).unwrap();
            let expected = csv_of(&mut world.database.connect(), select);
            assert_eq!(file, expected, "{select}");
            assert_eq!(report["tables"][0]["rows"], is_read, "{select}");
        }
    }
    let explained = world.done(&["query", "SELECT * FROM orders LIMIT 3", "--explain"]);
    let part = "orders: id, customer_id, total, kinds; on the server LIMIT 3";
    assert!(explained.stdout.contains(part), "{}", explained.stdout);
    for (select, exit, part) in [
        // It is told where the SELECT runs, not by the server.
        (
            "SELECT id FROM orders WHERE total > 'much'",
            2,
            "line 1, column 37",
        ),
        (
            "SELECT id FROM orders WHERE 1 / (id - 3) > 0",
            4,
            "division by zero",
        ),
    ] {
        check(&world.run(&["query", select]), exit, &[part]);
    }
}

#[test]
fn a_column_or_table_that_was_mistyped_is_told_from_what_there_is() {
    let world = shop();
    let query = ["query", "--engine", "polars"];
    for (sql, part) in [
        (
            "SELECT o.custmer_id FROM orders AS o",
            "; did you mean `o.customer_id`?",
        ),
        (
            "SELECT id, nam FROM customer",
            "; did you mean `customer.name`?",
        ),
    ] {
        let finished = world.run(&[&query[..], &[sql]].concat());
        check(&finished, 2, &["does not exist", part]);
    }
    for (sql, parts) in [
        (
            "SELECT * FROM customer JOIN oders USING (id)",
            [
                "line 1, column 29",
                "`oders` does not exist in schema `public`; did you mean `orders`?",
            ],
        ),
        (
            "SELECT * FROM public.custmer",
            [
                "line 1, column 15",
                "`public.custmer` does not exist in schema `public`; did you mean `customer`?",
            ],
        ),
        // A scratch database has one too, of other rows.
        (
            "SELECT relname FROM pg_class",
            [
                "line 1, column 21",
                "`pg_class` does not exist in schema `public`",
            ],
        ),
    ] {
        check(&world.run(&["query", sql]), 7, &parts);
    }
}

#[test]
fn a_value_is_shown_as_postgres_shows_it() {
    let world = shop();
    let name = world.database.settings().database().to_owned();
    let tables = format!(
        "CREATE TABLE visitor (id int PRIMARY KEY, ip inet, net cidr, credit numeric, day date, at timestamptz);
         INSERT INTO visitor VALUES (1, '10.1.0.1', '10.0.0.0/8', 2786, '2024-02-03', '2024-02-03 01:00Z'),
             (2, '10.1.0.0/16', '::1', 2.25, '2024-03-02', '2024-03-01 01:00Z'), (3, '::1', NULL, 0.125, NULL, NULL);
         ALTER DATABASE {name} SET DateStyle = 'ISO, DMY'; ALTER DATABASE {name} SET TimeZone = 'America/Sao_Paulo'"
    );
    world.database.connect().batch_execute(&tables).unwrap();
    // A session of its own, as the database has it.
    let mut client = world.database.connect();
    client.batch_execute("SET DateStyle = 'ISO, DMY'").unwrap();
    for (select, rows) in [
        ("SELECT id, ip, net FROM visitor ORDER BY id", 3),
        (
            "SELECT id, ip, ip::text AS text, host(ip) FROM visitor ORDER BY id",
            3,
        ),
        // A cast rounds, and changes no other column's digits.
        (
            "SELECT id, credit, credit::numeric(12,1) AS rounded FROM visitor ORDER BY id",
            3,
        ),
        (
            "SELECT sum(credit::numeric(12,1)) AS s, sum(credit) AS t FROM visitor",
            1,
        ),
        // Which day that is, is for the database to say.
        ("SELECT id FROM visitor WHERE day = '03/02/2024'", 1),
        (
            "SELECT id, '03/02/2024'::date AS d FROM visitor WHERE day <= date '03.02.2024'",
            1,
        ),
        (
            "SELECT max(day) AS d FROM visitor WHERE day < '4/2/2024' OR id = 1",
            1,
        ),
    ] {
        let expected = csv_of(&mut client, select);
        assert_eq!(expected.lines().count(), rows + 1, "{select}");
        for engine in ["auto", "postgres"] {
            let given = world.done(&["query", select, "--engine", engine, "--out", "-"]);
            assert_eq!(given.stdout, expected, "{select} by {engine}");
        }
    }
    // Where every use is the cast, Polars reads it as what it is cast to, unless a value has more digits.
    for (select, engine) in [
        (
            "SELECT id, credit::numeric(12,3) AS c FROM visitor ORDER BY id",
            "polars",
        ),
        (
            "SELECT id, credit::numeric(12,1) AS c FROM visitor ORDER BY id",
            "postgres",
        ),
        (
            "SELECT id, credit::numeric(12,3) AS c FROM visitor ORDER BY credit, id",
            "postgres",
        ),
    ] {
        let shown = world.done(&["query", select, "--json"]).json();
        assert_eq!(shown["engine"], engine, "{select}");
        let expected = csv_of(&mut client, select);
        let given = world.done(&["query", select, "--out", "-"]);
        assert_eq!(given.stdout, expected, "{select}");
    }
    let zoned = world.done(&["query", "SELECT id, at FROM visitor", "--out", "-"]);
    let said = "visitor.at and all columns of its type are read, compared and written in UTC; the database's own time zone is America/Sao_Paulo";
    assert!(zoned.stderr.contains(said), "{}", zoned.stderr);
    let others = world.done(&["query", "SELECT id, day FROM visitor", "--out", "-"]);
    assert!(!others.stderr.contains("UTC"), "{}", others.stderr);
}
