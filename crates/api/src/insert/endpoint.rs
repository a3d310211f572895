//! `POST /v1/{dataset}/{table}`, from the request to the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use loader::OnDuplicate;
use sha2::{Digest, Sha256};

use crate::access::Caller;
use crate::around::RequestId;
use crate::insert::request::{Done, Insertion, Judged};
use crate::keys::Right;
use crate::problem::{self, Problem};
use crate::rows::body::BodyForm;
use crate::rows::count::Form;
use crate::rows::{csv, json};
use crate::shared::Shared;
use crate::store::Repeatable;
use crate::table::ServedTable;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How many bytes an Idempotency-Key may have.
const KEY_BYTES: usize = 255;
/// How many bytes of JSON or CSV are judged on the thread that serves connections; for more, other threads take over its work.
const LONG_BYTES: usize = 256 << 10;

/// `POST /v1/{dataset}/{table}`
pub(crate) async fn insert(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response<Body> {
    match inserted(&shared, &id, caller, path, request).await {
        Ok(done) => answer(done, &id.0),
        Err(problem) => {
            tracing::debug!(request = &*id.0, "refused: {}", problem.name());
            problem.answer(&id.0)
        }
    }
}

async fn inserted(
    shared: &Arc<Shared>,
    id: &RequestId,
    caller: Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Done, Problem> {
    let (dataset, table, of_rules) = shared.table(path, &caller, Right::Write)?;
    let served = of_rules.now();
    let asked = Asked::of(request.uri())?;
    let (parts, body) = request.into_parts();
    let form = BodyForm::of(&parts.headers, &shared.limits)?;
    let key = idempotency_key(&parts.headers)?;
    let Some(running) = shared.running.upgrade() else {
        return Err(Problem::busy(
            "the service is stopping: nothing was inserted",
        ));
    };
    let place = shared
        .places
        .take(form.most_bytes(&shared.limits), shared.limits.queue);
    let place = place.await?;
    let bytes = form.read(body, &shared.limits).await?;
    let repeatable = key.map(|key| Repeatable {
        client: caller.name.to_string(),
        key,
        sum: sum(&dataset, &table, &asked, form.form, &bytes),
    });
    let most = shared.limits.rows;
    let is_long = bytes.len() > LONG_BYTES;
    let judging = || judge(form.form, bytes, &served, most);
    let rows = match is_long {
        true => tokio::task::block_in_place(judging),
        false => judging(),
    }?;
    if rows.batch().rows.is_empty() {
        return Err(Problem::bad(
            "no-rows",
            "the body has no row: send at least one",
        ));
    }
    let insertion = Insertion {
        request: id.0.to_string(),
        caller,
        dataset: dataset.clone(),
        table: Arc::clone(&served),
        rows,
        on_duplicate: asked.on_duplicate,
        atomic: asked.atomic,
        repeatable,
    };
    // In a task of its own: when a client goes away this future is dropped, which must not stop the transaction half-way.
    let of_task = Arc::clone(shared);
    let task = tokio::spawn(async move {
        let Shared {
            gatherer,
            pool,
            limits,
            models,
            ..
        } = &*of_task;
        let done = gatherer.run(insertion, pool, limits).await;
        // Rows may have been inserted, whatever the answer says.
        if let Some(models) = models.datasets.get(&dataset) {
            models.changed();
        }
        drop((running, place));
        match done {
            Err(problem) if problem.name() == problem::ALTERED => {
                Err(of_rules.altered(pool.settings(), &served).await)
            }
            done => done,
        }
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(request = &*id.0, "a task ended: {error}");
        Err(Problem::internal())
    })
}

/// Judges the rows of a body by the rules that need no other rows.
fn judge(form: Form, bytes: Vec<u8>, table: &ServedTable, most: usize) -> Result<Judged, Problem> {
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Problem::bad(
                "not-utf8",
                format!("the body is not UTF-8 from byte {at} on: JSON is always UTF-8"),
            )
        })
    };
    match form {
        Form::JsonArray => {
            let text = text(bytes)?;
            Ok(Judged::Json(json::array(&text, table, most)?, text))
        }
        Form::JsonLines => {
            let text = text(bytes)?;
            Ok(Judged::Json(json::lines(&text, table, most)?, text))
        }
        Form::Csv => csv::records(bytes, table, most).map(|rows| Judged::Csv(Box::new(rows))),
    }
}

fn answer(done: Done, id: &str) -> Response<Body> {
    let Ok(status) = StatusCode::from_u16(done.given.status) else {
        return Problem::internal().answer(id);
    };
    let mut answer = Response::new(Body::from(done.given.body));
    *answer.status_mut() = status;
    let media_type = match status.is_success() {
        true => "application/json",
        false => problem::MEDIA_TYPE,
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if done.is_repeated {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    answer
}

/// What the query of a request asks.
struct Asked {
    on_duplicate: OnDuplicate,
    atomic: bool,
}

impl Asked {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let mut asked = Self {
            on_duplicate: OnDuplicate::Reject,
            atomic: false,
        };
        let mut seen = Vec::new();
        let pairs = uri.query().unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if seen.contains(&name) {
                return Err(Problem::bad("bad-query", "a parameter is given twice"));
            }
            match (name, value) {
                ("atomic", "true") => asked.atomic = true,
                ("atomic", "false") => {}
                ("on_duplicate", "reject") => {}
                ("on_duplicate", "skip") => asked.on_duplicate = OnDuplicate::Skip,
                ("on_duplicate", "update") => asked.on_duplicate = OnDuplicate::Update,
                _ => {
                    return Err(Problem::bad(
                        "bad-query",
                        "a parameter is not one of atomic=true|false and on_duplicate=reject|skip|update",
                    ));
                }
            }
            seen.push(name);
        }
        Ok(asked)
    }
}

/// The Idempotency-Key of a request, which may be quoted.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let key = match (given.next(), given.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    let key = key.map(|key| {
        key.strip_prefix('"')
            .and_then(|key| key.strip_suffix('"'))
            .unwrap_or(key)
    });
    let is_fine = |key: &&str| {
        (1..=KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match key.filter(is_fine) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::bad(
            "bad-idempotency-key",
            format!("give one Idempotency-Key of 1 to {KEY_BYTES} visible ASCII characters"),
        )),
    }
}

/// The checksum of everything that a request asks.
fn sum(dataset: &str, table: &str, asked: &Asked, form: Form, bytes: &[u8]) -> [u8; 32] {
    let mut sum = Sha256::new();
    let about = format!(
        "{dataset}\n{table}\n{:?}\n{}\n{form:?}\n",
        asked.on_duplicate, asked.atomic
    );
    sum.update(about.as_bytes());
    sum.update(bytes);
    sum.finalize().into()
}
