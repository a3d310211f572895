//! Shows the results of a dataset's models on a page, and its tables and keys in a diagram.
//!
//! `rows` has `transform` run the models and keeps as many of their rows as a page can hold, `page` puts those into one HTML file
//! that needs no network, and [`diagram`] draws tables as SVG or writes them as Mermaid.
//!
//! ```
//! use dataset::Dataset;
//! use report::diagram::{self, Format};
//!
//! let tables = transform::outline::of_sql(&Dataset::open("cards")?)?;
//! let text = diagram::drawn(&tables, "cards", Format::Mermaid);
//! assert!(text.contains("conta ||--o{ cartao"));
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod diagram;
mod page;
mod rows;
mod write;

pub use page::{Page, policy};
pub use rows::{MOST_ROWS, ROWS_OF_LARGE, Shown, ShownParameter, commented, shown};
pub use write::{Written, write};
