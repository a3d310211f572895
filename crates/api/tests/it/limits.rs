//! No caller can take everything, neither by many requests nor by slow ones.

use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use testkit::wait_until;

use crate::world::{Answer, EMPLOYEES, Guarded, Hiring, employees};

const DEPARTMENTS: &str = "/v1/hiring/departments";

/// The answers to this many requests, sent at the same time.
fn at_once(number: i64, ask: impl Fn(i64) -> Answer + Sync) -> Vec<Answer> {
    thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = (0..number).map(|n| scope.spawn(move || ask(n))).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        joined.collect()
    })
}

/// The query whether this many requests wait for the lock on the employees.
fn waiting_for_the_lock(number: u32) -> String {
    format!(
        "SELECT count(*) >= {number} FROM pg_locks WHERE NOT granted AND relation = 'hiring.hired_employees'::regclass"
    )
}

fn department(id: i64) -> String {
    format!("[{{\"id\": {id}, \"department\": \"D\"}}]")
}

#[test]
fn a_key_has_its_rate_and_the_others_have_theirs() {
    let guarded = Guarded::with(|options| options.limits.per_second = NonZeroU32::new(1));
    let [crm, shop] = ["crm", "shop"].map(|name| guarded.key(name, "hiring:write"));
    let answers = at_once(40, |id| guarded.post(&format!("Bearer {crm}"), id));
    let (limited, taken): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 429);
    assert!(!limited.is_empty() && !taken.is_empty());
    for answer in &limited {
        assert_eq!(answer.problem(), "rate-limited");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert!(taken.iter().all(|answer| answer.status == 201));
    assert_eq!(guarded.employees(), taken.len() as i64);
    assert_eq!(guarded.post(&format!("Bearer {shop}"), 100).status, 201);
    // A second later there is room for one more request.
    thread::sleep(Duration::from_secs(1));
    assert_eq!(guarded.post(&format!("Bearer {crm}"), 101).status, 201);
}

#[test]
fn without_keys_rates_are_those_of_addresses() {
    let hiring = Hiring::with(|options| options.limits.per_second = NonZeroU32::new(1));
    let answers = at_once(40, |id| hiring.post(&employees([id])));
    assert!(answers.iter().any(|answer| answer.status == 429));
    // Whether the service is alive may be asked as often as anybody likes.
    assert!(
        at_once(40, |_| hiring.service.get("/healthz"))
            .iter()
            .all(|answer| answer.status == 200)
    );
}

#[test]
fn a_key_has_so_many_requests_at_once_and_gets_its_places_back() {
    let guarded =
        Guarded::with(|options| options.limits.at_once = NonZeroU32::new(2).expect("two"));
    let [crm, shop] = ["crm", "shop"].map(|name| guarded.key(name, "hiring:write"));
    let mut locking = guarded.database.connect();
    locking
        .batch_execute("BEGIN; LOCK TABLE hiring.hired_employees IN EXCLUSIVE MODE")
        .expect("locked");
    let answers = thread::scope(|scope| {
        let waiting = scope.spawn(|| at_once(2, |id| guarded.post(&format!("Bearer {crm}"), id)));
        wait_until(&guarded.database.settings(), &waiting_for_the_lock(2));
        let third = guarded.send(&crm, DEPARTMENTS, &[], &department(10));
        assert_eq!((third.status, &*third.problem()), (429, "too-many-at-once"));
        assert_eq!(third.headers["retry-after"], "1");
        assert_eq!(
            guarded
                .send(&shop, DEPARTMENTS, &[], &department(11))
                .status,
            201
        );
        locking.batch_execute("ROLLBACK").expect("unlocked");
        waiting.join().expect("no panic")
    });
    assert!(answers.iter().all(|answer| answer.status == 201));
    for id in 12..20 {
        assert_eq!(
            guarded.send(&crm, DEPARTMENTS, &[], &department(id)).status,
            201
        );
    }
}

#[test]
fn a_key_whose_requests_wait_for_locks_leaves_a_session_to_the_others() {
    let guarded = Guarded::with(|options| options.sessions = 2);
    let [crm, shop] = ["crm", "shop"].map(|name| guarded.key(name, "hiring:write"));
    let everything = guarded.key("monitor", "*:read");
    let mut locking = guarded.database.connect();
    locking
        .batch_execute("BEGIN; LOCK TABLE hiring.hired_employees IN EXCLUSIVE MODE")
        .expect("locked");
    thread::scope(|scope| {
        let guarded = &guarded;
        let waiting = scope.spawn(|| {
            at_once(6, |id| {
                let key = [("Idempotency-Key", &*id.to_string())];
                guarded.send(&crm, EMPLOYEES, &key, &employees([id]))
            })
        });
        // All of them wait, either for the lock or for a session.
        while !guarded
            .metrics(&everything)
            .body
            .contains("extrato_requests_waiting 5\n")
        {
            thread::sleep(Duration::from_millis(20));
        }
        for id in 10..20 {
            assert_eq!(
                guarded
                    .send(&shop, DEPARTMENTS, &[], &department(id))
                    .status,
                201
            );
        }
        locking.batch_execute("ROLLBACK").expect("unlocked");
        let answers = waiting.join().expect("no panic");
        assert!(answers.iter().all(|answer| answer.status == 201));
    });
    assert_eq!(guarded.employees(), 6);
}

#[test]
fn a_client_that_goes_away_keeps_its_place_until_its_rows_are_in() {
    use std::io::Write;
    let guarded = Guarded::with(|options| options.limits.at_once = NonZeroU32::MIN);
    let crm = guarded.key("crm", "hiring:write");
    let mut locking = guarded.database.connect();
    locking
        .batch_execute("BEGIN; LOCK TABLE hiring.hired_employees IN EXCLUSIVE MODE")
        .expect("locked");
    let body = employees([1]);
    let request = format!(
        "POST {EMPLOYEES} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer {crm}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = guarded.service.connect();
    stream.write_all(request.as_bytes()).expect("sent");
    wait_until(&guarded.database.settings(), &waiting_for_the_lock(1));
    drop(stream);
    let second = guarded.send(&crm, DEPARTMENTS, &[], &department(10));
    assert_eq!(
        (second.status, &*second.problem()),
        (429, "too-many-at-once")
    );
    locking.batch_execute("ROLLBACK").expect("unlocked");
    while guarded.send(&crm, DEPARTMENTS, &[], &department(11)).status != 201 {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(guarded.employees(), 1);
}
