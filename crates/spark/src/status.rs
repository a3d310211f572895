//! How a call failed: gRPC's status, with the server's own details about the error.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use prost::Message;

use crate::wire::{ErrorInfo, RpcStatus};

/// The gRPC codes that this client tells apart.
pub(crate) const UNKNOWN: u16 = 2;
pub(crate) const INVALID_ARGUMENT: u16 = 3;
pub(crate) const DEADLINE_EXCEEDED: u16 = 4;
pub(crate) const PERMISSION_DENIED: u16 = 7;
pub(crate) const UNIMPLEMENTED: u16 = 12;
pub(crate) const INTERNAL: u16 = 13;
pub(crate) const UNAVAILABLE: u16 = 14;
pub(crate) const UNAUTHENTICATED: u16 = 16;

/// Some servers leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) message: String,
    /// The contents of `google.rpc.ErrorInfo`: `errorClass`, `sqlState`, `errorId` and more.
    pub(crate) info: BTreeMap<String, String>,
    /// Whether the server itself says that the same call may succeed later.
    asks_to_retry: bool,
}

impl Status {
    /// A status that the client itself makes.
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            info: BTreeMap::new(),
            asks_to_retry: false,
        }
    }

    /// The status of a connection that broke, or that could not be made.
    pub(crate) fn broken(error: impl std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.ends_with(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self::new(UNAVAILABLE, message)
    }

    /// Reads the status from the last headers of an answer. `None` if they say that the call succeeded.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?.to_str().ok();
        let code = code.and_then(|code| code.parse().ok()).unwrap_or(UNKNOWN);
        if code == 0 {
            return None;
        }
        let message = headers.get("grpc-message").map(|message| {
            let decoded = percent_decode(message.as_bytes());
            decoded.decode_utf8_lossy().into_owned()
        });
        let mut status = Self::new(code, message.unwrap_or_default());
        let details = headers
            .get("grpc-status-details-bin")
            .and_then(|details| BASE64.decode(details).ok())
            .and_then(|details| RpcStatus::decode(details.as_slice()).ok());
        for detail in details.map(|status| status.details).unwrap_or_default() {
            if detail.type_url.ends_with("/google.rpc.ErrorInfo")
                && let Ok(info) = ErrorInfo::decode(detail.value.as_slice())
            {
                status.info = info.metadata;
            }
            status.asks_to_retry |= detail.type_url.ends_with("/google.rpc.RetryInfo");
        }
        Some(status)
    }

    /// The status for an HTTP error, which something in front of the server sends.
    pub(crate) fn of_http(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 => UNIMPLEMENTED,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        Self::new(code, format!("HTTP status {status}"))
    }

    /// Whether the same call may succeed on another try.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.code, UNAVAILABLE | DEADLINE_EXCEEDED)
            || self.asks_to_retry
            // Another stream has taken this one's place.
            || self.code == INTERNAL && self.is("INVALID_CURSOR.DISCONNECTED")
    }

    /// Whether this is an error whose Spark class begins with `class`, as `INVALID_HANDLE.OPERATION_NOT_FOUND`.
    pub(crate) fn is(&self, class: &str) -> bool {
        let named = self.info.get("errorClass");
        named.is_some_and(|named| named.starts_with(class))
            || self.message.contains(&format!("[{class}"))
    }
}
