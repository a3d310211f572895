//! The environment, read once by the binary and handed down.

use std::collections::BTreeMap;
use std::path::Path;

/// The environment variables of the process, read once by the binary.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// Shows names only, since values may be secrets.
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

    /// The value of a variable; an empty value counts as not set, as in libpq.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// This environment, with those of `others` that it lacks.
    pub fn with_missing(&self, others: impl IntoIterator<Item = (String, String)>) -> Self {
        let missing = others
            .into_iter()
            .filter(|(name, _)| self.get(name).is_none());
        let mut all = self.clone();
        all.0.extend(missing);
        all
    }

    /// Whether output may be coloured; `on_terminal` says whether it goes to a terminal. `NO_COLOR` and dumb terminals are
    /// respected as clap respects them for its own messages.
    pub fn allows_colour(&self, on_terminal: bool) -> bool {
        on_terminal
            && self.get("NO_COLOR").is_none()
            && self.get("CLICOLOR") != Some("0")
            && !self.is_terminal_dumb()
    }

    /// Whether the terminal, if there is one, can only print lines: it moves no cursor and has no colour.
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
