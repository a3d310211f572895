//! Those with a key may do what it allows; nobody else learns or does anything.

use std::collections::BTreeSet;

use api::keys::{self, NewKey};
use api::{ServeOptions, serve};
use database::Cancel;
use testkit::{Database, Role};

use crate::world::{EMPLOYEES, Guarded, Service, count, hiring};

#[test]
fn a_key_lets_in_as_bearer_and_as_basic() {
    let guarded = Guarded::start();
    let key = guarded.key("crm", "hiring:write");
    let every = guarded.key("every", "*:write");
    assert_eq!(key.len(), "extrato_".len() + 64);
    assert_eq!(guarded.post(&format!("Bearer {key}"), 1).status, 201);
    assert_eq!(guarded.post(&format!("bearer {every}"), 2).status, 201);
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{key}"));
    assert_eq!(guarded.post(&format!("Basic {basic}"), 3).status, 201);
    assert_eq!(guarded.employees(), 3);
    // The database doesn't store the key anywhere.
    let mut client = guarded.database.connect();
    let kept: String = client
        .query_one(
            "SELECT string_agg(k::text, '') FROM extrato_serve.key AS k",
            &[],
        )
        .expect("keys")
        .get(0);
    assert!(!kept.contains(&key["extrato_".len()..]), "{kept}");
}

#[test]
fn unknown_wrong_expired_and_revoked_keys_get_one_answer() {
    let guarded = Guarded::start();
    let (expired, revoked) = (
        guarded.key("expired", "*:write"),
        guarded.key("revoked", "*:write"),
    );
    guarded.sql(
        "UPDATE extrato_serve.key SET expires = now() - interval '1 second' WHERE name = 'expired'",
    );
    keys::revoke(&guarded.database.settings(), "revoked", &Cancel::default()).expect("revoked");
    let wrong = format!("extrato_{}", "0".repeat(64));
    let mut answers = BTreeSet::new();
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Digest x",
        "Basic !",
        "Basic YQ==",
        &format!("Bearer {wrong}"),
        &format!("Bearer {expired}"),
        &format!("Bearer {revoked}"),
        &format!("Bearer {}", &revoked[..70]),
    ] {
        let answer = guarded.post(authorization, 1);
        assert_eq!((answer.status, &*answer.problem()), (401, "no-valid-key"));
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer realm=\"extrato\", Basic realm=\"extrato\""
        );
        let mut json = answer.json();
        json["request"].take();
        answers.insert(json.to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(guarded.employees(), 0);
    // Whether something exists, nobody learns without a key; whether the service is alive, everybody does.
    assert_eq!(guarded.service.get("/v1/hiring/nothing").status, 401);
    assert_eq!(guarded.service.get("/").status, 401);
    assert_eq!(guarded.service.get("/healthz").status, 200);
    assert_eq!(guarded.service.get("/readyz").status, 200);
}

#[test]
fn a_key_is_for_its_scope_alone() {
    let guarded = Guarded::start();
    for (name, scope) in [("reader", "hiring:read"), ("other", "sales:write")] {
        let answer = guarded.post(&format!("Bearer {}", guarded.key(name, scope)), 1);
        assert_eq!((answer.status, &*answer.problem()), (403, "out-of-scope"));
    }
    assert_eq!(guarded.employees(), 0);
    for scope in ["", "hiring", "hiring:", ":write", "hiring:all"] {
        assert!(scope.parse::<keys::Scope>().is_err(), "{scope}");
    }
}

#[test]
fn who_fails_often_is_not_listened_to() {
    let guarded = Guarded::start();
    let key = guarded.key("crm", "*:write");
    let wrong = format!("Bearer extrato_{}", "0".repeat(64));
    let statuses: Vec<u16> = (0..25).map(|_| guarded.post(&wrong, 1).status).collect();
    assert_eq!(statuses[..20], [401; 20]);
    assert_eq!(statuses[20..], [429; 5]);
    let answer = guarded.post(&format!("Bearer {key}"), 1);
    assert_eq!(
        (answer.status, &*answer.problem()),
        (429, "too-many-failures")
    );
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(guarded.employees(), 0);
}

#[test]
fn keys_are_listed_and_their_names_are_their_own() {
    let guarded = Guarded::start();
    let settings = guarded.database.settings();
    guarded.key("a", "hiring:write");
    let cancel = Cancel::default();
    let again = NewKey {
        name: "a".to_owned(),
        scopes: Vec::new(),
        expires_days: Some(1),
    };
    assert!(keys::create(&settings, &again, &cancel).is_err());
    keys::revoke(&settings, "a", &cancel).expect("revoked");
    assert!(keys::revoke(&settings, "a", &cancel).is_err());
    let listed = keys::list(&settings, &cancel).expect("listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].scopes, ["hiring:write"]);
    assert!(listed[0].revoked.is_some() && listed[0].expires.is_none());
}

#[test]
fn everybody_is_let_in_on_this_machines_own_address_only() {
    let database = Database::create();
    let mut options = ServeOptions::new(vec![(hiring(&database), "hiring".to_owned())]);
    options.needs_key = false;
    options.listen = "0.0.0.0:0".parse().expect("an address");
    let served = serve(&database.settings(), &options, &Cancel::default(), |_| {});
    let error = served.expect_err("refused").to_string();
    assert!(error.contains("--no-auth"), "{error}");
}

#[test]
fn the_rights_of_roles_sql_are_enough_and_no_others_are_needed() {
    let database = Database::create();
    let dataset = hiring(&database);
    let options = || ServeOptions::new(vec![(dataset.clone(), "hiring".to_owned())]);
    // The schema's owner starts the service once.
    Service::start(&database.settings(), options()).stop();
    let roles = include_str!("../../../../sql/roles.sql");
    let grants = roles
        .replace(":\"role\"", "{role}")
        .replace(":\"schema\"", "hiring");
    let role = Role::create(&database, &grants);
    let service = Service::start(&role.settings, options());
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "k"),
    ];
    let rows = format!("[{}, {{}}]", crate::world::employee(1));
    for _ in 0..2 {
        let answer = service.send(EMPLOYEES, &headers, rows.as_bytes());
        assert_eq!(answer.status, 207, "{}", answer.body);
    }
    assert_eq!(count(&mut database.connect(), "hiring.hired_employees"), 1);
    assert_eq!(service.get(&format!("{EMPLOYEES}/1")).status, 200);
    let update = format!("{EMPLOYEES}?on_duplicate=update");
    let answer = service.send(&update, &headers[..1], rows.as_bytes());
    assert_eq!((answer.status, &*answer.problem()), (500, "no-right"));
    let mut client = role
        .settings
        .connect(&Cancel::default())
        .expect("connected");
    for statement in [
        "DELETE FROM hiring.hired_employees",
        "UPDATE hiring.hired_employees SET name = ''",
        "TRUNCATE hiring.hired_employees",
        "INSERT INTO extrato_serve.key VALUES ('x', 'x', '{}')",
        "UPDATE extrato_serve.request SET answer = ''",
        "SELECT FROM extrato_serve.audit",
        "DELETE FROM extrato_serve.audit",
        "CREATE TABLE hiring.x ()",
    ] {
        assert!(client.batch_execute(statement).is_err(), "{statement}");
    }
    drop(client);
    service.stop();
}
