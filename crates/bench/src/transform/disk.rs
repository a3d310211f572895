//! The limit of writing: a bare loop that creates the same folders, and files of the same sizes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::Context;

use super::job::Job;
use super::ours::{self, Layout};
use crate::place::{self, Written};
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// How many bytes are written at a time; their values don't matter.
const BLOCK_BYTES: usize = 1 << 20;

/// What is written, in a process of its own.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DiskArgs {
    /// A file with a line for each file to write: its bytes, a space, its path
    #[arg(long)]
    list: PathBuf,

    /// The folder to write into
    #[arg(long)]
    into: PathBuf,

    /// Threads that write at once
    #[arg(long)]
    threads: usize,
}

/// Writes all files.
pub(crate) fn run(arguments: &DiskArgs) -> anyhow::Result<()> {
    let files = parse(&fs::read_to_string(&arguments.list)?)?;
    let share = files.len().div_ceil(arguments.threads).max(1);
    thread::scope(|scope| {
        let writers: Vec<_> = files
            .chunks(share)
            .map(|files| scope.spawn(|| write(files, &arguments.into)))
            .collect();
        writers.into_iter().try_for_each(|writer| {
            let written = writer.join();
            written.unwrap_or_else(|_| Err(anyhow::anyhow!("a writer panicked")))
        })
    })
}

fn write(files: &[Written], folder: &Path) -> anyhow::Result<()> {
    let block = vec![b'x'; BLOCK_BYTES];
    for file in files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut target = File::create(&path).with_context(|| path.display().to_string())?;
        let mut left = file.bytes as usize;
        while left > 0 {
            let now = left.min(BLOCK_BYTES);
            target.write_all(&block[..now])?;
            left -= now;
        }
    }
    Ok(())
}

fn listing(files: &[Written]) -> String {
    files
        .iter()
        .map(|file| format!("{} {}\n", file.bytes, file.path.display()))
        .collect()
}

fn parse(listing: &str) -> anyhow::Result<Vec<Written>> {
    listing
        .lines()
        .map(|line| {
            let (bytes, path) = line.split_once(' ').context("no path")?;
            Ok(Written {
                path: path.into(),
                bytes: bytes.parse()?,
            })
        })
        .collect()
}

/// The bare loop with a fixed number of threads.
pub(super) struct Disk {
    pub(super) layout: Layout,
    pub(super) threads: usize,
    pub(super) job: Job,
    list: PathBuf,
    bytes: u64,
}

impl Disk {
    pub(super) fn new(layout: Layout, threads: usize, job: Job) -> Self {
        Self {
            layout,
            threads,
            job,
            list: PathBuf::new(),
            bytes: 0,
        }
    }
}

impl Way for Disk {
    fn lines(&self) -> Vec<Line> {
        let label = match (self.layout, self.threads) {
            (Layout::Single, _) => "bare write of the file".to_owned(),
            (Layout::Folders, 1) => "bare write of the files, 1 thread".to_owned(),
            (Layout::Folders, more) => format!("bare write of the files, {more} threads"),
        };
        vec![Line::new(label).of(self.layout.part(), Role::Limit)]
    }

    /// Lets `extrato transform` write the files once, to know their names and sizes.
    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let folder = self.job.place.fresh()?;
        let mut command = ours::command(server, self.layout, folder.path())?;
        self.job.run(&mut command, None, server)?;
        let files = place::files(folder.path())?;
        self.bytes = files.iter().map(|file| file.bytes).sum();
        // Each way has its own list, since the manifests of two runs differ in length.
        let name = format!("{:?}-{}", self.layout, self.threads);
        self.list = server.folder().join(name);
        fs::write(&self.list, listing(&files))?;
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.job.place.fresh()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare-write", "--threads", &self.threads.to_string()]);
        command.arg("--list").arg(&self.list);
        command.arg("--into").arg(folder.path());
        let done = self.job.run(&mut command, None, server)?;
        let files = place::files(folder.path())?;
        let bytes = files.iter().map(|file| file.bytes).sum();
        anyhow::ensure!(
            bytes == self.bytes,
            "{bytes} bytes were written instead of {}",
            self.bytes
        );
        Ok(vec![Sample {
            seconds: done.seconds,
            rows: self.job.rows,
            bytes: Some(bytes),
            usage: Some(done.usage),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_written() {
        let written = |path: &str, bytes| Written {
            path: path.into(),
            bytes,
        };
        let files = [
            written("a/k=1/part 0.csv", 3),
            written("b.csv", BLOCK_BYTES as u64 + 1),
        ];
        assert_eq!(parse(&listing(&files)).expect("a listing"), files);
        let folder = tempfile::tempdir().expect("a folder");
        write(&files, folder.path()).expect("it is written");
        assert_eq!(place::files(folder.path()).expect("readable"), files);
    }
}
