//! Requests that come again with the same Idempotency-Key.

use std::thread;

use api::ServeOptions;

use crate::world::{Answer, EMPLOYEES, Hiring, Service, employee, employees, hiring};
use testkit::Database;

fn post(service: &Service, key: &str, body: &str) -> Answer {
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    ];
    service.send(EMPLOYEES, &headers, body.as_bytes())
}

#[test]
fn a_repetition_gets_the_first_answer_and_inserts_nothing() {
    let hiring = Hiring::start();
    let rows = format!("[{}, {{\"id\": 2}}]", employee(1));
    let first = post(&hiring.service, "k1", &rows);
    assert_eq!(first.status, 207, "{}", first.body);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    for key in ["k1", "\"k1\""] {
        let again = post(&hiring.service, key, &rows);
        assert_eq!((again.status, &again.body), (207, &first.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
    }
    assert_eq!(
        (hiring.employees(), hiring.count("hiring.extrato_reject")),
        (1, 4)
    );
    // This is also true of a request of which nothing was taken.
    let nothing = post(&hiring.service, "k2", "[{}]");
    assert_eq!(nothing.status, 422);
    assert_eq!(post(&hiring.service, "k2", "[{}]").body, nothing.body);
    assert_eq!(hiring.count("extrato_serve.request"), 2);
}

#[test]
fn another_request_under_the_same_key_is_a_problem_of_its_own() {
    let hiring = Hiring::start();
    assert_eq!(post(&hiring.service, "k", &employees([1])).status, 201);
    let other = post(&hiring.service, "k", &employees([2]));
    assert_eq!(
        (other.status, &*other.problem()),
        (422, "idempotency-key-reused")
    );
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "k"),
    ];
    let path = format!("{EMPLOYEES}?on_duplicate=skip");
    let other = hiring
        .service
        .send(&path, &headers, employees([1]).as_bytes());
    assert_eq!(other.problem(), "idempotency-key-reused");
    assert_eq!(hiring.employees(), 1);
    for key in ["", "a b", "é", &"k".repeat(256)] {
        let answer = post(&hiring.service, key, &employees([3]));
        assert_eq!(answer.problem(), "bad-idempotency-key", "{key}");
    }
    assert_eq!(hiring.employees(), 1);
}

#[test]
fn what_is_refused_as_a_whole_leaves_its_key_free() {
    let hiring = Hiring::start();
    assert_eq!(post(&hiring.service, "k", "[").status, 400);
    assert_eq!(post(&hiring.service, "k", &employees([1])).status, 201);
    assert_eq!(hiring.employees(), 1);
}

#[test]
fn repetitions_at_the_same_time_insert_once() {
    let hiring = Hiring::start();
    let rows = employees(1..=50);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let post = || post(&hiring.service, "k", &rows);
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(post)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        joined.collect()
    });
    assert_eq!(hiring.employees(), 50);
    let first = answers
        .iter()
        .filter(|answer| !answer.headers.contains_key("idempotency-replayed"));
    assert_eq!(first.count(), 1);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(answers[0].status, 201);
}

#[test]
fn an_answer_outlives_the_service() {
    let database = Database::create();
    let dataset = hiring(&database);
    let start = || {
        let options = ServeOptions::new(vec![(dataset.clone(), "hiring".to_owned())]);
        Service::start(&database.settings(), options)
    };
    let service = start();
    let first = post(&service, "k", &employees([1]));
    service.stop();
    let service = start();
    let again = post(&service, "k", &employees([1]));
    assert_eq!((again.status, again.body), (201, first.body));
}
