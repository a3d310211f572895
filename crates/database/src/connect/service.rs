//! The service file: named sets of connection parameters, as an INI file.
//! See <https://www.postgresql.org/docs/current/libpq-pgservice.html>.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};

use super::environment::Environment;
use super::parameters::Parameters;

/// Reads the parameters of the service `name` from `PGSERVICEFILE` or `~/.pg_service.conf` or, if they lack it, from
/// `PGSYSCONFDIR/pg_service.conf`.
pub(crate) fn read(name: &str, environment: &Environment) -> anyhow::Result<Parameters> {
    let named = environment.get("PGSERVICEFILE").map(PathBuf::from);
    let in_home = environment.home().map(|home| home.join(".pg_service.conf"));
    let system = Path::new(
        environment
            .get("PGSYSCONFDIR")
            .unwrap_or("/etc/postgresql-common"),
    )
    .join("pg_service.conf");
    let files: Vec<PathBuf> = [named.or(in_home), Some(system)]
        .into_iter()
        .flatten()
        .collect();
    for file in &files {
        if !file.is_file() {
            continue;
        }
        let text = fs::read_to_string(file).or_fail(Kind::Connection, || {
            format!("service file {}", file.display())
        })?;
        if let Some(parameters) = section(&text, name, file)? {
            return Ok(parameters);
        }
    }
    let places: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    Err(Kind::Connection.error(format!(
        "service `{name}` is not defined in {}",
        places.join(" or ")
    )))
}

fn section(text: &str, name: &str, file: &Path) -> anyhow::Result<Option<Parameters>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut inside = false;
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            inside = header == name && found.is_none();
            if inside {
                found = Some(BTreeMap::new());
            }
            continue;
        }
        if let (true, Some(parameters)) = (inside, found.as_mut()) {
            let place = format!("{}, line {}", file.display(), number + 1);
            let (key, value) = line
                .split_once('=')
                .ok_or_else(|| Kind::Usage.error(format!("{place}: `name=value` expected")))?;
            Parameters::check_name(key.trim(), &place)?;
            parameters.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    Ok(found.map(Parameters))
}

#[cfg(test)]
mod tests {
    use super::super::settings::ConnectionArgs;
    use super::*;

    #[test]
    fn a_service_gives_what_the_url_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        fs::write(
            &file,
            "# ours\n[other]\nhost=no\n[folha]\nhost=db\nport=6000\nuser=u\ndbname=d\n",
        )
        .unwrap();
        let environment: Environment = [
            ("PGSERVICEFILE".to_owned(), file.display().to_string()),
            ("PGSERVICE".to_owned(), "folha".to_owned()),
        ]
        .into_iter()
        .collect();
        let settings = ConnectionArgs::default()
            .settings(&environment)
            .unwrap()
            .unwrap();
        assert_eq!(settings.to_string(), "u@db:6000/d");
    }

    #[test]
    fn an_unknown_service_and_an_unknown_parameter_name_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        fs::write(&file, "[a]\nhots=db\n").unwrap();
        let with = |service: &str| {
            let environment: Environment = [
                ("PGSERVICEFILE".to_owned(), file.display().to_string()),
                ("PGSERVICE".to_owned(), service.to_owned()),
            ]
            .into_iter()
            .collect();
            ConnectionArgs::default()
                .settings(&environment)
                .unwrap_err()
                .to_string()
        };
        assert!(with("b").contains("service `b` is not defined"));
        assert!(with("a").contains("line 2: unknown connection parameter `hots`"));
    }
}
