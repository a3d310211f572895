//! Tables as Mermaid's erDiagram.

use database::catalogue::inventory::{KnownTable, Reference};

use super::type_name::type_name;

/// Writes the tables as an erDiagram: every table with its columns, and a line for each reference to a table that is shown.
pub(super) fn drawn(tables: &[KnownTable]) -> String {
    let mut text = "erDiagram\n".to_owned();
    for (number, table) in tables.iter().enumerate() {
        text += &format!("    {} {{\n", entity(number, table, Names::Whole));
        for column in &table.columns {
            let is_key = table.key.contains(&column.name);
            let refers = table.references.iter();
            let refers = refers
                .flat_map(|of| &of.columns)
                .any(|of| *of == column.name);
            let marks = match (is_key, refers) {
                (true, true) => " PK, FK",
                (true, false) => " PK",
                (false, true) => " FK",
                (false, false) => "",
            };
            let name = word(&column.name);
            let comment = match name == column.name {
                true => String::new(),
                false => format!(" \"{}\"", escaped(&column.name)),
            };
            text += &format!(
                "        {} {name}{marks}{comment}\n",
                word(&type_name(table, column))
            );
        }
        text += "    }\n";
    }
    for (number, table) in tables.iter().enumerate() {
        for reference in &table.references {
            let parent = tables.iter().enumerate();
            let Some((at, parent)) = parent.into_iter().find(|(_, of)| reference.is_to(of)) else {
                continue;
            };
            text += &format!(
                "    {} {} {} : \"{}\"\n",
                entity(at, parent, Names::Short),
                link(table, reference),
                entity(number, table, Names::Short),
                escaped(&reference.columns.join(", "))
            );
        }
    }
    text
}

/// The marks that say how many rows a reference has at each end, the parent's end first.
fn link(table: &KnownTable, reference: &Reference) -> &'static str {
    let column = |name: &String| table.column(name).is_some_and(|column| column.nullable);
    let is_optional = reference.columns.iter().any(column);
    let mut columns = reference.columns.clone();
    let mut key = table.key.clone();
    columns.sort_unstable();
    key.sort_unstable();
    match (is_optional, columns == key) {
        (true, _) => "|o--o{",
        (false, true) => "||--o|",
        (false, false) => "||--o{",
    }
}

/// Which name of a table is written.
enum Names {
    /// The name that lines use.
    Short,
    /// The name that lines use, with the table's own name if that differs.
    Whole,
}

fn entity(number: usize, table: &KnownTable, names: Names) -> String {
    if word(&table.name) == table.name {
        return table.name.clone();
    }
    let short = format!("t{number}_{}", word(&table.name));
    match names {
        Names::Short => short,
        Names::Whole => format!("{short}[\"{}\"]", escaped(&table.name)),
    }
}

/// A name or type, reduced to the characters that Mermaid accepts in one word.
fn word(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for character in text.chars() {
        word.push(match character {
            '(' | ')' | '[' | ']' => character,
            _ if character.is_ascii_alphanumeric() => character,
            _ => '_',
        });
    }
    match word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        true => word,
        false => format!("_{word}"),
    }
}

/// A text for use between quotes: nothing in it ends the quotes or is read as markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '<' | '>' | '&' | '#' | ';' | '%' | '\\' | '`' => {
                escaped += &format!("#{};", u32::from(character));
            }
            _ if character.is_control() => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}
