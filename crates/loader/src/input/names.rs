//! Which field of a header names which column: the closest name wins, and what is equally close is refused.

use dataset::load_rules::FileColumn;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use values::text::printable;

use crate::target::wanted::Wanted;

/// The forms of a name, from the strictest to the loosest; two names are as close as the first form that they share.
///
/// The forms are: the name as it is; without blanks around it; in lower case; as words joined by `_` (`Faixa 1-10` becomes
/// `faixa_1_10`); letters and digits alone (`SalesOrderID` and `sales_order_id` are the same); and letters and digits without
/// accents (`Descrição` becomes `descricao`).
struct Forms([String; 6]);

impl Forms {
    fn of(name: &str) -> Self {
        let trimmed = name.trim();
        // A letter and its accent may be two characters, as in names of files on macOS.
        let lower = trimmed.nfc().collect::<String>().to_lowercase();
        let words: Vec<&str> = lower
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let (words, plain) = (words.join("_"), words.concat());
        let bare = plain.nfd().filter(|c| !is_combining_mark(*c)).collect();
        let (name, trimmed) = (name.to_owned(), trimmed.to_owned());
        Self([name, trimmed, lower, words, plain, bare])
    }

    /// How far two names are from each other, 0 being the closest; `None` if they have nothing in common.
    fn distance(&self, other: &Self) -> Option<usize> {
        let mut pairs = self.0.iter().zip(&other.0);
        pairs.position(|(form, other)| form == other && !form.is_empty())
    }
}

/// For each column, how far each field's name is from it. The column's name in the table counts as farther than any form of the
/// name that the dataset gives the column.
struct Distances(Vec<Vec<Option<usize>>>);

impl Distances {
    fn of(fields: &[String], wanted: &[Wanted]) -> Self {
        let fields: Vec<Forms> = fields.iter().map(|field| Forms::of(field)).collect();
        let of_column = |wanted: &Wanted| match &wanted.file {
            FileColumn::Position(_) => vec![None; fields.len()],
            FileColumn::Name(name) => {
                let (given, own) = (Forms::of(name), Forms::of(&wanted.column));
                let distance = |field: &Forms| {
                    let farther = || Some(given.0.len() + own.distance(field)?);
                    given.distance(field).or_else(farther)
                };
                fields.iter().map(distance).collect()
            }
        };
        Self(wanted.iter().map(of_column).collect())
    }
}

/// How many of the columns that have a name are among the fields.
pub(crate) fn known(fields: &[String], wanted: &[Wanted]) -> usize {
    let Distances(distances) = Distances::of(fields, wanted);
    let is_known = |of_column: &&Vec<Option<usize>>| of_column.iter().any(Option::is_some);
    distances.iter().filter(is_known).count()
}

/// The field of each column, if the header has one. No field serves two columns.
///
/// # Errors
/// The names that are ambiguous: two fields that are equally close to a column, or two columns to a field.
pub(crate) fn find(fields: &[String], wanted: &[Wanted]) -> Result<Vec<Option<usize>>, String> {
    let Distances(distances) = Distances::of(fields, wanted);
    let mut found: Vec<Option<usize>> = wanted
        .iter()
        .map(|wanted| match wanted.file {
            FileColumn::Position(position) => position
                .checked_sub(1)
                .filter(|field| *field < fields.len()),
            FileColumn::Name(_) => None,
        })
        .collect();
    let mut steps: Vec<usize> = distances.iter().flatten().copied().flatten().collect();
    steps.sort_unstable();
    steps.dedup();
    for step in steps {
        let is_free = |field: usize| !found.contains(&Some(field));
        let free: Vec<bool> = (0..fields.len()).map(is_free).collect();
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (column, of_column) in distances.iter().enumerate() {
            if found[column].is_some() {
                continue;
            }
            let close =
                (0..fields.len()).filter(|field| free[*field] && of_column[*field] == Some(step));
            for field in close {
                let field_shown =
                    |field: usize| format!("`{}` (field {})", printable(&fields[field]), field + 1);
                let name = &wanted[column].column;
                if let Some((_, other)) = pairs.iter().find(|(known, _)| *known == column) {
                    return Err(format!(
                        "its header has both {} and {} for column `{name}`: say which it is, as with columns = {{ {name} = {} }}",
                        field_shown(*other),
                        field_shown(field),
                        field + 1
                    ));
                }
                if let Some((other, _)) = pairs.iter().find(|(_, taken)| *taken == field) {
                    return Err(format!(
                        "its header's {} may be column `{}` or `{name}`: say which it is, as with columns = {{ {name} = {} }}",
                        field_shown(field),
                        wanted[*other].column,
                        field + 1
                    ));
                }
                pairs.push((column, field));
            }
        }
        for (column, field) in pairs {
            found[column] = Some(field);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns with their names in the file.
    fn columns(names: &[(&str, &str)]) -> Vec<Wanted> {
        let wanted = |(index, (column, file)): (usize, &(&str, &str))| Wanted {
            column: (*column).to_owned(),
            file: FileColumn::Name((*file).to_owned()),
            place: index,
            needed: false,
        };
        names.iter().enumerate().map(wanted).collect()
    }

    fn found(header: &str, columns: &[Wanted]) -> Result<Vec<Option<usize>>, String> {
        let fields: Vec<String> = header.split(';').map(str::to_owned).collect();
        find(&fields, columns)
    }

    #[test]
    fn each_field_goes_into_the_column_whose_name_is_closest() {
        for (header, names, expected) in [
            (
                "Faixa 1-10;Faixa 11-0",
                &["faixa_1_10", "faixa_11_0"][..],
                &[Some(0), Some(1)][..],
            ),
            (
                "Faixa 11-0;Faixa 1-10",
                &["faixa_1_10", "faixa_11_0"],
                &[Some(1), Some(0)],
            ),
            (
                "id;valor_total",
                &["valor_total", "valortotal"],
                &[Some(1), None],
            ),
            (
                "ValorTotal;valor_total",
                &["valortotal", "valor_total"],
                &[Some(0), Some(1)],
            ),
            ("ID;id; id", &["id"], &[Some(1)]),
            ("nome;Nome", &["Nome", "nome"], &[Some(1), Some(0)]),
            ("SalesOrderID;x", &["sales_order_id"], &[Some(0)]),
            (";-;id", &["id"], &[Some(2)]),
            ("DESCRIÇÃO;Nº", &["descricao", "n"], &[Some(0), None]),
            ("Descric\u{327}a\u{303}o", &["descrição"], &[Some(0)]),
            ("Ano;Año", &["ano", "año"], &[Some(0), Some(1)]),
            ("Ano;Año", &["año"], &[Some(1)]),
            ("Valor\nTotal", &["valor_total"], &[Some(0)]),
        ] {
            let names: Vec<_> = names.iter().map(|name| (*name, *name)).collect();
            assert_eq!(
                found(header, &columns(&names)).as_deref(),
                Ok(expected),
                "{header}"
            );
        }
    }

    #[test]
    fn a_given_name_goes_before_the_tables_own() {
        let swapped = columns(&[("a", "x"), ("b", "a")]);
        assert_eq!(found("id;a", &swapped), Ok(vec![None, Some(1)]));
        assert_eq!(found("a;x", &swapped), Ok(vec![Some(1), Some(0)]));
        assert_eq!(found("b;A", &swapped), Ok(vec![None, Some(1)]));
        assert_eq!(found("a", &columns(&[("a", "x")])), Ok(vec![Some(0)]));
    }

    #[test]
    fn what_is_equally_close_is_refused_with_both_names_and_the_way_out() {
        for (header, names, expected) in [
            (
                "id;nome;nome",
                &[("nome", "nome")][..],
                ["`nome` (field 2)", "columns = { nome = 3 }"],
            ),
            (
                "Valor Total;valor-total",
                &[("valor_total", "valor_total")],
                ["`valor-total` (field 2)", "{ valor_total = 2 }"],
            ),
            (
                "Avó;Avô",
                &[("avo", "avo")],
                ["`Avô` (field 2)", "{ avo = 2 }"],
            ),
            (
                "Faixa110",
                &[("faixa_1_10", "faixa_1_10"), ("faixa_11_0", "faixa_11_0")],
                ["`faixa_1_10` or `faixa_11_0`", "{ faixa_11_0 = 1 }"],
            ),
        ] {
            let error = found(header, &columns(names)).expect_err(header);
            assert!(expected.iter().all(|part| error.contains(part)), "{error}");
        }
        // A name that no column has may come twice.
        assert_eq!(
            found("x;x;id", &columns(&[("id", "id")])),
            Ok(vec![Some(2)])
        );
    }
}
