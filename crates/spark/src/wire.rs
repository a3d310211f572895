//! The messages of Spark Connect that a job needs, by hand: a message names only the fields that are used, since protobuf skips
//! those that it doesn't know.
//!
//! Tags are those of `base.proto`, `commands.proto` and `relations.proto` of Spark 4.3, which 4.0 has too; those of errors are of
//! `google/rpc/status.proto` and `error_details.proto`. Every request begins with the fields of [`Caller`], which are encoded
//! apart: protobuf merges what follows each other.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// What every request begins with.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Caller {
    #[prost(string, tag = "1")]
    pub(crate) session_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) user: Option<User>,
}

/// The user whose session it is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct User {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

/// A message without a field that is used.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Empty {}

// Plans.

/// What is to be executed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Plan {
    #[prost(message, optional, tag = "2")]
    pub(crate) command: Option<Command>,
}

/// A plan that is executed for its effect.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Command {
    #[prost(oneof = "CommandKind", tags = "2, 3")]
    pub(crate) kind: Option<CommandKind>,
}

/// The commands that are used.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum CommandKind {
    #[prost(message, tag = "2")]
    Write(WriteOperation),
    #[prost(message, tag = "3")]
    View(CreateView),
}

/// `CreateDataFrameViewCommand`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateView {
    #[prost(message, optional, tag = "1")]
    pub(crate) input: Option<Relation>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(bool, tag = "4")]
    pub(crate) replace: bool,
}

/// `WriteOperation`, into a path.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteOperation {
    #[prost(message, optional, tag = "1")]
    pub(crate) input: Option<Relation>,
    #[prost(string, optional, tag = "2")]
    pub(crate) format: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) path: Option<String>,
    #[prost(int32, tag = "5")]
    pub(crate) mode: i32,
    #[prost(string, repeated, tag = "7")]
    pub(crate) partition_by: Vec<String>,
    #[prost(btree_map = "string, string", tag = "9")]
    pub(crate) options: BTreeMap<String, String>,
}

/// `SAVE_MODE_OVERWRITE`.
pub(crate) const OVERWRITE: i32 = 2;

/// Rows: of files, or of a SELECT.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Relation {
    #[prost(oneof = "RelationKind", tags = "2, 10")]
    pub(crate) kind: Option<RelationKind>,
}

/// The relations that are used.
#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum RelationKind {
    #[prost(message, tag = "2")]
    Read(Read),
    #[prost(message, tag = "10")]
    Sql(Sql),
}

/// Reading a data source.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Read {
    #[prost(message, optional, tag = "2")]
    pub(crate) source: Option<DataSource>,
}

/// Files of one format.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DataSource {
    #[prost(string, optional, tag = "1")]
    pub(crate) format: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) schema: Option<String>,
    #[prost(btree_map = "string, string", tag = "3")]
    pub(crate) options: BTreeMap<String, String>,
    #[prost(string, repeated, tag = "4")]
    pub(crate) paths: Vec<String>,
}

/// The rows of a SELECT.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sql {
    #[prost(string, tag = "1")]
    pub(crate) query: String,
}

// Execution.

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

/// The option of a request that is used: whether its stream can be attached to again.
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

/// `ReleaseExecuteRequest`, of all that an operation answered.
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

/// What an execution tells that is used.
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

/// `InterruptRequest`, of one operation.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Interrupt {
    #[prost(int32, tag = "4")]
    pub(crate) kind: i32,
    #[prost(string, optional, tag = "6")]
    pub(crate) operation_id: Option<String>,
}

/// `INTERRUPT_TYPE_OPERATION_ID`.
pub(crate) const INTERRUPT_OPERATION: i32 = 3;

// The session.

/// `ConfigRequest`, which sets.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Config {
    #[prost(message, optional, tag = "3")]
    pub(crate) operation: Option<ConfigOperation>,
}

/// The operation on settings that is used.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConfigOperation {
    #[prost(message, optional, tag = "1")]
    pub(crate) set: Option<Set>,
}

/// Settings to be set.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Set {
    #[prost(message, repeated, tag = "1")]
    pub(crate) pairs: Vec<Pair>,
}

/// A setting.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pair {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
}

/// `AnalyzePlanRequest`, which asks for the version.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AskVersion {
    #[prost(message, optional, tag = "10")]
    pub(crate) version: Option<Empty>,
}

/// `AnalyzePlanResponse`, which tells the version.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TellVersion {
    #[prost(message, optional, tag = "8")]
    pub(crate) version: Option<Version>,
    #[prost(string, tag = "15")]
    pub(crate) server_session_id: String,
}

/// A version.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Version {
    #[prost(string, tag = "1")]
    pub(crate) version: String,
}

// Errors.

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ErrorInfo {
    #[prost(btree_map = "string, string", tag = "3")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// `FetchErrorDetailsRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FetchErrorDetails {
    #[prost(string, tag = "3")]
    pub(crate) error_id: String,
}

/// `FetchErrorDetailsResponse`: an error and its causes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ErrorDetails {
    #[prost(int32, optional, tag = "1")]
    pub(crate) root: Option<i32>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) errors: Vec<ServerError>,
}

/// One of an error and its causes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerError {
    #[prost(string, repeated, tag = "1")]
    pub(crate) classes: Vec<String>,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(int32, optional, tag = "4")]
    pub(crate) cause: Option<i32>,
    #[prost(message, optional, tag = "5")]
    pub(crate) throwable: Option<SparkThrowable>,
}

/// What Spark knows about an error of its own.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SparkThrowable {
    #[prost(string, optional, tag = "1")]
    pub(crate) class: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) sql_state: Option<String>,
}
