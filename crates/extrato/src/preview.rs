//! The first rows of an output, fitted to the terminal: as a table, or as a block for each row if too many columns don't fit.

use comfy_table::{Cell, CellAlignment, Table, presets};
use dataset::ColumnType;
use indicatif::HumanCount;
use transform::ModelReport;
use transform::preview::Preview;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Marks where something was left out.
const CUT: &str = "…";
/// The width that a column takes besides its cells: a blank on both sides and a rule.
const AROUND: usize = 3;
/// The least width that a column of texts is cut to, and the greatest that it keeps only for its name. The least is more than
/// `"NULL"` needs, which is never cut.
const LEAST_WIDTH: usize = 12;
const MOST_FOR_NAME: usize = 24;

/// The rows that `--show` asked for, below a line that says how many rows there are in all. They are fitted into `width` columns,
/// or shown whole if that is `None`.
pub(crate) fn of_model(model: &ModelReport, preview: &Preview, width: Option<usize>) -> String {
    let all = HumanCount(model.rows);
    let shown = preview.rows.len();
    let title = match shown as u64 == model.rows {
        true => format!("{}: {all} rows", model.model),
        false => format!("{}: the first {shown} of {all} rows", model.model),
    };
    let grid = Grid::new(preview);
    match width.map_or_else(|| grid.whole(), |width| grid.view(width)) {
        View::Table(widths) => {
            let left_out = match grid.columns.len() - widths.len() {
                0 => String::new(),
                count => format!(
                    ", without {count} of {} columns, for which the terminal is too narrow",
                    grid.columns.len()
                ),
            };
            format!("{title}{left_out}\n{}", grid.table(&widths))
        }
        View::Blocks(width) => format!("{title}\n{}", grid.blocks(width)),
    }
}

/// The way in which rows are shown.
#[derive(Debug, PartialEq, Eq)]
enum View {
    /// A table of the first columns, with these widths.
    Table(Vec<usize>),
    /// A line for each value, at most this wide.
    Blocks(usize),
}

/// The cells, as they are shown if there is room for them.
struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

struct Column {
    name: String,
    /// Whether the column holds numbers, which are aligned to the right.
    is_number: bool,
    /// Whether values may be cut. A number or a date that is cut would be read as another one.
    is_text: bool,
    /// The width of the widest value.
    values_width: usize,
    width: usize,
}

impl Grid {
    fn new(preview: &Preview) -> Self {
        let rows: Vec<Vec<String>> = preview
            .rows
            .iter()
            .map(|row| row.iter().map(|value| text(value.as_deref())).collect())
            .collect();
        let columns = preview.columns.iter().enumerate().map(|(index, column)| {
            let name = escaped(&column.0);
            let values = rows.iter().filter_map(|row| row.get(index));
            let widest = values.map(|value| value.width()).max().unwrap_or(0);
            Column {
                is_number: column.1.is_number(),
                is_text: is_text(column.1),
                values_width: widest,
                width: widest.max(name.width()),
                name,
            }
        });
        Self {
            columns: columns.collect(),
            rows,
        }
    }

    fn whole(&self) -> View {
        View::Table(self.columns.iter().map(|column| column.width).collect())
    }

    /// Chooses a table, unless more than a third of the columns would have to be left out even with texts cut: then blocks.
    fn view(&self, width: usize) -> View {
        let least = |column: &Column| {
            let name = column.name.width().min(MOST_FOR_NAME);
            match column.is_text {
                true => column.width.min(name.max(LEAST_WIDTH)),
                false => column.values_width.max(name),
            }
        };
        let all = self.columns.len();
        let mut widths: Vec<usize> = self.columns.iter().map(least).collect();
        let room = |shown: usize| match shown == all {
            true => width.saturating_sub(1),
            false => width.saturating_sub(1 + AROUND + CUT.width()),
        };
        let taken = |widths: &[usize]| widths.iter().map(|width| width + AROUND).sum::<usize>();
        while taken(&widths) > room(widths.len()) && widths.pop().is_some() {}
        let shown = widths.len();
        if shown == 0 || (all - shown) * 3 > all {
            return View::Blocks(width);
        }
        // The width that is left goes to the columns that need it, in equal parts.
        let mut spare = room(shown) - taken(&widths);
        loop {
            let before = spare;
            for (now, column) in widths.iter_mut().zip(&self.columns) {
                if *now < column.width && spare > 0 {
                    *now += 1;
                    spare -= 1;
                }
            }
            if spare == before {
                return View::Table(widths);
            }
        }
    }

    /// A table of the first columns, cut to these widths.
    fn table(&self, widths: &[usize]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let is_cut = widths.len() < self.columns.len();
        let line = |cells: &mut dyn Iterator<Item = &String>| {
            let mut line: Vec<Cell> = cells
                .zip(widths)
                .map(|(cell, width)| Cell::new(cut(cell, *width)))
                .collect();
            if is_cut {
                line.push(Cell::new(CUT));
            }
            line
        };
        table.set_header(line(&mut self.columns.iter().map(|column| &column.name)));
        for (index, column) in self.columns.iter().enumerate().take(widths.len()) {
            if let Some(shown) = table.column_mut(index).filter(|_| column.is_number) {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
        for row in &self.rows {
            table.add_row(line(&mut row.iter()));
        }
        table
    }

    /// A block of lines `name: value` for each row, with texts cut to the width.
    fn blocks(&self, width: usize) -> String {
        let names = self.columns.iter().map(|column| column.name.width());
        let widest = names.max().unwrap_or(0).min(width / 2);
        // There are two blanks before the name, a colon and a blank after it.
        let room = width.saturating_sub(widest + 4).max(LEAST_WIDTH);
        let mut lines = Vec::new();
        for (number, row) in (1..).zip(&self.rows) {
            lines.push(format!("row {number}"));
            for (column, value) in self.columns.iter().zip(row) {
                let name = cut(&column.name, widest);
                let blanks = " ".repeat(widest.saturating_sub(name.width()));
                let value = match column.is_text {
                    true => cut(value, room),
                    false => value.clone(),
                };
                lines.push(format!("  {name}: {blanks}{value}"));
            }
        }
        lines.join("\n")
    }
}

fn is_text(kind: ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::Text | ColumnType::Bytes | ColumnType::Json | ColumnType::JsonBinary
    )
}

/// Cuts a text to `width` columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = CUT.width();
    let kept = text.chars().take_while(|character| {
        taken += character.width().unwrap_or(0);
        taken <= width
    });
    kept.collect::<String>() + CUT
}

/// A value on one line, with control characters escaped. It is quoted if it could be mistaken for NULL, for nothing, or for a
/// quoted value.
fn text(value: Option<&str>) -> String {
    let Some(value) = value else {
        return "NULL".to_owned();
    };
    let is_quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
    if matches!(value, "" | "NULL") || is_quoted {
        return format!("\"{}\"", escaped(&value.replace('"', "\"\"")));
    }
    escaped(value)
}

/// A text on one line, with control characters escaped.
fn escaped(value: &str) -> String {
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
        let quoted = [Some("\"\""), Some("\"NULL\""), Some("\""), Some("a\"")].map(text);
        assert_eq!(quoted, ["\"\"\"\"\"\"", "\"\"\"NULL\"\"\"", "\"", "a\""]);
    }

    #[test]
    fn texts_are_cut_by_what_they_take_on_a_terminal() {
        for (text, width, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("東京都港区", 10, "東京都港区"),
            ("東京都港区", 9, "東京都港…"),
            ("東京都港区", 8, "東京都…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
        ] {
            assert_eq!(cut(text, width), expected);
            assert!(cut(text, width).width() <= width);
        }
    }

    fn grid(columns: usize) -> Grid {
        let long = "a long text that says a great deal about nothing";
        let columns: Vec<_> = (0..columns)
            .map(|index| match index % 2 {
                0 => ("number".to_owned(), ColumnType::BigInt),
                _ => ("text".to_owned(), ColumnType::Text),
            })
            .collect();
        let value = |kind: &ColumnType| match kind.is_number() {
            true => Some("-1234567890".to_owned()),
            false => Some(long.to_owned()),
        };
        let full: Vec<_> = columns.iter().map(|(_, kind)| value(kind)).collect();
        let nulls = vec![None; full.len()];
        let empty = columns.iter().map(|_| Some("NULL".to_owned())).collect();
        Grid::new(&Preview {
            columns,
            rows: vec![full, nulls, empty],
        })
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_number_is_cut() {
        let mut views = [0, 0, 0];
        for columns in 1..=12 {
            let grid = grid(columns);
            for width in 30..=300 {
                let (shown, view) = match grid.view(width) {
                    View::Table(widths) => {
                        let whole = widths.len() == columns;
                        (grid.table(&widths).to_string(), usize::from(!whole))
                    }
                    View::Blocks(width) => (grid.blocks(width), 2),
                };
                views[view] += 1;
                let widest = shown.lines().map(UnicodeWidthStr::width).max();
                assert!(widest <= Some(width), "{width}:\n{shown}");
                for told in ["-1234567890", " NULL"] {
                    assert!(shown.contains(told), "{width}:\n{shown}");
                }
                if columns > 1 {
                    assert!(shown.contains(" \"NULL\""), "{width}:\n{shown}");
                }
                if view == 2 {
                    assert_eq!(shown.matches("number: ").count(), columns.div_ceil(2) * 3);
                }
            }
        }
        assert!(views.iter().all(|count| *count > 0), "{views:?}");
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let grid = grid(11);
        let View::Table(widths) = grid.whole() else {
            panic!("a table");
        };
        let shown = grid.table(&widths).to_string();
        assert_eq!(shown.matches("about nothing").count(), 5);
        assert!(!shown.contains(CUT));
    }
}
