//! Where files lie: files being written with their sums, manifests, and outputs that are published whole or not at all.

pub mod file;
pub mod fill;
pub mod manifest;
pub mod place;
pub mod publish;
