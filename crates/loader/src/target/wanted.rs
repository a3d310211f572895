//! The columns of a table that its files have, as the dataset names or counts them.

use dataset::load_rules::{FileColumn, FileColumns};

/// A column of the table that may be in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The column's name in the table.
    pub column: String,
    /// The column's name or position in the file.
    pub file: FileColumn,
    /// The field that holds the column where there is no header, counted from 0.
    pub place: usize,
    /// Whether a file without the column is refused.
    pub needed: bool,
}

/// The columns of a table that its files have, in the table's order. `table` gives each column, and whether files must have
/// it.
///
/// # Errors
/// A column that the table lacks, or more columns than the table has.
pub(crate) fn wanted(
    columns: &FileColumns,
    table: &[(String, bool)],
) -> Result<Vec<Wanted>, String> {
    let wanted = |(column, needed): &(String, bool), file: FileColumn, place: usize| Wanted {
        column: column.clone(),
        place: match file {
            FileColumn::Position(position) => position.saturating_sub(1),
            FileColumn::Name(_) => place,
        },
        file,
        needed: *needed,
    };
    match columns {
        FileColumns::AsTable => {
            let named = |(place, column): (usize, &(String, bool))| {
                wanted(column, FileColumn::Name(column.0.clone()), place)
            };
            Ok(table.iter().enumerate().map(named).collect())
        }
        FileColumns::Listed(files) => {
            let listed: Vec<(usize, &FileColumn)> = files
                .iter()
                .enumerate()
                .filter(|(_, file)| !file.is_not_loaded())
                .collect();
            let place_of = |name: &String| {
                let own = FileColumn::Name(name.clone());
                listed.iter().find(|(_, file)| **file == own)
            };
            let own: Vec<Wanted> = table
                .iter()
                .filter_map(|column| {
                    let (place, file) = place_of(&column.0)?;
                    Some(wanted(column, (*file).clone(), *place))
                })
                .collect();
            // If all of the names are columns of the table, they say by themselves which columns the files have.
            if own.len() == listed.len() {
                return Ok(own);
            }
            if listed.len() > table.len() {
                return Err(format!(
                    "`columns` lists {} columns, the table has {}",
                    listed.len(),
                    table.len()
                ));
            }
            let in_order = table.iter().zip(listed);
            Ok(in_order
                .map(|(column, (place, file))| wanted(column, file.clone(), place))
                .collect())
        }
        FileColumns::Named(files) => {
            if let Some(unknown) = files
                .keys()
                .find(|name| table.iter().all(|(column, _)| column != *name))
            {
                return Err(format!(
                    "`columns` names `{unknown}`, which the table lacks"
                ));
            }
            let named = table
                .iter()
                .filter_map(|column| Some((column, files.get(&column.0)?)));
            Ok(named
                .enumerate()
                .map(|(place, (column, file))| wanted(column, file.clone(), place))
                .collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(list: &[&str]) -> Result<Vec<(String, usize)>, String> {
        let names = list.iter().map(|name| FileColumn::Name((*name).to_owned()));
        let table = ["id", "note", "name"].map(|name| (name.to_owned(), false));
        let wanted = wanted(&FileColumns::Listed(names.collect()), &table)?;
        Ok(wanted
            .into_iter()
            .map(|wanted| (wanted.column, wanted.place))
            .collect())
    }

    #[test]
    fn a_list_of_the_tables_own_names_is_the_files_order_and_any_other_the_tables() {
        let places = |list: &[&str]| {
            let places = places(list).expect("wanted");
            places
                .iter()
                .map(|(column, place)| format!("{column} {place}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(places(&["id", "-", "name"]), "id 0, name 2");
        assert_eq!(places(&["name", "-", "-", "id"]), "id 3, name 0");
        assert_eq!(places(&["-", "Code", "-", "Remark"]), "id 1, note 3");
        assert_eq!(places(&["name", "Remark"]), "id 0, note 1");
    }

    #[test]
    fn more_columns_than_the_table_has_are_refused() {
        assert!(places(&["a", "b", "c", "d"]).is_err());
        assert!(places(&["a", "b", "-", "c", "-"]).is_ok());
    }
}
