//! Runs one plan to its end, even if connections break meanwhile.
//!
//! An execution lives on the server under a name that this client gave it. If the stream of its answers breaks, or the server or a
//! proxy ends it early, another stream goes on after the last answer that came. Only the answer `ResultComplete` means the end.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::client::{Client, Retries, uuid};
use crate::status::{DEADLINE_EXCEEDED, Status};
use crate::wire::{
    Command, CommandKind, Empty, ExecutePlan, Executed, ExecutedKind, ExecutionProgress,
    INTERRUPT_OPERATION, Interrupt, Plan, ReattachExecute, ReattachOptions, ReleaseExecute,
    RequestOption,
};

/// How long the server may take to accept the notice that an execution is to stop, or that its answers were all read.
const NOTICE: Duration = Duration::from_secs(10);
/// How long to wait between a stream that ended early and the next one, so that a server that ends each at once isn't asked all the
/// time.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a server may take to report its progress, and how often it may report that no task has begun, before the execution is
/// interrupted.
const BEGINNING: Duration = Duration::from_secs(3);
const BEGINNING_TRIES: u32 = 7;
/// How long an execution that was told to end may take to do so.
const ENDING: Duration = Duration::from_secs(30);

/// How far the server has come with a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tasks that are done, over all stages so far.
    pub tasks_done: u64,
    /// Tasks of all stages so far.
    pub tasks: u64,
    /// Bytes read from files.
    pub bytes_read: u64,
}

/// One plan and its execution.
pub(crate) struct Operation {
    id: String,
    command: CommandKind,
    /// Whether the server may have the execution.
    started: bool,
    last_response_id: Option<String>,
    /// Whether the server has begun with tasks of the execution.
    has_tasks: bool,
}

impl Operation {
    /// Prepares an execution; nothing is sent yet.
    pub(crate) fn new(command: CommandKind) -> Self {
        Self {
            id: uuid(),
            command,
            started: false,
            last_response_id: None,
            has_tasks: false,
        }
    }

    /// Runs the execution to its end.
    pub(crate) async fn run(
        &mut self,
        client: &mut Client,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Status> {
        let mut retries = Retries::default();
        let ended = loop {
            let seen = self.last_response_id.clone();
            let ended = self.follow(client, on_progress).await;
            if self.last_response_id != seen {
                retries = Retries::default();
            }
            match ended {
                Ok(true) => break Ok(()),
                // There is more to come on another stream. This may happen any number of times: a server without progress reports
                // ends each stream after minutes.
                Ok(false) => sleep(PAUSE).await,
                Err(status) if status.is("INVALID_HANDLE.OPERATION_ALREADY_EXISTS") => {
                    self.started = true;
                }
                // The execution never reached the server.
                Err(status)
                    if status.is("INVALID_HANDLE.OPERATION_NOT_FOUND")
                        && self.started
                        && self.last_response_id.is_none() =>
                {
                    self.started = false;
                    retries.wait_after(status).await?;
                }
                Err(status) if status.may_pass() => {
                    client.disconnect();
                    retries.wait_after(status).await?;
                }
                Err(status) => break Err(status),
            }
        };
        self.release(client).await;
        ended
    }

    /// Has the server end the execution, and waits until nothing of it goes on there.
    ///
    /// # Errors
    /// If the server cannot be told, or doesn't confirm within half a minute that the execution has ended.
    pub(crate) async fn interrupt(&mut self, client: &mut Client) -> Result<(), Status> {
        // A hanging connection may be the reason for the interrupt.
        client.disconnect();
        self.started = true;
        if !self.has_tasks {
            self.let_begin(client).await;
        }
        let interrupt = Interrupt {
            kind: INTERRUPT_OPERATION,
            operation_id: Some(self.id.clone()),
        };
        client
            .ask_within::<Empty>(NOTICE, "Interrupt", &interrupt)
            .await?;
        let ending = async {
            loop {
                match self.follow(client, &mut |_| {}).await {
                    Ok(false) => sleep(PAUSE).await,
                    Err(status) if status.may_pass() => return Err(status),
                    // The execution has ended, through this or before.
                    _ => return Ok(()),
                }
            }
        };
        let ended = timeout(ENDING, ending).await.unwrap_or_else(|_| {
            let message = format!("it goes on {} s later", ENDING.as_secs());
            Err(Status::new(DEADLINE_EXCEEDED, message))
        });
        self.release(client).await;
        ended
    }

    /// Waits a while, until an execution that is still being planned has tasks, or ends. If it is interrupted while it is being
    /// planned, Spark says that it has ended it, but then begins with its tasks all the same.
    async fn let_begin(&mut self, client: &mut Client) {
        let tasks = Cell::new(None);
        let mut on_progress = |progress: Progress| tasks.set(Some(progress.tasks));
        let mut following = pin!(self.follow(client, &mut on_progress));
        for _ in 0..BEGINNING_TRIES {
            let ended = timeout(BEGINNING, &mut following).await.is_ok();
            // Some servers don't report tasks.
            if ended || tasks.take() != Some(0) {
                return;
            }
        }
    }

    /// Follows one stream of answers to its end. Says whether the execution has ended too.
    async fn follow(
        &mut self,
        client: &mut Client,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<bool, Status> {
        let mut answers = if self.started {
            let request = self.reattach(client);
            client.send("ReattachExecute", &request).await?
        } else {
            let request = self.execute(client);
            // From here on the server may have the execution, even if no answer comes.
            self.started = true;
            client.send("ExecutePlan", &request).await?
        };
        while let Some(answer) = answers.next::<Executed>().await? {
            self.last_response_id = Some(answer.response_id);
            match answer.kind {
                Some(ExecutedKind::Complete(_)) => return Ok(true),
                Some(ExecutedKind::Progress(progress)) => {
                    let progress = Progress::from(progress);
                    self.has_tasks |= progress.tasks > 0;
                    on_progress(progress);
                }
                None => {}
            }
        }
        Ok(false)
    }

    fn execute(&self, client: &Client) -> ExecutePlan {
        let command = Command {
            kind: Some(self.command.clone()),
        };
        let reattach = ReattachOptions { reattachable: true };
        ExecutePlan {
            plan: Some(Plan {
                command: Some(command),
            }),
            client_type: Some("extrato".to_owned()),
            options: vec![RequestOption {
                reattach: Some(reattach),
            }],
            operation_id: Some(self.id.clone()),
            server_session_id: client.server_session_id.clone(),
        }
    }

    fn reattach(&self, client: &Client) -> ReattachExecute {
        ReattachExecute {
            operation_id: self.id.clone(),
            last_response_id: self.last_response_id.clone(),
            server_session_id: client.server_session_id.clone(),
        }
    }

    /// Lets the server discard its answers. If this call is lost, the server does it by itself some minutes later.
    async fn release(&self, client: &mut Client) {
        let release = ReleaseExecute {
            operation_id: self.id.clone(),
            all: Some(Empty {}),
        };
        let released = client
            .ask_within::<Empty>(NOTICE, "ReleaseExecute", &release)
            .await;
        if let Err(status) = released {
            tracing::debug!("Spark: ReleaseExecute: {}", status.message);
        }
    }
}

impl From<ExecutionProgress> for Progress {
    fn from(progress: ExecutionProgress) -> Self {
        let sum = |of: fn(&crate::wire::Stage) -> i64| {
            let stages = progress.stages.iter();
            stages.map(|stage| of(stage).max(0).unsigned_abs()).sum()
        };
        Self {
            tasks_done: sum(|stage| stage.tasks_done),
            tasks: sum(|stage| stage.tasks),
            bytes_read: sum(|stage| stage.bytes_read),
        }
    }
}
