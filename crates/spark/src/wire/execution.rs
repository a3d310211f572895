//! The messages that run a plan, follow it and end it.

use prost::{Message, Oneof};

use super::plan::Plan;

/// A message none of whose fields is used.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Empty {}

/// `ExecutePlanRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExecutePlan {
    #[prost(message, optional, tag = "3")]
    pub(crate) plan: Option<Plan>,
    #[prost(string, optional, tag = "4")]
    pub(crate) client_type: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) options: Vec<RequestOption>,
    #[prost(string, optional, tag = "6")]
    pub(crate) operation_id: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub(crate) server_session_id: Option<String>,
}

/// The one option of a request that is used: whether a new stream can be attached to the execution.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RequestOption {
    #[prost(message, optional, tag = "1")]
    pub(crate) reattach: Option<ReattachOptions>,
}

/// `ReattachOptions`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ReattachOptions {
    #[prost(bool, tag = "1")]
    pub(crate) reattachable: bool,
}

/// `ReattachExecuteRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReattachExecute {
    #[prost(string, tag = "3")]
    pub(crate) operation_id: String,
    #[prost(string, optional, tag = "5")]
    pub(crate) last_response_id: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) server_session_id: Option<String>,
}

/// `ReleaseExecuteRequest`, for all answers of an operation.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReleaseExecute {
    #[prost(string, tag = "3")]
    pub(crate) operation_id: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) all: Option<Empty>,
}

/// `ExecutePlanResponse`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Executed {
    #[prost(string, tag = "13")]
    pub(crate) response_id: String,
    #[prost(oneof = "ExecutedKind", tags = "14, 18")]
    pub(crate) kind: Option<ExecutedKind>,
}

/// The kinds of answer that are used.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum ExecutedKind {
    #[prost(message, tag = "14")]
    Complete(Empty),
    #[prost(message, tag = "18")]
    Progress(ExecutionProgress),
}

/// How far an execution has come.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExecutionProgress {
    #[prost(message, repeated, tag = "1")]
    pub(crate) stages: Vec<Stage>,
}

/// A stage of an execution.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Stage {
    #[prost(int64, tag = "2")]
    pub(crate) tasks: i64,
    #[prost(int64, tag = "3")]
    pub(crate) tasks_done: i64,
    #[prost(int64, tag = "4")]
    pub(crate) bytes_read: i64,
}

/// `InterruptRequest`, for one operation.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Interrupt {
    #[prost(int32, tag = "4")]
    pub(crate) kind: i32,
    #[prost(string, optional, tag = "6")]
    pub(crate) operation_id: Option<String>,
}

/// `INTERRUPT_TYPE_OPERATION_ID`.
pub(crate) const INTERRUPT_OPERATION: i32 = 3;
