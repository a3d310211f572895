//! A database, a folder, and a dataset for a single test.

use std::path::PathBuf;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::{fs, io};

use database::{Cancel, Connection};
use dataset::Dataset;
use dataset::failure::{Failure, Kind};
use loader::{Options, RejectLimit, Report, load};
use tempfile::TempDir;
use testkit::{Database, Role, value};

/// Three files without headers, as they arrive; every field is required.
pub(crate) const HIRING: [(&str, &str); 3] = [
    (
        "dataset.toml",
        r#"
        name = "hiring"
        [[table]]
        name = "departments"
        key = ["id"]
        [table.load]
        files = ["departments*.csv"]
        header = false
        required = ["id", "department"]
        [[table]]
        name = "jobs"
        key = ["id"]
        [table.load]
        header = false
        required = ["id", "job"]
        [[table]]
        name = "hired_employees"
        key = ["id"]
        [table.load]
        files = ["hired_employees*.csv"]
        header = false
        required = ["id", "name", "datetime", "department_id", "job_id"]
        "#,
    ),
    (
        "schema.sql",
        "CREATE TABLE departments (id integer NOT NULL, department varchar(100) NOT NULL);
         CREATE TABLE jobs (id integer NOT NULL, job varchar(100) NOT NULL);
         CREATE TABLE hired_employees (id integer NOT NULL, name varchar(200) NOT NULL, datetime timestamp NOT NULL,
                                       department_id integer NOT NULL, job_id integer NOT NULL);",
    ),
    (
        "constraints.sql",
        "ALTER TABLE departments ADD PRIMARY KEY (id);
         ALTER TABLE jobs ADD PRIMARY KEY (id);
         ALTER TABLE hired_employees ADD PRIMARY KEY (id);
         ALTER TABLE hired_employees ADD FOREIGN KEY (department_id) REFERENCES departments;
         ALTER TABLE hired_employees ADD FOREIGN KEY (job_id) REFERENCES jobs;",
    ),
];

/// Files with a BOM, semicolons, CRLF, a header, NULL as a word, prices with a comma and weights with a point.
pub(crate) const SALES: [(&str, &str); 3] = [
    (
        "dataset.toml",
        r#"
        name = "sales"
        [[table]]
        name = "product"
        key = ["product_id"]
        [table.load]
        files = ["Production.Product*.csv"]
        columns = ["ProductID", "Name", "ListPrice", "Size", "Weight", "SellStartDate"]
        delimiter = ";"
        decimal_mark = { list_price = "," }
        null = ["NULL"]
        [[table]]
        name = "customer"
        key = ["customer_id"]
        [table.load]
        files = ["Sales.Customer*.csv"]
        delimiter = ";"
        null = ["NULL"]
        [[table]]
        name = "order_line"
        key = ["order_id", "line_id"]
        [table.load]
        files = ["Sales.OrderLine*.csv"]
        delimiter = ";"
        null = ["NULL"]
        [table.load.ranges]
        qty = { min = 1, max = 1000 }
        [table.load.references]
        customer_id = { table = "customer", column = "customer_id", missing = "allow" }
        "#,
    ),
    (
        "schema.sql",
        "CREATE TABLE product (product_id integer NOT NULL, name varchar(50) NOT NULL, list_price numeric(19,4) NOT NULL,
                               size varchar(5), weight numeric(8,2), sell_start_date timestamp NOT NULL);
         CREATE TABLE customer (customer_id integer NOT NULL, person_id integer, account varchar(10) NOT NULL);
         CREATE TABLE order_line (order_id integer NOT NULL, line_id integer NOT NULL, product_id integer NOT NULL,
                                  customer_id integer, qty smallint NOT NULL, line_total numeric(38,6) NOT NULL);",
    ),
    (
        "constraints.sql",
        "ALTER TABLE product ADD PRIMARY KEY (product_id);
         ALTER TABLE customer ADD PRIMARY KEY (customer_id), ADD UNIQUE (account);
         ALTER TABLE order_line ADD PRIMARY KEY (order_id, line_id);
         ALTER TABLE order_line ADD FOREIGN KEY (product_id) REFERENCES product;",
    ),
];

/// A database and folders for a single test.
pub(crate) struct World {
    pub(crate) database: Database,
    folder: TempDir,
}

impl World {
    /// Creates a world with a dataset made of these files.
    pub(crate) fn new(dataset: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["dataset", "in"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        for (name, text) in dataset {
            fs::write(folder.path().join("dataset").join(name), text).expect("written");
        }
        Self {
            database: Database::create(),
            folder,
        }
    }

    /// Writes an input file; `name` may contain a folder.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.inputs().join(name);
        fs::write(&path, bytes).expect("written");
        path
    }

    /// Creates a pipe among the input files, and writes to it as soon as it is read.
    pub(crate) fn pipe(
        &self,
        name: &str,
        text: impl AsRef<[u8]> + Send + 'static,
    ) -> JoinHandle<io::Result<()>> {
        let path = self.inputs().join(name);
        if path.exists() {
            fs::remove_file(&path).expect("removed");
        }
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        thread::spawn(move || fs::write(path, text))
    }

    pub(crate) fn inputs(&self) -> PathBuf {
        self.folder.path().join("in")
    }

    pub(crate) fn rejects(&self) -> PathBuf {
        self.folder.path().join("rejects")
    }

    pub(crate) fn dataset_folder(&self) -> PathBuf {
        self.folder.path().join("dataset")
    }

    pub(crate) fn dataset(&self) -> Dataset {
        let path = self.dataset_folder();
        Dataset::open(path.to_str().expect("UTF-8")).expect("the dataset opens")
    }

    /// Options for all files of the folder, with which any number of rows may be rejected.
    pub(crate) fn options(&self) -> Options {
        Options {
            from: Some(self.inputs().into()),
            rejects: self.rejects().into(),
            max_rejects: Some(RejectLimit::Percent(100.0)),
            memory_bytes: 64 << 20,
            workers: 2,
            ..Options::new(self.dataset())
        }
    }

    pub(crate) fn try_load(&self, options: &Options) -> anyhow::Result<Report> {
        load(&self.database.settings(), options, &Cancel::default())
    }

    /// Loads files, which must succeed.
    pub(crate) fn load(&self, options: &Options) -> Report {
        self.try_load(options)
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Loads files, which must fail with this kind and these words.
    pub(crate) fn refused(&self, options: &Options, kind: Kind, saying: &str) -> String {
        let error = self.try_load(options).expect_err("refused");
        let shown = format!("{error:#}");
        assert_eq!(Failure::kind_of(&error), Some(kind), "{shown}");
        assert!(shown.contains(saying), "{shown} lacks {saying}");
        shown
    }

    pub(crate) fn connect(&self) -> Connection {
        self.database.connect()
    }

    /// Creates a role with the rights that these statements grant to `{role}`.
    pub(crate) fn role(&self, grants: &str) -> Role<'_> {
        Role::create(&self.database, grants)
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        value(
            &mut self.connect(),
            &format!("SELECT count(*) FROM {table}"),
        )
    }

    /// The rejects of a table, as (line, column, rule), from the file; the table must hold the same.
    pub(crate) fn rejected(&self, schema: &str, table: &str) -> Vec<(i64, String, String)> {
        let path = self.rejects().join(format!("{table}.csv"));
        let mut client = self.connect();
        client
            .batch_execute(&format!(
                "CREATE TEMPORARY TABLE IF NOT EXISTS read_back (LIKE {schema}.extrato_reject); TRUNCATE read_back"
            ))
            .expect("a table");
        if path.exists() {
            let mut writer = client
                .copy_in("COPY read_back FROM STDIN (FORMAT csv, HEADER)")
                .expect("started");
            let bytes = fs::read(&path).expect("read");
            std::io::Write::write_all(&mut writer, &bytes).expect("sent");
            writer.finish().expect("the rejects are CSV");
        }
        let differing: i64 = value(
            &mut client,
            &format!(
                "SELECT count(*) FROM (SELECT * FROM read_back EXCEPT ALL SELECT * FROM {schema}.extrato_reject) AS d"
            ),
        );
        assert_eq!(differing, 0, "what is in the file is in the table");
        client
            .query(
                "SELECT line, column_name, rule FROM read_back ORDER BY byte_offset, column_name, rule",
                &[],
            )
            .expect("rejects")
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect()
    }
}

/// A world whose dataset has the table `t` with these columns, and these rules for loading it. Any number of rows may be
/// rejected.
pub(crate) fn shaped(columns: &str, load: &str) -> World {
    let toml =
        format!("name = \"shaped\"\n[[table]]\nname = \"t\"\nkey = []\n[table.load]\n{load}\n");
    let table = format!("CREATE TABLE t ({columns});");
    World::new(&[("dataset.toml", &toml), ("schema.sql", &table)])
}

/// The description of a dataset with the table `item`, up to the rules for loading it.
pub(crate) const SHOP: &str =
    "name = \"shop\"\n[[table]]\nname = \"item\"\nkey = [\"id\"]\n[table.load]\n";

/// A world whose dataset has the table `item` with the primary key `id`, these rules for loading it, and these further
/// constraints.
pub(crate) fn shop(load: &str, schema: &str, constraints: &str) -> World {
    World::new(&[
        ("dataset.toml", &format!("{SHOP}{load}")),
        ("schema.sql", schema),
        (
            "constraints.sql",
            &format!("ALTER TABLE item ADD PRIMARY KEY (id);{constraints}"),
        ),
    ])
}

/// A number so far from that of the next index that they are never on the same page of a key set.
pub(crate) fn scattered(index: i64) -> i64 {
    index * 1_000_003
}

/// Rejects, written in the short form of tests.
pub(crate) fn rejects(list: &[(i64, &str, &str)]) -> Vec<(i64, String, String)> {
    list.iter()
        .map(|(line, column, rule)| (*line, (*column).to_owned(), (*rule).to_owned()))
        .collect()
}

/// All rows of a table as text, in order.
pub(crate) fn rows(client: &mut Connection, table: &str) -> Vec<String> {
    client
        .query(&format!("SELECT t::text FROM {table} AS t ORDER BY 1"), &[])
        .expect("rows")
        .iter()
        .map(|row| row.get(0))
        .collect()
}
