//! A few small tables, and SELECTs over them that Polars runs, compared with Postgres.

use std::fs;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Dataset};
use tempfile::TempDir;
use testkit::{Database, csv_of};
use transform::{Layout, Options};

pub(crate) const SCHEMA: &str = "shop";

const TABLES: &str = r#"
    CREATE SCHEMA shop; SET search_path = shop;
    CREATE TYPE size AS ENUM ('small', 'large');
    CREATE TABLE category (id int PRIMARY KEY, parent_id int, name text);
    CREATE TABLE product (id int PRIMARY KEY, name text COLLATE "C", category_id int);
    CREATE TABLE t (
        id int PRIMARY KEY, v numeric(8,2), w numeric(6,3), b boolean, n int, s text, c text COLLATE "C", f char(25), k smallint,
        g bigint, day date, at timestamp, size size, code uuid, doc jsonb, "From" text
    );
    INSERT INTO category VALUES (1, NULL, 'all'), (2, 1, 'tools'), (3, 2, 'hammers');
    INSERT INTO product VALUES (10, 'big', 3), (11, 'small', 2), (12, 'odd', NULL), (2, 'self', 3);
    INSERT INTO t VALUES
    (1, 1.50, 0.125, true, 3, 'b', 'b', 'book', 1, 5, '2024-02-29', '2024-02-29 23:59:59.5', 'small',
     '123e4567-e89b-12d3-a456-426614174000', '{}', 'x'),
    (2, 1.50, 0.500, false, 3, 'B', 'B', 'loan', 2, 9223372036854775807, '2023-12-31', '2023-12-31 00:00:00', 'large', NULL, NULL, ''),
    (3, 10.05, -0.125, NULL, NULL, 'á', 'á', 'book', NULL, 9223372036854775807, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, NULL, NULL, NULL, 1, 'a', 'a', NULL, -3, NULL, '2021-01-01', '2021-01-01 12:00:00', 'large', NULL, 'null', 'y'),
    (5, -10.05, 2.000, true, 1, NULL, NULL, '', 7, -1, '2020-12-31', '2020-12-31 06:30:00', 'small', NULL, '1', NULL);
"#;

pub(crate) struct Shop {
    pub(crate) database: Database,
    pub(crate) out: TempDir,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::open_in(Database::create())
    }

    pub(crate) fn open_in(database: Database) -> Self {
        database.connect().batch_execute(TABLES).expect("tables");
        Self {
            database,
            out: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A dataset with one model.
    pub(crate) fn dataset(&self, sql: &str) -> Dataset {
        let tables = ["category", "product", "t"].map(|name| (name, &["id"][..]));
        testkit::dataset(SCHEMA, &tables, vec![testkit::model("m", sql)])
    }

    /// The columns that the model gives, or why it is refused.
    pub(crate) fn columns(&self, sql: &str) -> anyhow::Result<Vec<(String, ColumnType)>> {
        let settings = self.database.settings();
        let resolved = transform::describe::resolve(
            &settings,
            &self.dataset(sql),
            SCHEMA,
            &Cancel::default(),
        )?;
        resolved.into_iter().next().expect("one model")
    }

    /// The file that the model writes, or why it is refused.
    pub(crate) fn run(&self, sql: &str) -> anyhow::Result<String> {
        let mut dataset = self.dataset(sql);
        let settings = self.database.settings();
        dataset.models[0].columns = self.columns(sql)?;
        let options = Options {
            out: self.out.path().into(),
            layout: Layout::SingleFile,
            max_connections: 1,
            memory_bytes: 1 << 30,
            engine: transform::Engine::Polars,
            ..Options::of_models(dataset, Some(SCHEMA), &database::Environment::default())
        };
        transform::run(&settings, &options, &Cancel::default())?;
        Ok(fs::read_to_string(self.out.path().join("m.csv")).expect("published"))
    }

    /// The rows that Postgres gives, with booleans as words and amounts with all their digits.
    pub(crate) fn expected(&self, sql: &str) -> String {
        let columns = self.columns(sql).expect("checked before");
        let texts = columns
            .iter()
            .enumerate()
            .map(|(at, (name, kind))| match kind {
                ColumnType::Boolean => format!("c{at}::text AS {name:?}"),
                ColumnType::Numeric { scale, .. } => {
                    format!("round(c{at}::numeric, {scale}) AS {name:?}")
                }
                _ => format!("c{at} AS {name:?}"),
            });
        let texts: Vec<String> = texts.collect();
        let names: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
        let mut client = self.database.connect();
        client
            .batch_execute("SET search_path = shop")
            .expect("the schema is there");
        let sql = format!(
            "SELECT {} FROM ({sql}) AS m ({})",
            texts.join(", "),
            names.join(", ")
        );
        csv_of(&mut client, &sql)
    }

    /// Checks that the rows are Postgres's, in its order if the SELECT has one.
    pub(crate) fn check(&self, sql: &str) {
        let mut got: Vec<String> = self
            .run(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:#}"))
            .lines()
            .map(str::to_owned)
            .collect();
        let mut expected: Vec<String> = self.expected(sql).lines().map(str::to_owned).collect();
        assert_eq!(got.len(), expected.len(), "rows of {sql}");
        if !sql.contains("ORDER BY") || sql.contains("OVER") {
            got[1..].sort();
            expected[1..].sort();
        }
        assert_eq!(got, expected, "{sql}");
    }

    /// Checks that the SELECT is refused before a row is read, and the parts of the message.
    pub(crate) fn check_refused(&self, sql: &str, parts: &[&str]) {
        let error = self.run(sql).expect_err(sql);
        let message = format!("{error:#}");
        assert_eq!(
            Failure::kind_of(&error),
            Some(Kind::Usage),
            "{sql}: {message}"
        );
        assert!(message.starts_with("m.sql, line "), "{message}");
        for part in parts {
            assert!(message.contains(part), "{sql}: {message} lacks {part}");
        }
    }
}
