//! Finds numbers that would keep a decimal point in files with a decimal comma, because they are written as their exact text.

use dataset::failure::Kind;
use dataset::{ColumnType, Model, TableSchema, TextKind};

use crate::dialect::Dialect;
use crate::model::tree::Resolved;
use crate::model::types::Type;

/// Checks that a SELECT gives no numeric that is written as text, if files in this dialect have a decimal comma.
///
/// # Errors
/// As [`check_number`].
pub(crate) fn check(
    dialect: &Dialect,
    model: &Model,
    resolved: &Resolved,
    tables: &[&TableSchema],
) -> anyhow::Result<()> {
    // What a check gives is written nowhere.
    if model.checked_model.is_some() {
        return Ok(());
    }
    for (place, column) in resolved.columns.iter().enumerate() {
        let is_number = match column.kind {
            Type::Unconstrained => true,
            Type::Opaque => resolved
                .relation
                .origin(place)
                .is_some_and(|(table, column)| is_cast_numeric(tables, table, column)),
            _ => false,
        };
        if is_number {
            check_number(dialect, model, place, &column.name)?;
        }
    }
    Ok(())
}

/// Checks a column of a model that is a numeric without a precision.
///
/// # Errors
/// [`Kind::Usage`] if the column is written as text, and files in this dialect have a decimal comma.
pub(crate) fn check_number(
    dialect: &Dialect,
    model: &Model,
    place: usize,
    column: &str,
) -> anyhow::Result<()> {
    let declared = model.columns.get(place);
    let is_text = declared.is_none_or(|(_, kind)| *kind == ColumnType::Text);
    let is_written = !model.hidden.iter().any(|hidden| hidden == column);
    if !(dialect.has_decimal_comma() && is_text && is_written) {
        return Ok(());
    }
    Err(Kind::Usage.error(format!(
        "{}: column `{column}` is a numeric without precision, whose exact text has a decimal point, but the files \
         are to have a comma: give it a precision, as by a cast to numeric(12,2), or leave out --excel and --decimal-mark",
        model.entry()
    )))
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
