//! The audit has a line for each request whose rows were judged, written in the transaction of these rows.

use std::thread;
use std::time::Duration;

use crate::world::{EMPLOYEES, Guarded, Hiring, employee, employees};

/// The lines of the audit as text, without time and request.
fn lines(guarded: &Guarded) -> Vec<String> {
    let lines = guarded.database.connect().query(
        "SELECT concat_ws(' ', client, dataset, schema, table_name, received, inserted, updated, skipped, rejected, left_out)
         FROM extrato_serve.audit ORDER BY at",
        &[],
    );
    let lines = lines.expect("lines");
    lines.iter().map(|line| line.get(0)).collect()
}

#[test]
fn each_request_leaves_a_line_of_who_sent_what() {
    let guarded = Guarded::start();
    let key = guarded.key("crm", "hiring:write");
    let repeated = [("Idempotency-Key", "k")];
    let some = format!("[{}, {{}}, {}]", employee(1), employee(2));
    let answers = [
        guarded.send(&key, EMPLOYEES, &[], &some),
        guarded.send(
            &key,
            &format!("{EMPLOYEES}?atomic=true"),
            &[],
            &some.replace(": 1", ": 8"),
        ),
        guarded.send(
            &key,
            &format!("{EMPLOYEES}?on_duplicate=skip"),
            &[],
            &employees([1, 3]),
        ),
        guarded.send(
            &key,
            &format!("{EMPLOYEES}?on_duplicate=update"),
            &[],
            &employees([1]),
        ),
        guarded.send(&key, EMPLOYEES, &[], "[{}]"),
        guarded.send(&key, EMPLOYEES, &repeated, &employees([4])),
        guarded.send(&key, EMPLOYEES, &repeated, &employees([4])),
    ];
    let statuses = answers.each_ref().map(|answer| answer.status);
    assert_eq!(statuses, [207, 422, 201, 200, 422, 201, 201]);
    // None of these bodies has rows that could be judged.
    for body in ["", "[]", "{", "[1"] {
        assert_eq!(
            guarded.send(&key, EMPLOYEES, &[], body).status,
            400,
            "{body}"
        );
    }
    let expected = [
        "3 2 0 0 1 0",
        "3 0 0 0 2 1",
        "2 1 0 1 0 0",
        "1 0 1 0 0 0",
        "1 0 0 0 1 0",
        "1 1 0 0 0 0",
    ];
    let expected = expected.map(|counts| format!("crm hiring hiring hired_employees {counts}"));
    assert_eq!(lines(&guarded), expected);
    for answer in &answers[..6] {
        let id = answer.json()["request"].as_str().expect("an id").to_owned();
        let of_request = format!("extrato_serve.audit WHERE request = '{id}'");
        assert_eq!(guarded.count(&of_request), 1);
    }
}

#[test]
fn requests_that_share_a_commit_have_a_line_each() {
    let hiring = Hiring::with(|options| options.sessions = 1);
    assert_eq!(hiring.post(&employees([1000])).status, 201);
    let mut locking = hiring.database.connect();
    locking
        .batch_execute("BEGIN; LOCK TABLE hiring.hired_employees IN EXCLUSIVE MODE")
        .expect("locked");
    thread::scope(|scope| {
        let threads: Vec<_> = (1..=20)
            .map(|id| scope.spawn(move || (id, employees(id * 100..id * 100 + id))))
            .map(|thread| thread.join().expect("no panic"))
            .map(|(id, body)| {
                let hiring = &hiring;
                scope.spawn(move || (id, hiring.post(&body)))
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        locking.batch_execute("ROLLBACK").expect("unlocked");
        for thread in threads {
            let (id, answer) = thread.join().expect("no panic");
            assert_eq!(answer.json()["rows"], id);
        }
    });
    let lines =
        "(SELECT request FROM extrato_serve.audit GROUP BY request HAVING count(*) = 1) AS l";
    assert_eq!(hiring.count(lines), 21);
    let told = "extrato_serve.audit WHERE received = inserted + rejected AND client = ''";
    assert_eq!(hiring.count(told), 21);
    let inserted =
        hiring.count("(SELECT generate_series(1, inserted) FROM extrato_serve.audit) AS l");
    assert_eq!(inserted, hiring.employees());
    let transactions = hiring.count("(SELECT DISTINCT xmin::text FROM extrato_serve.audit) AS l");
    assert!(transactions < 10, "{transactions}");
}

#[test]
fn without_its_line_no_row_is_in() {
    let guarded = Guarded::start();
    let key = guarded.key("crm", "hiring:write");
    guarded.sql("ALTER TABLE extrato_serve.audit ADD CHECK (received < 3)");
    for more in [&[][..], &[("Idempotency-Key", "k")]] {
        let answer = guarded.send(&key, EMPLOYEES, more, &employees(1..=5));
        assert_eq!((answer.status, &*answer.problem()), (500, "internal"));
    }
    assert_eq!((guarded.employees(), lines(&guarded).len()), (0, 0));
    let answer = guarded.send(&key, EMPLOYEES, &[], &employees(1..=2));
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!((guarded.employees(), lines(&guarded).len()), (2, 1));
}

#[test]
fn what_an_older_version_made_is_kept_and_what_it_lacks_is_made() {
    let guarded = Guarded::start();
    let key = guarded.key("crm", "hiring:write");
    let Guarded { service, database } = guarded;
    service.stop();
    let mut client = database.connect();
    client
        .batch_execute("DROP TABLE extrato_serve.audit")
        .expect("dropped");
    let dataset = dataset::Dataset::open("hiring").expect("built in");
    let options = api::ServeOptions::new(vec![(dataset, "hiring".to_owned())]);
    let service = crate::world::Service::start_with(&database.settings(), options, true);
    let guarded = Guarded { service, database };
    assert_eq!(guarded.post(&format!("Bearer {key}"), 1).status, 201);
    assert_eq!(lines(&guarded).len(), 1);
}
