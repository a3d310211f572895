//! `GET /docs`: the description of the service as a page, made by the files of Swagger UI, which are built into the program.

use axum::body::Body;
use axum::extract::{Extension, Path};
use axum::http::{HeaderValue, Response, header};

use crate::around::RequestId;
use crate::problem::Problem;

/// The page's content security policy: it may ask this service, and nobody else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of the page: name, media type, whether it is compressed, bytes.
const FILES: [(&str, &str, bool, &[u8]); 4] = [
    (
        "swagger-ui.js",
        "text/javascript",
        true,
        include_bytes!("../page/swagger/swagger-ui-bundle.js.gz"),
    ),
    (
        "swagger-ui.css",
        "text/css",
        true,
        include_bytes!("../page/swagger/swagger-ui.css.gz"),
    ),
    (
        "docs.js",
        "text/javascript",
        false,
        include_bytes!("../page/docs.js"),
    ),
    (
        "docs.css",
        "text/css",
        false,
        include_bytes!("../page/docs.css"),
    ),
];

/// `GET /docs`
pub(crate) async fn docs() -> Response<Body> {
    let mut answer = file(
        "text/html; charset=utf-8",
        include_bytes!("../page/docs.html"),
    );
    let policy = HeaderValue::from_static(POLICY);
    answer
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    answer
}

/// `GET /docs/{file}`
pub(crate) async fn file_of_docs(
    Extension(id): Extension<RequestId>,
    Path(name): Path<String>,
) -> Response<Body> {
    let Some((_, kind, is_compressed, bytes)) = FILES.iter().find(|(file, ..)| *file == name)
    else {
        return Problem::not_found("the page has no such file").answer(&id.0);
    };
    let mut answer = file(kind, bytes);
    if *is_compressed {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        // The files belong to the program, which may be another version tomorrow.
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=3600"),
        );
    }
    answer
}

fn file(kind: &'static str, bytes: &'static [u8]) -> Response<Body> {
    let mut answer = Response::new(Body::from(bytes));
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
