//! The generator against a real Postgres; each test has a database of its own.

mod append;
#[cfg(feature = "bucket")]
mod bucket;
mod determinism;
mod dialects;
mod faults;
mod files;
mod hiring;
mod models;
mod pooler;
mod publish;
mod rows;
mod sales;
mod storage;

use database::{Cancel, Connection};
use dataset::Dataset;
use generator::{Asked, Mode, Options, Report, Storage, generate};
use testkit::{Database, value};

const TABLES: [&str; 4] = ["associado", "conta", "cartao", "movimento"];

/// Options for `associates` in the schema `cards`, with two workers and the default seed.
fn options(associates: u32, mode: Mode) -> Options {
    Options {
        dataset: Dataset::open("cards").expect("cards is built in"),
        schema: "cards".to_owned(),
        size: associates,
        asked: Asked::default(),
        workers: Some(2),
        mode,
        storage: Storage::default(),
    }
}

/// Options for `size` orders of `sales` or employees of `hiring`, in the schema of that name.
fn options_of(dataset: &str, size: u32) -> Options {
    Options {
        dataset: Dataset::open(dataset).expect("built in"),
        schema: dataset.to_owned(),
        ..options(size, Mode::Fresh)
    }
}

/// Options that ask for a seed and nothing else.
fn seeded(seed: u64) -> Asked {
    Asked {
        seed: Some(seed),
        ..Asked::default()
    }
}

/// Generates into `database`, which must succeed.
fn generated(database: &Database, options: &Options) -> Report {
    generate(&database.settings(), options, &Cancel::default()).expect("generated")
}

fn count(client: &mut Connection, query: &str) -> i64 {
    value(client, &format!("SELECT count(*) FROM {query}"))
}

/// Rows and SHA-256 of each table of `schema`, in the order of ids.
fn digests(client: &mut Connection, schema: &str) -> Vec<(String, i64, String)> {
    TABLES
        .iter()
        .map(|table| {
            let query = format!(
                "SELECT count(*), encode(sha256(convert_to(string_agg(t::text, E'\\n' ORDER BY id), 'UTF8')), 'hex')
                 FROM {schema}.{table} t"
            );
            let row = client.query_one(&query, &[]).expect("a digest");
            let digest: Option<String> = row.get(1);
            ((*table).to_owned(), row.get(0), digest.expect("the table has rows"))
        })
        .collect()
}

/// Every object of the database outside Postgres's own schemas, to see that nothing changed.
fn objects(client: &mut Connection) -> Vec<String> {
    let query =
        "SELECT n.nspname || '.' || coalesce(c.relname, '') || ' ' || coalesce(c.oid::text, '')
         FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid
         WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1";
    client
        .query(query, &[])
        .expect("the catalogue")
        .iter()
        .map(|row| row.get(0))
        .collect()
}
