//! The account that runs the embedded server.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use dataset::failure::Kind;

/// The unprivileged account that runs the server when we are root, since Postgres refuses to run as root.
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The account for the server; `None` if we are not root, and the server runs as ourselves.
    pub(super) fn for_server() -> anyhow::Result<Option<Self>> {
        if !is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::find(&passwd, name))
            .map(Some)
            .ok_or_else(|| {
                Kind::Connection.error(
                    "Postgres doesn't run as root, and there is no account `postgres` or `nobody` to run it as",
                )
            })
    }

    fn find(passwd: &str, name: &str) -> Option<Self> {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        match (ids.next(), ids.next()) {
            (Some(Ok(uid)), Some(Ok(gid))) => Some(Self { uid, gid }),
            _ => None,
        }
    }
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes the account the owner of a path.
pub(super) fn give(path: &Path, account: Option<&Account>) -> std::io::Result<()> {
    match account {
        Some(account) => chown(path, Some(account.uid), Some(account.gid)),
        None => Ok(()),
    }
}
