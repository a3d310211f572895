//! Which field of a file goes into which column: by the names of a header, or by position.
//!
//! A header that was not declared is recognised, and so is a declared one that is missing.

use dataset::load_rules::FileColumn;

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
    /// What the report says about the layout.
    pub notes: Vec<String>,
}

/// A name without all but letters and digits, in lower case: `SalesOrderID` and `sales_order_id` are the same.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_named(field: &str, name: &str) -> bool {
    field.trim() == name || !plain(name).is_empty() && plain(field) == plain(name)
}

/// The field that bears the name of a column, as the file or as the table calls it.
fn found(first: &[String], wanted: &Wanted) -> Option<usize> {
    let by_name = |name: &str| {
        let exact = first.iter().position(|field| field.trim() == name);
        exact.or_else(|| first.iter().position(|field| is_named(field, name)))
    };
    match &wanted.file {
        FileColumn::Position(position) => (*position <= first.len()).then(|| position - 1),
        FileColumn::Name(name) => by_name(name).or_else(|| by_name(&wanted.column)),
    }
}

/// The layout where names tell nothing: columns in their order, or at the positions that are given.
fn by_position(wanted: &[Wanted]) -> (usize, Vec<(usize, usize)>) {
    let columns: Vec<_> = wanted
        .iter()
        .enumerate()
        .map(|(index, wanted)| match wanted.file {
            FileColumn::Position(position) => (index, position - 1),
            FileColumn::Name(_) => (index, index),
        })
        .collect();
    let fields = columns.iter().map(|(_, field)| field + 1).max();
    (fields.unwrap_or(0), columns)
}

/// Decides from the `first` record of a file where its columns are. `is_row` says whether that record would be a row
/// with its fields at given positions.
///
/// # Errors
/// What is wrong, if this is not a file of the table.
pub(crate) fn layout(
    first: &[String],
    wanted: &[Wanted],
    declared: bool,
    is_row: impl FnOnce(&[(usize, usize)]) -> bool,
) -> Result<Layout, String> {
    let named = |wanted: &Wanted| matches!(wanted.file, FileColumn::Name(_));
    let names = wanted.iter().filter(|wanted| named(wanted)).count();
    let matches = wanted
        .iter()
        .filter(|wanted| named(wanted) && found(first, wanted).is_some())
        .count();
    let (fields, positions) = by_position(wanted);
    let without_header = |notes| Layout {
        fields,
        columns: positions.clone(),
        header: false,
        notes,
    };
    if !declared {
        // It is a header if it names most of the columns and could not be a row.
        if matches * 2 <= names || first.len() != fields || is_row(&positions) {
            return Ok(without_header(Vec::new()));
        }
        let mut layout = by_name(first, wanted).unwrap_or_else(|_| Layout {
            header: true,
            ..without_header(Vec::new())
        });
        layout
            .notes
            .insert(0, "has a header, though none is declared".to_owned());
        return Ok(layout);
    }
    if matches > 0 || names == 0 {
        return by_name(first, wanted);
    }
    if first.len() == fields && is_row(&positions) {
        return Ok(without_header(vec![
            "has no header, though one is declared: its columns are taken by position".to_owned(),
        ]));
    }
    let expected: Vec<_> = wanted
        .iter()
        .map(|wanted| wanted.file.to_string())
        .collect();
    Err(format!(
        "its first line names none of the columns {}; it has {}: {}",
        expected.join(", "),
        counted(first.len(), "field"),
        first.join(" | ").chars().take(200).collect::<String>()
    ))
}

fn by_name(first: &[String], wanted: &[Wanted]) -> Result<Layout, String> {
    let mut columns = Vec::new();
    let mut missing = Vec::new();
    for (index, wanted) in wanted.iter().enumerate() {
        match found(first, wanted) {
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
    let ignored: Vec<_> = (0..first.len())
        .filter(|field| columns.iter().all(|(_, taken)| taken != field))
        .map(|field| format!("`{}`", first[field].trim()))
        .collect();
    if !ignored.is_empty() {
        notes.push(format!(
            "has columns that are not loaded: {}",
            ignored.join(", ")
        ));
    }
    Ok(Layout {
        fields: first.len(),
        columns,
        header: true,
        notes,
    })
}

/// Counts things: "1 field", "2 fields".
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
