//! Clients that are slow, go away or come in crowds, and a database that does the same.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::world::{Answer, EMPLOYEES, Hiring, employees};

#[test]
fn a_head_or_a_body_that_does_not_come_ends_the_connection() {
    let hiring = Hiring::with(|options| {
        options.limits.head = Duration::from_millis(200);
        options.limits.body = Duration::from_millis(200);
    });
    for begun in [
        "",
        "P",
        "POST / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nX: ",
    ] {
        let mut stream = hiring.service.connect();
        stream.write_all(begun.as_bytes()).expect("sent");
        let mut rest = Vec::new();
        // The connection is closed, with or without an answer.
        stream.read_to_end(&mut rest).expect("closed");
    }
    let head = format!(
        "POST {EMPLOYEES} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n["
    );
    let mut stream = hiring.service.connect();
    stream.write_all(head.as_bytes()).expect("sent");
    let answer = Answer::read(&mut stream).expect("an answer");
    assert_eq!((answer.status, &*answer.problem()), (408, "too-slow"));
    // A body that ends half-way.
    let mut stream = hiring.service.connect();
    stream.write_all(head.as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Write).expect("half closed");
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(hiring.employees(), 0);
    assert_eq!(hiring.post(&employees([1])).status, 201);
}

#[test]
fn idle_connections_take_no_place_from_others() {
    let hiring = Hiring::with(|options| {
        options.limits.connections = 20;
        options.limits.head = Duration::from_millis(300);
    });
    let idle: Vec<_> = (0..60).map(|_| hiring.service.connect()).collect();
    assert_eq!(hiring.post(&employees([1])).status, 201);
    drop(idle);
}

#[test]
fn rows_of_a_client_that_went_away_are_whole() {
    let hiring = Hiring::start();
    let body = employees(1..=1000);
    let request = format!(
        "POST {EMPLOYEES} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for _ in 0..10 {
        let mut stream = hiring.service.connect();
        stream.write_all(request.as_bytes()).expect("sent");
        drop(stream);
    }
    let last = hiring.post(&employees([2000]));
    assert_eq!(last.status, 201, "{}", last.body);
    let Hiring { service, database } = hiring;
    // All requests that were accepted are finished.
    service.stop();
    let rows = crate::world::count(&mut database.connect(), "hiring.hired_employees");
    assert!(rows == 1001 || rows == 1, "{rows}");
}

#[test]
fn what_the_database_cannot_take_in_time_is_503_and_inserts_nothing() {
    let hiring = Hiring::with(|options| {
        options.sessions = 2;
        options.limits.waiting = 2;
        options.limits.queue = Duration::from_millis(300);
        options.limits.statement = Duration::from_millis(700);
    });
    assert_eq!(hiring.post(&employees([1000])).status, 201);
    let mut locking = hiring.database.connect();
    locking
        .batch_execute("BEGIN; LOCK TABLE hiring.hired_employees IN EXCLUSIVE MODE")
        .expect("locked");
    let answers: Vec<Answer> = thread::scope(|scope| {
        let post = |id| hiring.post(&employees([id]));
        let threads: Vec<_> = (1..=12).map(|id| scope.spawn(move || post(id))).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        joined.collect()
    });
    for answer in answers {
        assert_eq!((answer.status, &*answer.problem()), (503, "unavailable"));
        assert_eq!(answer.headers["retry-after"], "1");
    }
    locking.batch_execute("ROLLBACK").expect("unlocked");
    assert_eq!(hiring.employees(), 1);
    assert_eq!(hiring.post(&employees(1..=12)).status, 201);
    assert_eq!(hiring.employees(), 13);
}

#[test]
fn sessions_that_were_ended_are_replaced() {
    let hiring = Hiring::start();
    for turn in 1..=5 {
        assert_eq!(hiring.post(&employees([turn])).status, 201);
        let mut client = hiring.database.connect();
        client
            .batch_execute(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .expect("ended");
    }
    assert_eq!(hiring.employees(), 5);
}

#[test]
fn bodies_wait_for_memory_and_are_refused_where_none_becomes_free() {
    let hiring = Hiring::with(|options| {
        options.limits.body_bytes = 100_000;
        options.limits.all_bodies_bytes = 150_000;
        options.limits.queue = Duration::from_millis(300);
        options.limits.body = Duration::from_secs(20);
    });
    let head = format!(
        "POST {EMPLOYEES} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n["
    );
    // There is room for only one of the two, and which comes first is up to the machine.
    let mut begun: Vec<_> = (0..2).map(|_| hiring.service.connect()).collect();
    for stream in &mut begun {
        stream.write_all(head.as_bytes()).expect("sent");
    }
    let has_answer = |stream: &TcpStream| {
        stream.set_nonblocking(true).expect("set");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("set");
        peeked.is_ok()
    };
    let first = loop {
        match begun.iter().position(has_answer) {
            Some(first) => break first,
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let answer = Answer::read(&mut begun.remove(first)).expect("an answer");
    assert_eq!((answer.status, &*answer.problem()), (503, "unavailable"));
    // A small body still has room beside it, and a large one once it is gone.
    assert_eq!(hiring.post(&employees([1])).status, 201);
    drop(begun);
    assert_eq!(hiring.post(&employees(2..=400)).status, 201);
    assert_eq!(hiring.employees(), 400);
}
