//! Where files lie: files being read and written with their sums, manifests, and outputs that are published whole or not at all.

pub mod bucket;
pub mod compress;
pub mod file;
pub mod fill;
pub mod folder;
pub mod manifest;
pub mod place;
pub mod publish;
mod replace;
pub mod source;
pub mod spool;
pub mod sum;

pub use replace::replace;
