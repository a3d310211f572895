//! Requests that wait at the same time share a statement and a commit, and each has its own answer.

use std::thread;
use std::time::Duration;

use crate::world::{Hiring, employee, employees};

#[test]
fn requests_that_wait_are_committed_together_and_answered_apart() {
    let hiring = Hiring::with(|options| options.sessions = 1);
    assert_eq!(hiring.post(&employees([1000])).status, 201);
    let mut locking = hiring.database.connect();
    locking
        .batch_execute("BEGIN; LOCK TABLE hiring.hired_employees IN EXCLUSIVE MODE")
        .expect("locked");
    let orphan = employee(7).replace("\"job_id\": 2", "\"job_id\": 99");
    let bodies: Vec<String> = (1..=20)
        .map(|id| match id {
            7 => format!("[{orphan}, {}]", employee(70)),
            // A key that is already taken.
            8 => employees([1000]),
            9 => "[{\"id\": \"x\"}]".to_owned(),
            id => employees([id, 100 + id]),
        })
        .collect();
    let answers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = bodies
            .iter()
            .map(|body| scope.spawn(|| hiring.post(body)))
            .collect();
        thread::sleep(Duration::from_millis(500));
        locking.batch_execute("ROLLBACK").expect("unlocked");
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        joined.collect()
    });
    assert_eq!(hiring.employees(), 1 + 17 * 2 + 1);
    for (index, answer) in answers.iter().enumerate() {
        let outcomes = answer.outcomes();
        match index + 1 {
            7 => assert_eq!(outcomes, ["job_id reference", "inserted"]),
            8 => assert_eq!(outcomes, ["id unique"]),
            9 => assert_eq!((answer.status, outcomes.len()), (422, 1)),
            _ => assert_eq!(outcomes, ["inserted"; 2]),
        }
    }
    let requests = hiring.count("(SELECT DISTINCT file FROM hiring.extrato_reject) AS requests");
    assert_eq!(requests, 3);
    // The requests that waited for the one session took fewer transactions than there are requests.
    let transactions =
        hiring.count("(SELECT DISTINCT xmin::text FROM hiring.hired_employees) AS each");
    assert!(transactions < 10, "{transactions}");
}
