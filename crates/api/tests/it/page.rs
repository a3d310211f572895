//! The examples of docs/serve.md are run as they are printed there.

use std::process::Command;

use api::ServeOptions;
use api::keys::{self, NewKey};
use database::Cancel;
use testkit::{Database, blocks};

use crate::world::{Service, hiring};

/// Prints only the status, whatever else an example asks for.
const STATUS_ALONE: &str =
    r#"curl() { command curl --silent --output /dev/null --write-out '%{http_code}\n' "$@"; }"#;

#[test]
fn the_examples_of_the_page_get_the_statuses_that_it_names() {
    let page = include_str!("../../../../docs/serve.md");
    let database = Database::create();
    let options = ServeOptions::new(vec![(hiring(&database), "hiring".to_owned())]);
    let service = Service::start_with(&database.settings(), options, true);
    let key = NewKey {
        name: "crm".to_owned(),
        scopes: ["hiring:write", "*:read"]
            .map(|scope| scope.parse().expect("a scope"))
            .to_vec(),
        expires_days: None,
    };
    let key = keys::create(&database.settings(), &key, &Cancel::default()).expect("a key");
    let examples: Vec<&str> = blocks(page)
        .filter(|block| block.needs == "needs-service" && block.text.starts_with("curl"))
        .map(|block| block.text)
        .collect();
    let examples = examples.join("\n");
    let is_status = |word: &&str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let expected: Vec<&str> = examples
        .lines()
        .filter_map(|line| line.rsplit_once(" # "))
        .map(|(_, status)| status)
        .filter(is_status)
        .collect();
    assert_eq!(expected.len(), 26);
    let run = Command::new("sh")
        .arg("-c")
        .arg(format!("{STATUS_ALONE}\n{examples}"))
        .env("KEY", key)
        .env("URL", format!("http://{}", service.address))
        .output()
        .expect("sh");
    let statuses = String::from_utf8(run.stdout).expect("UTF-8");
    let statuses: Vec<&str> = statuses.lines().collect();
    assert_eq!(
        statuses,
        expected,
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
