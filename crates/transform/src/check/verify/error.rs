//! What errors say.

use storage::place::Place;

pub(super) fn cannot_read(place: &Place) -> String {
    format!("cannot read {place}")
}
