//! Results of models over HTTP, compared with Postgres, and for how long a result is given again.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use api::ServeOptions;
use api::keys::{self, NewKey};
use database::Cancel;
use dataset::Dataset;
use serde_json::Value;
use testkit::Database;

use crate::world::{Answer, Hiring, Service, employee, hiring};

const QUARTERS: &str = "/v1/hiring/models/hires_by_quarter";

/// Hirings of two years in many departments.
const ROWS: &str = "SET search_path TO hiring;
    INSERT INTO departments SELECT n, 'D ' || n FROM generate_series(4, 2502) AS n;
    INSERT INTO hired_employees SELECT n, 'E', timestamptz '2021-02-01Z' + n * interval '3 hours', 1 + n % 2502, 1 + n % 2
    FROM generate_series(1, 6000) AS n";

fn world(change: impl FnOnce(&mut ServeOptions)) -> Hiring {
    let world = Hiring::with(|options| {
        change(options);
    });
    world.database.connect().batch_execute(ROWS).expect("rows");
    world
}

fn get(service: &Service, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    service.raw(request.as_bytes())
}

/// The result that Postgres gives for a model, as texts in the model's order.
fn expected(world: &Hiring, model: &str, year: &str) -> Vec<String> {
    let mut dataset = Dataset::open("hiring").expect("built in");
    dataset
        .set_parameters(&[("year".to_owned(), year.to_owned())])
        .expect("a year");
    let model = dataset
        .models
        .iter()
        .find(|of| of.name == model)
        .expect("a model");
    let order = match model.order_by.as_slice() {
        [] => String::new(),
        columns => format!(r#"ORDER BY "{}""#, columns.join(r#"" COLLATE "C", ""#)),
    };
    let query = format!("SELECT to_jsonb(m)::text FROM ({}) AS m {order}", model.sql);
    let mut client = world.database.connect();
    client
        .batch_execute("SET search_path TO hiring; SET TimeZone TO 'UTC'")
        .expect("set");
    let rows = client.query(&query, &[]).expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

fn rows(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["rows"].as_array().expect("rows").clone()
}

fn parsed(rows: &[String]) -> Vec<Value> {
    rows.iter()
        .map(|row| serde_json::from_str(row).expect("JSON"))
        .collect()
}

#[test]
fn each_form_gives_the_rows_that_postgres_gives_for_the_year_that_is_chosen() {
    let world = world(|_| {});
    for year in ["2021", "2022", "1999"] {
        let path = format!("{QUARTERS}?year={year}");
        let expected = expected(&world, "hires_by_quarter", year);
        let all = parsed(&expected);
        assert_eq!(all.is_empty(), year == "1999");
        let page = get(&world.service, &format!("{path}&limit=100000"), &[]);
        assert_eq!(rows(&page), all);
        let about = page.json();
        assert_eq!(
            (&about["total"], &about["next"]),
            (&all.len().into(), &Value::Null)
        );
        assert_eq!(about["parameters"]["year"], *year);
        assert_eq!(
            about["columns"][2],
            serde_json::json!({ "name": "q1", "type": "bigint" })
        );
        let lines = get(&world.service, &path, &[("Accept", "application/x-ndjson")]);
        let of_lines: Vec<String> = lines.body.lines().map(str::to_owned).collect();
        assert_eq!(parsed(&of_lines), all);
        let csv = get(&world.service, &path, &[("Accept", "text/csv")]);
        assert_eq!(csv.headers["content-type"], "text/csv");
        assert_eq!(csv.body.lines().count(), 1 + all.len());
        for (line, row) in csv.body.lines().skip(1).zip(&all) {
            let text = |name: &str| row[name].as_str().expect("a text").to_owned();
            let number = |name: &str| row[name].to_string();
            let fields = [
                text("department"),
                text("job"),
                number("q1"),
                number("q2"),
                number("q3"),
                number("q4"),
            ];
            assert_eq!(line, fields.join(","));
        }
        let parquet = parquet(&world.service, &path);
        assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    }
    assert_eq!(
        rows(&get(&world.service, QUARTERS, &[])).len(),
        1000,
        "2021, and a page"
    );
}

/// The body of a model as Parquet, whose length is the one that the answer announces.
fn parquet(service: &Service, path: &str) -> Vec<u8> {
    let mut stream = service.connect();
    let accept = "Accept: application/vnd.apache.parquet";
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{accept}\r\n\r\n"
    )
    .expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("read");
    let end = bytes
        .windows(4)
        .position(|at| at == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let body = bytes.split_off(end + 4);
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{head}"
    );
    body
}

#[test]
fn pages_are_of_one_version_whatever_comes_in_between() {
    let world = world(|_| {});
    let all = parsed(&expected(&world, "hires_by_quarter", "2021"));
    assert!(all.len() > 2000);
    let mut path = format!("{QUARTERS}?limit=999");
    let (mut read, mut pages) = (Vec::new(), 0);
    loop {
        let page = get(&world.service, &path, &[]);
        read.extend(rows(&page));
        pages += 1;
        // One more department hires, and the next first page shows it.
        assert_eq!(
            world
                .post(&format!("[{}]", employee(10_000 + pages)))
                .status,
            201
        );
        match page.json()["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(read, all);
    assert_eq!(pages as usize, all.len().div_ceil(999));
    let now = parsed(&expected(&world, "hires_by_quarter", "2021"));
    assert_ne!(now, all);
    assert_eq!(
        rows(&get(&world.service, &format!("{QUARTERS}?limit=5000"), &[])),
        now
    );
    let gone = get(
        &world.service,
        &format!("{QUARTERS}?version={:032}", 0),
        &[],
    );
    assert_eq!((gone.status, &*gone.problem()), (410, "version-gone"));
}

#[test]
fn what_was_computed_is_given_again_until_rows_come_in_or_a_time_has_passed() {
    let world = world(|options| options.fresh_for = Duration::from_secs(3600));
    let first = get(&world.service, QUARTERS, &[]);
    let etag = first.headers["etag"].clone();
    let again = get(&world.service, QUARTERS, &[("If-None-Match", &etag)]);
    assert_eq!((again.status, &*again.body), (304, ""));
    assert_eq!(again.headers["etag"], etag);
    // The row comes in by another way than the service, which does not know of it.
    let elsewhere = "INSERT INTO hiring.hired_employees VALUES (20000, 'E', '2021-05-01Z', 1, 1)";
    world
        .database
        .connect()
        .batch_execute(elsewhere)
        .expect("a row");
    assert_eq!(
        get(&world.service, QUARTERS, &[("If-None-Match", &etag)]).status,
        304
    );
    assert_eq!(world.post(&format!("[{}]", employee(20_001))).status, 201);
    let changed = get(&world.service, QUARTERS, &[("If-None-Match", &etag)]);
    assert_eq!(changed.status, 200);
    assert_eq!(
        rows(&changed),
        parsed(&expected(&world, "hires_by_quarter", "2021"))[..1000]
    );

    let eager = self::world(|options| options.fresh_for = Duration::ZERO);
    let before = get(&eager.service, QUARTERS, &[]).headers["etag"].clone();
    eager
        .database
        .connect()
        .batch_execute(elsewhere)
        .expect("a row");
    assert_ne!(get(&eager.service, QUARTERS, &[]).headers["etag"], before);
}

#[test]
fn many_that_ask_at_once_share_one_computation() {
    let world = world(|_| {});
    let service = &world.service;
    let runs: Vec<Value> = thread::scope(|scope| {
        let asking: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| get(service, QUARTERS, &[]).json()["run"].clone()))
            .collect();
        asking
            .into_iter()
            .map(|of| of.join().expect("an answer"))
            .collect()
    });
    assert!(
        runs.iter().all(|run| run.is_string() && *run == runs[0]),
        "{runs:?}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let world = world(|_| {});
    for (path, accept, status, problem, says) in [
        ("?year=x", "*/*", 400, "bad-query", "`x` is not an integer"),
        (
            "?year=2021%20OR%20true",
            "*/*",
            400,
            "bad-query",
            "is not an integer",
        ),
        ("?yaer=2021", "*/*", 400, "bad-query", "did you mean `year`"),
        ("?version=0", "*/*", 400, "bad-query", "is not from the"),
        ("?year=%FF", "*/*", 400, "bad-query", "not UTF-8"),
        (
            "?year=2021&year=2022",
            "*/*",
            400,
            "bad-query",
            "given twice",
        ),
        ("?limit=0", "*/*", 400, "bad-query", "at least one row"),
        ("?limit=100001", "*/*", 400, "bad-query", "at most 100000"),
        ("?offset=-1", "*/*", 400, "bad-query", "not a whole number"),
        (
            "?limit=5",
            "text/csv",
            400,
            "bad-query",
            "all rows are given",
        ),
        ("", "image/png", 406, "not-acceptable", "text/csv"),
        ("_no", "*/*", 404, "not-found", "no model"),
    ] {
        let answer = get(
            &world.service,
            &format!("{QUARTERS}{path}"),
            &[("Accept", accept)],
        );
        assert_eq!(
            (answer.status, &*answer.problem()),
            (status, problem),
            "{path}"
        );
        assert!(answer.body.contains(says), "{path}: {}", answer.body);
    }
    assert_eq!(
        rows(&get(
            &world.service,
            &format!("{QUARTERS}?offset=99999999999"),
            &[]
        )),
        [Value::Null; 0]
    );
    let report = get(&world.service, "/report/hiring?limit=1", &[]);
    assert_eq!((report.status, &*report.problem()), (400, "bad-query"));
}

#[test]
fn a_model_that_fails_says_so_and_the_service_goes_on() {
    let world = world(|_| {});
    world
        .database
        .connect()
        .batch_execute("ALTER TABLE hiring.jobs RENAME job TO profession")
        .expect("altered");
    let answer = get(&world.service, QUARTERS, &[]);
    assert_eq!((answer.status, &*answer.problem()), (500, "model-failed"));
    world
        .database
        .connect()
        .batch_execute("ALTER TABLE hiring.jobs RENAME profession TO job")
        .expect("altered");
    assert_eq!(rows(&get(&world.service, QUARTERS, &[])).len(), 1000);
}

#[test]
fn the_page_shows_what_the_models_give_and_only_to_who_may_read() {
    let database = Database::create();
    let options = ServeOptions::new(vec![(hiring(&database), "hiring".to_owned())]);
    let service = Service::start_with(&database.settings(), options, true);
    database.connect().batch_execute(ROWS).expect("rows");
    let key = |scope: &str| {
        let key = NewKey {
            name: scope.to_owned(),
            scopes: vec![scope.parse().expect("a scope")],
            expires_days: None,
        };
        let secret = keys::create(&database.settings(), &key, &Cancel::default()).expect("a key");
        format!("Bearer {secret}")
    };
    let (reads, writes) = (key("hiring:read"), key("hiring:write"));
    for path in [QUARTERS, "/report/hiring"] {
        assert_eq!(get(&service, path, &[]).status, 401);
        assert_eq!(
            get(&service, path, &[("Authorization", &writes)]).status,
            403
        );
        assert_eq!(
            get(
                &service,
                &path
                    .replace("hiring/", "sales/")
                    .replace("/hiring", "/sales"),
                &[("Authorization", &reads)]
            )
            .status,
            403
        );
    }
    let page = get(
        &service,
        "/report/hiring?year=2022",
        &[("Authorization", &reads)],
    );
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(
        page.headers["content-security-policy"]
            .starts_with("default-src 'none'; script-src 'sha256-")
    );
    let model = get(
        &service,
        &format!("{QUARTERS}?year=2022&limit=1"),
        &[("Authorization", &reads)],
    );
    let first = &rows(&model)[0];
    let row = format!(
        r#"["{}","{}","{}""#,
        first["department"].as_str().expect("a text"),
        first["job"].as_str().expect("a text"),
        first["q1"]
    );
    assert!(page.body.contains(&row), "{row}");
    assert!(page.body.contains("departments_above_mean"));
    let known = [
        ("Authorization", &*reads),
        ("If-None-Match", &*page.headers["etag"]),
    ];
    assert_eq!(
        get(&service, "/report/hiring?year=2022", &known).status,
        304
    );
}
