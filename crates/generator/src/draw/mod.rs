//! Drawing values: random numbers by position, distributions to draw from, and English names.

pub(crate) mod english;
pub mod random;
pub mod sampling;
