//! Checks that everything that was read was written or left out, and that an output is what its manifest says.

pub(crate) mod left_out;
pub(crate) mod reconcile;
pub mod verify;
