//! One session on the server as the calls see it: its caller, its connection, and which calls are tried again.

use std::time::Duration;

use prost::Message;
use rand::RngExt;
use tokio::time::{sleep, timeout};

use crate::channel::{Answers, Channel};
use crate::remote::Remote;
use crate::status::{DEADLINE_EXCEEDED, INTERNAL, Status};
use crate::wire::{Caller, User};

/// Makes calls for one session over a connection that is reopened when it breaks.
pub(crate) struct Client {
    remote: Remote,
    channel: Option<Channel>,
    caller: Caller,
    /// The server's own name for the session. If the server has lost the session, it notices by this.
    pub(crate) server_session_id: Option<String>,
}

impl Client {
    /// Connects to a server, with a new session.
    pub(crate) async fn connect(remote: &Remote) -> Result<Self, Status> {
        let user = User {
            id: remote.user.clone(),
            name: remote.user.clone(),
        };
        Ok(Self {
            channel: Some(Channel::open(remote).await?),
            remote: remote.clone(),
            caller: Caller {
                session_id: uuid(),
                user: Some(user),
            },
            server_session_id: None,
        })
    }

    /// Sends a request and gives its answers as they come.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        request: &impl Message,
    ) -> Result<Answers, Status> {
        let mut message = self.caller.encode_to_vec();
        message.extend(request.encode_to_vec());
        // The channel is taken out, so that a connection that breaks, or whose call is given up, is not used again.
        let mut channel = match self.channel.take() {
            Some(channel) => channel,
            None => Channel::open(&self.remote).await?,
        };
        let sent = channel.send(method, &message).await;
        if !sent.as_ref().is_err_and(Status::may_pass) {
            self.channel = Some(channel);
        }
        sent
    }

    /// Drops the connection, so that the next call opens a new one.
    pub(crate) fn disconnect(&mut self) {
        self.channel = None;
    }

    /// Makes a call once, and gives its only answer.
    pub(crate) async fn ask<A: Message + Default>(
        &mut self,
        method: &str,
        request: &impl Message,
    ) -> Result<A, Status> {
        let mut answers = self.send(method, request).await?;
        let answer = answers.next().await;
        if answer.as_ref().is_err_and(Status::may_pass) {
            self.disconnect();
        }
        answer?.ok_or_else(|| Status::new(INTERNAL, format!("{method} has no answer")))
    }

    /// Makes a call once, and waits at most `limit` for the answer.
    pub(crate) async fn ask_within<A: Message + Default>(
        &mut self,
        limit: Duration,
        method: &str,
        request: &impl Message,
    ) -> Result<A, Status> {
        timeout(limit, self.ask(method, request))
            .await
            .unwrap_or_else(|_| {
                let message = format!("{method} had no answer within {} s", limit.as_secs());
                Err(Status::new(DEADLINE_EXCEEDED, message))
            })
    }

    /// Makes a call that may safely be repeated, again if the connection breaks.
    pub(crate) async fn ask_again<A: Message + Default>(
        &mut self,
        method: &str,
        request: &impl Message,
    ) -> Result<A, Status> {
        let mut retries = Retries::default();
        loop {
            match self.ask(method, request).await {
                Err(status) if status.may_pass() => retries.wait_after(status).await?,
                answered => return answered,
            }
        }
    }
}

/// Counts how often a call is tried again: up to eight times in three quarters of a minute.
#[derive(Default)]
pub(crate) struct Retries {
    done: u32,
}

impl Retries {
    /// Waits before the next try, longer each time. Gives the failure back if there were enough tries.
    pub(crate) async fn wait_after(&mut self, status: Status) -> Result<(), Status> {
        if self.done == 8 {
            return Err(status);
        }
        // After about a second, so that a short break is no news.
        match self.done {
            3 => tracing::warn!("Spark: {}; trying again for 45 s", status.message),
            done => tracing::debug!(retries = done, "Spark: {}", status.message),
        }
        sleep(Duration::from_millis((50 << (2 * self.done)).min(10_000))).await;
        self.done += 1;
        Ok(())
    }
}

/// A random UUID, version 4.
pub(crate) fn uuid() -> String {
    let bits = rand::rng().random::<u128>() & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}
