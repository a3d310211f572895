//! Files that are not text, or not in the declared encoding, known by their first bytes.

use dataset::encoding::Encoding;
use memchr::memmem;

const UTF32_MARKS: [[u8; 4]; 2] = [[0xff, 0xfe, 0, 0], [0, 0, 0xfe, 0xff]];
/// How many bytes are looked at to tell UTF-16 from other texts.
const SAMPLE_BYTES: usize = 512;
/// Where a tar archive has its magic.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// The first bytes of kinds of files that are not CSV, each with what the file is and the way out.
const KINDS: [(&[u8], &str); 14] = [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", EXCEL_97),
    (
        b"PAR1",
        "a Parquet file: write it as CSV, as with DuckDB's COPY (FROM 'file.parquet') TO 'file.csv'",
    ),
    (b"Obj\x01", "an Avro file: write it as CSV"),
    (b"ARROW1\0\0", "an Arrow file: write it as CSV"),
    (b"ORC\x08", "an ORC file: write it as CSV"),
    (
        b"%PDF-",
        "a PDF: export the table as CSV where it came from",
    ),
    (
        b"SQLite format 3\0",
        "a SQLite database: write the table as CSV, as with sqlite3 -header -csv",
    ),
    (b"PGDMP", "a dump of pg_dump: restore it with pg_restore"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: extract the file"),
    (b"Rar!\x1a\x07", "a RAR archive: extract the file"),
    (
        b"\xfd7zXZ\0",
        "compressed with xz: give it through a pipe, as with xz -dc FILE | extrato load --table TABLE=-",
    ),
    (b"BZh91AY&SY", BZIP2),
    (
        b"\x04\x22\x4d\x18",
        "compressed with lz4: give it through a pipe, as with lz4 -dc FILE | extrato load --table TABLE=-",
    ),
    (b"PK\x05\x06", "an empty zip archive"),
];

const EXCEL_97: &str = "an Excel workbook (.xls): save the sheet as CSV";
const BZIP2: &str = "compressed with bzip2: give it through a pipe, as with bzip2 -dc FILE | extrato load --table TABLE=-";

/// Says what a file that begins with `head` and cannot be read as CSV is, with the way out. `declared` is the encoding that the
/// file should have.
pub(crate) fn named(head: &[u8], declared: Encoding) -> Option<String> {
    if head.starts_with(b"PK\x03\x04") {
        return Some(zip(head).to_owned());
    }
    if let Some((_, what)) = KINDS.iter().find(|(magic, _)| is(head, magic)) {
        return Some((*what).to_owned());
    }
    if head.get(TAR_MAGIC) == Some(b"ustar") {
        return Some("a tar archive: extract the file".to_owned());
    }
    if UTF32_MARKS.iter().any(|mark| head.starts_with(mark)) {
        return Some("UTF-32: convert it, as with iconv -f UTF-32 -t UTF-8".to_owned());
    }
    if declared.keeps_ascii() && Encoding::for_mark(head).is_none() {
        let label = utf16(head)?;
        return Some(format!(
            "apparently UTF-16 without a byte order mark: give encoding = \"{label}\" or --encoding {label}"
        ));
    }
    None
}

/// Whether a file begins with this magic number. A magic number of letters alone could be the beginning of a text, so then control
/// characters, which a text does not have, must follow soon after.
fn is(head: &[u8], magic: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < b'\t' || (0x0e..0x20).contains(byte);
    let (is_letters, begin) = (magic.is_ascii(), &head[..head.len().min(64)]);
    head.starts_with(magic)
        && (!is_letters || magic.starts_with(b"%PDF") || begin.iter().any(is_control))
}

/// What a zip archive holds, by the names of its first entries.
fn zip(head: &[u8]) -> &'static str {
    let holds = |name: &str| memmem::find(head, name.as_bytes()).is_some();
    if holds("[Content_Types].xml") || holds("xl/") {
        "an Excel workbook (.xlsx) or another document of Office: save the sheet as CSV UTF-8"
    } else if holds("mimetypeapplication/vnd.oasis") {
        "an OpenDocument file: save the sheet as CSV"
    } else {
        "a zip archive: extract the file, or give it through a pipe, as with unzip -p FILE | extrato load --table TABLE=-"
    }
}

/// The kind of UTF-16 that bytes without a byte order mark seem to be: about every second byte is NUL.
fn utf16(head: &[u8]) -> Option<&'static str> {
    let sample = &head[..head.len().min(SAMPLE_BYTES)];
    let (mut low, mut high, mut pairs) = (0, 0, 0);
    for pair in sample.chunks_exact(2) {
        pairs += 1;
        low += usize::from(pair[0] != 0 && pair[1] == 0);
        high += usize::from(pair[0] == 0 && pair[1] != 0);
    }
    let most = |count: usize| pairs >= 2 && count * 10 >= pairs * 7;
    match (most(low), most(high)) {
        (true, _) => Some("utf-16le"),
        (_, true) => Some("utf-16be"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_what_they_are_and_texts_are_not_taken_for_them() {
        let utf16 = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        for (head, expected) in [
            (
                &b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml"[..],
                "xlsx",
            ),
            (b"PK\x03\x04\x14\0\0\0data.csv", "unzip -p"),
            (
                b"PK\x03\x04\0\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
                "OpenDocument",
            ),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", ".xls"),
            (b"PAR1\x15\x04\x15", "Parquet"),
            (b"Obj\x01\x04\x14avro.codec", "Avro"),
            (b"%PDF-1.7\n", "PDF"),
            (b"BZh91AY&SY\x01\x02", "bzip2"),
            (&utf16("id;nome\r\n1;Jos\u{e9}\r\n"), "--encoding utf-16le"),
            (b"\0i\0d\0;\0n\0\n", "--encoding utf-16be"),
            (b"\xff\xfe\0\0i\0\0\0", "UTF-32"),
        ] {
            let named = named(head, Encoding::UTF_8).expect("named");
            assert!(named.contains(expected), "{named}");
        }
        for text in [
            &b""[..],
            b"PAR1,nome\n1,x\n",
            b"PGDMP;x\n",
            b"ORC",
            b"1,Sal\0es\n",
            b"a\0",
            b"\xff\xfei\0",
        ] {
            assert_eq!(named(text, Encoding::UTF_8), None, "{text:?}");
        }
        let declared = Encoding::for_label("utf-16le").expect("a label");
        assert_eq!(named(&utf16("id;nome\n"), declared), None);
    }
}
