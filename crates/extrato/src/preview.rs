//! The first rows of an output as a table.

use comfy_table::{Cell, CellAlignment, Table, presets};
use dataset::ColumnType;
use indicatif::HumanCount;
use transform::ModelReport;
use transform::preview::Preview;

/// The rows that `--show` asked for, under a line that says how many there are in all.
pub(crate) fn of_model(model: &ModelReport, preview: &Preview) -> String {
    let all = HumanCount(model.rows);
    let shown = preview.rows.len();
    let title = match shown as u64 == model.rows {
        true => format!("{}: {all} rows", model.model),
        false => format!("{}: the first {shown} of {all} rows", model.model),
    };
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(preview.columns.iter().map(|(name, _)| Cell::new(name)));
    for (index, (_, kind)) in preview.columns.iter().enumerate() {
        if let Some(column) = table.column_mut(index).filter(|_| is_number(*kind)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in &preview.rows {
        table.add_row(row.iter().map(|value| text(value.as_deref())));
    }
    format!("{title}\n{table}")
}

fn is_number(kind: ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::SmallInt
            | ColumnType::Integer
            | ColumnType::BigInt
            | ColumnType::Real
            | ColumnType::Double
            | ColumnType::Numeric { .. }
    )
}

/// A value on one line, without anything that a terminal would take for a command; quoted where it could be taken for
/// NULL or for nothing.
fn text(value: Option<&str>) -> String {
    let Some(value) = value else {
        return "NULL".to_owned();
    };
    if matches!(value, "" | "NULL") {
        return format!("\"{value}\"");
    }
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character.is_control() {
            true => text.extend(character.escape_default()),
            false => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_the_empty_text_and_the_word_are_told_apart_and_nothing_breaks_a_line() {
        let shown = [None, Some(""), Some("NULL"), Some("á\n\u{1b}[2J")].map(text);
        assert_eq!(shown, ["NULL", "\"\"", "\"NULL\"", "á\\n\\u{1b}[2J"]);
    }
}
