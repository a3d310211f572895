//! The page of the service's own description.

use std::process::Command;

use api::ServeOptions;
use api::keys::{self, NewKey};
use database::Cancel;
use testkit::Database;

use crate::world::{Hiring, Service, hiring};

#[test]
fn the_page_and_its_files_come_from_the_service_and_may_ask_nobody_else() {
    let hiring = Hiring::start();
    let page = hiring.service.get("/docs");
    assert_eq!(
        (page.status, &*page.headers["content-type"]),
        (200, "text/html; charset=utf-8")
    );
    let policy = &page.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let named = page
        .body
        .split(['"', '\''])
        .filter(|part| part.starts_with("/docs/"));
    let named: Vec<&str> = named.collect();
    assert_eq!(named.len(), 4);
    for file in named {
        let head = hiring.service.ask("HEAD", file, "");
        assert_eq!(head.status, 200, "{file}");
        let kind = if file.ends_with("js") {
            "text/javascript"
        } else {
            "text/css"
        };
        assert_eq!(head.headers["content-type"], kind);
        let is_of_swagger_ui = file.contains("swagger");
        assert_eq!(
            head.headers.contains_key("content-encoding"),
            is_of_swagger_ui,
            "{file}"
        );
    }
    assert_eq!(hiring.service.get("/docs/x.js").problem(), "not-found");
    assert_eq!(hiring.service.get("/docs/..%2fdocs.html").status, 404);
}

#[test]
#[ignore = "needs EXTRATO_TEST_NODE_MODULES, with playwright-core and axe-core, and EXTRATO_TEST_CHROMIUM: the gate has both"]
fn a_browser_shows_the_page_and_asks_the_service_from_it() {
    let database = Database::create();
    let options = ServeOptions::new(vec![(hiring(&database), "hiring".to_owned())]);
    let service = Service::start_with(&database.settings(), options, true);
    let key = NewKey {
        name: "reader".to_owned(),
        scopes: vec!["hiring:read".parse().expect("a scope")],
        expires_days: None,
    };
    let key = keys::create(&database.settings(), &key, &Cancel::default()).expect("a key");
    let ran = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs.mjs"))
        .args([format!("http://{}", service.address), key])
        .output()
        .expect("node");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(told.lines().count(), 2, "{told}");
}
