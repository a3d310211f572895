//! Which field of a file goes into which column: by the names of a header, or by position.
//!
//! A header that was not declared is recognised, and so is a declared one that is missing.

use dataset::load_rules::FileColumn;
use values::text::printable;

use crate::input::names;
use crate::target::wanted::Wanted;

/// Where the columns are in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How many fields the file's records have.
    pub fields: usize,
    /// For each column that the file has, its index among the wanted ones and the field that holds it.
    pub columns: Vec<(usize, usize)>,
    /// Whether the first record is a header.
    pub header: bool,
    /// Whether each record has a delimiter after its last field too, which makes one more, empty, field.
    pub trailing: bool,
    /// What the report says about the layout.
    pub notes: Vec<String>,
}

/// The layout where names tell nothing: columns in their order, or at the positions that the dataset gives.
fn by_position(wanted: &[Wanted], listed: usize) -> (usize, Vec<(usize, usize)>) {
    let places = wanted.iter().map(|wanted| wanted.place);
    let fields = places.clone().map(|place| place + 1).max();
    (
        fields.unwrap_or(0).max(listed),
        places.enumerate().collect(),
    )
}

/// The first record of a file.
pub(crate) struct First<'a> {
    /// The record's fields.
    pub fields: &'a [String],
    /// Whether the last field is empty, here and in all records that were looked at.
    pub trailing: bool,
}

/// Decides from the `first` record of a file where its columns are; a file without a header has at least `listed` fields.
/// `is_row` says whether that record would be a row with its fields at given positions.
///
/// # Errors
/// The reason why this is not a file of the table.
pub(crate) fn layout(
    first: &First<'_>,
    wanted: &[Wanted],
    declared: bool,
    listed: usize,
    is_row: impl FnOnce(&[(usize, usize)]) -> bool,
) -> Result<Layout, String> {
    let names = wanted
        .iter()
        .filter(|wanted| matches!(wanted.file, FileColumn::Name(_)))
        .count();
    let matches = names::known(first.fields, wanted);
    let (fields, positions) = by_position(wanted, listed);
    let trailing = first.trailing && first.fields.len() == fields + 1;
    let without_header = |header: bool, notes: Vec<String>| -> Result<Layout, String> {
        for (index, (column, field)) in positions.iter().enumerate() {
            if let Some((other, _)) = positions[..index].iter().find(|(_, taken)| taken == field) {
                return Err(format!(
                    "without a header, `columns` gives field {} to `{}` and to `{}`: give positions only",
                    field + 1,
                    wanted[*other].column,
                    wanted[*column].column
                ));
            }
        }
        Ok(Layout {
            fields: fields + usize::from(trailing),
            columns: positions.clone(),
            header,
            trailing,
            notes,
        })
    };
    let fits = first.fields.len() == fields || trailing;
    if !declared {
        // It is a header if it names most of the columns and could not be a row.
        if matches * 2 <= names || !fits || is_row(&positions) {
            return without_header(false, Vec::new());
        }
        let mut layout = by_name(first, wanted).or_else(|_| without_header(true, Vec::new()))?;
        layout
            .notes
            .insert(0, "has a header, though none is declared".to_owned());
        return Ok(layout);
    }
    if matches > 0 || names == 0 {
        return by_name(first, wanted);
    }
    if fits && is_row(&positions) {
        return without_header(
            false,
            vec![
                "has no header, though one is declared: its columns are taken by position"
                    .to_owned(),
            ],
        );
    }
    let expected: Vec<_> = wanted
        .iter()
        .map(|wanted| wanted.file.to_string())
        .collect();
    let line: String = first.fields.join(" | ").chars().take(200).collect();
    Err(format!(
        "its first line names none of the columns {}; it has {}: {}",
        expected.join(", "),
        counted(first.fields.len(), "field"),
        printable(&line)
    ))
}

fn by_name(first: &First<'_>, wanted: &[Wanted]) -> Result<Layout, String> {
    let named = first.fields.len() - usize::from(first.trailing);
    let fields = &first.fields[..named];
    let mut columns = Vec::new();
    let mut missing = Vec::new();
    for (index, (wanted, found)) in wanted.iter().zip(names::find(fields, wanted)?).enumerate() {
        match found {
            Some(field) => columns.push((index, field)),
            None => missing.push(wanted),
        }
    }
    let list = |wanted: &[&Wanted]| {
        let names: Vec<_> = wanted
            .iter()
            .map(|wanted| wanted.file.to_string())
            .collect();
        names.join(", ")
    };
    let needed: Vec<_> = missing
        .iter()
        .copied()
        .filter(|wanted| wanted.needed)
        .collect();
    if !needed.is_empty() {
        return Err(format!("its header lacks {}", list(&needed)));
    }
    let mut notes = Vec::new();
    if !missing.is_empty() {
        notes.push(format!("lacks {}, which may be missing", list(&missing)));
    }
    let ignored: Vec<_> = (0..fields.len())
        .filter(|field| columns.iter().all(|(_, taken)| taken != field))
        .map(|field| format!("`{}`", printable(fields[field].trim())))
        .collect();
    if !ignored.is_empty() {
        notes.push(format!(
            "has columns that are not loaded: {}",
            ignored.join(", ")
        ));
    }
    Ok(Layout {
        fields: first.fields.len(),
        columns,
        header: true,
        trailing: first.trailing,
        notes,
    })
}

/// Writes a count with its noun: "1 field", "2 fields".
pub(crate) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use dataset::load_rules::FileColumns;

    use super::*;
    use crate::target::wanted::wanted;

    fn table() -> Vec<Wanted> {
        let columns = [("order_id", true), ("order_qty", true), ("note", false)];
        wanted(
            &FileColumns::AsTable,
            &columns.map(|(name, needed)| (name.to_owned(), needed)),
        )
        .expect("wanted")
    }

    fn fields(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    fn layout(
        fields: &[String],
        wanted: &[Wanted],
        declared: bool,
        is_row: impl FnOnce(&[(usize, usize)]) -> bool,
    ) -> Result<Layout, String> {
        let first = First {
            fields,
            trailing: fields.last().is_some_and(String::is_empty),
        };
        super::layout(&first, wanted, declared, 0, is_row)
    }

    #[test]
    fn a_delimiter_behind_the_last_field_is_no_column() {
        let found = layout(&fields("note,order_id,order_qty,"), &table(), true, |_| {
            false
        });
        let found = found.expect("a layout");
        assert_eq!(found.columns, [(0, 1), (1, 2), (2, 0)]);
        assert_eq!((found.fields, found.trailing), (4, true));
        assert_eq!(found.notes, [""; 0]);
        let found = layout(&fields("1,2,x,"), &table(), false, |_| true).expect("a layout");
        assert_eq!((found.fields, found.trailing), (4, true));
        // With as many fields as columns, the last field is a column.
        let found = layout(&fields("1,2,"), &table(), false, |_| true).expect("a layout");
        assert_eq!((found.fields, found.trailing), (3, false));
    }

    #[test]
    fn a_field_is_not_given_to_two_columns_by_its_place() {
        let columns = [("a".to_owned(), false), ("b".to_owned(), false)];
        let mixed = FileColumns::Listed(vec![
            FileColumn::Name("x".to_owned()),
            FileColumn::Position(1),
        ]);
        let mixed = wanted(&mixed, &columns).expect("wanted");
        let error = layout(&fields("1"), &mixed, false, |_| true).expect_err("refused");
        assert!(error.contains("field 1 to `a` and to `b`"), "{error}");
    }

    #[test]
    fn names_decide_whatever_their_order_and_their_writing() {
        let layout = layout(&fields("Note,OrderQty,x,OrderID"), &table(), true, |_| {
            false
        });
        let layout = layout.expect("a layout");
        assert_eq!(layout.columns, [(0, 3), (1, 1), (2, 0)]);
        assert_eq!((layout.fields, layout.header), (4, true));
        assert_eq!(layout.notes, ["has columns that are not loaded: `x`"]);
    }

    #[test]
    fn a_header_is_recognised_where_none_was_declared_and_the_reverse() {
        let header = fields("order_id,order_qty,note");
        let found = layout(&header, &table(), false, |_| false).expect("a layout");
        assert!(found.header && found.notes.len() == 1);
        let found = layout(&fields("1,2,x"), &table(), true, |_| true).expect("a layout");
        assert!(!found.header && found.notes.len() == 1);
        assert_eq!(found.columns, [(0, 0), (1, 1), (2, 2)]);
        let found = layout(&fields("1,2,note"), &table(), false, |_| true).expect("a layout");
        assert!(!found.header && found.notes.is_empty());
    }

    #[test]
    fn a_file_of_another_table_is_refused() {
        for (text, expected) in [
            ("order_id,note", "lacks `order_qty`"),
            ("order_id;order_qty;note", "names none of"),
            ("name,age", "names none of"),
        ] {
            let error = layout(&fields(text), &table(), true, |_| false).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn positions_and_renamed_columns_are_followed() {
        let columns = [
            ("a".to_owned(), true),
            ("b".to_owned(), true),
            ("c".to_owned(), false),
        ];
        let listed = FileColumns::Listed(vec![
            FileColumn::Position(3),
            FileColumn::Name("Bee".to_owned()),
        ]);
        let both = wanted(&listed, &columns).expect("wanted");
        let found = layout(&fields("x,bee,y"), &both, true, |_| false).expect("a layout");
        assert_eq!(found.columns, [(0, 2), (1, 1)]);
        let named = FileColumns::Named([("z".to_owned(), FileColumn::Position(1))].into());
        assert!(wanted(&named, &columns).is_err());
    }
}
