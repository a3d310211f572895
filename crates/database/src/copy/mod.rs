//! Binary COPY: rows into the server, blocks of bytes out of it, and decoding these.

pub mod decode;
pub mod read;
mod values;
pub mod write;
