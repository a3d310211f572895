//! Bodies that are not rows: each is refused as a whole, with nothing inserted.

use std::io::Write;

use crate::world::{EMPLOYEES, Hiring, employee, employees};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_body_that_is_not_json_is_refused_whole_at_every_depth() {
    let hiring = Hiring::start();
    let row = employee(1);
    let deep = "[".repeat(100_000);
    let cases = [
        String::new(),
        "{".to_owned(),
        row.clone(),
        "null".to_owned(),
        format!("[{row}"),
        format!("[{row},]"),
        format!("[{row}] x"),
        format!("[{row}][{row}]"),
        format!("[{row} {row}]"),
        format!("[{row}, {{\"id\": }}]"),
        format!("[{row}, {{\"id\": 1.}}]"),
        format!("[{row}, {{\"id\": 01}}]"),
        format!("[{row}, {{\"id\": NaN}}]"),
        format!("[{row}, {{\"id\": 'x'}}]"),
        format!("[{row}, {{\"name\": \"\\x\"}}]"),
        format!("[{row}, {{\"name\": \"a\nb\"}}]"),
        format!("[{row}, {{\"name\": {{\"a\": [1, {{]}}}}]"),
        format!("[{row}, {{\"name\": {deep}]"),
        deep,
    ];
    for body in cases {
        let answer = hiring.post(&body);
        assert_eq!(answer.status, 400, "{body:.60} {}", answer.body);
        assert_eq!(answer.problem(), "not-json", "{body:.60}");
    }
    // A value that is nested deeply but whole, and that the column doesn't take.
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let answer = hiring.post(&format!("[{{\"id\": {deep}}}]"));
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(hiring.employees(), 0);
}

#[test]
fn text_that_is_none_is_refused() {
    let hiring = Hiring::start();
    let body = b"[{\"id\": 1, \"name\": \"\xff\"}]";
    let answer = hiring.service.send(EMPLOYEES, &[JSON], body);
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (400, "not-utf8")
    );
    // Escapes that are not characters, or that the server cannot store, are a fault of the row.
    let row = |name: &str| employee(1).replace("Employee 1", name);
    let answer = hiring.post(&format!("[{}, {}]", row("a\\ud800"), row("a\\u0000b")));
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(
        answer.outcomes(),
        ["name encoding, name required", "name nul"]
    );
    let answer = hiring.post(&format!("[{}]", row("\\ud83d\\ude00")));
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(hiring.count("hiring.hired_employees WHERE name = '😀'"), 1);
    let csv = b"2,a\0b,2021-05-01T08:00:00Z,1,1\n3,a\xffb,2021-05-01T08:00:00Z,1,1\n";
    let answer = hiring
        .service
        .send(EMPLOYEES, &[("Content-Type", "text/csv")], csv);
    assert_eq!(answer.outcomes(), ["name nul", "name encoding"]);
    assert_eq!(hiring.employees(), 1);
}

#[test]
fn no_row_and_more_than_a_thousand_are_refused() {
    let hiring = Hiring::start();
    let csv = |rows: usize| -> String {
        (0..rows)
            .map(|id| format!("{id},a,2021-05-01T08:00:00Z,1,1\n"))
            .collect()
    };
    let lines = |rows: i64| -> String { (0..rows).map(|id| employee(id) + "\n").collect() };
    for (form, none, many) in [
        ("application/json", " [ ] ".to_owned(), employees(0..1001)),
        ("application/x-ndjson", "\n \n".to_owned(), lines(1001)),
        ("text/csv", String::new(), csv(1001)),
    ] {
        let headers = [("Content-Type", form)];
        let answer = hiring.service.send(EMPLOYEES, &headers, none.as_bytes());
        assert_eq!(
            (answer.status, &*answer.problem()),
            (400, "no-rows"),
            "{form}"
        );
        let answer = hiring.service.send(EMPLOYEES, &headers, many.as_bytes());
        assert_eq!(
            (answer.status, &*answer.problem()),
            (413, "too-large"),
            "{form}"
        );
    }
    assert_eq!(hiring.employees(), 0);
    let answer = hiring.service.send(
        EMPLOYEES,
        &[("Content-Type", "text/csv")],
        csv(1000).as_bytes(),
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(hiring.employees(), 1000);
}

#[test]
fn too_many_rows_are_refused_before_the_body_has_come() {
    let hiring = Hiring::start();
    let mut stream = hiring.service.connect();
    // The announced length is more than what ever comes.
    let head = format!(
        "POST {EMPLOYEES} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let rows = employees(0..1002);
    stream.write_all(rows.as_bytes()).expect("sent");
    let answer = crate::world::Answer::read(&mut stream).expect("an answer");
    assert_eq!((answer.status, &*answer.problem()), (413, "too-large"));
}

#[test]
fn a_body_is_bounded_as_it_comes_and_decompressed() {
    let hiring = Hiring::with(|options| options.limits.body_bytes = 100_000);
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("encoded");
        encoder.finish().expect("encoded")
    };
    let headers = [JSON, ("Content-Encoding", "gzip")];
    let bomb = gzip(&vec![b' '; 200 << 20]);
    assert!(bomb.len() > 100_000);
    let small_bomb = gzip(&vec![b' '; 20 << 20]);
    assert!(small_bomb.len() < 100_000);
    for (headers, body) in [
        (&headers[..], &bomb),
        (&headers, &small_bomb),
        (&[JSON], &vec![b' '; 100_001]),
    ] {
        let answer = hiring.service.send(EMPLOYEES, headers, body);
        assert_eq!((answer.status, &*answer.problem()), (413, "too-large"));
    }
    // There is no length that could be checked in advance.
    let chunk = format!("{:x}\r\n{}\r\n", 50_000, " ".repeat(50_000)).repeat(3);
    let request = format!(
        "POST {EMPLOYEES} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    );
    assert_eq!(hiring.service.raw(request.as_bytes()).status, 413);
    let whole = gzip(employees(1..=100).as_bytes());
    for broken in [&whole[..whole.len() - 9], b"[]", b""] {
        let answer = hiring.service.send(EMPLOYEES, &headers, broken);
        assert_eq!(answer.status, 400, "{}", answer.body);
    }
    assert_eq!(hiring.employees(), 0);
    let answer = hiring.service.send(EMPLOYEES, &headers, &whole);
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(hiring.employees(), 100);
}

#[test]
fn only_what_is_named_is_taken() {
    let hiring = Hiring::start();
    let body = employees([1]);
    for headers in [
        &[][..],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/json; charset=latin1")],
        &[("Content-Type", "application/json; boundary=x")],
        &[JSON, JSON],
        &[JSON, ("Content-Encoding", "br")],
        &[JSON, ("Content-Encoding", "gzip, gzip")],
    ] {
        let answer = hiring.service.send(EMPLOYEES, headers, body.as_bytes());
        assert_eq!(answer.status, 415, "{headers:?} {}", answer.body);
    }
    for (path, status) in [
        ("/v1/hiring/hired_employees?atomic=yes", 400),
        ("/v1/hiring/hired_employees?atomic=true&atomic=true", 400),
        ("/v1/hiring/hired_employees?upsert=1", 400),
        ("/v1/hiring/nobody", 404),
        ("/v1/hiring/extrato_reject", 404),
        ("/v1/sales/hired_employees", 404),
        ("/v1/hiring/..%2fhired_employees", 404),
        ("/v1/hiring/%ff", 404),
        ("/v1/hiring/hired_employees%00", 404),
        ("/v1/hiring/hired_employees/", 404),
        ("/v1/../v1/hiring/hired_employees", 404),
        ("/", 404),
    ] {
        let answer = hiring.service.post(path, &body);
        assert_eq!(answer.status, status, "{path} {}", answer.body);
        assert!(!answer.problem().is_empty());
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    let answer = hiring.service.ask("PUT", EMPLOYEES, "");
    assert_eq!(
        (answer.status, &*answer.problem()),
        (405, "method-not-allowed")
    );
    assert_eq!(hiring.employees(), 0);
    assert_eq!(hiring.service.get("/healthz").status, 200);
    assert_eq!(hiring.service.get("/readyz").status, 200);
}

#[test]
fn a_row_of_many_wrong_names_is_recorded_with_the_first_of_them_and_their_number() {
    let hiring = Hiring::start();
    let names: Vec<String> = (0..50_000).map(|name| format!("\"x{name}\": 1")).collect();
    let row = employee(1).replace('}', &format!(", {}, \"id\": 2}}", names.join(", ")));
    let answer = hiring.post(&format!("[{row}]"));
    assert_eq!(answer.status, 422, "{}", answer.body);
    let broken = &answer.json()["outcomes"][0]["violations"];
    let broken = broken.as_array().expect("violations");
    assert_eq!(
        broken[0]["message"],
        "`x0` is not a column of hiring.hired_employees"
    );
    let messages = broken.iter().map(|broken| broken["message"].as_str());
    let more = "49981 more names are not columns, or are given twice";
    assert_eq!(messages.filter(|message| *message == Some(more)).count(), 1);
    let rejects = "SELECT raw FROM hiring.extrato_reject";
    let raws = hiring.database.connect().query(rejects, &[]);
    let raws = raws.expect("rejects");
    assert_eq!(raws.len(), broken.len());
    assert!(raws.len() < 30, "{}", raws.len());
    assert!(raws.iter().all(|raw| raw.get::<_, &str>(0) == row));
}
