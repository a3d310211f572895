//! A database with the cards tables, an output folder, and the output that Postgres itself expects.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use database::Cancel;
use dataset::Dataset;
use dataset::failure::{Failure, Kind};
use tempfile::TempDir;
use testkit::{Database, contents_of, csv_of, files_below};
use transform::check::verify::{Source, Verified, verify_against_database};
use transform::{Engine, Layout, Options, Report};

/// The eleven columns of `movimento_flat` as Postgres writes them, with timestamps in our form.
pub(crate) const EXPECTED_COLUMNS: &str = "
    nome_associado, sobrenome_associado, idade_associado, vlr_transacao_movimento, des_transacao_movimento,
    iso(data_movimento) AS data_movimento, numero_cartao, nome_impresso_cartao,
    iso(data_criacao_cartao) AS data_criacao_cartao, tipo_conta, iso(data_criacao_conta) AS data_criacao_conta";

/// A function that writes `YYYY-MM-DDTHH:MM:SS`, with six digits if they are not zero.
const ISO: &str = r#"
    CREATE FUNCTION iso(t timestamp) RETURNS text LANGUAGE sql AS $$
        SELECT to_char(t, 'YYYY-MM-DD"T"HH24:MI:SS')
            || CASE WHEN date_part('microseconds', t)::int % 1000000 = 0 THEN '' ELSE to_char(t, '.US') END
    $$;"#;

/// The dataset `cards`, made of a description and the SELECT of its model `m`.
pub(crate) fn described(description: &str, select: &str) -> Dataset {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = format!("name = \"cards\"\n{description}");
    fs::write(folder.path().join("dataset.toml"), whole).expect("written");
    fs::write(folder.path().join("m.sql"), select).expect("written");
    Dataset::open(folder.path().to_str().expect("UTF-8")).expect("a dataset")
}

pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) dataset: Dataset,
    pub(crate) out: TempDir,
}

impl World {
    /// Empty cards tables without foreign keys, which allow NULL everywhere except in a key: they can hold rows that the generator
    /// never writes.
    pub(crate) fn of_cards() -> Self {
        Self::of_cards_in(Database::create())
    }

    /// Empty cards tables as with [`of_cards`](Self::of_cards), in a database that a test made.
    pub(crate) fn of_cards_in(database: Database) -> Self {
        let dataset = Dataset::open("cards").expect("built in");
        let tables = dataset.schema_sql.replace(" NOT NULL", "");
        database
            .connect()
            .batch_execute(&format!(
                "CREATE SCHEMA cards; SET search_path = cards; {tables} {ISO}
                 ALTER TABLE associado ADD PRIMARY KEY (id); ALTER TABLE conta ADD PRIMARY KEY (id);
                 ALTER TABLE cartao ADD PRIMARY KEY (id); ALTER TABLE movimento ADD PRIMARY KEY (id);"
            ))
            .expect("the tables are made");
        Self {
            database,
            dataset,
            out: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Cards tables with rows: `clients` associates with one account and one card each, and `movements` movements in all.
    pub(crate) fn with_rows(clients: u32, movements: u32) -> Self {
        let world = Self::of_cards();
        world.fill(clients, movements);
        world
    }

    /// Tables in the schema `cards`, and a dataset with this description and one model, `m`.
    pub(crate) fn of_tables(tables: &str, description: &str, select: &str) -> Self {
        let world = Self {
            database: Database::create(),
            dataset: described(description, select),
            out: tempfile::tempdir().expect("a folder"),
        };
        let mut client = world.database.connect();
        let schema = "CREATE SCHEMA cards; SET search_path = cards;";
        client
            .batch_execute(&format!("{schema} {tables}"))
            .expect("the tables are made");
        world
    }

    /// Fills the empty tables.
    pub(crate) fn fill(&self, clients: u32, movements: u32) {
        self.sql(&format!(
            "INSERT INTO associado SELECT i, 'Nome ' || i, 'Sobrenome', 30, 'e@x' FROM generate_series(1, {clients}) AS i;
             INSERT INTO conta SELECT i, 'corrente', '2020-01-01', i FROM generate_series(1, {clients}) AS i;
             INSERT INTO cartao SELECT i, 4000000000000000 + i, 'NOME', '2021-01-01', i, i FROM generate_series(1, {clients}) AS i;
             INSERT INTO movimento
             SELECT i, (i % 99991) / 100.0, 'compra ' || i, timestamp '2022-01-01' + i * interval '1001 ms', 1 + i % {clients}
             FROM generate_series(1, {movements}) AS i;
             ANALYZE"
        ));
    }

    /// Runs statements in the schema `cards`.
    pub(crate) fn sql(&self, statements: &str) {
        let mut client = self.database.connect();
        client
            .batch_execute(&format!("SET search_path = cards; {statements}"))
            .expect("the statements run");
    }

    /// Waits until `query`, a SELECT of one boolean, says true.
    pub(crate) fn wait_until(&self, query: &str) {
        testkit::wait_until(&self.database.settings(), query);
    }

    /// The options of a run into the world's own folder.
    pub(crate) fn options(&self, layout: Layout) -> Options {
        Options {
            out: self.out.path().into(),
            layout,
            max_connections: 3,
            memory_bytes: 1 << 30,
            engine: Engine::Polars,
            ..Options::of_models(
                self.dataset.clone(),
                None,
                &database::Environment::default(),
            )
        }
    }

    pub(crate) fn try_transform(&self, options: &Options) -> anyhow::Result<Report> {
        transform::run(&self.database.settings(), options, &Cancel::default())
    }

    pub(crate) fn transform(&self, layout: Layout) -> Report {
        self.try_transform(&self.options(layout))
            .expect("the run succeeds")
    }

    /// The error of a run that must fail and leave nothing behind.
    pub(crate) fn refused(&self, layout: Layout) -> (Kind, String) {
        let error = self
            .try_transform(&self.options(layout))
            .expect_err("the run fails");
        assert_eq!(self.published(), Vec::<PathBuf>::new(), "after {error:#}");
        let message = format!("{error:#}");
        let kind = Failure::kind_of(&error).unwrap_or_else(|| panic!("`{message}` has no kind"));
        (kind, message)
    }

    /// Compares everything that was published with the database's own join.
    pub(crate) fn try_verify(&self) -> anyhow::Result<Vec<Verified>> {
        self.try_verify_at(self.out.path())
    }

    /// Compares the output at `path` with the database's own join.
    pub(crate) fn try_verify_at(&self, path: &Path) -> anyhow::Result<Vec<Verified>> {
        let source = Source {
            dataset: self.dataset.clone(),
            schema: "cards".to_owned(),
        };
        verify_against_database(path, &self.database.settings(), &source, &Cancel::default())
    }

    /// How many rows of each output equal the database's. All outputs must be equal.
    pub(crate) fn verified(&self) -> Vec<u64> {
        let verified = self.try_verify().expect("they are equal");
        let rows = |output: Verified| output.database.expect("compared").rows;
        verified.into_iter().map(rows).collect()
    }

    /// The message about the first difference, which must exist.
    pub(crate) fn difference(&self) -> String {
        let error = self.try_verify().expect_err("they differ");
        let message = format!("{error:#}");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{message}");
        message
    }

    pub(crate) fn single_file(&self) -> String {
        fs::read_to_string(self.out.path().join("movimento_flat.csv"))
            .expect("the file is published")
    }

    /// All files that a reader of the output folder sees, including hidden ones except the lock.
    pub(crate) fn published(&self) -> Vec<PathBuf> {
        files_below(self.out.path())
            .into_iter()
            .filter(|path| !path.ends_with(".extrato.lock"))
            .collect()
    }

    /// All published files with their contents.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut contents = contents_of(self.out.path());
        contents.retain(|path, _| !path.ends_with(".extrato.lock"));
        contents
    }

    /// The result of `COPY (SELECT …) TO STDOUT (FORMAT csv, HEADER)` for the model's own SQL.
    pub(crate) fn expected(&self, columns: &str, rest: &str) -> String {
        let model = &self.dataset.models[0].sql;
        self.copy(&format!("SELECT {columns} FROM ({model}) AS m {rest}"))
    }

    pub(crate) fn copy(&self, select: &str) -> String {
        let mut client = self.database.connect();
        client
            .batch_execute("SET search_path = cards")
            .expect("the schema is there");
        csv_of(&mut client, select)
    }
}
