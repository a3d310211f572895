//! COPY in its binary form: rows in, blocks of bytes out, and their decoding.

pub mod decode;
pub mod read;
mod values;
pub mod write;
