//! Tables drawn as SVG.

use std::fmt::Write;

use database::catalogue::inventory::{KnownColumn, KnownTable, Reference};

use super::layout::{LINE, LONGEST, Layout, Place, TITLE, placed};
use super::type_name::type_name;

/// The colours of a picture, light and dark.
pub const STYLE: &str = include_str!("../../page/diagram.css");

/// Draws the tables as SVG, with its own style if the picture is to stand alone.
pub(super) fn drawn(tables: &[KnownTable], dataset: &str, style: Option<&str>) -> String {
    let Layout {
        places,
        width,
        height,
    } = placed(tables);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"er\" role=\"img\" aria-labelledby=\"er-title er-desc\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\">\n<title id=\"er-title\">{}</title>\n<desc id=\"er-desc\">{}</desc>\n",
        escaped(&format!("Tables and keys of {dataset}")),
        escaped(&told(tables))
    );
    if let Some(style) = style {
        let _ = writeln!(svg, "<style>{style}</style>");
    }
    for (table, place) in tables.iter().zip(&places) {
        for reference in &table.references {
            let parent = tables.iter().position(|of| reference.is_to(of));
            if let Some(parent) = parent {
                let ends = (*place, table, places[parent], &tables[parent]);
                link(ends, reference, &mut svg);
            }
        }
    }
    for (table, place) in tables.iter().zip(&places) {
        boxed(table, *place, &mut svg);
    }
    svg += "</svg>\n";
    svg
}

/// Describes the picture in words.
fn told(tables: &[KnownTable]) -> String {
    let tables = tables.iter().map(|table| {
        let columns: Vec<&str> = table.columns.iter().map(|of| of.name.as_str()).collect();
        let mut told = format!("{}: {}.", table.name, columns.join(", "));
        if !table.key.is_empty() {
            told += &format!(" Key: {}.", table.key.join(", "));
        }
        for reference in &table.references {
            let columns = reference.columns.join(", ");
            told += &format!(" {columns} refers to {}.", reference.table);
        }
        told
    });
    tables.collect::<Vec<_>>().join(" ")
}

/// The height of the middle of a column's line, or of the title if there is no such column.
fn line_of(table: &KnownTable, place: Place, column: Option<&String>) -> usize {
    let at = column.and_then(|name| table.columns.iter().position(|of| of.name == *name));
    match at {
        Some(at) => place.y + TITLE + LINE * at + LINE / 2 + 3,
        None => place.y + TITLE / 2,
    }
}

/// Draws a line from a column to the key that it refers to, with a fork at the end that may have many rows.
fn link(
    (from, table, to, parent): (Place, &KnownTable, Place, &KnownTable),
    reference: &Reference,
    svg: &mut String,
) {
    let y1 = line_of(table, from, reference.columns.first());
    let y2 = line_of(parent, to, reference.key.first());
    let is_behind = from.x > to.x + to.width;
    let path = match is_behind {
        true => {
            let (x1, x2) = (from.x, to.x + to.width);
            let half = (x1 - x2) / 2;
            // If there is a layer in between, the line turns late.
            let bend = half.min(70);
            format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 - bend, x2 + bend)
        }
        // A reference to the table itself, or within a circle, goes out and comes back on the right side.
        false => {
            let (x1, x2) = (from.x + from.width, to.x + to.width);
            let out = x1.max(x2) + 46;
            format!("M{x1} {y1}C{out} {y1} {out} {y2} {x2} {y2}")
        }
    };
    let (fork, tip, bar) = match is_behind {
        true => (from.x, from.x - 11, to.x + to.width + 8),
        false => {
            let x = from.x + from.width;
            (x, x + 11, to.x + to.width + 8)
        }
    };
    let _ = writeln!(
        svg,
        "<path class=\"link\" d=\"{path}\"/><path class=\"end\" d=\"M{fork} {}L{tip} {y1}L{fork} {}M{bar} {}V{}\"/>",
        y1 - 6,
        y1 + 6,
        y2 - 6,
        y2 + 6
    );
}

fn boxed(table: &KnownTable, place: Place, svg: &mut String) {
    let Place {
        x,
        y,
        width,
        height,
    } = place;
    let _ = writeln!(
        svg,
        "<g><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\
         <path class=\"bar\" d=\"M{x} {base}V{}a6 6 0 0 1 6-6H{}a6 6 0 0 1 6 6V{base}Z\"/>\
         <text class=\"title\" x=\"{}\" y=\"{}\">{}</text>",
        y + 6,
        x + width - 6,
        x + 12,
        y + 20,
        escaped(&cut(&table.name)),
        base = y + TITLE,
    );
    for (number, column) in table.columns.iter().enumerate() {
        let top = y + TITLE + LINE * number + 3;
        if number > 0 {
            let _ = writeln!(
                svg,
                "<path class=\"line\" d=\"M{} {top}H{}\"/>",
                x + 1,
                x + width - 1
            );
        }
        line(table, column, (x, top + 15, width), svg);
    }
    svg.push_str("</g>\n");
}

fn line(
    table: &KnownTable,
    column: &KnownColumn,
    (x, y, width): (usize, usize, usize),
    svg: &mut String,
) {
    let mut references = table.references.iter().flat_map(|of| &of.columns);
    let refers = references.any(|of| *of == column.name);
    let mark = match (table.key.contains(&column.name), refers) {
        (true, true) => "PF",
        (true, false) => "PK",
        (false, true) => "FK",
        (false, false) => "",
    };
    let mut whole = String::new();
    if cut(&column.name) != column.name {
        whole = format!("<title>{}</title>", escaped(&column.name));
    }
    let optional = if column.nullable { "?" } else { "" };
    let _ = writeln!(
        svg,
        "<text class=\"key\" font-size=\"10\" x=\"{}\" y=\"{y}\">{mark}</text>\
         <text class=\"column\" x=\"{}\" y=\"{y}\">{whole}{}</text>\
         <text class=\"type\" font-size=\"12\" text-anchor=\"end\" x=\"{}\" y=\"{y}\">{}{optional}</text>",
        x + 10,
        x + 32,
        escaped(&cut(&column.name)),
        x + width - 10,
        escaped(&cut(&type_name(table, column))),
    );
}

fn cut(text: &str) -> String {
    match text.chars().count() > LONGEST {
        true => text.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// A text without XML markup and without characters that XML forbids.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ if character.is_control() => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}
