//! Encodes a value in the binary form of COPY. This is the only file of the crate that uses `database`, for its encoder of rows.

use database::copy::write::RowEncoder;

use crate::value::Value;

impl Value<'_> {
    /// Appends the value as a field of the current row.
    pub fn encode(&self, row: &mut RowEncoder) {
        match self {
            Self::Null => row.null(),
            Self::Boolean(value) => row.bool(*value),
            Self::SmallInt(value) => row.int2(*value),
            Self::Integer(value) => row.int4(*value),
            Self::BigInt(value) => row.int8(*value),
            Self::Real(value) => row.float4(*value),
            Self::Double(value) => row.float8(*value),
            Self::Numeric(unscaled, scale) => row.numeric_wide(*unscaled, *scale),
            Self::Text(text) => row.text(text),
            Self::Date(days) => row.date(*days),
            Self::Time(micros) => row.time(*micros),
            Self::Timestamp(micros) => row.timestamp(*micros),
            Self::Uuid(value) => row.uuid(*value),
            Self::Bytes(value) => row.bytea(value),
            Self::JsonBinary(text) => row.jsonb(text),
        }
    }

    /// Appends the value as a field of a row in the text form of COPY, followed by `end`.
    pub fn encode_text(&self, row: &mut RowEncoder, end: u8) {
        match self {
            Self::Null => row.text_field(None, end),
            Self::Text(text) | Self::JsonBinary(text) => row.text_field(Some(text), end),
            // The text is in UTC; a `timestamptz` needs to be told so, and a `timestamp` ignores it.
            Self::Timestamp(_) => row.text_field(Some(&(self.shown() + "+00")), end),
            other => row.text_field(Some(&other.shown()), end),
        }
    }
}
