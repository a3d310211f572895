//! Databases with the same tables and different collations.

use database::{Cancel, Connection, Settings};
use postgres::SimpleQueryMessage;
use postgres::error::SqlState;

use super::compare::Rows;
use super::schema::schema_sql;

/// The schema that holds the tables.
pub(super) const SCHEMA: &str = "conf";

/// Databases on one server, which are dropped at the end.
pub(super) struct Places {
    pub(super) places: Vec<Place>,
    first: testkit::Database,
}

/// A database with the tables, and a connection to it.
pub(super) struct Place {
    /// The locale by which its texts are ordered.
    pub(super) locale: &'static str,
    pub(super) settings: Settings,
    connection: Connection,
}

/// Postgres's answer to a SELECT.
pub(super) enum Answer {
    Rows(Rows),
    /// An error's SQLSTATE and message.
    Error(String, String),
}

/// How the databases besides the first one are made, as far as the server can.
const LOCALES: &[(&str, &str)] = &[
    (
        "pt-BR of ICU",
        "LOCALE_PROVIDER icu ICU_LOCALE 'pt-BR' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
    ),
    ("C.UTF-8", "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"),
    (
        "en_US.UTF-8",
        "LC_COLLATE 'en_US.UTF-8' LC_CTYPE 'en_US.UTF-8'",
    ),
    (
        "pt_BR.UTF-8",
        "LC_COLLATE 'pt_BR.UTF-8' LC_CTYPE 'pt_BR.UTF-8'",
    ),
];

impl Places {
    pub(super) fn create() -> Self {
        let first = testkit::Database::create();
        let mut places = Self {
            places: Vec::new(),
            first,
        };
        places
            .places
            .push(Place::fill("the server's own", places.first.settings()));
        for (index, (locale, options)) in LOCALES.iter().enumerate() {
            let name = places.name(index);
            let made = places.first.connect().batch_execute(&format!(
                "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {options}"
            ));
            match made {
                Ok(()) => {
                    let settings = places.first.settings().with_database(&name);
                    places.places.push(Place::fill(locale, settings));
                }
                Err(_) => println!("the server has no {locale}"),
            }
        }
        places
    }

    fn name(&self, index: usize) -> String {
        format!("{}_{index}", self.first.settings().database())
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.places.clear();
        for index in 0..LOCALES.len() {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name(index));
            let _ = self.first.connect().batch_execute(&drop);
        }
    }
}

impl Place {
    fn fill(locale: &'static str, settings: Settings) -> Self {
        let mut connection = settings
            .connect(&Cancel::default())
            .expect("the database answers");
        connection
            .batch_execute(&schema_sql(SCHEMA))
            .expect("the tables are made");
        let session = format!(
            "SET search_path = {SCHEMA}; SET statement_timeout = '10s'; SET TimeZone = 'UTC'"
        );
        connection
            .batch_execute(&session)
            .expect("the session is set up");
        Self {
            locale,
            settings,
            connection,
        }
    }

    /// Asks Postgres for a SELECT.
    pub(super) fn answer(&mut self, sql: &str) -> Answer {
        match self.rows(sql) {
            Ok(rows) => Answer::Rows(rows),
            Err(error) => {
                let error = error
                    .as_db_error()
                    .unwrap_or_else(|| panic!("{error} after {sql}"));
                Answer::Error(error.code().code().to_owned(), error.message().to_owned())
            }
        }
    }

    fn rows(&mut self, sql: &str) -> Result<Rows, postgres::Error> {
        let statement = self.connection.prepare(sql)?;
        let columns = statement.columns();
        let names = columns
            .iter()
            .map(|column| column.name().to_owned())
            .collect();
        let types = columns
            .iter()
            .map(|column| column.type_().clone())
            .collect();
        let mut rows = Vec::new();
        for message in self.connection.simple_query(sql)? {
            if let SimpleQueryMessage::Row(row) = message {
                let cells = (0..row.len()).map(|at| row.get(at).map(str::to_owned));
                rows.push(cells.collect());
            }
        }
        Ok(Rows { names, types, rows })
    }
}

impl Answer {
    /// Whether Postgres took too long to answer.
    pub(super) fn is_late(&self) -> bool {
        matches!(self, Self::Error(state, _) if state == SqlState::QUERY_CANCELED.code())
    }
}
