//! The keys of a block, looked up in the database before its rows are judged.

use postgres::Client;
use values::value::Value;

use crate::input::batch::{Batch, RowPlan};
use crate::keys::check::KeyCheck;
use crate::keys::sets::KeySets;
use crate::keys::staged::FileRows;
use crate::rules::column::ColumnRules;

/// Fills the sets that were given up with what the block's rows need of them. All rows before it were sent.
///
/// # Errors
/// The server's.
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
        // Two keys may be looked for in one set: those of a row and of its parent.
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
        sets.look_up(client, *place, &columns, &types, &texts)?;
        done.push(*place);
    }
    Ok(())
}

/// The values of a key in all rows of a block that have it whole, column by column.
fn texts_of(plan: &RowPlan, batch: &Batch, key: &[usize], texts: &mut [Vec<String>]) {
    for record in &batch.records.records {
        let fields = batch.records.fields_of(record);
        if record.torn.is_some() || fields.len() != plan.grammar.fields {
            continue;
        }
        let values: Option<Vec<Value<'_>>> = key
            .iter()
            .map(|column| {
                let cell = plan.cell(&fields[plan.fields[*column]], &batch.bytes);
                let value = plan.rows.columns[*column].value(cell).ok();
                value.filter(|value| !value.without_nul().is_null())
            })
            .collect();
        for (texts, value) in texts.iter_mut().zip(values.into_iter().flatten()) {
            texts.push(value.shown());
        }
    }
}
