//! Writes the list as the page on models shows it.

use std::fmt::Write;
use std::fs;

use super::list::{AGGREGATES, COMPARED, FUNCTIONS, T, casts};
use super::tree::Function;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/models.md");
const BEGIN: &str = "<!-- What follows is written from the list by its test. -->\n";

/// For each name on the list, in order, the types that it takes and gives.
type Signatures = Vec<(String, Vec<String>)>;

fn add(all: &mut Signatures, name: &str, signature: Option<String>) {
    let Some(signature) = signature else {
        return;
    };
    match all.iter_mut().find(|(of, _)| of == name) {
        Some((_, signatures)) if signatures.contains(&signature) => {}
        Some((_, signatures)) => signatures.push(signature),
        None => all.push((name.to_owned(), vec![signature])),
    }
}

/// The types that an entry takes, with the type that it gives if that differs. `None` for entries that go without saying: a real
/// beside a double precision becomes one.
fn signature(takes: &[T], gives: T) -> Option<String> {
    if takes.contains(&T::Real) && takes.contains(&T::Double) {
        return None;
    }
    let takes: Vec<String> = takes.iter().map(|kind| kind.kind().to_string()).collect();
    let gives = gives.kind().to_string();
    Some(match takes.iter().all(|kind| *kind == gives) {
        // Two arguments of the same type are written as one.
        true => takes.into_iter().next()?,
        false => format!("{} → {gives}", takes.join(" and ")),
    })
}

fn table(head: [&str; 2], rows: &Signatures) -> String {
    let mut text = format!("| {} | {} |\n| --- | --- |\n", head[0], head[1]);
    for (name, signatures) in rows {
        let name = name.replace('|', "\\|");
        let _ = writeln!(text, "| `{name}` | {} |", signatures.join(", "));
    }
    text
}

fn document() -> String {
    let mut functions = Signatures::new();
    for entry in FUNCTIONS {
        if entry.function != Function::Unequal {
            add(
                &mut functions,
                entry.name,
                signature(entry.takes, entry.gives),
            );
        }
    }
    let mut aggregates = vec![("count".to_owned(), vec!["any type → bigint".to_owned()])];
    for (name, takes, gives, _) in AGGREGATES {
        add(&mut aggregates, name, signature(&[*takes], *gives));
    }
    let mut compared = Signatures::new();
    for [one, other] in COMPARED {
        add(
            &mut compared,
            &one.kind().to_string(),
            Some(other.kind().to_string()),
        );
    }
    let mut cast = Signatures::new();
    for from in T::ALL.map(|from| from.kind()) {
        let to = T::ALL.map(|to| to.kind());
        for to in to.iter().filter(|to| **to != from && casts(&from, to)) {
            add(&mut cast, &from.to_string(), Some(to.to_string()));
        }
    }
    [
        table(["function or operator", "of"], &functions),
        table(["aggregate", "of"], &aggregates),
        table(["`=` `<>` `<` `<=` `>` `>=` of", "with"], &compared),
        table(["cast of", "to"], &cast),
    ]
    .join("\n")
}

#[test]
fn the_page_on_models_shows_the_list_as_it_is() {
    let page = fs::read_to_string(PAGE).expect("read");
    let (before, shown) = page.split_once(BEGIN).expect("the page has the place");
    let document = format!("\n{}", document());
    if std::env::var_os("EXTRATO_WRITE_DOCUMENTS").is_some() {
        fs::write(PAGE, format!("{before}{BEGIN}{document}")).expect("written");
        return;
    }
    assert_eq!(
        shown, document,
        "docs/models.md shows another list: run this test with EXTRATO_WRITE_DOCUMENTS=1"
    );
}
