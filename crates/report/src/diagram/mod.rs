//! Draws tables with their columns, keys and references.

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

/// Draws the tables of a dataset, as the contents of a file of this format.
pub fn drawn(tables: &[KnownTable], dataset: &str, format: Format) -> String {
    match format {
        Format::Mermaid => mermaid::drawn(tables),
        Format::Svg => svg::drawn(tables, dataset, Some(STYLE)),
    }
}

/// Draws the diagram for a page whose styles include [`STYLE`].
pub(crate) fn part(tables: &[KnownTable], dataset: &str) -> String {
    svg::drawn(tables, dataset, None)
}
