//! The limit of writing into a bucket: curl sends the same files with PUT, each in one request and nothing more.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use super::job::{Job, Layout};
use super::target::{Kind, Target};
use crate::place;
use crate::program;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// How many requests are sent at once: as many as extrato sends.
const AT_ONCE: usize = 32;

/// curl, sending the files that `extrato transform` wrote into a folder.
pub(super) struct Puts {
    layout: Layout,
    job: Job,
    files: Option<(Target, Vec<PathBuf>)>,
    version: Option<String>,
}

impl Puts {
    pub(super) fn new(layout: Layout, job: &Job) -> Self {
        Self {
            layout,
            job: job.clone(),
            files: None,
            version: None,
        }
    }
}

impl Way for Puts {
    fn lines(&self) -> Vec<Line> {
        let label = match self.layout {
            Layout::Many => format!("curl, bare PUTs, {AT_ONCE} at once"),
            Layout::One => "curl, one bare PUT".to_owned(),
        };
        vec![Line::new(label).of(self.layout.part(), Role::Limit)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let told = program::output(Command::new("curl").arg("--version"))?;
        self.version = told.split(" (").next().map(str::to_owned);
        let folder = Target::fresh(Kind::Folder, &self.job.place)?;
        self.job.transform(self.layout, &folder, server)?;
        let root = PathBuf::from(folder.url());
        let files = place::files(&root)?.into_iter();
        let files = files.filter(|file| file.path.extension() == Some("csv".as_ref()));
        let files = files.map(|file| root.join(file.path)).collect();
        self.files = Some((folder, files));
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let (_, files) = self.files.as_ref().context("not prepared")?;
        let target = Target::fresh(Kind::Bucket, &self.job.place)?;
        let list = server.folder().join("puts");
        fs::write(&list, requests(&target, files)?)?;
        let mut command = Command::new("curl");
        // This option must come first, or curl reads the user's settings.
        command.args(["--disable", "--config"]).arg(&list);
        let done = self.job.run(&mut command, &target, server)?;
        Ok(vec![self.job.sample(&target, &done)?])
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        let note = "`--parallel`, each PUT signed by `--aws-sigv4`, into keys that are numbers";
        match self.layout {
            Layout::Many => Some(format!("{}: {note}", self.version.as_ref()?)),
            Layout::One => None,
        }
    }
}

/// The requests for curl, in the form of its configuration.
fn requests(target: &Target, files: &[PathBuf]) -> anyhow::Result<String> {
    let Target::Bucket(bucket) = target else {
        anyhow::bail!("a folder takes no requests");
    };
    let variables = bucket.variables();
    let variable = |name: &str| {
        let found = variables.iter().find(|(of, _)| of == name);
        let (_, value) = found.with_context(|| format!("the bucket has no {name}"))?;
        anyhow::Ok(value.as_str())
    };
    let mut text = format!(
        "no-progress-meter\nfail\nparallel\nparallel-max = {AT_ONCE}\naws-sigv4 = \"aws:amz:{}:s3\"\nuser = \"{}:{}\"\n",
        variable("AWS_REGION")?,
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
    );
    let (endpoint, name) = (variable("AWS_ENDPOINT_URL")?, bucket.name());
    for (number, file) in files.iter().enumerate() {
        let file = file.display();
        text += &format!("upload-file = \"{file}\"\nurl = \"{endpoint}/{name}/{number}.csv\"\n");
    }
    Ok(text)
}
