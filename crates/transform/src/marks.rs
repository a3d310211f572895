//! Numbers whose decimal mark stays a point where files ask for a comma: those that are written as their exact text.

use dataset::failure::Kind;
use dataset::{Model, TableSchema, TextKind};

use crate::dialect::Dialect;
use crate::model::tree::Resolved;
use crate::model::types::Type;

/// Checks that what a SELECT gives has no numeric that is written as text, if files in this dialect have a comma in their numbers.
///
/// # Errors
/// As [`refused`].
pub(crate) fn check(
    dialect: &Dialect,
    model: &Model,
    resolved: &Resolved,
    tables: &[&TableSchema],
) -> anyhow::Result<()> {
    for (place, column) in resolved.columns.iter().enumerate() {
        let is_number = match column.kind {
            Type::Unconstrained => !is_declared_numeric(model, place),
            Type::Opaque => resolved
                .relation
                .origin(place)
                .is_some_and(|(table, column)| is_cast_numeric(tables, table, column)),
            _ => false,
        };
        if is_number && dialect.has_decimal_comma() && is_written(model, &column.name) {
            return Err(refused(model, &column.name));
        }
    }
    Ok(())
}

/// Whether the files have a column.
pub(crate) fn is_written(model: &Model, column: &str) -> bool {
    !model.hidden.iter().any(|hidden| hidden == column)
}

/// The error of a column whose numbers would be read as others.
pub(crate) fn refused(model: &Model, column: &str) -> anyhow::Error {
    Kind::Usage.error(format!(
        "{}: column `{column}` is a numeric without precision, whose exact text has a decimal point, and the files are to have a \
         comma: give it a precision, as by a cast to numeric(12,2), or do without --excel and --decimal-mark",
        model.entry()
    ))
}

fn is_declared_numeric(model: &Model, place: usize) -> bool {
    let declared = model.columns.get(place);
    declared.is_some_and(|(_, kind)| *kind != dataset::ColumnType::Text)
}

fn is_cast_numeric(tables: &[&TableSchema], table: &str, column: &str) -> bool {
    let table = tables.iter().find(|of| of.name == table);
    let columns = table.into_iter().flat_map(|of| &of.columns);
    let mut found = columns.filter(|of| of.name == column);
    found.any(|of| {
        let kind = of.text.as_ref().map(|text| &text.kind);
        kind == Some(&TextKind::Numeric)
    })
}
