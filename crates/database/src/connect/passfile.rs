//! The passfile: `hostname:port:database:username:password` on each line, `*` for any value, `\` before `:` and `\`.
//! See <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use dataset::failure::{Kind, OrFail};

use super::environment::Environment;

/// The values that a line of the passfile must match.
pub(crate) struct Login<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: &'a str,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
}

/// The password in the first line that matches. A file that was named must exist; the one in the home folder need not. A file
/// that others may read is not used, as in libpq; but here that is reported.
pub(crate) fn find(
    named: Option<&str>,
    login: &Login<'_>,
    environment: &Environment,
) -> anyhow::Result<Option<String>> {
    let path = match (named, environment.home()) {
        (Some(named), _) => PathBuf::from(named),
        (None, Some(home)) => home.join(".pgpass"),
        (None, None) => return Ok(None),
    };
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(_) if named.is_none() => return Ok(None),
        Err(error) => {
            return Err(error).or_fail(Kind::Connection, || format!("passfile {}", path.display()));
        }
    };
    if metadata.mode() & 0o077 != 0 {
        return Err(Kind::Connection.error(format!(
            "passfile {path} may be read by others: run chmod 600 {path}",
            path = path.display()
        )));
    }
    let text = fs::read_to_string(&path)
        .or_fail(Kind::Connection, || format!("passfile {}", path.display()))?;
    Ok(text.lines().find_map(|line| matching(line, login)))
}

fn matching(line: &str, login: &Login<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    // A socket in the default folder is matched as `localhost`.
    let host = match login.host {
        "/var/run/postgresql" | "/tmp" => "localhost",
        host => host,
    };
    let fields = fields(line);
    let [line_host, port, database, user, password] = fields.as_slice() else {
        return None;
    };
    let same = |field: &str, value: &str| field == "*" || field == value;
    let matches = (same(line_host, host) || line_host == login.host)
        && same(port, login.port)
        && same(database, login.database)
        && same(user, login.user);
    matches.then(|| password.clone())
}

/// Splits a line at unescaped colons, into at most five parts.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            character => {
                let literal = if character == '\\' {
                    characters.next().unwrap_or('\\')
                } else {
                    character
                };
                if let Some(last) = fields.last_mut() {
                    last.push(literal);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const LOGIN: Login<'static> = Login {
        host: "h",
        port: "5432",
        database: "d",
        user: "u",
    };

    #[test]
    fn the_first_line_that_matches_gives_the_password_with_escapes_undone() {
        assert_eq!(
            matching(r"h:5432:d:u:a\:b\\c:d", &LOGIN).as_deref(),
            Some(r"a:b\c:d")
        );
        assert_eq!(matching("*:*:*:u:p", &LOGIN).as_deref(), Some("p"));
        assert_eq!(matching("other:*:*:u:p", &LOGIN), None);
        assert_eq!(matching("# h:5432:d:u:p", &LOGIN), None);
        assert_eq!(matching("h:5432:d:u", &LOGIN), None);
        let socket = Login {
            host: "/tmp",
            ..LOGIN
        };
        assert_eq!(matching("localhost:*:*:*:p", &socket).as_deref(), Some("p"));
    }

    #[test]
    fn a_passfile_that_others_may_read_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        fs::write(&path, "*:*:*:*:p\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let path_text = path.to_str().unwrap();
        let error = find(Some(path_text), &LOGIN, &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let found = find(Some(path_text), &LOGIN, &Environment::default()).unwrap();
        assert_eq!(found.as_deref(), Some("p"));
    }

    #[test]
    fn a_named_passfile_must_exist_and_the_default_one_need_not() {
        assert!(find(Some("/nowhere/pass"), &LOGIN, &Environment::default()).is_err());
        let home: Environment = [("HOME".to_owned(), "/nowhere".to_owned())]
            .into_iter()
            .collect();
        assert_eq!(find(None, &LOGIN, &home).unwrap(), None);
    }
}
