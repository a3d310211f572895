//! Plans: a command, and the rows that it works on.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// The plan to execute.
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

/// Rows that come from files or from a SELECT.
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

/// Files of one format, as a source of rows.
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
