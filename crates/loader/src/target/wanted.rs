//! The columns of a table that its files have, as the dataset names or counts them.

use dataset::load_rules::{FileColumn, FileColumns};

/// A column of the table that may be in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The column's name in the table.
    pub column: String,
    /// The column's name or position in the file.
    pub file: FileColumn,
    /// Whether a file without it cannot be loaded.
    pub needed: bool,
}

/// The columns of a table that its files have, in the table's order. `table` gives each column with whether it is
/// needed.
///
/// # Errors
/// A column that the table lacks, or more columns than the table has.
pub(crate) fn wanted(
    columns: &FileColumns,
    table: &[(String, bool)],
) -> Result<Vec<Wanted>, String> {
    let wanted = |(column, needed): &(String, bool), file: FileColumn| Wanted {
        column: column.clone(),
        file,
        needed: *needed,
    };
    match columns {
        FileColumns::AsTable => Ok(table
            .iter()
            .map(|column| wanted(column, FileColumn::Name(column.0.clone())))
            .collect()),
        FileColumns::Listed(files) if files.len() > table.len() => Err(format!(
            "`columns` lists {} columns, the table has {}",
            files.len(),
            table.len()
        )),
        FileColumns::Listed(files) => Ok(table
            .iter()
            .zip(files)
            .map(|(column, file)| wanted(column, file.clone()))
            .collect()),
        FileColumns::Named(files) => {
            if let Some(unknown) = files
                .keys()
                .find(|name| table.iter().all(|(column, _)| column != *name))
            {
                return Err(format!(
                    "`columns` names `{unknown}`, which the table lacks"
                ));
            }
            Ok(table
                .iter()
                .filter_map(|column| Some(wanted(column, files.get(&column.0)?.clone())))
                .collect())
        }
    }
}
