//! A row as a sequence of fields, in any encoding.

use database::copy::write::RowEncoder;

use crate::table::faults::FaultIn;

/// Takes the fields of a row, one after the other.
pub trait Fields {
    /// Writes an integer.
    fn int4(&mut self, value: i32);
    /// Writes a bigint.
    fn int8(&mut self, value: i64);
    /// Writes the numeric `unscaled` · 10^-`scale`.
    fn numeric(&mut self, unscaled: i64, scale: u16);
    /// Writes a text, or the label of an enum.
    fn text(&mut self, value: &str);
    /// Writes a timestamp, given in microseconds since 2000-01-01T00:00:00.
    fn timestamp(&mut self, micros: i64);
    /// Writes an instant, given in microseconds since 2000-01-01T00:00:00Z.
    fn timestamptz(&mut self, micros: i64);
    /// Writes a boolean.
    fn bool(&mut self, value: bool);
    /// Writes a smallint.
    fn int2(&mut self, value: i16);
    /// Writes a UUID.
    fn uuid(&mut self, value: [u8; 16]);
    /// Writes NULL, of any type.
    fn null(&mut self);

    /// Writes an integer or NULL.
    fn int4_or_null(&mut self, value: Option<u32>) {
        match value {
            Some(value) => self.int4(value as i32),
            None => self.null(),
        }
    }

    /// Writes a text or NULL.
    fn text_or_null(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// Writes a timestamp or NULL.
    fn timestamp_or_null(&mut self, micros: Option<i64>) {
        match micros {
            Some(micros) => self.timestamp(micros),
            None => self.null(),
        }
    }
}

impl Fields for RowEncoder {
    fn int4(&mut self, value: i32) {
        Self::int4(self, value);
    }

    fn int8(&mut self, value: i64) {
        Self::int8(self, value);
    }

    fn numeric(&mut self, unscaled: i64, scale: u16) {
        Self::numeric(self, unscaled, scale);
    }

    fn text(&mut self, value: &str) {
        Self::text(self, value);
    }

    fn timestamp(&mut self, micros: i64) {
        Self::timestamp(self, micros);
    }

    fn timestamptz(&mut self, micros: i64) {
        // On the wire, both count from the same instant.
        Self::timestamp(self, micros);
    }

    fn bool(&mut self, value: bool) {
        Self::bool(self, value);
    }

    fn int2(&mut self, value: i16) {
        Self::int2(self, value);
    }

    fn uuid(&mut self, value: [u8; 16]) {
        Self::uuid(self, value);
    }

    fn null(&mut self) {
        Self::null(self);
    }
}

/// A row of one table.
pub trait Row {
    /// Writes the row's fields. `text` is scratch space.
    fn encode(&self, text: &mut String, fields: &mut impl Fields);

    /// The fault that is planted in the row, in a database and in files.
    fn fault(&self) -> Option<FaultIn>;

    /// The fault that the row has in files only, since it breaks a rule.
    fn file_fault(&self) -> Option<FaultIn> {
        None
    }
}
