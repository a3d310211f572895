//! Rows in the form of an answer: one JSON document, or lines of JSON.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use crate::media::chosen;
use crate::places::Place;
use crate::problem::Problem;

/// A form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowForm {
    /// A JSON document.
    Json,
    /// A line of JSON for each row.
    Lines,
}

/// The media types of answers. Requests may accept a form under several names.
const FORMS: [(&str, RowForm); 4] = [
    ("application/json", RowForm::Json),
    ("application/x-ndjson", RowForm::Lines),
    ("application/ndjson", RowForm::Lines),
    ("application/jsonl", RowForm::Lines),
];

impl RowForm {
    /// The form that a request accepts.
    ///
    /// # Errors
    /// A problem if it accepts none.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(FORMS[chosen(headers, &FORMS.map(|(name, _)| name))?].1)
    }

    /// The body with a page of rows.
    pub(crate) fn page(
        self,
        [dataset, table]: [&str; 2],
        rows: &[&str],
        next: Option<&str>,
    ) -> String {
        let text = |text: Option<&str>| serde_json::Value::from(text).to_string();
        match self {
            Self::Lines => rows.iter().map(|row| line(row)).collect(),
            Self::Json => format!(
                "{{\"dataset\":{},\"table\":{},\"rows\":[{}],\"next\":{}}}",
                text(Some(dataset)),
                text(Some(table)),
                rows.join(",\n"),
                text(next)
            ),
        }
    }

    /// The body with a single row.
    pub(crate) fn single(self, row: &str) -> String {
        match self {
            Self::Lines => line(row),
            Self::Json => row.to_owned(),
        }
    }

    /// An answer with a body, which keeps the part of a place that it needs until it is sent.
    pub(crate) fn answer(self, body: String, place: Place) -> Response<Body> {
        let mut answer = Response::new(Body::from(place.holding(body.into_bytes())));
        let media_type = match self {
            Self::Json => "application/json",
            Self::Lines => "application/x-ndjson",
        };
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        answer
    }
}

/// A row on one line. The JSON in a column of type `json` may have several lines, but no line breaks within its texts.
fn line(row: &str) -> String {
    row.replace(['\n', '\r'], " ") + "\n"
}
