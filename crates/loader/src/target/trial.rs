//! A table of given columns, without a database: used by the fuzz targets in `api/fuzz/`.

use dataset::load_rules::LoadRules;

use crate::rules::column::ColumnRules;
use crate::target::keys::{Referring, Unique};
use crate::target::{Target, wanted};

impl Target {
    /// A table of these columns, of which the database fills in those named in `filled`.
    ///
    /// # Errors
    /// Rules that name or count columns which the table lacks.
    pub fn of_columns(
        columns: Vec<ColumnRules>,
        filled: Vec<String>,
        unique: Vec<Unique>,
        references: Vec<Referring>,
        rules: LoadRules,
    ) -> Result<Self, String> {
        let needed = |column: &ColumnRules| {
            let needed = column.required || !column.nullable && !filled.contains(&column.name);
            (column.name.clone(), needed)
        };
        let names: Vec<_> = columns.iter().map(needed).collect();
        Ok(Self {
            table: "t".to_owned(),
            wanted: wanted::wanted(&rules.columns, &names)?,
            types: columns
                .iter()
                .map(|column| column.kind.to_string())
                .collect(),
            rules,
            columns,
            filled,
            domains: Vec::new(),
            unique,
            references,
            left_to_server: false,
            checked: false,
            partitioned: false,
        })
    }
}
