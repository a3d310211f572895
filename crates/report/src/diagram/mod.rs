//! Tables, their columns, keys and references, drawn.

mod layout;
mod mermaid;
mod svg;
mod type_name;

use database::catalogue::inventory::KnownTable;

pub use svg::STYLE;

/// What a diagram is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// The text of an erDiagram, which Markdown pages show
    #[default]
    Mermaid,
    /// A picture for browsers and printers, light or dark as they are set
    Svg,
}

/// The diagram of tables of a dataset, as a file of this format.
pub fn drawn(tables: &[KnownTable], dataset: &str, format: Format) -> String {
    match format {
        Format::Mermaid => mermaid::drawn(tables),
        Format::Svg => svg::drawn(tables, dataset, Some(STYLE)),
    }
}

/// The diagram as a part of a page that has [`STYLE`] among its own.
pub(crate) fn part(tables: &[KnownTable], dataset: &str) -> String {
    svg::drawn(tables, dataset, None)
}
