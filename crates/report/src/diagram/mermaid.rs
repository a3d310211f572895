//! Tables as Mermaid's erDiagram.

use database::catalogue::inventory::{KnownTable, Reference};

use super::type_name::type_name;

/// The tables as the text of an erDiagram: every table with its columns, and a line for each reference to one that is shown.
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

/// How many rows stand at each end of a reference, the parent's end first.
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

/// Which of the two names of a table is written.
enum Names {
    /// The one that lines call it by.
    Short,
    /// That one, with the table's own name where it differs.
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

/// A name or type in the characters that Mermaid takes for one word.
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

/// A text between quotes, in which no character ends it or stands for a mark.
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
