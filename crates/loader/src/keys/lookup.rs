//! The keys of a block, looked up in the database before its rows are judged.

use postgres::Client;

use crate::input::batch::Batch;
use crate::rules::column::ColumnRules;
use crate::write::file::FileLoad;
use values::value::Value;

impl FileLoad<'_> {
    /// Fills the sets that were given up with what the block's rows need of them. All rows before it were sent.
    ///
    /// # Errors
    /// The server's.
    pub(crate) fn look_up(&mut self, client: &mut Client, batch: &Batch) -> anyhow::Result<()> {
        let places: Vec<usize> = self.judge.places().collect();
        let mut done = Vec::new();
        for (index, place) in places.iter().enumerate() {
            if !self.keys.is_given_up(*place) || done.contains(place) {
                continue;
            }
            // Two keys may be looked for in one set: those of a row and of its parent.
            let sharing: Vec<&[usize]> = (index..places.len())
                .filter(|other| places[*other] == *place)
                .map(|other| self.plan.keys[other].as_slice())
                .collect();
            let columns: Vec<&ColumnRules> = self.plan.keys[index]
                .iter()
                .map(|column| &self.plan.rows.columns[*column])
                .collect();
            let types: Vec<&str> = columns
                .iter()
                .map(|column| self.target.type_of(&column.name))
                .collect();
            let mut texts = vec![Vec::new(); columns.len()];
            for key in sharing {
                self.texts(batch, key, &mut texts);
            }
            self.keys
                .look_up(client, *place, &columns, &types, &texts)?;
            done.push(*place);
        }
        Ok(())
    }

    /// The values of a key in all rows of a block that have it whole, column by column.
    fn texts(&self, batch: &Batch, key: &[usize], texts: &mut [Vec<String>]) {
        for record in &batch.records.records {
            let fields = batch.records.fields_of(record);
            if record.torn.is_some() || fields.len() != self.plan.grammar.fields {
                continue;
            }
            let values: Option<Vec<Value<'_>>> = key
                .iter()
                .map(|column| {
                    let cell = self
                        .plan
                        .cell(&fields[self.plan.fields[*column]], &batch.bytes);
                    let value = self.plan.rows.columns[*column].value(cell).ok();
                    value.filter(|value| !value.without_nul().is_null())
                })
                .collect();
            for (texts, value) in texts.iter_mut().zip(values.into_iter().flatten()) {
                texts.push(value.shown());
            }
        }
    }
}
