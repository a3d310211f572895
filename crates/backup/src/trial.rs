//! Files of any bytes, read as a restore reads them but without a database: for tests, and for the fuzz targets of `fuzz/`.

use std::path::Path;

use anyhow::{Context, ensure};
use database::copy::write::RowEncoder;

use crate::avro::codec::Codec;
use crate::avro::container::Reader;
use crate::avro::decode::Decoder;
use crate::avro::parse::{self, AvroType, Meaning};
use crate::avro::{encode, schema, varint};
use crate::carriage::{Carried, Kind};
use crate::copy_rows::CopyRows;

const CODECS: [Codec; 4] = [Codec::Null, Codec::Deflate, Codec::Snappy, Codec::Zstandard];
const SYNC: &[u8; 16] = b"a marker of ours";

/// A schema as other programs may write it: another order of branches, decimals on bytes, named types, milliseconds, blocks of
/// arrays.
const OF_OTHERS: &str = r#"{"type": "record", "name": "o", "namespace": "n", "fields": [
    {"name": "a", "type": [{"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}, "null"]},
    {"name": "b", "type": {"type": "enum", "name": "e", "symbols": ["X", "Y", "Z"]}},
    {"name": "c", "type": {"type": "array", "items": "e"}},
    {"name": "d", "type": ["null", {"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"}]},
    {"name": "e", "type": ["u", "null"]},
    {"name": "f", "type": {"type": "int", "logicalType": "time-millis"}},
    {"name": "g", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "h", "type": {"type": "array", "items": {"type": "fixed", "name": "w", "size": 20, "logicalType": "decimal",
                                                      "precision": 38, "scale": 0}}},
    {"name": "i", "type": "float"}, {"name": "j", "type": {"type": {"type": "string"}}}
]}"#;

/// Makes a file from an input. The file is the input itself, a file of ours with some bytes changed, or a file of our schema or
/// another one whose rows are the input.
pub fn made_of(pick: u8, input: &[u8]) -> Vec<u8> {
    let codec = CODECS[usize::from(pick / 4) % CODECS.len()];
    match pick % 4 {
        0 => input.to_vec(),
        1 => edited(whole(codec), input),
        2 => container(&ours(), Codec::Null.name(), &block(Codec::Null, input)),
        _ => container(OF_OTHERS, codec.name(), &block(codec, input)),
    }
}

/// Reads a file as rows of columns that fit its fields; `pick` chooses among the columns that do. Each row must come back from the
/// file that a backup would make of it. Returns the number of rows.
///
/// # Errors
/// The reason why the file is refused.
///
/// # Panics
/// Panics if a row does not come back.
pub fn read(path: &Path, pick: u8) -> anyhow::Result<u64> {
    let mut reader = Reader::open(&path.into(), None)?;
    let fields = parse::fields(reader.schema()).map_err(anyhow::Error::msg)?;
    let fit = |field: &parse::Field| fitting(&field.slot.of, usize::from(pick / 16));
    let columns = fields
        .iter()
        .map(|field| carried(&field.column, fit(field)));
    let columns: Vec<Carried> = columns.collect();
    let mut decoder = Decoder::new(fields, &columns).map_err(anyhow::Error::msg)?;
    let again = schema::of_table("s", "t", &columns, false);
    let again = parse::fields(&again).expect("a schema of ours");
    let mut again = Decoder::new(again, &columns).expect("columns of ours");
    let (mut block, mut rows) = (Vec::new(), 0);
    while let Some(count) = reader.next_block(&mut block)? {
        let mut rest = &block[..];
        for _ in 0..count {
            decoder.row(&mut rest).map_err(anyhow::Error::msg)?;
            come_back(decoder.encoded(), &columns, &mut again);
            decoder.clear();
            rows += 1;
        }
        ensure!(rest.is_empty(), "more bytes than rows");
    }
    Ok(rows)
}

/// Checks that a row is the same after it was written and read.
fn come_back(row: &[u8], columns: &[Carried], again: &mut Decoder) {
    let mut header = RowEncoder::default();
    header.header();
    let mut stream = CopyRows::default();
    stream.push(&[header.bytes(), row].concat());
    let fields = stream.next_row(columns.len()).expect("rows of ours");
    let mut written = Vec::new();
    for (column, field) in columns.iter().zip(fields.expect("a whole row")) {
        encode::field(column, field, true, &mut written).expect("what was read can be written");
    }
    let mut rest = &written[..];
    again.row(&mut rest).expect("what was written can be read");
    assert!(rest.is_empty());
    assert_eq!(again.encoded(), row);
    again.clear();
}

fn carried(name: &str, kind: Kind) -> Carried {
    Carried {
        name: name.to_owned(),
        type_name: String::new(),
        labels: Vec::new(),
        kind,
        nullable: true,
        expression: String::new(),
        sent: String::new(),
    }
}

/// A kind of column that takes values of this type, or any kind if none does.
fn fitting(of: &AvroType, pick: usize) -> Kind {
    let one_of = |kinds: &[Kind]| kinds[pick % kinds.len()].clone();
    match of {
        AvroType::Boolean => Kind::Bool,
        AvroType::Int(Meaning::Date) => Kind::Date,
        AvroType::Int(Meaning::Time(_)) | AvroType::Long(Meaning::Time(_)) => Kind::Time,
        AvroType::Long(Meaning::Timestamp(_)) => one_of(&[Kind::Timestamp, Kind::TimestampTz]),
        AvroType::Int(_) => one_of(&[Kind::Int4, Kind::Int8, Kind::Int2]),
        AvroType::Long(_) => one_of(&[Kind::Int8, Kind::Int4, Kind::Int2]),
        AvroType::Float => one_of(&[Kind::Float4, Kind::Float8]),
        AvroType::Double => Kind::Float8,
        AvroType::Bytes(Some(scale)) | AvroType::Fixed(_, Some(scale)) => one_of(&[
            decimal(38, *scale),
            decimal(38, 0),
            decimal(38, 38),
            decimal(7, 2),
        ]),
        AvroType::Fixed(16, None) => one_of(&[Kind::Uuid, Kind::Bytes]),
        AvroType::Bytes(None) | AvroType::Fixed(_, None) => Kind::Bytes,
        AvroType::String => one_of(&[Kind::Text, Kind::Jsonb, Kind::AsText, Kind::Uuid]),
        AvroType::Enum(_) => one_of(&[Kind::Text, Kind::AsText]),
        AvroType::Array(slot) => array(fitting(&slot.of, pick)),
    }
}

fn decimal(precision: u8, scale: u8) -> Kind {
    Kind::Decimal { precision, scale }
}

fn array(of: Kind) -> Kind {
    Kind::Array {
        oid: 23,
        of: Box::new(of),
    }
}

/// A column of each kind.
fn columns() -> Vec<Carried> {
    let kinds = [
        Kind::Int2,
        Kind::Int4,
        Kind::Int8,
        Kind::Bool,
        Kind::Float4,
        Kind::Float8,
        decimal(10, 2),
        decimal(38, 38),
        Kind::Text,
        Kind::Jsonb,
        Kind::Uuid,
        Kind::Bytes,
        Kind::Date,
        Kind::Time,
        Kind::Timestamp,
        Kind::TimestampTz,
        array(Kind::Int4),
        array(Kind::Text),
        Kind::AsText,
    ];
    let named = kinds.into_iter().enumerate();
    named
        .map(|(index, kind)| carried(&format!("c{index}"), kind))
        .collect()
}

/// The Avro schema of our columns.
fn ours() -> String {
    schema::of_table("s", "t", &columns(), false).to_string()
}

/// Rows of our columns: one with values, one with NULLs.
fn rows() -> Vec<u8> {
    let array = |elements: &[Option<&[u8]>]| {
        let mut array = Vec::new();
        for word in [1, 1, 23, elements.len() as i32, 1] {
            array.extend_from_slice(&word.to_be_bytes());
        }
        let mut encoder = RowEncoder::default();
        for element in elements {
            match element {
                None => encoder.null(),
                Some(bytes) => encoder.bytea(bytes),
            }
        }
        array.extend_from_slice(encoder.bytes());
        array
    };
    let mut out = Vec::new();
    let mut row = RowEncoder::default();
    row.row(19);
    row.int2(-2);
    row.int4(i32::MAX);
    row.int8(i64::MIN);
    row.bool(true);
    row.float4(-0.0);
    row.float8(f64::NAN);
    row.numeric(-9_999_999_999, 2);
    row.numeric_wide(10_i128.pow(38) - 1, 38);
    row.text("a text of more than twelve bytes, é");
    row.jsonb("{\"a\": [1, null]}");
    row.uuid(*b"sixteen bytes ..");
    row.bytea(&[0, 255]);
    row.date(-730_119);
    row.time(86_399_999_999);
    row.timestamp(1);
    row.timestamp(-1);
    row.bytea(&array(&[Some(&7_i32.to_be_bytes()), None]));
    row.bytea(&array(&[Some(b""), Some(b"text")]));
    row.text("(1,\"a\")");
    let values = row.bytes().to_vec();
    row.clear();
    row.row(19);
    (0..19).for_each(|_| row.null());
    for row in [&values[..], row.bytes(), &values[..]] {
        let mut header = RowEncoder::default();
        header.header();
        let mut stream = CopyRows::default();
        stream.push(&[header.bytes(), row].concat());
        let fields = stream.next_row(19).expect("a row").expect("a whole row");
        for (column, field) in columns().iter().zip(fields) {
            encode::field(column, field, false, &mut out).expect("can be written");
        }
    }
    out
}

/// A file as a backup writes it, with three rows in each of two blocks.
fn whole(codec: Codec) -> Vec<u8> {
    let mut compressed = Vec::new();
    codec
        .compress(&rows(), &mut compressed)
        .expect("compressed");
    let block = sized(3, &compressed);
    container(&ours(), codec.name(), &[&block[..], &block].concat())
}

/// A block made from an input: the input begins with the number of rows, and the rest are the rows.
fn block(codec: Codec, input: &[u8]) -> Vec<u8> {
    let mut rows = input;
    let count = varint::read(&mut rows).unwrap_or(1);
    let mut compressed = Vec::new();
    codec.compress(rows, &mut compressed).expect("compressed");
    sized(count, &compressed)
}

fn sized(count: i64, compressed: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    varint::write(count, &mut block);
    varint::write(compressed.len() as i64, &mut block);
    [&block[..], compressed, SYNC].concat()
}

fn container(schema: &str, codec: &str, blocks: &[u8]) -> Vec<u8> {
    let mut file = b"Obj\x01".to_vec();
    varint::write(2, &mut file);
    for text in ["avro.codec", codec, "avro.schema", schema] {
        varint::write(text.len() as i64, &mut file);
        file.extend_from_slice(text.as_bytes());
    }
    file.push(0);
    [&file[..], SYNC, blocks].concat()
}

/// Changes a byte at each place that the input names, and cuts the file off after the last one if the input ends in the middle.
fn edited(mut file: Vec<u8>, input: &[u8]) -> Vec<u8> {
    let edits = input.chunks_exact(3);
    let cut = edits.remainder();
    for edit in edits {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        let last = file.len() - 1;
        file[at.min(last)] ^= edit[2];
    }
    if let [low, high] = *cut {
        file.truncate(usize::from(u16::from_le_bytes([low, high])));
    }
    file
}

/// Reads bytes as [`read`] does, from a file at a path that is written first.
///
/// # Errors
/// The errors of [`read`], and an error if the file cannot be written.
pub fn read_at(path: &Path, bytes: &[u8], pick: u8) -> anyhow::Result<u64> {
    std::fs::write(path, bytes).context("writing the file")?;
    read(path, pick)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::NamedTempFile;

    use super::*;

    fn read_bytes(bytes: &[u8], pick: u8) -> Result<u64, String> {
        let file = NamedTempFile::new().expect("a file");
        read_at(file.path(), bytes, pick).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn files_that_nobody_damaged_are_read_whole() {
        for codec in CODECS {
            assert_eq!(read_bytes(&whole(codec), 0), Ok(6), "{}", codec.name());
        }
        // The row holds a decimal, a symbol, an array preceded by its size, a uuid, NULL, milliseconds, an empty array, 0.5 and a
        // text.
        let row = b"\x00\x04\x01\x02\x02\x03\x04\x04\x02\x00\x020123456789abcdef\x02\x04\x06\x00\x00\x00\x00\x3f\x02a";
        for codec in CODECS {
            let file = container(
                OF_OTHERS,
                codec.name(),
                &block(codec, &[&[2], &row[..]].concat()),
            );
            assert_eq!(read_bytes(&file, 0), Ok(1), "{}", codec.name());
        }
    }

    #[test]
    fn what_a_file_says_of_its_length_is_not_believed() {
        let of_length = |count: i64, bytes: i64| {
            let mut block = Vec::new();
            varint::write(count, &mut block);
            varint::write(bytes, &mut block);
            [&block[..], &[0; 64]].concat()
        };
        let refused = |file: &[u8], expected: &str| {
            let said = read_bytes(file, 0).expect_err("refused");
            assert!(said.contains(expected), "{said}");
        };
        let null = Codec::Null.name();
        for (count, bytes) in [(1, 1 << 60), (1, i64::MAX), (1, -1), (-1, 4), (i64::MIN, 0)] {
            refused(
                &container(&ours(), null, &of_length(count, bytes)),
                "is damaged or cut",
            );
        }
        // A huge number of rows without bytes, and rows of a schema without fields.
        refused(
            &container(&ours(), null, &sized(1 << 62, b"")),
            "ends in the middle",
        );
        let nothing = r#"{"type": "record", "name": "n", "fields": []}"#;
        refused(&container(nothing, null, &sized(1 << 62, b"")), "no fields");
        // An array that claims a huge number of elements.
        let mut elements = Vec::new();
        varint::write(1 << 60, &mut elements);
        let of_array = r#"{"type": "record", "name": "n", "fields": [{"name": "a", "type": {"type": "array", "items": ["null", "int"]}}]}"#;
        refused(
            &container(of_array, null, &sized(1, &elements)),
            "ends in the middle",
        );
        // A block of snappy that claims to expand to 2 GiB.
        let mut claimed = vec![0xff, 0xff, 0xff, 0xff, 7];
        claimed.extend_from_slice(&[0; 4]);
        refused(
            &container(&ours(), Codec::Snappy.name(), &sized(1, &claimed)),
            "is damaged or cut",
        );
    }

    #[test]
    fn schemas_that_only_look_like_some_are_refused() {
        let of = |kind: &str| {
            let schema = format!(
                r#"{{"type": "record", "name": "r", "fields": [{{"name": "a", "type": "int"}}, {{"name": "b", "type": {kind}}}]}}"#
            );
            read_bytes(&container(&schema, "null", &[]), 0)
        };
        assert_eq!(of("\"int\""), Ok(0));
        for kind in [
            r#"["null", "int", "string"]"#,
            r#"["null", ["null", "int"]]"#,
            r#"{"type": "enum", "name": "e", "symbols": ["a", 1]}"#,
            r#"{"type": "fixed", "name": "f", "size": 0}"#,
            r#"{"type": "fixed", "name": "f", "size": -1}"#,
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 39}"#,
            r#"{"type": "map", "values": "int"}"#,
            r#"{"type": "array", "items": "r"}"#,
            "\"r\"",
            "null",
            "[]",
            "{}",
        ] {
            assert!(of(kind).is_err(), "{kind}");
        }
        // Arrays have no name by which other arrays could nest them.
        let nested = r#"{"type": "array", "name": "n", "items": "int"}}, {"name": "c", "type": {"type": "array", "items": "n"}"#;
        let said = of(nested).expect_err("no such type");
        assert!(said.contains("is of the type n"), "{said}");
        // Nested far deeper than any row.
        let deep = format!(
            "{}\"int\"{}",
            r#"{"type": "array", "items": "#.repeat(100_000),
            "}".repeat(100_000)
        );
        assert!(of(&deep).is_err());
    }

    #[test]
    fn files_of_any_bytes_are_read_or_refused() {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 3000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let (taken, refused) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let bytes = |length| prop::collection::vec(any::<u8>(), 0..length);
        let bytes = prop_oneof![bytes(4), bytes(200)];
        runner
            .run(&(any::<u8>(), bytes), |(pick, bytes)| {
                let count = match read_bytes(&made_of(pick, &bytes), pick) {
                    Ok(_) => &taken,
                    Err(_) => &refused,
                };
                count.set(count.get() + 1);
                Ok(())
            })
            .expect("none panics");
        assert!(
            taken.get() > 10 && refused.get() > 100,
            "{} taken, {} refused",
            taken.get(),
            refused.get()
        );
    }
}
