//! Models that Polars cannot run. They run in a scratch database of the embedded Postgres and give what the source's Postgres
//! gives.

use std::fs;

use database::{Cancel, Environment};
use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Driving, Model};
use tempfile::TempDir;
use testkit::{Database, Role, csv_of, value};
use transform::{Engine, Layout, Options, Report};

const SCHEMA: &str = "shop";

const TABLES: &str = r#"
    CREATE SCHEMA shop; SET search_path = shop;
    CREATE TYPE size AS ENUM ('small', 'large');
    CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE > -1000);
    CREATE TYPE place AS (town text, number integer);
    CREATE COLLATION backwards (provider = icu, locale = 'pt-BR');
    CREATE TABLE client (id int PRIMARY KEY, name text NOT NULL, town text COLLATE backwards, since date);
    CREATE TABLE sale (
        id bigint PRIMARY KEY, client_id int REFERENCES client, amount price, size size, sizes size[], took interval, place place,
        tags text[], doc jsonb, any_amount numeric, at timestamptz
    );
    INSERT INTO client VALUES (1, 'Ana', 'Évora', '2020-02-29'), (2, 'ana', 'evora', '2021-01-01'), (3, 'Rui', NULL, NULL),
        (4, 'Ávila', 'Zé', '2019-12-31'), (5, 'Zoe', '', '2020-02-29');
    INSERT INTO sale VALUES
        (1, 1, 10.50, 'small', '{small,large}', '1 day 02:00', '("Porto",3)', '{a,"b,c",NULL}', '{"n": 1.50}', 1.23456789012345678901234567890123456789, '2024-02-29 23:59:59.5+00'),
        (2, 1, 0.05, 'large', '{}', '3 mons', NULL, '{}', '[1, 2]', 10, '2024-03-01 00:00+00'),
        (3, 2, 7.25, 'small', NULL, NULL, '(,)', NULL, NULL, NULL, NULL),
        (4, 4, -3.10, NULL, '{large}', '-00:00:01', '("a ""b""",0)', '{z}', '{"n": null}', 'NaN', '1999-12-31 12:00-03'),
        (5, NULL, 99.99, 'large', NULL, '00:00', NULL, '{é}', '"x"', -0.5, '2024-02-29 00:00+00');
"#;

struct Shop {
    database: Database,
    out: TempDir,
}

impl Shop {
    fn open() -> Self {
        Self::open_in(Database::create())
    }

    fn open_in(database: Database) -> Self {
        database.connect().batch_execute(TABLES).expect("tables");
        Self {
            database,
            out: tempfile::tempdir().expect("a folder"),
        }
    }

    fn options(&self, models: Vec<Model>) -> Options {
        let tables = ["client", "sale"].map(|name| (name, &["id"][..]));
        Options {
            out: self.out.path().into(),
            layout: Layout::SingleFile,
            max_connections: 2,
            memory_bytes: 1 << 30,
            ..Options::of_models(
                testkit::dataset(SCHEMA, &tables, models),
                Some(SCHEMA),
                &testkit::environment(),
            )
        }
    }

    fn run(&self, options: &Options) -> anyhow::Result<Report> {
        transform::run(&self.database.settings(), options, &Cancel::default())
    }

    fn file(&self, model: &str) -> String {
        fs::read_to_string(self.out.path().join(format!("{model}.csv"))).expect("published")
    }

    fn expected(&self, sql: &str) -> String {
        let mut client = self.database.connect();
        client
            .batch_execute("SET search_path = shop; SET TimeZone = 'UTC'")
            .expect("set");
        csv_of(&mut client, sql)
    }

    /// The error of a run of one model, which must be of this kind and publish nothing.
    fn refused(&self, options: &Options, kind: Kind) -> String {
        let error = self.run(options).expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(kind), "{error:#}");
        let left = fs::read_dir(self.out.path()).expect("a folder");
        let left: Vec<_> = left
            .map(|entry| entry.expect("listed").file_name())
            .collect();
        assert!(left.iter().all(|name| name == ".extrato.lock"), "{left:?}");
        format!("{error:#}")
    }
}

fn model(name: &str, sql: &str, columns: &[(&str, &str)]) -> Model {
    let columns = columns.iter().map(|(name, kind)| {
        let kind: ColumnType = kind.parse().expect("a type");
        ((*name).to_owned(), kind)
    });
    Model {
        columns: columns.collect(),
        ..testkit::model(name, sql)
    }
}

/// SELECTs that are not on the list, with the types of their columns. Each has an order.
const SELECTS: &[(&str, &[&str])] = &[
    (
        "SELECT c.name AS a FROM client AS c WHERE c.id = ANY (SELECT s.client_id FROM sale AS s) ORDER BY c.id",
        &["text"],
    ),
    (
        "SELECT c.id AS a, (SELECT max(s.amount) FROM sale AS s WHERE s.client_id <= c.id) AS b FROM client AS c ORDER BY 1",
        &["integer", "numeric(8,2)"],
    ),
    (
        "SELECT name AS a, avg(amount ORDER BY amount) AS b, sum(amount) / 3 AS c FROM client JOIN sale ON client_id = client.id GROUP BY client.id ORDER BY client.id",
        &["text", "text", "text"],
    ),
    (
        "SELECT s.id AS a, to_char(at, 'DD/MM/YYYY HH12:MI') AS b, date_trunc('month', at)::date AS c FROM sale AS s ORDER BY 1",
        &["bigint", "text", "date"],
    ),
    (
        "SELECT id AS a, took AS b, tags AS c, place AS d, (place).number AS e, sizes AS f FROM sale ORDER BY id",
        &["bigint", "text", "text", "text", "integer", "text"],
    ),
    (
        "SELECT id AS a, any_amount AS b, doc ->> 'n' AS c FROM sale ORDER BY any_amount NULLS FIRST, id",
        &["bigint", "text", "text"],
    ),
    (
        "SELECT town AS a, name AS b FROM client ORDER BY town, name COLLATE \"C\", id",
        &["text", "text"],
    ),
    (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i AS a, count(s.id) AS b
         FROM n LEFT JOIN sale AS s ON s.client_id = n.i GROUP BY i ORDER BY i",
        &["integer", "bigint"],
    ),
    (
        "SELECT size AS a, sum(amount) OVER (PARTITION BY size ORDER BY id RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS b
         FROM sale ORDER BY id",
        &["text", "numeric(20,2)"],
    ),
    (
        "SELECT coalesce(size::text, 'all') AS a, count(*) AS b FROM sale GROUP BY ROLLUP (size) ORDER BY a, b",
        &["text", "bigint"],
    ),
    (
        "SELECT t.tag AS a, s.id AS b FROM sale AS s CROSS JOIN LATERAL unnest(tags) WITH ORDINALITY AS t (tag, n) ORDER BY s.id, n",
        &["text", "bigint"],
    ),
    (
        "SELECT since - 1 AS a, name ~* '^a' AS b, length(name) + 1 AS c FROM client NATURAL JOIN (VALUES (1), (4)) AS v (id) ORDER BY id",
        &["date", "boolean", "integer"],
    ),
    ("SELECT to_jsonb(c) AS a FROM client AS c ORDER BY id", &["jsonb"]),
    ("VALUES (1, 'x'), (2, NULL) ORDER BY 1 FETCH FIRST ROW WITH TIES", &["integer", "text"]),
    ("SELECT count(*) FILTER (WHERE s ~ '^[A-Z]') AS a FROM (SELECT name AS s FROM client) AS x;", &["bigint"]),
];

#[test]
fn what_polars_may_not_run_gives_in_a_scratch_database_what_postgres_gives() {
    let base = Database::create();
    let like = |options: &str| {
        let options = format!("TEMPLATE template0 {options}");
        Database::create_with(&base.settings(), &options)
    };
    for database in [
        Database::create(),
        Database::create_in_locale("pt-BR"),
        like("ENCODING 'UTF8' LC_COLLATE 'pt_BR.UTF-8' LC_CTYPE 'pt_BR.UTF-8'"),
        like("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"),
    ] {
        let shop = Shop::open_in(database);
        let models = SELECTS.iter().enumerate().map(|(at, (sql, kinds))| {
            let names: &[&str] = match sql.starts_with("VALUES") {
                true => &["column1", "column2"],
                false => &["a", "b", "c", "d", "e", "f"],
            };
            let columns: Vec<_> = names.iter().copied().zip(kinds.iter().copied()).collect();
            model(&format!("m{at}"), sql, &columns)
        });
        let options = shop.options(models.collect());
        let report = shop.run(&options).expect("run");
        assert_eq!(report.models.len(), SELECTS.len());
        for (run, (sql, _)) in report.models.iter().zip(SELECTS) {
            assert_eq!(run.engine, Engine::Postgres, "{sql}");
            let expected = shop.expected(sql.trim_end_matches(';'));
            let expected = expected.replace(",t,", ",true,").replace(",f,", ",false,");
            assert_eq!(shop.file(&run.model), expected, "{sql}");
        }
        let read: Vec<_> = report
            .tables
            .iter()
            .map(|of| (of.table.as_str(), of.rows))
            .collect();
        assert_eq!(read, [("client", 5), ("sale", 5)]);
    }
}

#[test]
fn words_part_where_the_collation_of_the_text_parts_them() {
    for (database, engine_of_names) in [
        (Database::create(), Engine::Polars),
        (Database::create_in_locale("pt-BR"), Engine::Postgres),
    ] {
        let shop = Shop::open_in(database);
        let sql = |column: &str| {
            format!(
                "SELECT id, INITCAP({column} || '''s x_y a.b') AS words FROM client ORDER BY id"
            )
        };
        let columns = [("id", "integer"), ("words", "text")];
        let of = |name: &str| model(name, &sql(name), &columns);
        let report = shop
            .run(&shop.options(vec![of("name"), of("town")]))
            .expect("run");
        assert_eq!(report.models[0].engine, engine_of_names);
        assert_eq!(report.models[1].engine, Engine::Postgres, "ordered by ICU");
        for column in ["name", "town"] {
            let expected = shop.expected(&sql(column));
            assert_eq!(expected.lines().count(), 6);
            assert_eq!(shop.file(column), expected);
        }
    }
}

#[test]
fn engines_share_a_run_and_each_table_leaves_the_source_once() {
    let shop = Shop::open();
    let models = || {
        vec![
            model(
                "plain",
                "SELECT id, name FROM client ORDER BY id",
                &[("id", "integer"), ("name", "text")],
            ),
            model(
                "mean",
                "SELECT avg(id ORDER BY id) AS mean FROM client",
                &[("mean", "numeric(20,16)")],
            ),
            model(
                "sales",
                "SELECT id FROM sale ORDER BY id",
                &[("id", "bigint")],
            ),
        ]
    };
    let mut options = shop.options(models());
    let report = shop.run(&options).expect("run");
    let engines: Vec<_> = report.models.iter().map(|model| model.engine).collect();
    assert_eq!(engines, [Engine::Polars, Engine::Postgres, Engine::Polars]);
    assert_eq!(report.tables.len(), 2);
    let files = ["plain", "mean", "sales"].map(|name| shop.file(name));
    assert_eq!(
        files[0],
        shop.expected("SELECT id, name FROM client ORDER BY id")
    );
    assert_eq!(files[1], "mean\n3.0000000000000000\n");
    assert_eq!(files[2], "id\n1\n2\n3\n4\n5\n");
    // All models run there, then all run from a layer that such a run kept.
    options.engine = Engine::Postgres;
    let report = shop.run(&options).expect("run");
    assert!(
        report
            .models
            .iter()
            .all(|model| model.engine == Engine::Postgres)
    );
    assert_eq!(
        ["plain", "mean", "sales"].map(|name| shop.file(name)),
        files
    );
}

#[test]
fn text_that_a_cast_of_the_sources_own_makes_is_read_from_the_source() {
    let shop = Shop::open();
    let cast = "SET search_path = shop; CREATE FUNCTION told(size) RETURNS text LANGUAGE sql AS $$ SELECT 'one' $$;
         CREATE CAST (size AS text) WITH FUNCTION told(size)";
    shop.database.connect().batch_execute(cast).expect("a cast");
    let mut options = shop.options(vec![
        model(
            "plain",
            "SELECT id, size FROM sale ORDER BY id",
            &[("id", "bigint"), ("size", "text")],
        ),
        model(
            "mean",
            "SELECT avg(id ORDER BY id) AS mean FROM sale",
            &[("mean", "text")],
        ),
    ]);
    options.dataset.tables[1].cast_to_text = vec!["size".to_owned()];
    let report = shop.run(&options).expect("run");
    let engines: Vec<_> = report.models.iter().map(|model| model.engine).collect();
    assert_eq!(engines, [Engine::Polars, Engine::Postgres]);
    assert_eq!(
        shop.file("plain"),
        shop.expected("SELECT id, size::text FROM sale ORDER BY id")
    );
    assert!(shop.file("plain").contains("1,one"));
}

#[test]
fn what_polars_cannot_end_is_run_again_in_a_scratch_database() {
    let shop = Shop::open();
    let rows = "INSERT INTO shop.client (id, name) SELECT i, i FROM generate_series(10, 3000) i";
    shop.database.connect().batch_execute(rows).expect("rows");
    let plain = model(
        "plain",
        "SELECT id FROM sale ORDER BY id",
        &[("id", "bigint")],
    );
    for (sql, declared) in [
        // This makes more rows than fit in memory.
        (
            "SELECT count(*) AS a FROM client AS c, client AS d WHERE c.id > 1 OR d.id > 3",
            "bigint",
        ),
        // This needs more digits than are computed with here.
        (
            "SELECT count(*) AS a FROM sale WHERE amount * 10000000000000000000 * 10000000000000000000 > 5",
            "bigint",
        ),
    ] {
        let large = model("large", sql, &[("a", declared)]);
        let mut options = shop.options(vec![plain.clone(), large]);
        options.memory_bytes = 224 << 20;
        let report = shop.run(&options).expect("run");
        let engines: Vec<_> = report.models.iter().map(|model| model.engine).collect();
        assert_eq!(engines, [Engine::Polars, Engine::Postgres], "{sql}");
        assert_eq!(shop.file("large"), shop.expected(sql), "{sql}");
        assert_eq!(shop.file("plain"), "id\n1\n2\n3\n4\n5\n");
        // The run is refused if Polars is asked for.
        options.engine = Engine::Polars;
        let said = shop.run(&options).expect_err("refused");
        assert_eq!(Failure::kind_of(&said), Some(Kind::Refused), "{said:#}");
    }
}

#[test]
fn a_layer_is_kept_whole_beside_a_model_that_runs_in_a_scratch_database() {
    let shop = Shop::open();
    let mean = model(
        "mean",
        "SELECT avg(id ORDER BY id) AS mean FROM client",
        &[("mean", "numeric(20,16)")],
    );
    let plain = model(
        "plain",
        "SELECT name, town FROM client ORDER BY id",
        &[("name", "text"), ("town", "text")],
    );
    let mut options = shop.options(vec![mean, plain.clone()]);
    options
        .dataset
        .tables
        .retain(|table| table.name == "client");
    let layer = tempfile::tempdir().expect("a folder");
    options.stage = Some(layer.path().into());
    shop.run(&options).expect("run");
    let expected = shop.expected("SELECT name, town FROM client ORDER BY id");
    assert_eq!(shop.file("plain"), expected);
    options.stage = None;
    options.dataset.models = vec![plain];
    fs::remove_file(shop.out.path().join("plain.csv")).expect("removed");
    transform::run_from_stage(layer.path(), &options, &Cancel::default()).expect("run");
    assert_eq!(shop.file("plain"), expected);
}

#[test]
fn rows_that_a_scratch_database_leaves_out_are_counted_and_summed() {
    let shop = Shop::open();
    let sql = "SELECT s.id, s.amount FROM sale AS s WHERE s.client_id = ANY (SELECT id FROM client) ORDER BY 1";
    let mut matched = model(
        "matched",
        sql,
        &[("id", "bigint"), ("amount", "numeric(10,2)")],
    );
    matched.driving = Some(Driving {
        table: "sale".to_owned(),
        key: [("id".to_owned(), "id".to_owned())].into(),
        sums: [("amount".to_owned(), "amount".to_owned())].into(),
        ..Driving::default()
    });
    let report = shop.run(&shop.options(vec![matched])).expect("run");
    let found = report.models[0]
        .reconciliation
        .as_ref()
        .expect("reconciled");
    assert_eq!(
        (found.read.rows, found.written.rows, found.left_out.rows),
        (5, 4, 1)
    );
    assert_eq!(found.left_out.sums["amount"].to_string(), "99.99");
}

#[test]
fn a_role_needs_the_right_to_the_columns_alone_that_a_model_needs() {
    let shop = Shop::open();
    let role = Role::create(
        &shop.database,
        "GRANT USAGE ON SCHEMA shop TO {role}; GRANT SELECT (id, name) ON shop.client TO {role}",
    );
    let sql = "SELECT name, avg(id ORDER BY id) AS mean FROM client GROUP BY id ORDER BY id";
    let columns = [("name", "text"), ("mean", "text")];
    let options = shop.options(vec![model("m", sql, &columns)]);
    let run = |options: &Options| transform::run(&role.settings, options, &Cancel::default());
    run(&options).expect("run");
    assert_eq!(shop.file("m"), shop.expected(sql));
    let options = shop.options(vec![model(
        "m",
        "SELECT max(town) AS town, avg(id ORDER BY id) AS mean FROM client",
        &[("town", "text"), ("mean", "text")],
    )]);
    let error = run(&options).expect_err("no right");
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Connection),
        "{error:#}"
    );
    assert!(
        format!("{error:#}").contains("may not read column `town`"),
        "{error:#}"
    );
}

#[test]
fn what_depends_on_more_than_rows_is_refused_where_it_stands() {
    let shop = Shop::open();
    shop.database
        .connect()
        .batch_execute(
            "CREATE EXTENSION citext SCHEMA shop; ALTER TABLE shop.client ADD nick shop.citext",
        )
        .expect("altered");
    for (sql, kind, says) in [
        (
            "SELECT random() AS a FROM client",
            Kind::Usage,
            "random() may give another value",
        ),
        (
            "SELECT id AS a FROM client TABLESAMPLE SYSTEM (50)",
            Kind::Usage,
            "TABLESAMPLE",
        ),
        (
            "SELECT id AS a FROM ONLY client WHERE EXISTS (SELECT)",
            Kind::Usage,
            "ONLY leaves out",
        ),
        (
            "SELECT id AS a FROM client FOR SHARE",
            Kind::Usage,
            "FOR UPDATE, and what is like it",
        ),
        (
            "SELECT ctid::text AS a FROM client",
            Kind::Usage,
            "system column",
        ),
        (
            "SELECT current_user::text AS a FROM client",
            Kind::Usage,
            "CURRENT_USER",
        ),
        (
            "SELECT pg_backend_pid() AS a FROM client",
            Kind::Usage,
            "pg_backend_pid()",
        ),
        (
            "SELECT current_setting('port') AS a",
            Kind::Usage,
            "current_setting()",
        ),
        (
            "SELECT relname AS a FROM pg_class, client",
            Kind::Mismatch,
            "line 1, column 26: model `m` cannot be run: `pg_class` does not exist in schema `shop`",
        ),
        (
            "SELECT id AS a FROM others",
            Kind::Mismatch,
            "line 1, column 21",
        ),
        (
            "SELECT avg(id ORDER BY id) AS a\n  FROM client\n WHERE nome = 'x'",
            Kind::Usage,
            "line 3, column 8",
        ),
        (
            "SELECT 'é', avg(id ORDER BY id) AS a FROM client WHERE",
            Kind::Usage,
            "at end of input",
        ),
        (
            "SELECT avg(id ORDER BY id) AS a FROM client; DROP TABLE client",
            Kind::Usage,
            "one SELECT is expected, not 2 statements",
        ),
        (
            "WITH x AS (DELETE FROM client RETURNING id) SELECT id AS a FROM x",
            Kind::Usage,
            "data-modifying",
        ),
        (
            "SELECT nick::text AS a FROM client WHERE EXISTS (SELECT)",
            Kind::Mismatch,
            "of the extension citext",
        ),
        (
            "SELECT to_jsonb(c) AS a FROM client AS c",
            Kind::Mismatch,
            "of the extension citext",
        ),
        (
            "SELECT avg(id ORDER BY id) AS b FROM client",
            Kind::Mismatch,
            "gives the columns b, but a are declared",
        ),
        (
            "SELECT avg(id ORDER BY id)::float8 AS a FROM client",
            Kind::Mismatch,
            "is declared text, but",
        ),
        (
            "SELECT id AS a FROM client WHERE EXISTS (SELECT) AND nick = 'x'",
            Kind::Mismatch,
            "model `m` cannot run in the scratch database: column `nick` of table `client` is of type \
             shop.citext, which is of the extension citext",
        ),
    ] {
        let options = shop.options(vec![model("m", sql, &[("a", "text")])]);
        let said = shop.refused(&options, kind);
        assert!(said.contains(says), "{sql}: {said}");
        assert!(
            said.contains("model `m`") || kind == Kind::Mismatch,
            "{sql}: {said}"
        );
    }
    for (sql, declared, says) in [
        (
            "SELECT avg(id ORDER BY id) AS a FROM client",
            "double precision",
            "gives numeric: declare it numeric(p,s)",
        ),
        (
            "SELECT avg(took) AS a FROM sale",
            "time",
            "gives interval: declare it text",
        ),
    ] {
        let options = shop.options(vec![model("m", sql, &[("a", declared)])]);
        let said = shop.refused(&options, Kind::Mismatch);
        assert!(said.contains(says), "{sql}: {said}");
    }
    let sql = "SELECT avg(id ORDER BY id) AS a FROM client";
    let mut options = shop.options(vec![model("m", sql, &[("a", "text")])]);
    options.engine = Engine::Polars;
    shop.refused(&options, Kind::Usage);
    options.engine = Engine::Auto;
    let nowhere = [("PG_BIN".to_owned(), "/nowhere".to_owned())];
    options.environment = Environment::from_iter(nowhere);
    let said = shop.refused(&options, Kind::Usage);
    assert!(said.contains("package postgresql"), "{said}");
}

#[test]
fn values_that_cannot_be_computed_or_declared_end_a_run_that_leaves_nothing() {
    let shop = Shop::open();
    for (sql, declared, kind, says) in [
        (
            "SELECT avg(1 / (id - 3) ORDER BY id) AS a FROM client",
            "text",
            Kind::Refused,
            "division by zero",
        ),
        (
            "SELECT (SELECT id FROM client) AS a, stddev(1) OVER () AS b",
            "integer",
            Kind::Refused,
            "more than one row",
        ),
        (
            "SELECT avg(id) / 7 AS a FROM client WHERE id = ANY (ARRAY[1, 2])",
            "numeric(10,2)",
            Kind::Refused,
            "column `a`: 0.21428571428571428571 does not fit numeric(10,2), which dataset.toml declares for it, and no value is \
             rounded: declare it wider",
        ),
        (
            "SELECT avg(id ORDER BY id) * 100000000000 AS a FROM client",
            "smallint",
            Kind::Mismatch,
            "declare it wider",
        ),
    ] {
        let columns = [("a", declared), ("b", "text")];
        let count = 1 + usize::from(sql.contains(" AS b"));
        let options = shop.options(vec![model("m", sql, &columns[..count])]);
        let said = shop.refused(&options, kind);
        assert!(said.contains(says), "{sql}: {said}");
    }
    let environment = testkit::environment();
    let home = environment.get("EXTRATO_HOME").expect("a folder");
    let runs = fs::read_dir(format!("{home}/scratch/runs")).expect("a folder");
    let named: Vec<_> = runs.map(|run| run.expect("listed").file_name()).collect();
    let left: Vec<String> = named
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    // Other tests have scratch databases at the same time, but none as old as this test.
    assert!(left.len() < 8, "{left:?}");
    let sessions: i64 = value(
        &mut shop.database.connect(),
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()",
    );
    assert_eq!(sessions, 1);
}

#[test]
fn the_sources_configuration_has_its_part_in_what_a_select_gives() {
    let shop = Shop::open();
    let database = shop.database.settings().database().to_owned();
    let set = |parameter: &str| {
        let set = format!("ALTER DATABASE {database} SET {parameter}");
        shop.database.connect().batch_execute(&set).expect("set");
    };
    set("default_text_search_config = 'pg_catalog.portuguese'");
    set("transform_null_equals = on");
    let sql = "SELECT to_tsvector('as contas dos associados')::text AS a, count(*) FILTER (WHERE town = NULL) AS b FROM client";
    let options = shop.options(vec![model("m", sql, &[("a", "text"), ("b", "bigint")])]);
    shop.run(&options).expect("run");
    let expected = shop.expected(sql);
    assert!(
        expected.contains("'assoc'") && expected.ends_with(",1\n"),
        "{expected}"
    );
    assert_eq!(shop.file("m"), expected);
}
