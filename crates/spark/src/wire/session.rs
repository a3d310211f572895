//! The messages of a session: the caller, settings and the server's version.

use prost::Message;

use super::execution::Empty;

/// The fields that every request begins with.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Caller {
    #[prost(string, tag = "1")]
    pub(crate) session_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) user: Option<User>,
}

/// The user who owns the session.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct User {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

/// `ConfigRequest`, to change settings.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Config {
    #[prost(message, optional, tag = "3")]
    pub(crate) operation: Option<ConfigOperation>,
}

/// The one operation on settings that is used.
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
