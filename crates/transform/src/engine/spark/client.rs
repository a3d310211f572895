//! Does a job on a server of Spark Connect.

use std::collections::BTreeMap;

use database::{Cancel, Environment};
use dataset::Model;
use spark::{Files, Progress, Remote, Session};
use tracing::field::Empty;

use super::job::{Job, Write};

/// The environment variable for the token of a server that demands one, named as for Spark's own clients.
const TOKEN: &str = "SPARK_CONNECT_AUTHENTICATE_TOKEN";

/// A session on the server.
pub(super) struct Client {
    session: Session,
}

impl Client {
    /// Connects to the server at an address.
    ///
    /// # Errors
    /// As [`Remote::parse`] and [`Session::connect`].
    pub(super) fn connect(
        remote: &str,
        environment: &Environment,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let remote = Remote::parse(remote, environment.get(TOKEN).map(str::to_owned))?;
        let session = Session::connect(&remote, cancel)?;
        tracing::info!("connected to Spark {} at {remote}", session.version());
        Ok(Self { session })
    }

    /// Applies the settings of a job and makes its views.
    ///
    /// # Errors
    /// Any error of the server.
    pub(super) fn prepare(&mut self, job: &Job) -> anyhow::Result<()> {
        self.session.set(&borrowed(&job.settings))?;
        for view in &job.views {
            let name = &view.name;
            match &view.empty {
                Some(select) => self.session.view_of_query(name, select)?,
                None => {
                    let files = Files {
                        format: "parquet",
                        schema: Some(&view.schema),
                        paths: &view.paths,
                        options: &[],
                    };
                    self.session.view_of_files(name, &files)?;
                }
            }
        }
        Ok(())
    }

    /// Has the rows of a model written.
    ///
    /// # Errors
    /// Any error of the server.
    pub(super) fn write(&mut self, write: &Write, model: &Model) -> anyhow::Result<()> {
        let span = tracing::info_span!(
            "spark",
            model = model.name,
            tasks_total = Empty,
            tasks = Empty
        );
        let to = spark::Write {
            format: &write.format,
            path: &write.path,
            partition_by: &write.partition_by,
            options: &borrowed(&write.options),
        };
        self.session
            .write(&write.sql, &to, &mut |progress: Progress| {
                span.record("tasks_total", progress.tasks);
                span.record("tasks", progress.tasks_done);
            })
    }
}

fn borrowed(pairs: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
