//! A role on the server for a single test.

use std::thread;

use ::database::{ConnectionArgs, Environment, Settings};

use crate::database::Database;

/// A role, which is dropped at the end with everything that it was granted. Roles belong to the server, and are not dropped with a
/// database.
pub struct Role<'a> {
    /// The role's name.
    pub name: String,
    /// The settings with which the role connects to the database.
    pub settings: Settings,
    database: &'a Database,
}

impl<'a> Role<'a> {
    /// Creates a role and runs statements in which `{role}` stands for its name.
    ///
    /// # Panics
    /// Panics if the statements fail.
    pub fn create(database: &'a Database, statements: &str) -> Self {
        let name = format!("guest_of_{}", database.settings().database());
        let create = format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'; {statements}");
        database
            .connect()
            .batch_execute(&create.replace("{role}", &name))
            .expect("a role");
        let other = |(variable, value): (String, String)| match variable.as_str() {
            "PGUSER" => (variable, name.clone()),
            "PGPASSWORD" => (variable, "secret".to_owned()),
            _ => (variable, value),
        };
        let environment: Environment = database.variables().into_iter().map(other).collect();
        let settings = ConnectionArgs::default()
            .settings(&environment)
            .expect("settings")
            .expect("a database is named");
        Self {
            name,
            settings,
            database,
        }
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let drop = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        let dropped = self.database.connect().batch_execute(&drop);
        if !thread::panicking() {
            dropped.expect("dropped");
        }
    }
}
