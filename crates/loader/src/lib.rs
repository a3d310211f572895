//! Loads historical files into Postgres: bytes become records, records become valid rows or rejects that say which rules they
//! break, and rows go into binary COPY.
//!
//! ```
//! use std::fs;
//!
//! use database::Cancel;
//! use dataset::Dataset;
//! use loader::{Options, RejectLimit, load};
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("departments.csv");
//! fs::write(&file, "1,Accounting\nx,Legal\n2,\"Research, and Development\"\n")?;
//!
//! let database = testkit::Database::create();
//! let options = Options {
//!     tables: vec![("departments".to_owned(), file.display().to_string())],
//!     rejects: folder.path().join("rejects").into(),
//!     // One row of three is more than the tenth that is allowed by default.
//!     max_rejects: Some(RejectLimit::Rows(1)),
//!     ..Options::new(Dataset::open("hiring")?)
//! };
//! let report = load(&database.settings(), &options, &Cancel::default())?;
//! assert_eq!((report.rows.read, report.rows.loaded, report.rows.rejected), (3, 2, 1));
//!
//! // What was rejected, and why.
//! let rejects = fs::read_to_string(folder.path().join("rejects/departments.csv"))?;
//! assert!(rejects.contains("`x` is not an integer"));
//!
//! let query = "SELECT department FROM hiring.departments WHERE id = 2";
//! let department: String = database.connect().query_one(query, &[])?.get(0);
//! assert_eq!(department, "Research, and Development");
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! Read the crate from its top, the way its files import each other: [`load()`] (a load from beginning to end), `write`
//! (rows into the database, and the records about them), `keys` (rules that look beyond a row), `input` (files into
//! blocks of rows), `target` (what a table takes) and [`rules`] (a field into a value). One thread reads a file and splits it
//! ([`values::records`]), others validate its rows, and the caller's thread checks keys in the file's order and sends the rows that
//! are accepted. Splitting and validating are pure: no file, no database, no clock.
//!
//! A value is taken as Postgres's own input functions take it, and refused where these would change it: digits
//! beyond the scale of a `numeric` and fractions of a second beyond microseconds (Postgres rounds), blanks beyond
//! the length of a `varchar` (it cuts), an offset in a `timestamp` and a time in a `date` (it drops). NaN and infinity
//! in a `numeric`, infinite dates, years outside 1 to 9999, hexadecimal numbers and underscores are refused too. Keys of
//! different types are compared as the server compares them for a foreign key; the server compares those that only it can.
//!
//! Before a row is sent, the load checks its form, types, lengths, labels and ranges, the keys of unique indexes over plain
//! columns, foreign keys, CHECK constraints, and what the dataset adds. What only the server can judge (partial and
//! exclusive indexes, triggers, checks that depend on the table itself) ends the load with the server's words,
//! and with the file and line of the row.
//!
//! Keys are kept in memory up to a limit. Beyond it, and for CHECK constraints, values are staged in a temporary table,
//! where the database finds the few rows that matter; this takes a second reading of the file. Input from a pipe is kept in a
//! temporary file, so that it can be read twice too.

pub mod cli;
mod input;
mod keys;
mod load;
mod options;
mod report;
pub mod request;
pub mod rules;
pub mod target;
mod write;

pub use load::{Inputs, find, load, load_found};
pub use options::{DEFAULT_MEMORY_BYTES, Dialect, OnDuplicate, Options, RejectLimit};
pub use report::{FileReport, Report, Rows, TableReport};
