//! Encodings by their labels, byte order marks, and files that are not text at all.

use dataset::encoding::Encoding;
use dataset::failure::Kind;
use testkit::value;

use crate::world::{World, rejects, shaped};

/// A world with a table of a number and a text, and the file `bytes` for it.
fn texts(load: &str, bytes: impl AsRef<[u8]>) -> World {
    let world = shaped("id integer PRIMARY KEY, a text", load);
    world.file("t.csv", bytes);
    world
}

fn loaded(world: &World) -> String {
    value(
        &mut world.connect(),
        "SELECT string_agg(a, ' ' ORDER BY id) FROM shaped.t",
    )
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn windows_1252_has_its_own_characters_and_bytes_without_one_are_rejects() {
    let bytes = b"id,a\n1,\x80 \x93x\x94 \x96 \xe9\n2,a\x81\n3,\"\x93\"\"\"\n";
    let world = texts("encoding = \"windows-1252\"", bytes);
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (3, 2));
    assert_eq!(loaded(&world), "€ “x” – é “\"");
    assert_eq!(
        world.rejected("shaped", "t"),
        rejects(&[(3, "a", "encoding")])
    );
    let raw: String = value(
        &mut world.connect(),
        "SELECT raw FROM shaped.extrato_reject",
    );
    assert_eq!(raw, "2,a\\x81");
}

#[test]
fn encodings_of_one_byte_are_those_of_postgres() {
    let world = World::new(&[]);
    let mut client = world.connect();
    for (label, name) in [
        ("windows-1250", "WIN1250"),
        ("windows-1251", "WIN1251"),
        ("windows-1252", "WIN1252"),
        ("windows-1253", "WIN1253"),
        ("windows-1254", "WIN1254"),
        ("windows-1256", "WIN1256"),
        ("windows-1257", "WIN1257"),
        ("windows-1258", "WIN1258"),
        ("iso-8859-2", "LATIN2"),
        ("iso-8859-15", "LATIN9"),
        ("koi8-r", "KOI8R"),
        ("ibm866", "WIN866"),
    ] {
        let encoding = Encoding::for_label(label).expect(label);
        for byte in 0x80..=0xff_u8 {
            let theirs = client
                .query_one("SELECT convert_from($1, $2)", &[&&[byte][..], &name])
                .ok()
                .map(|row| row.get::<_, String>(0));
            let ours = encoding.decode(&[byte]).map(std::borrow::Cow::into_owned);
            assert_eq!(ours, theirs, "{label} {byte:x}");
        }
    }
}

#[test]
fn utf_16_is_loaded_with_a_mark_or_by_its_label_and_named_without() {
    let text = "id\ta\r\n1\tJosé €\r\n2\t\u{1f600}\tx\r\n3\t\"a\r\n\u{a0d}\u{d0a}\"\r\n";
    let load = "delimiter = \"\\t\"";
    for bytes in [
        utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
        utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
    ] {
        let world = texts(load, &bytes);
        let report = world.load(&world.options());
        assert_eq!((report.rows.read, report.rows.loaded), (3, 2));
        assert_eq!(loaded(&world), "José € a\r\n\u{a0d}\u{d0a}");
        assert_eq!(world.rejected("shaped", "t"), rejects(&[(3, "", "shape")]));
        let notes = report.tables[0].files[0].notes.join("; ");
        assert!(
            notes.contains("as its byte order mark says; is converted from utf-16"),
            "{notes}"
        );
    }
    let bytes = utf16(text, u16::to_le_bytes);
    let world = texts(load, &bytes);
    world.refused(&world.options(), Kind::Mismatch, "--encoding utf-16le");
    let mut options = world.options();
    options.dialect.encoding = Encoding::for_label("utf-16le").ok();
    assert_eq!(world.load(&options).rows.loaded, 2);
}

#[test]
fn characters_that_hold_a_delimiter_are_no_two_fields() {
    // ソ is 83 5C and ポ 83 7C: the second bytes are a backslash and a bar.
    let world = texts(
        "encoding = \"shift_jis\"\ndelimiter = \"|\"",
        b"id|a\n1|\x83\x5c\x83\x7c\n2|\x83\n3|x\n",
    );
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (3, 2));
    assert_eq!(loaded(&world), "ソポ x");
    assert_eq!(
        world.rejected("shaped", "t"),
        rejects(&[(3, "a", "encoding")])
    );
}

#[test]
fn a_byte_order_mark_that_contradicts_what_is_declared_wins_and_is_said() {
    let world = texts("encoding = \"latin-1\"", "\u{feff}id,a\n1,José\n");
    let report = world.load(&world.options());
    assert_eq!(loaded(&world), "José");
    let notes = &report.tables[0].files[0].notes;
    let said = "is read as utf-8, as its byte order mark says, though windows-1252 is declared";
    assert!(notes.contains(&said.to_owned()), "{notes:?}");
}

#[test]
fn files_that_are_no_text_are_named_and_no_control_character_is_shown() {
    for (bytes, expected) in [
        (
            &b"PK\x03\x04\x14\0\x06\0[Content_Types].xml\x1b[2J\0\n"[..],
            "Excel workbook (.xlsx)",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\n",
            "Excel workbook (.xls)",
        ),
        (b"PAR1\x15\x04\x15\x1b\n", "Parquet"),
        (b"\x1b[2Jid,\x07q\n1,2\n", "\\x1b[2Jid | \\x07q"),
    ] {
        let world = texts("columns = [\"Code\", \"Text\"]", bytes);
        let shown = world.refused(&world.options(), Kind::Mismatch, expected);
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    let world = texts("", "id\ta\n1\tx\n");
    world.refused(
        &world.options(),
        Kind::Mismatch,
        "separated by tabs: give '\\t'",
    );
}
