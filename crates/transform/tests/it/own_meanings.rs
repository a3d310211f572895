//! Sources with functions, operators, casts and orders of their own, under names that Postgres has too. A model gives what they
//! give or is refused; it never gives what Postgres's own would give.

use std::fs;
use std::path::PathBuf;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use tempfile::TempDir;
use testkit::{Database, csv_of};
use transform::{Engine, Layout, Options, Report};

const TABLES: &str = "
    CREATE SCHEMA shop; SET search_path = shop;
    CREATE TYPE size AS ENUM ('small', 'large');
    CREATE DOMAIN fit AS size;
    CREATE TABLE sale (id int PRIMARY KEY, size size NOT NULL, fit fit NOT NULL, sizes size[], name text, code varchar(8), amount numeric(8,2));
    CREATE TABLE client (id int PRIMARY KEY, name text);
    INSERT INTO sale VALUES (1, 'small', 'large', '{small,large}', 'Ana', 'a', 1.50), (2, 'large', 'small', '{large}', 'rui', 'B', -2.25),
        (3, 'small', 'small', '{}', '', NULL, NULL);
    INSERT INTO client VALUES (1, 'x'), (2, 'y')";

struct Source {
    database: Database,
    folder: TempDir,
}

impl Source {
    /// Makes a source with something of its own.
    fn with(own: &str) -> Self {
        let source = Self {
            database: Database::create(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        let sql = format!("{TABLES}; {own}");
        source.database.connect().batch_execute(&sql).expect("made");
        let mut options = source.options("SELECT id FROM client");
        options.stage = Some(source.layer().into());
        source.run(&options).expect("all tables are kept");
        source
    }

    fn options(&self, sql: &str) -> Options {
        let tables = ["sale", "client"].map(|name| (name, &["id"][..]));
        let model = testkit::model("m", sql);
        let mut dataset = testkit::dataset("shop", &tables, vec![model]);
        dataset.tables[0].cast_to_text = vec!["sizes".to_owned()];
        Options {
            out: self.folder.path().join("out").into(),
            layout: Layout::SingleFile,
            max_connections: 2,
            memory_bytes: 1 << 30,
            ..Options::of_models(dataset, Some("shop"), &testkit::environment())
        }
    }

    fn layer(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// Runs a SELECT with each engine, over the database and over a layer of it. Each must give what the source gives, or refuse.
    /// Gives the engine that `auto` chose, or why none ran it.
    fn outcome(&self, sql: &str) -> Result<Engine, String> {
        let mut client = self.database.connect();
        client.batch_execute("SET search_path = shop").expect("set");
        let expected = client
            .simple_query(sql)
            .is_ok()
            .then(|| csv_of(&mut client, sql));
        let mut options = self.options(sql);
        let by_auto = self.checked(self.run(&options), expected.as_deref(), sql);
        for (from_layer, engine) in [
            (false, Engine::Polars),
            (false, Engine::Postgres),
            (true, Engine::Auto),
        ] {
            options.engine = engine;
            let takes = match engine {
                Engine::Polars => by_auto == Ok(Engine::Polars),
                // This engine ran it with `auto` already.
                Engine::Postgres if by_auto == Ok(engine) => continue,
                _ => by_auto.is_ok(),
            };
            let run = match from_layer {
                true => transform::run_from_stage(self.layer(), &options, &Cancel::default()),
                false => self.run(&options),
            };
            let ran = self.checked(run, expected.as_deref(), sql);
            assert_eq!(
                ran.is_ok(),
                takes,
                "{sql}, {engine:?}, {from_layer}: {ran:?}"
            );
        }
        by_auto
    }

    fn run(&self, options: &Options) -> anyhow::Result<Report> {
        transform::run(&self.database.settings(), options, &Cancel::default())
    }

    /// The engine of a run that gave what was expected, or the message of one that was refused.
    fn checked(
        &self,
        run: anyhow::Result<Report>,
        expected: Option<&str>,
        sql: &str,
    ) -> Result<Engine, String> {
        match run {
            Ok(report) => {
                let given = fs::read_to_string(self.folder.path().join("out/m.csv"));
                let engine = report.models[0].engine;
                assert_eq!(given.ok().as_deref(), expected, "{sql}, {engine:?}");
                Ok(engine)
            }
            Err(error) => {
                let kind = Failure::kind_of(&error);
                assert!(
                    matches!(kind, Some(Kind::Usage | Kind::Mismatch)),
                    "{sql}: {error:#}"
                );
                Err(format!("{error:#}"))
            }
        }
    }
}

/// The expected result of a SELECT: the engine that runs it, or a part of the message why none does.
type Expected = Result<Engine, &'static str>;

const IN_POLARS: Expected = Ok(Engine::Polars);
const IN_POSTGRES: Expected = Ok(Engine::Postgres);

fn hold(own: &str, selects: &[(&str, Expected)]) {
    let source = Source::with(own);
    for (sql, expected) in selects {
        let outcome = source.outcome(sql);
        match expected {
            Ok(engine) => assert_eq!(outcome, Ok(*engine), "{sql}"),
            Err(why) => {
                let said = outcome.expect_err(sql);
                assert!(said.contains(why), "{sql}: {said}");
            }
        }
    }
}

#[test]
fn a_cast_of_the_sources_own_is_never_taken_for_postgres_s() {
    const CAST: Expected =
        Err("comes to the cast from shop.size to text, which is the source's own");
    hold(
        "CREATE FUNCTION told(size) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'one' $$;
         CREATE CAST (size AS text) WITH FUNCTION told(size)",
        &[
            ("SELECT id, size::text AS a FROM sale ORDER BY id", CAST),
            (
                "SELECT id, CAST(fit AS text) AS a FROM sale ORDER BY id",
                CAST,
            ),
            (
                "SELECT id FROM sale WHERE CAST(size AS text) = 'small' ORDER BY id",
                CAST,
            ),
            ("SELECT id, size FROM sale ORDER BY size, id", IN_POSTGRES),
            ("SELECT id, name FROM sale ORDER BY id", IN_POLARS),
            ("SELECT id, name FROM client ORDER BY id", IN_POLARS),
            // A value that is more than its type's own has Postgres's own text.
            ("SELECT id, sizes FROM sale ORDER BY id", IN_POLARS),
            (
                "SELECT id, sizes::text AS a FROM sale WHERE cardinality(sizes) > 0 ORDER BY id",
                IN_POSTGRES,
            ),
            (
                "SELECT id, concat(size, '!') AS a FROM sale ORDER BY id",
                IN_POSTGRES,
            ),
        ],
    );
    hold(
        "CREATE FUNCTION counted(size) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 7 $$;
         CREATE CAST (size AS int) WITH FUNCTION counted(size) AS IMPLICIT",
        &[
            (
                "SELECT id + size AS a FROM sale ORDER BY id",
                Err("the cast from shop.size to integer"),
            ),
            (
                "SELECT id FROM sale WHERE size = 7 ORDER BY id",
                Err("the cast from shop.size to integer"),
            ),
            (
                "SELECT id, size::text AS a FROM sale ORDER BY id",
                IN_POSTGRES,
            ),
        ],
    );
    // Casts that help older programs: the text is Postgres's own, but names may mean other functions.
    hold(
        "CREATE CAST (int AS text) WITH INOUT AS IMPLICIT; CREATE CAST (varchar AS size) WITH INOUT AS IMPLICIT",
        &[
            (
                "SELECT id, substr(id, 1) AS a FROM sale ORDER BY id",
                IN_POSTGRES,
            ),
            (
                "SELECT id || name AS a FROM sale ORDER BY id",
                Err("operator is not unique"),
            ),
            (
                "SELECT id FROM sale WHERE size = code ORDER BY id",
                Err("operator does not exist"),
            ),
            (
                "SELECT id FROM sale WHERE size = 'small' ORDER BY id",
                IN_POSTGRES,
            ),
        ],
    );
    hold(
        "CREATE CAST (size AS text) WITH INOUT; CREATE CAST (varchar AS size) WITH INOUT AS IMPLICIT",
        &[(
            "SELECT id, size::text AS a FROM sale ORDER BY id",
            IN_POLARS,
        )],
    );
}

#[test]
fn a_function_or_an_operator_of_the_sources_own_is_never_taken_for_postgres_s() {
    hold(
        "CREATE FUNCTION round(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1 * 1000 $$;
         CREATE FUNCTION upper(text, text DEFAULT 'x') RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'own' || $1 || $2 $$;
         CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'own' $$;
         CREATE FUNCTION concat(VARIADIC text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'own' $$;
         CREATE FUNCTION length(size) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 5 $$;
         CREATE FUNCTION now(OUT a int, OUT b int) LANGUAGE sql AS $$ SELECT 1, 2 $$;
         CREATE FUNCTION trigger_like() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
         CREATE AGGREGATE sum(size) (sfunc = enum_larger, stype = size);
         CREATE AGGREGATE max(text) (sfunc = text_larger, stype = text)",
        &[
            ("SELECT round(id) AS a FROM sale ORDER BY id", Err("the function shop.round(integer)")),
            ("SELECT id FROM sale ORDER BY round(id)", Err("the function shop.round(integer)")),
            ("SELECT round(amount, 1) AS a FROM sale ORDER BY id", IN_POSTGRES),
            ("SELECT id, round FROM (SELECT id, id AS round FROM sale) AS s ORDER BY id", IN_POLARS),
            ("SELECT upper(name) AS a FROM sale ORDER BY id", IN_POSTGRES),
            ("SELECT upper(name, 'y') AS a FROM sale ORDER BY id", Err("the function shop.upper(text, text)")),
            ("SELECT lower(code) AS a FROM sale ORDER BY id", Err("the function shop.lower(character varying)")),
            ("SELECT lower(name) AS a FROM sale ORDER BY id", IN_POSTGRES),
            ("SELECT concat(name, 'x') AS a FROM sale ORDER BY id", Err("the function shop.concat(text[])")),
            ("SELECT concat(name, 1) AS a FROM sale ORDER BY id", IN_POSTGRES),
            ("SELECT length(size) AS a FROM sale ORDER BY id", Err("the function shop.length(shop.size)")),
            ("SELECT length(name) AS a FROM sale ORDER BY id", IN_POSTGRES),
            ("SELECT sum(size) AS a FROM sale", Err("the function shop.sum(shop.size)")),
            ("SELECT max(name) AS a FROM sale", IN_POSTGRES),
            ("SELECT max(amount) AS a FROM sale", IN_POSTGRES),
            ("SELECT sum(DISTINCT amount) AS a FROM sale", IN_POSTGRES),
            ("SELECT shop.round(id) AS a FROM sale ORDER BY id", Err("the function shop.round(integer)")),
            ("SELECT trim(name) AS a FROM sale ORDER BY id", IN_POLARS),
        ],
    );
    hold(
        "CREATE FUNCTION put(text, int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'own' $$;
         CREATE FUNCTION same(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT false $$;
         CREATE FUNCTION like_it(text, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;
         CREATE OPERATOR || (LEFTARG = text, RIGHTARG = int, FUNCTION = put);
         CREATE OPERATOR ~~ (LEFTARG = text, RIGHTARG = varchar, FUNCTION = like_it);
         CREATE OPERATOR % (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same)",
        &[
            ("SELECT name || id AS a FROM sale ORDER BY id", Err("the operator shop.|| (text, integer)")),
            ("SELECT name || code AS a FROM sale ORDER BY id", IN_POSTGRES),
            ("SELECT id FROM sale WHERE name LIKE code ORDER BY id", Err("the operator shop.~~ (text, character varying)")),
            ("SELECT id FROM sale WHERE name LIKE '%i' ORDER BY id", IN_POSTGRES),
            ("SELECT id % 2 AS a FROM sale ORDER BY id", IN_POSTGRES),
            ("SELECT id * 2 AS a FROM sale ORDER BY id", IN_POLARS),
        ],
    );
    hold(
        "CREATE FUNCTION same(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT false $$;
         CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same)",
        &[
            ("SELECT s.id FROM sale AS s JOIN sale AS t USING (code) ORDER BY 1", Err("the operator shop.= (character varying")),
            ("SELECT id FROM sale WHERE code IN (SELECT code FROM sale) ORDER BY 1", Err("the operator shop.= (character varying")),
            ("SELECT s.id FROM sale AS s JOIN sale AS t ON s.name = t.name ORDER BY 1", IN_POSTGRES),
        ],
    );
}

#[test]
fn an_order_of_the_sources_own_is_never_taken_for_postgres_s() {
    hold(
        "CREATE FUNCTION before(size, size) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT enum_cmp($1, $2) > 0 $$;
         CREATE FUNCTION turned(size, size) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT -enum_cmp($1, $2) $$;
         CREATE OPERATOR <<< (LEFTARG = size, RIGHTARG = size, FUNCTION = before);
         CREATE OPERATOR >>> (LEFTARG = size, RIGHTARG = size, FUNCTION = before);
         CREATE OPERATOR CLASS turned DEFAULT FOR TYPE size USING btree AS
            OPERATOR 1 <<< , OPERATOR 3 pg_catalog.= (anyenum, anyenum), OPERATOR 5 >>> , FUNCTION 1 turned(size, size)",
        &[
            ("SELECT id, size FROM sale ORDER BY size, id", Err("an order of the source database's own")),
            ("SELECT id, name FROM sale ORDER BY id", IN_POLARS),
        ],
    );
}
