//! Our own: `extrato transform`, run as the program beside this one.

use super::job::{Job, Layout};
use super::target::{Kind, Target};
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// `extrato transform` with one layout into one kind of place.
pub(super) struct Transform {
    layout: Layout,
    kind: Kind,
    job: Job,
}

impl Transform {
    pub(super) fn new(layout: Layout, kind: Kind, job: &Job) -> Self {
        Self {
            layout,
            kind,
            job: job.clone(),
        }
    }
}

impl Way for Transform {
    fn lines(&self) -> Vec<Line> {
        vec![
            self.kind
                .line("extrato transform", self.layout.part(), Role::Ours),
        ]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let target = Target::fresh(self.kind, &self.job.place)?;
        let done = self.job.transform(self.layout, &target, server)?;
        Ok(vec![self.job.sample(&target, &done)?])
    }

    fn essential(&self) -> bool {
        true
    }
}
