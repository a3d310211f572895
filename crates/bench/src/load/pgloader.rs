//! pgloader, as Debian packages it.

use std::fs;
use std::process::Command;
use std::rc::Rc;

use anyhow::Context;

use super::files::Files;
use super::measure::{PEERS_LIMIT, loaded};
use super::ours;
use crate::rounds::{Line, Sample, Way};
use crate::server::{SCHEMA, Server};
use crate::{child, program};

/// pgloader with a file of commands.
pub(super) struct Pgloader {
    files: Rc<Files>,
    version: Option<String>,
}

impl Pgloader {
    pub(super) fn new(files: Rc<Files>) -> Self {
        Self {
            files,
            version: None,
        }
    }

    /// The commands for all files: the first also creates the tables, the last also adds the keys.
    fn commands(&self, url: &str) -> String {
        let Files {
            dataset, tables, ..
        } = &*self.files;
        let mut commands = String::new();
        for (index, table) in tables.iter().enumerate() {
            let name = &table.name;
            commands += &format!(
                "LOAD CSV FROM '{}/{name}.csv' INTO {url}\n\
                 TARGET TABLE {SCHEMA}.{name}\n\
                 WITH fields terminated by ',', fields optionally enclosed by '\"', fields escaped by double-quote\n\
                 SET search_path TO '{SCHEMA}', client_encoding TO 'utf8'\n",
                self.files.folder.display()
            );
            if index == 0 {
                let create = format!("CREATE SCHEMA {SCHEMA};\n{}", dataset.schema_sql);
                commands += &format!("BEFORE LOAD DO {}\n", one_by_one(&create));
            }
            if index + 1 == tables.len() {
                commands += &format!("AFTER LOAD DO {}\n", one_by_one(&dataset.constraints_sql));
            }
            commands += ";\n";
        }
        commands
    }
}

impl Way for Pgloader {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new("pgloader").against(ours::CLEAN, "extrato")]
    }

    fn prepare(&mut self, _: &Server) -> anyhow::Result<()> {
        let mut query = Command::new("dpkg-query");
        query.args(["--show", "--showformat=${Version}", "pgloader"]);
        let version = program::output(&mut query).context("it is not installed")?;
        self.version = Some(format!("pgloader {version} of Debian"));
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let variables = server.settings().variables();
        let variable = |name: &str| {
            let found = variables.iter().find(|(found, _)| found == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        // The folder of a socket must follow a word; the password is taken from the environment.
        let socket = variable("PGHOST").starts_with('/');
        let url = format!(
            "postgresql://{}@{}{}:{}/{}",
            variable("PGUSER"),
            if socket { "unix:" } else { "" },
            variable("PGHOST"),
            variable("PGPORT"),
            variable("PGDATABASE")
        );
        let path = server.folder().join("commands.load");
        fs::write(&path, self.commands(&url))?;
        let mut command = Command::new("pgloader");
        command.args(["--quiet", "--on-error-stop", "--root-dir"]);
        command.arg(server.folder().join("pgloader")).arg(&path);
        server.connect_program(&mut command);
        let done = child::run(&mut command, None, PEERS_LIMIT, server.cancel())?;
        Ok(vec![loaded(server, &self.files, &done)?])
    }

    fn essential(&self) -> bool {
        false
    }

    fn most_rounds(&self) -> usize {
        1
    }

    fn note(&self) -> Option<String> {
        Some(format!(
            "{}: `LOAD CSV` with its defaults, tables and rows in transactions of their own",
            self.version.as_ref()?
        ))
    }
}

/// Statements as a list, since pgloader prepares each of them. A statement ends with a semicolon at the end of a line.
fn one_by_one(statements: &str) -> String {
    let statements = statements
        .split(";\n")
        .filter(|text| !text.trim().is_empty());
    let quoted = statements.map(|text| format!("$$ {text} $$"));
    quoted.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::one_by_one;

    #[test]
    fn statements_are_told_apart_by_semicolons_at_the_ends_of_lines() {
        let list = one_by_one("CREATE TABLE a (\n b text DEFAULT ';'\n);\n\nANALYZE;\n");
        assert_eq!(
            list,
            "$$ CREATE TABLE a (\n b text DEFAULT ';'\n) $$, $$ \nANALYZE $$"
        );
    }
}
