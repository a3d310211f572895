//! The environment, read once by the binary and handed down.

use std::collections::BTreeMap;
use std::path::Path;

/// The environment variables of the process, read once by the binary.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// Values may be secrets, and are not shown.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// The variables of this process. Only binaries call this.
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable's value; an empty one counts as not set, as in libpq.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// This environment, and what it lacks of `others`.
    pub fn with_missing(&self, others: impl IntoIterator<Item = (String, String)>) -> Self {
        let missing = others
            .into_iter()
            .filter(|(name, _)| self.get(name).is_none());
        let mut all = self.clone();
        all.0.extend(missing);
        all
    }

    /// Whether what is written may be coloured, to a terminal or not: `NO_COLOR` and a terminal that calls itself dumb are
    /// asked as clap asks them for its own messages.
    pub fn allows_colour(&self, on_terminal: bool) -> bool {
        on_terminal
            && self.get("NO_COLOR").is_none()
            && self.get("CLICOLOR") != Some("0")
            && !self.is_terminal_dumb()
    }

    /// Whether the terminal, if there is one, knows no more than lines: it moves no cursor and has no colour.
    pub fn is_terminal_dumb(&self) -> bool {
        matches!(self.get("TERM"), None | Some("dumb"))
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<&Path> {
        self.get("HOME").map(Path::new)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}
