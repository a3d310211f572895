//! What errors say.

use std::path::Path;

pub(super) fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}
