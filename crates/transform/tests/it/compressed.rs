//! Compressed files: their contents, that they are the same each time, and what `verify` says of damaged ones.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dataset::failure::{Failure, Kind};
use storage::compress::{Compression, Decompressed};
use transform::memory::RESERVED_BYTES;
use transform::{Dialect, Format, Layout, Options};
use xxhash_rust::xxh3::xxh3_128;

use crate::hostile_values::hostile_world;
use crate::world::World;

/// The contents of a compressed file. gzip is decompressed by the machine's own program.
fn decompressed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut contents = Vec::new();
    if compression == Compression::Zstd {
        let mut reader = Decompressed::new(bytes, Some(compression)).unwrap();
        reader.read_to_end(&mut contents).unwrap();
        return contents;
    }
    let mut gzip = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip runs");
    let mut stdin = gzip.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = gzip.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn files(out: &Path, end: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = testkit::contents_of(out);
    files.retain(|path, _| {
        let name = path.to_string_lossy();
        name.ends_with(end) && !name.contains("manifest")
    });
    let files = files.into_iter();
    files
        .map(|(path, contents)| {
            (
                PathBuf::from(path.to_string_lossy().strip_suffix(end).unwrap()),
                contents,
            )
        })
        .collect()
}

fn compressed(world: &World, layout: Layout, compression: Option<Compression>) -> Options {
    Options {
        compression,
        ..world.options(layout)
    }
}

#[test]
fn what_is_compressed_is_what_is_written_without() {
    let world = hostile_world();
    let mut compared = 0;
    for compression in Compression::ALL {
        for layout in [Layout::SingleFile, Layout::Declared] {
            for (format, dialect) in [
                (Format::Csv, Dialect::default()),
                (Format::Csv, Dialect::excel()),
                (Format::JsonLines, Dialect::default()),
            ] {
                let run = |compression| {
                    let out = tempfile::tempdir().unwrap();
                    let options = Options {
                        out: out.path().into(),
                        format,
                        dialect: dialect.clone(),
                        preview_rows: 20,
                        ..compressed(&world, layout.clone(), compression)
                    };
                    let report = world.try_transform(&options).unwrap();
                    let verified = world.try_verify_at(out.path()).unwrap();
                    let rows = report.models[0].rows;
                    assert_eq!(verified[0].database.as_ref().unwrap().rows, rows);
                    (out, rows, report.models[0].preview.clone().unwrap().rows)
                };
                let (plain, rows, shown) = run(None);
                let (packed, packed_rows, packed_shown) = run(Some(compression));
                assert!(rows > 100 && shown.len() == 20);
                assert_eq!((packed_rows, packed_shown), (rows, shown));
                let plain = files(plain.path(), &format!(".{format}"));
                let end = format!(".{format}.{}", compression.extension());
                let packed = files(packed.path(), &end);
                assert!(packed.keys().eq(plain.keys()));
                for (name, packed) in &packed {
                    assert!(decompressed(packed, compression) == plain[name]);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn the_same_rows_give_the_same_bytes_however_little_memory_there_is() {
    let world = World::with_rows(40, 60_000);
    let stage = tempfile::tempdir().unwrap();
    for (compression, format) in [
        (Compression::Gzip, Format::Csv),
        (Compression::Zstd, Format::Csv),
        (Compression::Zstd, Format::JsonLines),
    ] {
        for layout in [Layout::SingleFile, Layout::Declared] {
            let run = |memory_bytes: u64, connections: usize| {
                let out = stage.path().join(format!("{memory_bytes}-{connections}"));
                let options = Options {
                    out: out.clone().into(),
                    format,
                    memory_bytes,
                    max_connections: connections,
                    ..compressed(&world, layout.clone(), Some(compression))
                };
                assert_eq!(
                    world.try_transform(&options).unwrap().models[0].rows,
                    60_000
                );
                let end = format!(".{format}.{}", compression.extension());
                let files = files(&out, &end);
                let contents: Vec<Vec<u8>> = files.into_values().collect();
                fs::remove_dir_all(&out).unwrap();
                contents
            };
            let expected = run(1 << 30, 3);
            assert_eq!(
                expected.len(),
                if layout == Layout::Declared { 40 } else { 1 }
            );
            assert!(run(1 << 30, 1) == expected);
            assert!(run(LITTLE, 2) == expected, "{compression} {layout:?}");
        }
    }
}

/// A limit of memory far below what the table takes.
const LITTLE: u64 = RESERVED_BYTES + (2 << 20);

#[test]
fn the_manifest_tells_of_the_files_as_they_lie_and_of_how_they_were_compressed() {
    let world = World::with_rows(3, 300);
    let options = compressed(&world, Layout::Declared, Some(Compression::Gzip));
    let report = world.try_transform(&options).unwrap();
    let folder = world.out.path().join("movimento_flat");
    let manifest = fs::read_to_string(folder.join("_manifest.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = manifest
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1 + 3);
    assert_eq!(lines[0]["compression"], "gzip");
    assert_eq!(lines[0]["bytes"], report.models[0].bytes);
    let mut rows = 0;
    for line in &lines[1..] {
        let path = line["path"].as_str().unwrap();
        assert!(path.ends_with("/part-0.csv.gz"), "{path}");
        let contents = fs::read(folder.join(path)).unwrap();
        assert_eq!(line["bytes"], contents.len());
        assert_eq!(line["xxh3_128"], format!("{:032x}", xxh3_128(&contents)));
        // The header holds no time (RFC 1952).
        assert_eq!(contents[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        rows += line["rows"].as_u64().unwrap();
    }
    assert_eq!(rows, 300);
}

#[test]
fn damaged_files_are_named() {
    let world = World::with_rows(2, 3000);
    for compression in Compression::ALL {
        let options = compressed(&world, Layout::SingleFile, Some(compression));
        world.try_transform(&options).unwrap();
        let name = format!("movimento_flat.csv.{}", compression.extension());
        let file = world.out.path().join(&name);
        let manifest = world.out.path().join(format!("{name}.manifest.jsonl"));
        let (former, told) = (
            fs::read(&file).unwrap(),
            fs::read_to_string(&manifest).unwrap(),
        );
        let at = world.out.path().join(&name);
        let said = |what: &str| {
            let error = world.try_verify_at(&at).unwrap_err();
            let message = format!("{error:#}");
            assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{message}");
            assert!(
                message.contains(what) && message.contains(&name),
                "{message}"
            );
        };
        let mut changed = former.clone();
        changed[former.len() / 2] ^= 4;
        fs::write(&file, &changed).unwrap();
        said("checksum");
        // Damage is found even if the manifest describes the damaged file.
        let telling_of = |contents: &[u8]| {
            let sum = |contents: &[u8]| format!("{:032x}", xxh3_128(contents));
            let bytes = |contents: &[u8]| format!("\"bytes\":{},", contents.len());
            told.replace(&sum(&former), &sum(contents))
                .replace(&bytes(&former), &bytes(contents))
        };
        fs::write(&manifest, telling_of(&changed)).unwrap();
        // What can no longer be read depends on where the change is.
        said("");
        let half = &former[..former.len() / 2];
        fs::write(&file, half).unwrap();
        fs::write(&manifest, telling_of(half)).unwrap();
        said("cannot read");
        fs::write(&manifest, &told).unwrap();
        said("bytes, the manifest says");
        fs::write(&file, &former).unwrap();
        let other = match compression {
            Compression::Gzip => "zstd",
            Compression::Zstd => "gzip",
        };
        fs::write(
            &manifest,
            told.replace(&format!("\"{compression}\""), &format!("\"{other}\"")),
        )
        .unwrap();
        said("cannot read");
        fs::write(
            &manifest,
            told.replace(&format!("\"compression\":\"{compression}\","), ""),
        )
        .unwrap();
        said("columns are not the manifest's");
        fs::remove_file(&file).unwrap();
        fs::write(&manifest, &told).unwrap();
        let error = format!("{:#}", world.try_verify().unwrap_err());
        assert!(
            error.contains("it is not there") && error.contains(&name),
            "{error}"
        );
        fs::write(&file, &former).unwrap();
        assert_eq!(world.try_verify_at(&at).unwrap()[0].rows, 3000);
    }
}

#[test]
fn parquet_is_not_compressed_again() {
    let world = World::of_cards();
    let options = Options {
        format: Format::Parquet,
        ..compressed(&world, Layout::SingleFile, Some(Compression::Zstd))
    };
    let error = world.try_transform(&options).unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Usage));
    assert!(error.to_string().contains("--compress zstd"), "{error}");
}
