//! Models that run in a scratch database over tables that an earlier run kept. They give what the source's Postgres gave, and no
//! database is asked.

use std::fs;
use std::path::{Path, PathBuf};

use database::{Cancel, Environment};
use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Driving, Model};
use postgres::Client;
use tempfile::TempDir;
use testkit::{Database, csv_of};
use transform::{Engine, Layout, Options, Report};

const SCHEMA: &str = "shop";

/// Tables with a column of each kind of type, full of values that are easily damaged.
const TABLES: &str = r#"
    CREATE SCHEMA shop; SET search_path = shop;
    CREATE TYPE size AS ENUM ('small', 'Large', 'á', 'a,b "c"', 'XL');
    CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE > -1000);
    CREATE DOMAIN label AS varchar(12) NOT NULL DEFAULT '' CHECK (VALUE <> 'never');
    CREATE TYPE place AS (town text, number integer, size size);
    CREATE COLLATION backwards (provider = icu, locale = 'pt-BR');
    CREATE TABLE client (id int PRIMARY KEY, name text NOT NULL, town text COLLATE backwards, code char(6), UNIQUE (name, town));
    INSERT INTO client VALUES (1, 'Ana', 'Évora', 'ab'), (2, 'ana', 'evora', 'ab    '), (3, 'Rui', NULL, NULL),
        (4, 'Ávila', 'Zé', 'AB'), (5, 'Zoe', '', ''), (6, 'z''x', 'Á', ' ab');
    CREATE TABLE sale (id bigint PRIMARY KEY, client_id int REFERENCES client, amount price, size size, at timestamptz);
    INSERT INTO sale VALUES (1, 1, 10.50, 'small', '2024-02-29 23:59:59.5+00'), (2, 1, 0.05, 'Large', '2024-03-01 00:00+00'),
        (3, 2, 7.25, 'XL', NULL), (4, 4, -3.10, NULL, '1999-12-31 12:00-03'), (5, NULL, 99.99, 'á', '2024-02-29 00:00+00'),
        (6, 4, NULL, 'XL', '2024-02-29 00:00+00');
    CREATE TABLE nothing (id int PRIMARY KEY, v numeric(10,2), tags text[]);
    CREATE TABLE wild (
        id int PRIMARY KEY, i2 smallint, i8 bigint, f4 real, f8 double precision, b boolean, n numeric(10,2), n38 numeric(38,20),
        t text, vc varchar(20), ch char(10), bp bpchar, nm name, e size, da date, ti time, ts timestamp(3), tz timestamptz,
        u uuid, by bytea, j json, jb jsonb, dn price, dl label,
        bare numeric, back numeric(5,-2), iv interval, ta text[], ea size[], ia int[], fa float8[], pl place, net inet, ci cidr, mac macaddr,
        rg int4range, mr nummultirange, tv tsvector, bi bit(5), vb varbit, po polygon, mo money, sc "char", tt timetz,
        inf timestamp, pa place[], jba jsonb[], days date[], x xml, ct text, cch char(4), cb boolean
    );
    INSERT INTO wild (id, dl) VALUES (0, '');
    INSERT INTO wild VALUES
    (1, -32768, 9223372036854775807, 'NaN', '-Infinity', true, -99999999.99, 123456789012345678.12345678901234567890,
     '', '', '', '', '', 'á', '0001-01-01', '00:00', '0001-01-01', '0001-01-01 00:00+00', '00000000-0000-0000-0000-000000000000',
     '', '{"b" : 1, "b":2}', '{"b": 1.50, "a": null}', 0, 'x',
     '1.50', 12345, '-1 mon +2 days -00:00:01.5', '{}', '{}', '[2:4]={1,NULL,3}', '{NaN,-0,0.1,1e300}', '(,,)', '192.168.1.1',
     '10.0.0.0/8', '08:00:2b:01:02:03', 'empty', '{}', '', B'10101', '', '((0.1,0.2),(1e-20,3))', '-1234.56', '', '24:00:00-12:30',
     'infinity', '{}', '{}', '{infinity,0044-03-15 BC,NULL}', '', '', '', true),
    (2, 32767, -9223372036854775808, '-0', '-0', false, 0.00, -0.00000000000000000001,
     E'\\.', E'\\N', 'a  ', 'b   ', E'tab\t', 'a,b "c"', '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999',
     '9999-12-31 23:59:59.999999+00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '\x00ff0a5c', ' [1,  2]', '"\\u00e9\n"', -999.99, 'never ',
     'NaN', -49, '178000000 years', E'{NULL,"NULL","",a,"b\\"c\\\\","{x}"}', '{small,"a,b \"c\""}', '{{1,2},{3,NULL}}', '{Infinity}',
     '("a ""b"" \\ ,",0,"a,b ""c""")', '::1/64', '::/0', 'ff:ff:ff:ff:ff:ff', '(,5)', '{[1.50,2),(3,)}', '''a''''b'':1A,3 c:2',
     B'00000', B'110', '((0,0))', '92233720368547758.07', '~', '00:00+14', '-infinity', '{"(a,1,small)",NULL}',
     '{"{\"a\": 1.0}",null}', '{2024-02-29}', '<a b="c">d &amp; e</a>', E'line\nbreak\r\n\\', 'ab', false),
    (3, 0, 0, 1.1754944e-38, 5e-324, NULL, 0.01, 1, E'\u0001\u007f', 'José', E'\n', E' \n ', 'n', 'XL', '2000-01-01', '12:00:00.000001',
     '1969-12-31 23:59:59.999', '1969-12-31 23:59:59.999999+00', '123e4567-e89b-12d3-a456-426614174000', 'abc', 'null', 'null', 1.5,
     'x', '0.00000', 0, '00:00', E'{"line\nbreak"}', '{NULL}', '{}', '{}', '("",,)', '10.1.2.3/8', '10.1.2.0/24',
     '00:00:00:00:00:00', '[1,2)', '{(-1e30,1]}', 'x', B'11111', B'0', '((1,1),(2,2),(3,3))', '0', '0', '12:00:00.5-03:30:15',
     '2024-02-29 12:00', '{"(\"a,b\",,)"}', '{1,"\"x\""}', '{}', 'text &lt;', '  ', '    ', NULL);
"#;

/// The columns of `wild` that are carried as their text, and a numeric that is carried as another type.
const CAST: &[&str] = &[
    "bare", "iv", "ta", "ea", "ia", "fa", "pl", "net", "ci", "mac", "rg", "mr", "tv", "bi", "vb",
    "po", "mo", "sc", "tt", "inf", "pa", "jba", "days", "x", "ct", "cch", "cb",
];

struct Shop {
    database: Database,
    folder: TempDir,
}

impl Shop {
    fn open() -> Self {
        Self::open_in(Database::create())
    }

    fn open_in(database: Database) -> Self {
        database.connect().batch_execute(TABLES).expect("tables");
        Self {
            database,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn sql(&self, sql: &str) {
        let sql = format!("SET search_path = shop; {sql}");
        self.database.connect().batch_execute(&sql).expect("sql");
    }

    fn layer(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn options(&self, models: Vec<Model>) -> Options {
        let tables = ["client", "sale", "nothing", "wild"].map(|name| (name, &["id"][..]));
        let mut dataset = testkit::dataset(SCHEMA, &tables, models);
        let cast = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        dataset.tables[2].cast_to_text = cast(&["tags"]);
        dataset.tables[3].cast_to_text = cast(CAST);
        let whole = "numeric(38,0)".parse().expect("a type");
        dataset.tables[3].carry_as = [("back".to_owned(), whole)].into();
        Options {
            out: self.folder.path().join("out").into(),
            layout: Layout::SingleFile,
            max_connections: 2,
            memory_bytes: 1 << 30,
            ..Options::of_models(dataset, Some(SCHEMA), &testkit::environment())
        }
    }

    /// Keeps all tables, through a run whose model doesn't matter.
    fn keep(&self) {
        self.keep_with(|_| {});
    }

    fn keep_with(&self, change: impl Fn(&mut Options)) {
        let mut options = self.options(vec![model("kept", "SELECT id FROM client", &[])]);
        options.stage = Some(self.layer().into());
        change(&mut options);
        transform::run(&self.database.settings(), &options, &Cancel::default()).expect("kept");
    }

    /// A run over the tables that were kept. Nothing tells it where the database is.
    fn run(&self, options: &Options) -> anyhow::Result<Report> {
        transform::run_from_stage(self.layer(), options, &Cancel::default())
    }

    fn refused(&self, options: &Options, kind: Kind) -> String {
        let error = self.run(options).expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(kind), "{error:#}");
        let published = fs::read_dir(options.out.path().unwrap()).expect("a folder");
        let published: Vec<_> = published
            .map(|entry| entry.expect("listed").file_name())
            .filter(|name| name.to_string_lossy().starts_with('m'))
            .collect();
        assert!(published.is_empty(), "{published:?}");
        format!("{error:#}")
    }

    fn file(&self, model: &str) -> String {
        let file = self.folder.path().join(format!("out/{model}.csv"));
        fs::read_to_string(file).expect("published")
    }

    fn client(&self) -> impl std::ops::DerefMut<Target = Client> {
        let mut client = self.database.connect();
        client.batch_execute("SET search_path = shop").expect("set");
        client
    }

    fn expected(&self, sql: &str) -> String {
        csv_of(&mut self.client(), sql)
    }
}

/// A model that declares columns named `a`, `b` and so on, or none if `kinds` is empty.
fn model(name: &str, sql: &str, kinds: &[&str]) -> Model {
    let columns = kinds.iter().zip('a'..).map(|(kind, name)| {
        let kind: ColumnType = kind.parse().expect("a type");
        (name.to_string(), kind)
    });
    Model {
        columns: columns.collect(),
        ..testkit::model(name, sql)
    }
}

fn engines(report: &Report) -> Vec<Engine> {
    report.models.iter().map(|model| model.engine).collect()
}

/// Rewrites the first line of a layer's manifest.
fn rewrite(layer: &Path, change: impl Fn(&mut serde_json::Value)) {
    let path = layer.join("raw/shop/_manifest.jsonl");
    let text = fs::read_to_string(&path).expect("a manifest");
    let (head, files) = text.split_once('\n').expect("lines");
    let mut head = serde_json::from_str(head).expect("JSON");
    change(&mut head);
    fs::write(&path, format!("{head}\n{files}")).expect("written");
}

#[test]
fn values_of_each_type_arrive_bit_by_bit() {
    let like = |options: &str| {
        let base = Database::create();
        Database::create_with(&base.settings(), &format!("TEMPLATE template0 {options}"))
    };
    for database in [
        Database::create(),
        like("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"),
    ] {
        let shop = Shop::open_in(database);
        let name = shop.database.settings().database().to_owned();
        // With this setting, NULL in an array's text would be read as a word.
        shop.sql(&format!("ALTER DATABASE {name} SET array_nulls = off"));
        // The values are compared by their bytes; values that contain the numbers of types, by their text.
        let columns = shop
            .client()
            .query(
                "SELECT quote_ident(a.attname), a.attnum::int,
                        CASE WHEN t.typtype = 'c' OR t.typcategory = 'A' OR t.oid = 'money'::regtype
                             THEN format('%I::text', a.attname)
                             ELSE format('encode(%s(%I), ''hex'')', t.typsend, a.attname) END
                 FROM pg_attribute AS a JOIN pg_type AS d ON d.oid = a.atttypid
                 JOIN pg_type AS t ON t.oid = coalesce(nullif(d.typbasetype, 0), d.oid)
                 WHERE a.attrelid = 'shop.wild'::regclass AND a.attnum > 0 ORDER BY a.attnum",
                &[],
            )
            .expect("columns");
        assert_eq!(columns.len(), 52);
        shop.keep();
        let mut models = Vec::new();
        let mut selects = Vec::new();
        for column in &columns {
            let (number, bytes): (i32, &str) = (column.get(1), column.get(2));
            let select = format!("SELECT id AS a, {bytes} AS b FROM wild ORDER BY id");
            models.push(model(&format!("m{number}"), &select, &["integer", "text"]));
            selects.push((format!("m{number}"), select));
        }
        // All columns are also read at once, as a row.
        let row = "SELECT id AS a, w::text AS b FROM wild AS w ORDER BY id";
        models.push(model("m0", row, &["integer", "text"]));
        selects.push(("m0".to_owned(), row.to_owned()));
        let mut options = shop.options(models);
        options.engine = Engine::Postgres;
        let report = shop.run(&options).expect("run");
        assert_eq!(report.tables.len(), 1);
        assert_eq!(
            (report.tables[0].table.as_str(), report.tables[0].rows),
            ("wild", 4)
        );
        for (name, select) in &selects {
            assert_eq!(shop.file(name), shop.expected(select), "{select}");
        }
    }
}

/// SELECTs that Polars doesn't run, with the types of their columns. Each has an order.
const SELECTS: &[(&str, &[&str])] = &[
    (
        "SELECT size AS a, count(*) AS b FROM sale GROUP BY ROLLUP (size) ORDER BY size, b",
        &["text", "bigint"],
    ),
    (
        "SELECT town AS a, name AS b FROM client ORDER BY town, name COLLATE \"C\", id",
        &["text", "text"],
    ),
    (
        "SELECT array_agg(name ORDER BY name, id) AS a FROM client",
        &["text"],
    ),
    (
        "SELECT code AS a, count(*) AS b, sum(octet_length(code)) AS c FROM client GROUP BY code ORDER BY code",
        &["text", "bigint", "bigint"],
    ),
    (
        "SELECT c.name AS a, avg(amount ORDER BY s.id) AS b FROM client AS c JOIN sale AS s ON s.client_id = c.id \
         GROUP BY c.id ORDER BY c.id",
        &["text", "text"],
    ),
    (
        "SELECT max(size) AS a, min(at)::text AS b, max(town) AS c FROM sale JOIN client ON client.id = client_id",
        &["text", "text", "text"],
    ),
    (
        "SELECT id AS a, (pl).number AS b, ta[4] AS c, iv - interval '1 day' AS d FROM wild ORDER BY bare NULLS FIRST, id",
        &["integer", "integer", "text", "text"],
    ),
    (
        "SELECT to_jsonb(s) AS a FROM sale AS s ORDER BY id",
        &["jsonb"],
    ),
    (
        "SELECT array_agg(tags) AS a, count(*) AS b, avg(v) AS c FROM nothing",
        &["text", "bigint", "text"],
    ),
];

#[test]
fn selects_over_a_layer_give_what_the_source_gave() {
    let like = |options: &str| {
        let base = Database::create();
        Database::create_with(&base.settings(), &format!("TEMPLATE template0 {options}"))
    };
    for database in [
        Database::create(),
        Database::create_in_locale("pt-BR"),
        like("ENCODING 'UTF8' LC_COLLATE 'pt_BR.UTF-8' LC_CTYPE 'pt_BR.UTF-8'"),
    ] {
        let shop = Shop::open_in(database);
        shop.keep();
        let mut models: Vec<Model> = SELECTS
            .iter()
            .enumerate()
            .map(|(at, (sql, kinds))| model(&format!("m{at}"), sql, kinds))
            .collect();
        // The first two models declare no columns.
        models[0].columns.clear();
        models[1].columns.clear();
        let plain = "SELECT id FROM sale ORDER BY id";
        models.push(model("plain", plain, &[]));
        let expected: Vec<_> = SELECTS.iter().map(|(sql, _)| shop.expected(sql)).collect();
        let of_plain = shop.expected(plain);
        // The database is not asked, and the schema's name doesn't matter.
        shop.sql("DROP SCHEMA shop CASCADE");
        let mut options = shop.options(models);
        options.schema = "elsewhere".to_owned();
        for engine in [Engine::Auto, Engine::Postgres] {
            options.engine = engine;
            let report = shop.run(&options).expect("run");
            let mut ran = vec![Engine::Postgres; SELECTS.len()];
            ran.push(match engine {
                Engine::Auto => Engine::Polars,
                _ => Engine::Postgres,
            });
            assert_eq!(engines(&report), ran);
            for (at, expected) in expected.iter().enumerate() {
                assert_eq!(shop.file(&format!("m{at}")), *expected, "{}", SELECTS[at].0);
            }
            assert_eq!(shop.file("plain"), of_plain);
            let read: Vec<_> = report
                .tables
                .iter()
                .map(|of| (of.table.as_str(), of.rows))
                .collect();
            assert_eq!(
                read,
                [("client", 6), ("sale", 6), ("nothing", 0), ("wild", 4)]
            );
        }
    }
}

#[test]
fn what_polars_cannot_end_over_a_layer_is_run_again_in_a_scratch_database() {
    let shop = Shop::open();
    shop.sql("INSERT INTO client (id, name) SELECT i, i FROM generate_series(10, 3000) i");
    shop.keep();
    let plain = "SELECT id FROM sale ORDER BY id";
    for large in [
        // This makes more rows than fit in memory.
        "SELECT count(*) AS a FROM client AS c, client AS d WHERE c.id > 1 OR d.id > 3",
        // This needs more digits than are computed with here.
        "SELECT count(*) AS a FROM sale WHERE amount * 10000000000000000000 * 10000000000000000000 > 5",
    ] {
        let models = vec![model("plain", plain, &[]), model("m", large, &["bigint"])];
        let mut options = shop.options(models);
        options.memory_bytes = 224 << 20;
        let report = shop.run(&options).expect("run");
        assert_eq!(engines(&report), [Engine::Polars, Engine::Postgres]);
        assert_eq!(shop.file("m"), shop.expected(large));
        assert_eq!(shop.file("plain"), shop.expected(plain));
        for file in ["m.csv", "m.csv.manifest.jsonl"] {
            fs::remove_file(options.out.path().unwrap().join(file)).expect("removed");
        }
        // The run is refused if Polars is asked for, without Postgres's programs, or if the layer doesn't say how to make a scratch
        // database.
        options.engine = Engine::Polars;
        shop.refused(&options, Kind::Refused);
        options.engine = Engine::Auto;
        options.environment = Environment::from_iter(
            [("PG_BIN", "/nowhere")].map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        shop.refused(&options, Kind::Refused);
    }
}

#[test]
fn an_earlier_layer_is_good_for_polars_alone() {
    let shop = Shop::open();
    shop.keep();
    rewrite(&shop.layer(), |head| {
        let head = head.as_object_mut().expect("an object");
        head.remove("source").expect("it was there");
        for table in head["tables"].as_array_mut().expect("tables") {
            let table = table.as_object_mut().expect("an object");
            table.remove("cast_to_text").expect("it was there");
        }
    });
    let mean = "SELECT avg(id ORDER BY id) AS a FROM client";
    let mut options = shop.options(vec![model("m", mean, &["text"])]);
    for engine in [Engine::Auto, Engine::Postgres] {
        options.engine = engine;
        let said = shop.refused(&options, Kind::Mismatch);
        assert!(said.contains("model `m`"), "{said}");
        assert!(said.contains("stage again with --stage"), "{said}");
    }
    options.engine = Engine::Auto;
    let large = "SELECT count(*) AS a FROM sale WHERE amount * 10000000000000000000 * 10000000000000000000 > 5";
    options.dataset.models = vec![model("m", large, &["bigint"])];
    shop.refused(&options, Kind::Refused);
    let plain = "SELECT id FROM sale ORDER BY id";
    options.dataset.models = vec![model("m", plain, &[])];
    let report = shop.run(&options).expect("run");
    assert_eq!(engines(&report), [Engine::Polars]);
    assert_eq!(shop.file("m"), shop.expected(plain));
}

#[test]
fn without_postgres_on_the_machine_a_model_that_needs_it_is_refused() {
    let shop = Shop::open();
    shop.keep();
    let mean = "SELECT avg(id ORDER BY id) AS a FROM client";
    let mut options = shop.options(vec![model("m", mean, &["text"])]);
    let nowhere = [("PG_BIN".to_owned(), "/nowhere".to_owned())];
    options.environment = Environment::from_iter(nowhere);
    let said = shop.refused(&options, Kind::Usage);
    assert!(said.contains("package postgresql"), "{said}");
    let plain = "SELECT id FROM sale ORDER BY id";
    options.dataset.models = vec![model("m", plain, &[])];
    shop.run(&options).expect("Polars needs none");
    assert_eq!(shop.file("m"), shop.expected(plain));
}

#[test]
fn an_order_of_text_that_is_not_here_is_refused_and_what_needs_none_runs() {
    let shop = Shop::open_in(Database::create_in_locale("pt-BR"));
    shop.keep();
    rewrite(&shop.layer(), |head| {
        let source = &mut head["source"];
        source["locale"]["version"] = "1.2.3".into();
        let collations = source["shapes"]["types"]["collations"].as_object_mut();
        for collation in collations.expect("collations").values_mut() {
            collation["version"] = "1.2.3".into();
        }
    });
    for (sql, what) in [
        (
            "SELECT count(*) FILTER (WHERE name > ALL (ARRAY['b'])) AS a FROM client",
            "text_gt()",
        ),
        (
            "SELECT string_agg(id::text, '' ORDER BY town) AS a FROM client",
            "ORDER BY text",
        ),
    ] {
        let said = shop.refused(&shop.options(vec![model("m", sql, &[])]), Kind::Usage);
        assert!(said.contains(what), "{said}");
        assert!(said.contains("1.2.3"), "{said}");
    }
    let equal = "SELECT array_agg(name ORDER BY id) AS a FROM client WHERE name = ANY (ARRAY['Ana', 'Rui'])";
    let options = shop.options(vec![model("m", equal, &["text"])]);
    assert_eq!(
        engines(&shop.run(&options).expect("run")),
        [Engine::Postgres]
    );
    assert_eq!(shop.file("m"), shop.expected(equal));
}

#[test]
fn a_column_that_a_layer_does_not_keep_exactly_is_refused_by_name() {
    let shop = Shop::open();
    shop.sql(
        "ALTER TABLE client ADD v numeric, ADD w bpchar, ADD s size, ADD d label DEFAULT 'x';
         UPDATE client SET v = 1.50, w = 'x  ', s = 'XL';
         CREATE DOMAIN blanks AS bpchar; ALTER TABLE client ADD x blanks DEFAULT 'x ';
         CREATE FUNCTION told(size) RETURNS text LANGUAGE sql AS $$ SELECT 'one' $$;
         CREATE CAST (size AS text) WITH FUNCTION told(size)",
    );
    shop.keep_with(|options| {
        let client = &mut options.dataset.tables[0];
        client.cast_to_text = ["w", "x", "s", "d"].map(str::to_owned).to_vec();
        let kind = "numeric(10,4)".parse().expect("a type");
        client.carry_as = [("v".to_owned(), kind)].into();
    });
    for (column, says) in [
        ("v", "list it under `cast_to_text`"),
        ("w", "blanks at the end"),
        ("x", "blanks at the end"),
        ("s", "a cast of the source's own"),
    ] {
        let sql = format!("SELECT array_agg({column} ORDER BY id) AS a FROM client");
        let said = shop.refused(
            &shop.options(vec![model("m", &sql, &["text"])]),
            Kind::Mismatch,
        );
        assert!(
            said.contains(&format!("column `{column}` of table `client`")),
            "{said}"
        );
        assert!(said.contains(says), "{said}");
    }
    let exact = "SELECT array_agg(d ORDER BY id) AS a FROM client";
    shop.run(&shop.options(vec![model("m", exact, &["text"])]))
        .expect("run");
    assert_eq!(shop.file("m"), shop.expected(exact));
}

#[test]
fn a_large_layer_in_little_memory_is_copied_whole_and_reconciled() {
    let shop = Shop::open();
    shop.sql(
        "INSERT INTO sale SELECT i, CASE WHEN i % 7 > 0 THEN 1 + i % 6 END, (i * 7919 % 90007) / 100.0 - 400, 'XL',
                timestamptz '2024-01-01 00:00+00' + i * interval '1 minute'
         FROM generate_series(7, 200000) AS i;
         INSERT INTO wild (id, t, dl, bare, ta)
         SELECT i, repeat('x', i % 50) || E'\\n\\t', 'x', i * 0.10, ARRAY[i::text, NULL] FROM generate_series(10, 50000) AS i",
    );
    for connections in [1, 3] {
        let staged = |options: &mut Options| {
            options.memory_bytes = transform::memory::LEAST_BYTES;
            options.max_connections = connections;
        };
        shop.keep_with(staged);
        let matched = "SELECT s.id AS a, s.amount AS b FROM sale AS s WHERE s.client_id = ANY (SELECT id FROM client) ORDER BY 1";
        let mut driven = model("m", matched, &["bigint", "numeric(10,2)"]);
        driven.driving = Some(Driving {
            table: "sale".to_owned(),
            key: [("id".to_owned(), "a".to_owned())].into(),
            sums: [("amount".to_owned(), "b".to_owned())].into(),
            ..Driving::default()
        });
        let wild = "SELECT count(*) AS a, sum(bare) FILTER (WHERE id > 5) AS b, sum(length(t)) AS c, count(*) FILTER (WHERE ta[2] IS NULL) AS d, \
             md5(string_agg(id::text, ',' ORDER BY id)) AS e FROM wild";
        let kinds = ["bigint", "text", "bigint", "bigint", "text"];
        let mut options = shop.options(vec![driven, model("wild", wild, &kinds)]);
        staged(&mut options);
        let report = shop.run(&options).expect("run");
        assert_eq!(engines(&report), [Engine::Postgres, Engine::Postgres]);
        assert_eq!(shop.file("m"), shop.expected(matched));
        assert_eq!(shop.file("wild"), shop.expected(wild));
        let found = report.models[0]
            .reconciliation
            .as_ref()
            .expect("reconciled");
        assert_eq!(found.read.rows, 200_000);
        assert!(found.left_out.rows > 28_000, "{}", found.left_out.rows);
        assert_eq!(found.written.rows + found.left_out.rows, 200_000);
    }
}
