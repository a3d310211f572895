//! What a cell is: its rules, its text, CSV records, and a value into COPY's binary form.

pub mod datetime;
pub mod number;
pub mod records;
pub mod rule;
pub mod strftime;
pub mod value;
