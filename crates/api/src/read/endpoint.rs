//! `GET /v1/{dataset}/{table}` and `GET /v1/{dataset}/{table}/{key}`, from the request to the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, Response, Uri, header};

use crate::access::Caller;
use crate::around::RequestId;
use crate::keys::Right;
use crate::places::Place;
use crate::problem::{self, Problem};
use crate::read::answer::RowForm;
use crate::read::condition::{Condition, Test};
use crate::read::cursor::Cursor;
use crate::read::fetch::{Found, fetch};
use crate::read::query::{Asked, posted, selected};
use crate::read::statement::Reading;
use crate::read::words::{decoded, decoded_segment};
use crate::served::Served;
use crate::shared::Shared;
use crate::table::ServedTable;

/// `GET /v1/{dataset}/{table}`
pub(crate) async fn rows(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let page = page(&shared, &caller, path, &uri, &headers).await;
    page.unwrap_or_else(|problem| problem.answer(&id.0))
}

/// `GET /v1/{dataset}/{table}/{key}`
pub(crate) async fn row(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let path = path.map(|Path((dataset, table, _))| Path((dataset, table)));
    let single = single(&shared, &caller, path, &uri, &headers).await;
    single.unwrap_or_else(|problem| problem.answer(&id.0))
}

async fn page(
    shared: &Arc<Shared>,
    caller: &Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let (dataset, name, served) = shared.table(path, caller, Right::Read)?;
    let table = served.now();
    let form = RowForm::of(headers)?;
    let asked = Asked::of(uri, &table.read)?;
    let (found, place) = found(shared, caller, (served, &table), &asked).await?;
    let rows: Vec<&str> = found
        .rows
        .iter()
        .map(|row| row.json())
        .take(asked.limit)
        .collect();
    let next = match found.rows.get(rows.len().wrapping_sub(1)) {
        Some(last) if rows.len() < found.count => {
            if table.read.key.is_empty() {
                return Err(Problem::bad(
                    "no-next-page",
                    format!(
                        "there are more rows than the answer holds, and {} has no key to continue by: ask for fewer \
                         by conditions, or for more by limit",
                        table.name()
                    ),
                ));
            }
            let cursor = Cursor(last.behind()).text(&asked.order, &table.read)?;
            Some(format!("{}?{}after={cursor}", uri.path(), asked.same))
        }
        _ => None,
    };
    let body = form.page([&dataset, &name], &rows, next.as_deref());
    let mut answer = form.answer(body, place);
    if let Some(next) = next
        && let Ok(link) = HeaderValue::from_str(&format!("<{next}>; rel=\"next\""))
    {
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

async fn single(
    shared: &Arc<Shared>,
    caller: &Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let (_, _, served) = shared.table(path, caller, Right::Read)?;
    let table = served.now();
    let form = RowForm::of(headers)?;
    let asked = one(uri, &table)?;
    let (found, place) = found(shared, caller, (served, &table), &asked).await?;
    let row = found
        .rows
        .first()
        .ok_or_else(|| Problem::not_found(format!("{} has no row with this key", table.name())))?;
    let body = form.single(row.json());
    Ok(form.answer(body, place))
}

/// What a request for a single row asks. The key is the last segment of the path; its parts are decoded one by one, so that a
/// value may contain a comma.
fn one(uri: &Uri, table: &ServedTable) -> Result<Asked, Problem> {
    let key = &table.read.key;
    if key.is_empty() {
        return Err(Problem::bad(
            "bad-key",
            format!("{} has no key: ask for rows by conditions", table.name()),
        ));
    }
    let segment = uri.path().rsplit('/').next().unwrap_or_default();
    let parts: Vec<&str> = segment.split(',').collect();
    if parts.len() != key.len() {
        let names: Vec<&str> = key
            .iter()
            .map(|place| &*table.read.columns[*place].name)
            .collect();
        return Err(Problem::bad(
            "bad-key",
            format!(
                "the key of {} has {} parts, {}: separate them by commas, and write %2C for a comma in a value",
                table.name(),
                key.len(),
                names.join(",")
            ),
        ));
    }
    let conditions = key.iter().zip(parts).map(|(place, part)| {
        Ok(Condition {
            column: *place,
            is_negated: false,
            test: Test::Value("=", decoded_segment(part)?),
        })
    });
    let columns = match uri.query().unwrap_or_default() {
        "" => posted(&table.read),
        query => match query.strip_prefix("select=") {
            Some(names) if !names.contains('&') => selected(&decoded(names)?, &table.read)?,
            _ => {
                return Err(Problem::bad(
                    "bad-query",
                    "only the parameter select may be given when a single row is asked for",
                ));
            }
        },
    };
    Ok(Asked {
        conditions: conditions.collect::<Result<_, Problem>>()?,
        columns,
        order: Vec::new(),
        limit: 1,
        after: None,
        same: String::new(),
    })
}

/// Reads the rows that are asked for into a place in memory, in a task of its own: when a client goes away this future is dropped,
/// but its session must not be lent to others before the server has finished with it.
async fn found(
    shared: &Arc<Shared>,
    caller: &Caller,
    (served, table): (Arc<Served>, &Arc<ServedTable>),
    asked: &Asked,
) -> Result<(Found, Place), Problem> {
    let most_bytes = shared.limits.body_bytes;
    let reading = Reading {
        table,
        asked,
        most_bytes,
    };
    let place = shared.places.take(most_bytes, shared.limits.queue).await?;
    let statement = reading.statement();
    let (shared, caller, table) = (Arc::clone(shared), caller.clone(), Arc::clone(table));
    let task = tokio::spawn(async move {
        let Shared { pool, limits, .. } = &*shared;
        match fetch(pool, &caller, limits, &table.read, &statement).await {
            Ok(found) => Ok((found, place)),
            Err(problem) if problem.name() == problem::ALTERED => {
                Err(served.altered(pool.settings(), &table).await)
            }
            Err(problem) => Err(problem),
        }
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!("a task ended: {error}");
        Err(Problem::internal())
    })
}
