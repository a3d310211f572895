//! Messages that several files of `verify` share.

use storage::place::Place;

pub(super) fn cannot_read(place: &Place) -> String {
    format!("cannot read {place}")
}
