//! The values of cells: their rules, their text, CSV records, and COPY's binary form of a value.
//!
//! From the bytes of a file to a value: [`records`] finds records and fields. [`number`], [`datetime`] (with the formats of
//! [`strftime`]), [`binary`] and [`json`] parse their texts as Postgres's own input functions do, and give a [`value`] or a broken
//! [`rule`]. [`text`] goes the other way. All of this is pure; only `encode`, which builds rows
//! for COPY, uses the crate `database`.
//!
//! ```
//! use dataset::load_rules::DEFAULT_RECORD_BYTES;
//! use values::line_end::LineEnd;
//! use values::records::{Grammar, Records, Splitter};
//! use values::rule::Rule;
//! use values::value::Value;
//! use values::{number, text};
//!
//! let grammar = Grammar {
//!     delimiter: b';',
//!     quote: Some(b'"'),
//!     line_end: LineEnd::Lf,
//!     fields: 2,
//!     longest_bytes: DEFAULT_RECORD_BYTES,
//! };
//! let block = b"bolts;343,65\n\"nuts; \"\"M4\"\"\";0,125\n";
//! let mut records = Records::default();
//! Splitter::new(grammar, 1).split(block, true, &mut records);
//!
//! let field = |record: usize, field: usize| {
//!     let fields = records.fields_of(&records.records[record]);
//!     String::from_utf8(fields[field].bytes(block, grammar.quote).into_owned()).unwrap()
//! };
//! assert_eq!(field(1, 0), "nuts; \"M4\"");
//!
//! // numeric(10,2) with a decimal comma: taken exactly or not at all.
//! let price = number::numeric(&field(0, 1), b',', 10, 2);
//! assert_eq!(price, Ok(Value::Numeric(34_365, 2)));
//! let fault = number::numeric(&field(1, 1), b',', 10, 2).unwrap_err();
//! assert_eq!(fault.rule, Rule::Scale);
//!
//! let mut out = Vec::new();
//! text::decimal(34_365, 2, &mut out);
//! assert_eq!(out, b"343.65");
//! ```

pub mod binary;
pub mod datetime;
mod encode;
pub mod first_record;
pub mod json;
pub mod line_end;
pub mod number;
pub mod records;
pub mod rule;
pub mod strftime;
pub mod text;
pub mod value;
