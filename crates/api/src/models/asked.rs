//! What a request asks of models: values of parameters, a form, and a part of the rows.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Uri};
use dataset::Dataset;
use transform::Format;

use crate::media;
use crate::problem::Problem;
use crate::read::words::pairs;

/// How many rows a page of JSON has by default.
const ROWS_OF_PAGE: u64 = 1_000;
/// How many rows a page of JSON may have.
pub(crate) const MOST_ROWS: u64 = 100_000;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A page of rows as JSON.
    Json,
    /// All rows as lines of JSON.
    JsonLines,
    /// All rows as CSV.
    Csv,
    /// All rows as Parquet.
    Parquet,
}

impl Form {
    const ALL: [Self; 4] = [Self::Json, Self::JsonLines, Self::Csv, Self::Parquet];

    /// The form that a request prefers.
    ///
    /// # Errors
    /// 406 if it accepts none.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let offered = Self::ALL.map(Self::media_type);
        media::chosen(headers, &offered).map(|place| Self::ALL[place])
    }

    /// The form's media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The format of the files that the form is made from.
    pub(crate) fn files(self) -> Format {
        match self {
            Self::Json | Self::JsonLines => Format::JsonLines,
            Self::Csv => Format::Csv,
            Self::Parquet => Format::Parquet,
        }
    }
}

/// The part of a model's rows that a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    limit: Option<u64>,
    offset: Option<u64>,
    /// The tag of the output that the previous page was taken from.
    pub(crate) version: Option<String>,
}

impl Page {
    /// How many rows are asked for.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.unwrap_or(ROWS_OF_PAGE)
    }

    /// How many rows come before those that are asked for.
    pub(crate) fn offset(&self) -> u64 {
        self.offset.unwrap_or(0)
    }

    /// Whether the request asks for anything that applies only to pages.
    pub(crate) fn is_asked(&self) -> bool {
        *self != Self::default()
    }
}

/// The part and the values of parameters in the query of a request.
///
/// # Errors
/// 400 for anything that is given twice, and for a part that cannot exist.
pub(crate) fn query(uri: &Uri) -> Result<(Page, BTreeMap<String, String>), Problem> {
    let bad = |detail: String| Err(Problem::bad("bad-query", detail));
    let (mut page, mut values) = (Page::default(), BTreeMap::new());
    for pair in pairs(uri) {
        let (_, name, value) = pair?;
        if values.insert(name.clone(), value).is_some() {
            return bad(format!("`{name}` is given twice"));
        }
    }
    let number = |name: &str, text: String, most: u64| match text.parse() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(Problem::bad(
            "bad-query",
            format!("`{name}` is not a whole number of at most {most}"),
        )),
    };
    if let Some(limit) = values.remove("limit") {
        page.limit = match number("limit", limit, MOST_ROWS)? {
            0 => return bad("`limit` is 0: ask for at least one row".to_owned()),
            limit => Some(limit),
        };
    }
    if let Some(offset) = values.remove("offset") {
        page.offset = Some(number("offset", offset, u64::MAX)?);
    }
    page.version = values.remove("version");
    let is_tag = |text: &String| {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == 32 && text.bytes().all(is_digit)
    };
    if !page.version.as_ref().is_none_or(is_tag) {
        return bad("`version` is not from the `next` of an answer".to_owned());
    }
    Ok((page, values))
}

/// Sets values of parameters in the models of a dataset that are run.
///
/// # Errors
/// 400 with what is wrong about the values.
pub(crate) fn choose(
    dataset: &mut Dataset,
    values: BTreeMap<String, String>,
) -> Result<(), Problem> {
    let values: Vec<_> = values.into_iter().collect();
    let chosen = dataset.set_parameters(&values);
    chosen.map_err(|error| Problem::bad("bad-query", format!("{error:#}")))
}
