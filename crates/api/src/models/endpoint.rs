//! `GET /v1/{dataset}/models/{model}` and `GET /report/{dataset}`, from the request to the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::around::RequestId;
use crate::keys::Right;
use crate::models::asked::{Form, Page, choose, query};
use crate::models::compute::ServedModels;
use crate::models::lines;
use crate::models::output::Output;
use crate::places::Place;
use crate::problem::Problem;
use crate::read::words::encoded;
use crate::shared::Shared;

const HTML: &str = "text/html; charset=utf-8";
const SNAPSHOT: HeaderName = HeaderName::from_static("extrato-snapshot");
const ROWS: HeaderName = HeaderName::from_static("extrato-rows");

/// `GET /v1/{dataset}/models/{model}`
pub(crate) async fn model(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let answered = async {
        let Path((dataset, model)) = path.map_err(|_| unknown())?;
        given(&shared, &caller, &dataset, &model, &uri, &headers).await
    };
    answered
        .await
        .unwrap_or_else(|problem: Problem| problem.answer(&id.0))
}

/// `GET /report/{dataset}`
pub(crate) async fn report(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let answered = async {
        let Path(dataset) = path.map_err(|_| unknown())?;
        let served = served(&shared, &caller, &dataset)?;
        let (page, values) = query(&uri)?;
        if page.is_asked() {
            let detail = "a report is only given whole: leave out limit, offset and version";
            return Err(Problem::bad("bad-query", detail));
        }
        let mut dataset = served.dataset(None).ok_or_else(unknown)?;
        choose(&mut dataset, values)?;
        let output = shared.models.report(dataset).await?;
        if is_known(&headers, &output, HTML) {
            return Ok(not_modified(&output, HTML));
        }
        let mut answer = whole(&output, HTML)?;
        let headers = answer.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(report::policy()) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Ok(answer)
    };
    answered
        .await
        .unwrap_or_else(|problem: Problem| problem.answer(&id.0))
}

fn unknown() -> Problem {
    Problem::not_found("there is no model of this name in a dataset of this name")
}

fn served<'a>(
    shared: &'a Shared,
    caller: &Caller,
    dataset: &str,
) -> Result<&'a ServedModels, Problem> {
    caller.check(dataset, Right::Read)?;
    shared.models.datasets.get(dataset).ok_or_else(unknown)
}

async fn given(
    shared: &Shared,
    caller: &Caller,
    dataset: &str,
    model: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let served = served(shared, caller, dataset)?;
    let mut dataset = served.dataset(Some(model)).ok_or_else(unknown)?;
    let form = Form::of(headers)?;
    let (page, values) = query(uri)?;
    if page.is_asked() && form != Form::Json {
        return Err(Problem::bad(
            "bad-query",
            "limit, offset and version are for JSON: in other forms all rows are given",
        ));
    }
    choose(&mut dataset, values)?;
    let parameters = dataset.parameters().into_iter();
    let parameters = parameters.map(|(name, of)| (name.to_owned(), of.value.clone()));
    let parameters: BTreeMap<String, String> = parameters.collect();
    let about = json!({ "dataset": dataset.name, "model": model });
    let output = shared
        .models
        .model(dataset, form.files(), page.version.as_deref())
        .await?;
    if is_known(headers, &output, form.media_type()) {
        return Ok(not_modified(&output, form.media_type()));
    }
    if form == Form::Json {
        let place = shared
            .places
            .take(lines::MOST_BYTES, shared.limits.queue)
            .await?;
        return listed(about, &output, &page, &parameters, uri.path(), place);
    }
    let mut answer = whole(&output, form.media_type())?;
    let name = format!("attachment; filename=\"{model}.{}\"", form.files());
    if let Ok(name) = HeaderValue::from_str(&name) {
        answer
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(answer)
}

/// An answer with a page of rows.
fn listed(
    about: Value,
    output: &Output,
    page: &Page,
    parameters: &BTreeMap<String, String>,
    path: &str,
    place: Place,
) -> Result<Response<Body>, Problem> {
    let (offset, limit) = (page.offset(), page.limit());
    let read = || lines::listed(&output.path, &output.marks, offset, limit);
    let (rows, count) = tokio::task::block_in_place(read).map_err(|error| {
        tracing::error!("{}: {error}", output.path.display());
        Problem::internal()
    })?;
    let behind = offset.saturating_add(count);
    let next = (count > 0 && behind < output.rows).then(|| {
        let chosen = parameters.iter();
        let chosen = chosen.map(|(name, value)| format!("{}={}&", encoded(name), encoded(value)));
        let chosen: String = chosen.collect();
        format!(
            "{path}?{chosen}limit={limit}&offset={behind}&version={}",
            output.tag
        )
    });
    let told = json!({
        "parameters": parameters,
        "run": output.run,
        "snapshot": output.snapshot,
        "columns": output.columns,
        "total": output.rows,
        "offset": offset,
        "next": next,
    });
    let text = |value: &Value| value.to_string();
    let (about, told) = (text(&about), text(&told));
    // Rows are copied as they were written, so that numbers keep their digits.
    let mut body = Vec::with_capacity(about.len() + told.len() + rows.len() + 16);
    body.extend_from_slice(&about.as_bytes()[..about.len() - 1]);
    body.push(b',');
    body.extend_from_slice(&told.as_bytes()[1..told.len() - 1]);
    body.extend_from_slice(b",\"rows\":[");
    body.extend_from_slice(&rows);
    body.extend_from_slice(b"]}");
    let mut answer = Response::new(Body::from(place.holding(body)));
    told_of(answer.headers_mut(), output, Form::Json.media_type());
    Ok(answer)
}

/// An answer with the whole output.
fn whole(output: &Output, media_type: &'static str) -> Result<Response<Body>, Problem> {
    let body = output.body().map_err(|error| {
        tracing::error!("{}: {error}", output.path.display());
        Problem::internal()
    })?;
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    told_of(headers, output, media_type);
    headers.insert(header::CONTENT_LENGTH, output.bytes.into());
    Ok(answer)
}

/// Whether the client already has the output.
fn is_known(headers: &HeaderMap, output: &Output, media_type: &str) -> bool {
    let etag = etag(output, media_type);
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    known.any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

fn not_modified(output: &Output, media_type: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    told_of(answer.headers_mut(), output, media_type);
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer
}

/// The ETag of an answer, which differs between all answers at an address: a page of JSON and a file of lines of JSON have
/// different ones.
fn etag(output: &Output, media_type: &str) -> String {
    let kind = if media_type == Form::Json.media_type() {
        "-json"
    } else {
        ""
    };
    format!("\"{}{kind}\"", output.tag)
}

/// Sets the headers of any answer with an output.
fn told_of(headers: &mut HeaderMap, output: &Output, media_type: &'static str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // Clients may keep the answer, if they ask each time whether it is still valid.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, authorization"),
    );
    headers.insert(ROWS, output.rows.into());
    for (name, value) in [
        (header::ETAG, etag(output, media_type)),
        (SNAPSHOT, output.snapshot.clone()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
