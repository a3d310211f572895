//! Which texts name a place, and which don't.

use dataset::failure::Failure;
use proptest::prelude::*;

use super::*;

#[test]
fn an_address_of_another_kind_is_refused_with_the_way_to_write_it() {
    for (text, saying) in [
        ("", "a place has a name"),
        ("s3a://b/x", "write s3://b/x"),
        ("gs://b/x", "gcsfuse"),
        ("file:///x", "write /x"),
        ("S3://b/x", "only s3:// and paths"),
        ("://b/x", "only s3:// and paths"),
        ("https://b.s3.amazonaws.com/x", "only s3:// and paths"),
    ] {
        let error = Place::parse(text).expect_err(text);
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage));
        let said = format!("{error:#}");
        assert!(said.contains(saying), "{said}");
    }
    for path in ["s3:/b/x", "/s3://b", "a b://c", "-", "..", "s3"] {
        assert_eq!(Place::parse(path).expect(path), Place::Disk(path.into()));
    }
}

#[test]
fn what_the_system_says_of_a_file_is_not_taken_for_what_a_bucket_says() {
    use io::ErrorKind::{NotConnected, PermissionDenied, StaleNetworkFileHandle};
    let kind = |error: io::Error| {
        let read = reading(Err::<(), _>(error), Kind::Check, "x");
        Failure::kind_of(&read.expect_err("failed"))
    };
    for (of_system, of_bucket, expected) in [
        (13, PermissionDenied, Kind::Usage),
        (107, NotConnected, Kind::Connection),
        (116, StaleNetworkFileHandle, Kind::Refused),
    ] {
        let error = io::Error::from_raw_os_error(of_system);
        assert_eq!(error.kind(), of_bucket);
        assert_eq!(kind(error), Some(Kind::Check));
        assert_eq!(kind(io::Error::new(of_bucket, "said")), Some(expected));
    }
}

#[cfg(feature = "bucket")]
#[test]
fn an_address_that_no_object_can_have_is_refused() {
    for text in [
        "s3://",
        "s3:///x",
        "s3://b//x",
        "s3://b/x//",
        "s3://b/../x",
        "s3://b/./x",
        "s3://b/x/..",
        "s3://b c/x",
        "s3://b?x",
        "s3://key:secret@b/x",
        "s3://São/x",
        "s3://b\n/x",
    ] {
        let error = Place::parse(text).expect_err(text);
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
    }
}

#[cfg(feature = "bucket")]
proptest! {
    #[test]
    fn an_address_is_its_bucket_and_its_key_letter_by_letter(text in "s3://[a-z.-]{0,4}/?\\PC{0,12}(/\\PC{0,5})?") {
        let Ok(place) = Place::parse(&text) else {
            return Ok(());
        };
        let shown = place.to_string();
        prop_assert_eq!(shown.trim_end_matches('/'), text.trim_end_matches('/'));
        prop_assert_eq!(&Place::parse(&shown).expect("parsed"), &place);
        let below = place.join("a?b");
        prop_assert_eq!(&below.above(), &place);
        prop_assert_eq!(below.name(), "a?b");
        prop_assert_eq!(below.beside("c"), place.join("c"));
    }
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "(s3://)?\\PC*|.*") {
        let _ = Place::parse(&text);
    }
}
