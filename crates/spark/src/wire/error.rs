//! The messages in which a server describes its errors.

use std::collections::BTreeMap;

use prost::Message;

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

/// An error, or the cause of one.
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
