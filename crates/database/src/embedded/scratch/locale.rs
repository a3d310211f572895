//! How a database encodes and orders text, and how to create a database that does so in the same way.

use dataset::failure::{Kind, OrFail};
use postgres::GenericClient;
use serde::{Deserialize, Serialize};

use super::users::place;
use crate::catalogue::identifier::literal;
use crate::connect::{Cancel, Connection};
use crate::embedded::Embedded;

/// How a database encodes text, and how it orders text if no other collation is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locale {
    /// The encoding's name in Postgres, such as `UTF8`.
    pub encoding: String,
    /// The provider that orders text: `c` the C library, `i` ICU, `b` Postgres itself.
    pub provider: char,
    /// The locale in the C library that orders text.
    pub collate: String,
    /// The locale in the C library that says what is a letter, and upper or lower case.
    pub ctype: String,
    /// The locale in ICU or Postgres itself; `None` with the C library.
    pub locale: Option<String>,
    /// Rules that were added to those of ICU.
    pub rules: Option<String>,
    /// The version of the order in the server's provider at present. `None` if it is not known, and for the order
    /// of bytes or characters, which has no version.
    pub version: Option<String>,
}

// The row is read as JSON, since its columns differ between versions.
const DATABASE: &str = "
    SELECT pg_encoding_to_char(d.encoding)::text, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'), d.datcollate::text,
           d.datctype::text, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
           to_jsonb(d) ->> 'daticurules', current_setting('server_version_num')::int
    FROM pg_database AS d WHERE d.datname = current_database()";

const VERSION: &str = "SELECT pg_database_collation_actual_version(d.oid) FROM pg_database AS d \
    WHERE d.datname = current_database()";

// Postgres 14 knows only versions of collations. The same locale may have several names.
const VERSION_14: &str = "
    SELECT pg_collation_actual_version(c.oid) FROM pg_collation AS c, pg_database AS d
    WHERE d.datname = current_database() AND c.collprovider = 'c'
      AND lower(replace(c.collcollate, '-', '')) = lower(replace(d.datcollate, '-', ''))
    ORDER BY c.collcollate = d.datcollate DESC, 1 LIMIT 1";

impl Locale {
    /// Reads the locale of the database that `client` is connected to, of Postgres 14 or newer.
    ///
    /// # Errors
    /// The server's errors.
    pub fn read(client: &mut impl GenericClient) -> anyhow::Result<Self> {
        let row = client.query_one(DATABASE, &[])?;
        let query = match row.get::<_, i32>(6) {
            ..150_000 => VERSION_14,
            _ => VERSION,
        };
        let version = client.query_opt(query, &[])?;
        Ok(Self {
            encoding: row.get(0),
            provider: row.get::<_, &str>(1).chars().next().unwrap_or('c'),
            collate: row.get(2),
            ctype: row.get(3),
            locale: row.get(4),
            rules: row.get(5),
            version: version.and_then(|row| row.get(0)),
        })
    }

    /// Whether the order is the same on every machine and in every version: that of bytes or characters.
    fn is_fixed(&self) -> bool {
        match self.provider {
            'c' => {
                let name = self.collate.to_ascii_uppercase();
                name == "C" || name == "POSIX" || name.starts_with("C.")
            }
            'b' => true,
            _ => false,
        }
    }

    /// The locale's name for messages.
    fn name(&self) -> &str {
        match &self.locale {
            Some(locale) => locale,
            None => &self.collate,
        }
    }
}

/// Creates a database named `name`, of the role with that name, for a source with this locale. Returns why its text isn't in the
/// source's order, if so; then it is in the order of bytes.
///
/// # Errors
/// [`Kind::Connection`] if the database cannot be created.
pub(super) fn create_database(
    admin: &mut Connection,
    server: &Embedded,
    name: &str,
    source: &Locale,
    cancel: &Cancel,
) -> anyhow::Result<Result<(), String>> {
    let on_server = || format!("a database cannot be made on the {}", place(server));
    let version = admin
        .query_one("SELECT current_setting('server_version_num')::int", &[])
        .or_fail(Kind::Connection, on_server)?
        .get::<_, i32>(0);
    let create = format!(
        "CREATE DATABASE {name} OWNER {name} TEMPLATE template0 ENCODING {}",
        literal(&source.encoding)
    );
    let why = match provider(source, version) {
        Err(why) => why,
        Ok(provider) => {
            let names = match source.provider {
                'b' => Ok(vec![("C".to_owned(), "C".to_owned())]),
                _ => names(admin, source),
            };
            let names = names.or_fail(Kind::Connection, on_server)?;
            let mut refused = String::new();
            let mut made = false;
            for (collate, ctype) in names {
                let (collate, ctype) = (literal(&collate), literal(&ctype));
                match admin.batch_execute(&format!(
                    "{create} {provider} LC_COLLATE {collate} LC_CTYPE {ctype}"
                )) {
                    Ok(()) => {
                        made = true;
                        break;
                    }
                    Err(error) => {
                        refused = refusal(&error, source)
                            .ok_or(error)
                            .or_fail(Kind::Connection, on_server)?;
                    }
                }
            }
            if made {
                let here = {
                    let mut client = server.settings()?.with_database(name).connect(cancel)?;
                    Locale::read(&mut *client).or_fail(Kind::Connection, on_server)?
                };
                match difference(&here, source) {
                    None => return Ok(Ok(())),
                    Some(why) => {
                        admin
                            .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
                            .or_fail(Kind::Connection, on_server)?;
                        why
                    }
                }
            } else {
                refused
            }
        }
    };
    let libc = if version < 150_000 {
        ""
    } else {
        "LOCALE_PROVIDER libc"
    };
    admin
        .batch_execute(&format!("{create} {libc} LC_COLLATE 'C' LC_CTYPE 'C'"))
        .or_fail(Kind::Connection, on_server)?;
    Ok(Err(why))
}

/// The options of `CREATE DATABASE` for the provider, or the reason why there are none.
fn provider(source: &Locale, version: i32) -> Result<String, String> {
    let major = version / 10_000;
    let locale = literal(source.name());
    match source.provider {
        'c' if major < 15 => Ok(String::new()),
        'c' => Ok("LOCALE_PROVIDER libc".to_owned()),
        'i' if major < 15 => Err(format!(
            "it is ICU's locale {}, which orders databases only from Postgres 15 on, but the programs here are of {major}",
            source.name()
        )),
        'i' => match &source.rules {
            None => Ok(format!("LOCALE_PROVIDER icu ICU_LOCALE {locale}")),
            Some(rules) if major >= 16 => Ok(format!(
                "LOCALE_PROVIDER icu ICU_LOCALE {locale} ICU_RULES {}",
                literal(rules)
            )),
            Some(_) => Err(format!(
                "its locale {} has rules of its own, which Postgres knows only from 16 on, but the programs here are \
                 of {major}",
                source.name()
            )),
        },
        // Postgres's built-in C is the same as the C library's.
        'b' if source.name() == "C" && major < 17 => Ok(String::new()),
        'b' if major >= 17 => Ok(format!("LOCALE_PROVIDER builtin BUILTIN_LOCALE {locale}")),
        'b' => Err(format!(
            "its locale {} is built into Postgres only from 17 on, but the programs here are of {major}",
            source.name()
        )),
        other => Err(format!("its provider of locales `{other}` is not known")),
    }
}

/// The locales of the C library to try: those with the source's names, those that the machine has under other names for the
/// same, and C if ICU orders text.
fn names(
    admin: &mut Connection,
    source: &Locale,
) -> Result<Vec<(String, String)>, postgres::Error> {
    const OTHER: &str = "SELECT collcollate::text FROM pg_collation WHERE collprovider = 'c' \
        AND lower(replace(collcollate, '-', '')) = lower(replace($1, '-', '')) ORDER BY 1 LIMIT 1";
    let own = (source.collate.clone(), source.ctype.clone());
    let mut here = |name: &str| -> Result<String, postgres::Error> {
        let other = admin.query_opt(OTHER, &[&name])?;
        Ok(other.map_or_else(|| name.to_owned(), |row| row.get(0)))
    };
    let other = (here(&own.0)?, here(&own.1)?);
    let mut names = vec![own];
    if other != names[0] {
        names.push(other);
    }
    if source.provider != 'c' {
        names.push(("C".to_owned(), "C".to_owned()));
    }
    Ok(names)
}

/// The reason why the server refuses a locale; `None` for other errors.
fn refusal(error: &postgres::Error, source: &Locale) -> Option<String> {
    let error = error.as_db_error()?;
    match error.code().code() {
        "42809" if source.provider == 'c' && source.collate != source.ctype => Some(format!(
            "the machine lacks the locale {} or {}",
            source.collate, source.ctype
        )),
        "42809" => Some(format!("the machine lacks the locale {}", source.name())),
        code => ["22", "42", "0A"]
            .contains(&&code[..2])
            .then(|| error.message().to_owned()),
    }
}

/// The reason why text is ordered differently here and at the source, although the locale has the same name.
fn difference(here: &Locale, source: &Locale) -> Option<String> {
    if source.is_fixed() {
        return None;
    }
    let name = source.name();
    match (&here.version, &source.version) {
        (Some(here), Some(source)) if here == source => None,
        (Some(here), Some(source)) => Some(format!(
            "the version of its locale {name} is {here} here, but {source} in the source"
        )),
        (_, None) => Some(format!(
            "the source doesn't say which version of the locale {name} it has"
        )),
        (None, _) => Some(format!(
            "the version of the locale {name} is not known here"
        )),
    }
}
