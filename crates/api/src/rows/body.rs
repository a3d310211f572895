//! Reads the body of a request, within limits of bytes (both as they come and decompressed), rows and time.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;

use crate::options::Limits;
use crate::problem::Problem;
use crate::rows::count::{Form, RowCounter, too_many};

/// What the headers of a request say about its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyForm {
    pub(crate) form: Form,
    is_compressed: bool,
    /// The announced length, if there is one.
    length: Option<usize>,
}

impl BodyForm {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// A problem for a content type, an encoding or a length that is not accepted.
    pub(crate) fn of(headers: &HeaderMap, limits: &Limits) -> Result<Self, Problem> {
        let unsupported = |detail: String| {
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                detail,
            )
        };
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(given), None) = (types.next(), types.next()) else {
            return Err(unsupported(format!("give one Content-Type: {TAKEN}")));
        };
        let given = given.to_str().unwrap_or_default();
        let mut parts = given.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let form = match media_type.as_str() {
            "application/json" => Form::JsonArray,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Form::JsonLines,
            "text/csv" => Form::Csv,
            _ => {
                return Err(unsupported(format!(
                    "this Content-Type is not accepted: give {TAKEN}"
                )));
            }
        };
        let is_fine = |parameter: &str| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            let value = value.trim_matches('"');
            match &*name.to_ascii_lowercase() {
                // CSV may be in another encoding, if dataset.toml declares it for the table's files.
                "charset" => form == Form::Csv || value.eq_ignore_ascii_case("utf-8"),
                "header" => form == Form::Csv,
                _ => false,
            }
        };
        if let Some(other) = parts.find(|parameter| !parameter.is_empty() && !is_fine(parameter)) {
            let shown: String = other.chars().take(40).collect();
            return Err(unsupported(format!(
                "the parameter `{shown}` of Content-Type is not accepted: JSON is UTF-8"
            )));
        }
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        let is_compressed = match (
            encodings.next().map(|name| name.as_bytes()),
            encodings.next(),
        ) {
            (None, _) => false,
            (Some(name), None) if name.eq_ignore_ascii_case(b"identity") => false,
            (Some(name), None) if name.eq_ignore_ascii_case(b"gzip") => true,
            _ => {
                return Err(unsupported(
                    "this Content-Encoding is not accepted: send the body as it is, or as gzip"
                        .to_owned(),
                ));
            }
        };
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > limits.body_bytes) {
            return Err(too_long(limits.body_bytes));
        }
        Ok(Self {
            form,
            is_compressed,
            length,
        })
    }

    /// How many bytes of memory the body may take.
    pub(crate) fn most_bytes(self, limits: &Limits) -> usize {
        let announced = self.length.filter(|_| !self.is_compressed);
        announced.unwrap_or(limits.body_bytes)
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// A problem for a body that is too long, has too many rows, comes too slowly, breaks off, or is not gzip although it says so.
    pub(crate) async fn read(self, body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
        let reading = self.read_all(body, limits);
        let Ok(read) = tokio::time::timeout(limits.body, reading).await else {
            return Err(too_slow(limits.body));
        };
        read
    }

    async fn read_all(self, mut body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
        let mut counter = RowCounter::new(self.form);
        let mut counted = 0;
        let mut count = |bytes: &[u8]| {
            let rows = counter.add(&bytes[counted..]);
            counted = bytes.len();
            match rows > limits.rows {
                true => Err(too_many(limits.rows)),
                false => Ok(()),
            }
        };
        let mut received = 0;
        let mut plain = Vec::new();
        let mut decoder = self.is_compressed.then(|| {
            MultiGzDecoder::new(Bounded {
                bytes: Vec::new(),
                most: limits.body_bytes,
            })
        });
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Problem::bad(
                    "incomplete-body",
                    "the body broke off: nothing was inserted",
                )
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            received += data.len();
            if received > limits.body_bytes {
                return Err(too_long(limits.body_bytes));
            }
            match &mut decoder {
                None => {
                    plain.extend_from_slice(&data);
                    count(&plain)?;
                }
                Some(decoder) => {
                    decoder
                        .write_all(&data)
                        .map_err(|error| undecodable(&error, limits.body_bytes))?;
                    count(&decoder.get_ref().bytes)?;
                }
            }
        }
        let Some(decoder) = decoder else {
            return Ok(plain);
        };
        let decoded = decoder
            .finish()
            .map_err(|error| undecodable(&error, limits.body_bytes))?
            .bytes;
        count(&decoded)?;
        Ok(decoded)
    }
}

const TAKEN: &str = "application/json (an array of rows), application/x-ndjson or text/csv";

fn too_long(most: usize) -> Problem {
    Problem::too_large(format!(
        "the body has more than {most} bytes, perhaps once it is decompressed, and no more are allowed: send the rows \
         in several requests"
    ))
}

fn too_slow(time: Duration) -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "too-slow",
        format!(
            "the body did not come within {} seconds: nothing was inserted",
            time.as_secs()
        ),
    )
}

fn undecodable(error: &io::Error, most: usize) -> Problem {
    match error.kind() == io::ErrorKind::FileTooLarge {
        true => too_long(most),
        false => Problem::bad(
            "not-gzip",
            "the body is not the gzip that its headers say it is",
        ),
    }
}

/// Bytes that may grow up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
