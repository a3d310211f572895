//! English names, of people in *sales* and *hiring*: `fake`'s tables as they are.

use fake::locales::{Data, EN};

use crate::draw::random::Draws;

/// Draws a given name.
pub(crate) fn given(draws: &mut Draws) -> &'static str {
    draws.pick::<&str>(EN::NAME_FIRST_NAME)
}

/// Draws a family name.
pub(crate) fn family(draws: &mut Draws) -> &'static str {
    draws.pick::<&str>(EN::NAME_LAST_NAME)
}
