//! Our own: `extrato load` of files in a folder and in a bucket, plain and compressed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;
use testkit::Bucket;

use super::job::LOAD;
use super::target::{Kind, connect, fresh_bucket};
use crate::load::files::Files;
use crate::load::measure::loaded;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::{SCHEMA, Server};
use crate::{child, program};

/// The same files in folders and in a bucket.
pub(super) struct Sources {
    pub(super) files: Files,
    compressed: PathBuf,
    bucket: Bucket,
}

impl Sources {
    /// Compresses the files into another folder, and puts both kinds into a bucket.
    pub(super) fn make(files: Files, server: &Server) -> anyhow::Result<Self> {
        let compressed = server.folder().join("gz");
        fs::create_dir(&compressed)?;
        let mut gzip = Command::new("gzip");
        for table in &files.tables {
            let copy = compressed.join(format!("{}.csv", table.name));
            fs::copy(files.folder.join(format!("{}.csv", table.name)), &copy)?;
            gzip.arg(copy);
        }
        program::output(&mut gzip)?;
        let sources = Self {
            files,
            compressed,
            bucket: fresh_bucket(),
        };
        for is_compressed in [false, true] {
            let (folder, prefix) = (sources.folder(is_compressed), prefix(is_compressed));
            for name in sources.names(is_compressed) {
                let bytes = fs::read(folder.join(&name))?;
                sources.bucket.put(&format!("{prefix}/{name}"), &bytes);
            }
        }
        Ok(sources)
    }

    /// The place of the files, as an argument.
    pub(super) fn url(&self, is_compressed: bool, kind: Kind) -> String {
        match kind {
            Kind::Folder => self.folder(is_compressed).display().to_string(),
            Kind::Bucket => format!("{}/{}", self.bucket.url(), prefix(is_compressed)),
        }
    }

    /// Makes a program use only the bucket's server.
    pub(super) fn connect_program(&self, command: &mut Command) {
        connect(&self.bucket, command);
    }

    /// The measurement of a way that read all files, with their number and size added.
    pub(super) fn sample(&self, is_compressed: bool, of: Sample) -> anyhow::Result<Sample> {
        let names = self.names(is_compressed);
        let mut bytes = 0;
        for name in &names {
            bytes += fs::metadata(self.folder(is_compressed).join(name))?.len();
        }
        Ok(Sample {
            bytes: Some(bytes),
            files: Some(names.len() as u64),
            ..of
        })
    }

    fn folder(&self, is_compressed: bool) -> &Path {
        match is_compressed {
            true => &self.compressed,
            false => &self.files.folder,
        }
    }

    fn names(&self, is_compressed: bool) -> Vec<String> {
        let tables = self.files.tables.iter();
        tables
            .map(|table| format!("{}{}", table.name, ending(is_compressed)))
            .collect()
    }
}

/// The ending of the files' names.
pub(super) fn ending(is_compressed: bool) -> &'static str {
    match is_compressed {
        true => ".csv.gz",
        false => ".csv",
    }
}

fn prefix(is_compressed: bool) -> &'static str {
    match is_compressed {
        true => "gz",
        false => "plain",
    }
}

/// The name in a line of a job with such files.
pub(super) fn called(name: &str, is_compressed: bool) -> String {
    match is_compressed {
        true => format!("{name} of .gz"),
        false => name.to_owned(),
    }
}

/// `extrato load` from one kind of place.
pub(super) struct Load {
    is_compressed: bool,
    kind: Kind,
    sources: Rc<Sources>,
}

impl Load {
    pub(super) fn new(is_compressed: bool, kind: Kind, sources: &Rc<Sources>) -> Self {
        Self {
            is_compressed,
            kind,
            sources: Rc::clone(sources),
        }
    }
}

impl Way for Load {
    fn lines(&self) -> Vec<Line> {
        let name = called("extrato load", self.is_compressed);
        vec![self.kind.line(&name, LOAD, Role::Ours)]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        server.clear()?;
        let rejects = TempDir::new_in(server.folder())?;
        let Sources { files, .. } = &*self.sources;
        let mut command = program::extrato()?;
        command.args(["load", "--schema", SCHEMA, "--dataset", &files.dataset.name]);
        command.args(["--from", &self.sources.url(self.is_compressed, self.kind)]);
        command.arg("--rejects").arg(rejects.path());
        server.connect_program(&mut command);
        self.sources.connect_program(&mut command);
        let done = child::run(&mut command, None, Duration::MAX, server.cancel())?;
        let sample = loaded(server, files, &done)?;
        Ok(vec![self.sources.sample(self.is_compressed, sample)?])
    }

    fn essential(&self) -> bool {
        true
    }
}
