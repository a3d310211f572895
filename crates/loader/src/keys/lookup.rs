//! Looking up the keys of a block in the database, before its rows are checked.

use postgres::Client;
use values::value::Value;

use crate::input::batch::{Batch, RowPlan};
use crate::keys::check::KeyCheck;
use crate::keys::sets::KeySets;
use crate::keys::staged::FileRows;
use crate::rules::column::ColumnRules;

/// Fills the sets that were given up with those keys in the database that the block's rows ask for. All rows before
/// the block must have been sent.
///
/// # Errors
/// Errors of the server.
pub(crate) fn look_up(
    client: &mut Client,
    rows: FileRows<'_>,
    check: &KeyCheck<'_>,
    sets: &mut KeySets,
    batch: &Batch,
) -> anyhow::Result<()> {
    let FileRows { target, plan, .. } = rows;

    let places: Vec<usize> = check.places().collect();
    let mut done = Vec::new();
    for (index, place) in places.iter().enumerate() {
        if !sets.is_given_up(*place) || done.contains(place) {
            continue;
        }
        // One set may be asked for two keys: that of a row and that of its parent.
        let sharing: Vec<&[usize]> = (index..places.len())
            .filter(|other| places[*other] == *place)
            .map(|other| plan.keys[other].as_slice())
            .collect();
        let columns: Vec<&ColumnRules> = plan.keys[index]
            .iter()
            .map(|column| &plan.rows.columns[*column])
            .collect();
        let types: Vec<&str> = columns
            .iter()
            .map(|column| target.type_of(&column.name))
            .collect();
        let mut texts = vec![Vec::new(); columns.len()];
        for key in sharing {
            texts_of(plan, batch, key, &mut texts);
        }
        sets.look_up(client, *place, &types, &texts)?;
        done.push(*place);
    }
    Ok(())
}

/// Appends the texts of a key's values, column by column, for all rows of a block that have the whole key.
fn texts_of(plan: &RowPlan, batch: &Batch, key: &[usize], texts: &mut [Vec<String>]) {
    for record in &batch.records.records {
        let fields = batch.records.fields_of(record);
        if record.torn.is_some() || fields.len() != plan.grammar.fields {
            continue;
        }
        let values: Option<Vec<Value<'_>>> = key
            .iter()
            .map(|column| {
                let cell = plan.cell(*column, fields, &batch.bytes);
                let value = plan.rows.columns[*column].value(cell).ok();
                value.filter(|value| !value.without_nul().is_null())
            })
            .collect();
        for (texts, value) in texts.iter_mut().zip(values.into_iter().flatten()) {
            texts.push(value.shown());
        }
    }
}
