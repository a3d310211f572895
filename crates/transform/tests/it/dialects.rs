//! CSV in other dialects: Postgres and csv-core read back the values of the default dialect, and `verify` accepts it.

use std::fs;

use clap::Parser;
use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use database::Environment;
use dataset::failure::{Failure, Kind};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use testkit::value;
use transform::cli::TransformArgs;
use transform::dialect::{LineEnd, Quote};
use transform::{Dialect, Layout, Options};

use crate::dataset_of_ones_own::world_of_all_types;
use crate::hostile_values::hostile_world;
use crate::world::World;

fn dialects() -> Vec<Dialect> {
    let usual = Dialect::default;
    vec![
        Dialect::excel(),
        Dialect {
            delimiter: '\t',
            null_word: "NULL".to_owned(),
            ..usual()
        },
        Dialect {
            delimiter: '|',
            quote: Quote::All,
            null_word: "\\N".to_owned(),
            line_end: LineEnd::CrLf,
            ..usual()
        },
        Dialect {
            quote: Quote::All,
            ..usual()
        },
        Dialect {
            delimiter: '\u{1}',
            decimal_mark: ',',
            null_word: "0".to_owned(),
            byte_order_mark: true,
            ..usual()
        },
        Dialect {
            delimiter: ' ',
            null_word: "a,b".to_owned(),
            ..usual()
        },
    ]
}

fn in_dialect(world: &World, layout: Layout, dialect: &Dialect) -> Options {
    Options {
        dialect: dialect.clone(),
        ..world.options(layout)
    }
}

const COLUMNS: [&str; 11] = ["a", "b", "c", "amount", "e", "f", "g", "h", "i", "j", "k"];

#[test]
fn hostile_values_are_read_back_from_every_dialect_as_from_the_default_one() {
    let world = hostile_world();
    world.transform(Layout::SingleFile);
    let usual = world.single_file();
    let rows = world.read_back("usual", &COLUMNS, usual.as_bytes(), &Dialect::default());
    assert!(rows > 100);
    for dialect in dialects() {
        let options = in_dialect(&world, Layout::SingleFile, &dialect);
        let report = world.try_transform(&options).unwrap();
        assert_eq!(report.models[0].rows, rows);
        let text = world.single_file();
        assert_ne!(text, usual);
        assert_eq!(
            world.read_back("other", &COLUMNS, text.as_bytes(), &dialect),
            rows
        );
        if dialect.decimal_mark == ',' {
            world.sql("UPDATE other SET amount = replace(amount, ',', '.')");
        }
        let all = |table: &str| {
            let columns = COLUMNS.join(", ");
            format!("SELECT line, {columns} FROM cards.{table}")
        };
        let differing = format!(
            "SELECT count(*) FROM (({} EXCEPT {}) UNION ALL ({} EXCEPT {})) AS d",
            all("usual"),
            all("other"),
            all("other"),
            all("usual")
        );
        let mut client = world.database.connect();
        assert_eq!(value::<i64>(&mut client, &differing), 0, "{dialect:?}");
        assert_eq!(world.verified(), [rows], "{dialect:?}");
    }
}

#[test]
fn folders_in_every_dialect_have_the_rows_and_a_header_each() {
    let world = hostile_world();
    for dialect in dialects() {
        let options = in_dialect(&world, Layout::Declared, &dialect);
        let report = world.try_transform(&options).unwrap();
        let (rows, files) = (report.models[0].rows, report.models[0].files);
        assert!(rows > 100 && files > 20);
        let mut read = 0;
        for (path, contents) in world.contents() {
            if path.extension().is_some_and(|extension| extension == "csv") {
                let mark = dialect.byte_order_mark;
                assert_eq!(contents.starts_with("\u{feff}".as_bytes()), mark);
                read += world.read_back("one", &COLUMNS, &contents, &dialect);
            }
        }
        assert_eq!(read, rows);
        assert_eq!(world.verified(), [rows], "{dialect:?}");
    }
}

#[test]
fn the_file_for_excel_is_this_to_the_byte() {
    let world = World::of_tables(
        r#"CREATE TABLE t (id integer PRIMARY KEY, v text, n numeric(8,2), d double precision, at timestamp, b boolean);
           INSERT INTO t VALUES (1, 'São; "João"', -1234.50, 0.5, '2024-02-29 12:00:00', true), (2, '', 0, 1e20, NULL, false),
                                (3, NULL, NULL, 'NaN', NULL, NULL), (4, 'a,b', 7, -3, '2024-01-01 00:00:00.5', true),
                                (5, E'two\nlines', 1, 1.5e-7, NULL, NULL)"#,
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        [[model]]
        name = "m"
        file = "m.sql"
        order_by = ["id"]
        [model.columns]
        id = "integer"
        v = "text"
        "n;" = "numeric(8,2)"
        d = "double precision"
        at = "timestamp"
        b = "boolean"
        "#,
        "SELECT id, v, n AS \"n;\", d, at, b FROM t",
    );
    let options = in_dialect(&world, Layout::SingleFile, &Dialect::excel());
    world.try_transform(&options).unwrap();
    let text = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
    let expected = "\u{feff}id;v;\"n;\";d;at;b\r\n\
         1;\"São; \"\"João\"\"\";-1234,50;0,5;2024-02-29T12:00:00;true\r\n\
         2;\"\";0,00;1e+20;;false\r\n\
         3;;;NaN;;\r\n\
         4;a,b;7,00;-3;2024-01-01T00:00:00.500000;true\r\n\
         5;\"two\nlines\";1,00;1,5e-07;;\r\n";
    assert_eq!(text, expected);
    assert_eq!(world.verified(), [5]);
}

#[test]
fn a_null_word_is_never_taken_for_a_value_that_says_the_same() {
    let world = World::of_tables(
        "CREATE TABLE t (id integer PRIMARY KEY, v text, n integer, b boolean);
         INSERT INTO t VALUES (1, 'NULL', 0, true), (2, NULL, NULL, NULL), (3, '', 1, false), (4, 'true', 0, true), (5, '0', 0, true)",
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        [[model]]
        name = "m"
        file = "m.sql"
        order_by = ["id"]
        [model.columns]
        id = "integer"
        v = "text"
        n = "integer"
        b = "boolean"
        "#,
        "SELECT id, v, n, b FROM t",
    );
    for (word, expected) in [
        (
            "NULL",
            "1,\"NULL\",0,true\n2,NULL,NULL,NULL\n3,\"\",1,false\n4,true,0,true\n5,0,0,true\n",
        ),
        (
            "0",
            "1,NULL,\"0\",true\n2,0,0,0\n3,\"\",1,false\n4,true,\"0\",true\n5,\"0\",\"0\",true\n",
        ),
        (
            "true",
            "1,NULL,0,\"true\"\n2,true,true,true\n3,\"\",1,false\n4,\"true\",0,\"true\"\n5,0,0,\"true\"\n",
        ),
    ] {
        let dialect = Dialect {
            null_word: word.to_owned(),
            ..Dialect::default()
        };
        let options = Options {
            preview_rows: 20,
            ..in_dialect(&world, Layout::SingleFile, &dialect)
        };
        let report = world.try_transform(&options).unwrap();
        let preview = &report.models[0].preview.as_ref().unwrap().rows;
        assert_eq!(preview[0][1].as_deref(), Some("NULL"));
        assert_eq!(preview[1][1..], [None, None, None]);
        assert_eq!(preview[2][1].as_deref(), Some(""));
        assert_eq!(preview[3][3].as_deref(), Some("true"));
        let text = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
        assert_eq!(text, format!("id,v,n,b\n{expected}"));
        assert_eq!(world.verified(), [5], "{word}");
    }
}

/// The values of a file as csv-core reads them; it doesn't know NULL.
fn by_csv_core(csv: &[u8], dialect: &Dialect) -> Vec<Vec<String>> {
    let mut reader = ReaderBuilder::new()
        .delimiter(dialect.delimiter as u8)
        .terminator(match dialect.line_end {
            LineEnd::Lf => Terminator::Any(b'\n'),
            LineEnd::CrLf => Terminator::CRLF,
        })
        .build();
    let (mut rest, mut records) = (csv, Vec::new());
    loop {
        let (mut bytes, mut ends) = (vec![0; csv.len() + 1], vec![0; 16]);
        let (result, read, _, count) = reader.read_record(rest, &mut bytes, &mut ends);
        rest = &rest[read..];
        if result == ReadRecordResult::End {
            return records;
        }
        if result != ReadRecordResult::Record {
            continue;
        }
        let starts = std::iter::once(&0).chain(&ends);
        let fields = starts.zip(&ends[..count]);
        let text = |(start, end): (&usize, &usize)| {
            String::from_utf8(bytes[*start..*end].to_vec()).unwrap()
        };
        records.push(fields.map(text).collect());
    }
}

#[test]
fn random_texts_and_amounts_come_back_from_every_dialect() {
    let world = World::of_tables(
        "CREATE TABLE t (id integer PRIMARY KEY, v text, w text, n numeric(12,3))",
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        [[model]]
        name = "m"
        file = "m.sql"
        order_by = ["id"]
        [model.columns]
        id = "integer"
        v = "text"
        w = "text"
        n = "numeric(12,3)"
        "#,
        "SELECT id, v, w, n FROM t",
    );
    let text = prop_oneof![
        "[;,|\t \"'\\\\N.0ab\u{1}\u{feff}\r\né]{0,6}",
        any::<String>().prop_map(|text| text.replace('\0', "")),
        prop::sample::select(vec!["NULL", "\\N", "\\.", "0", "", "a,b", "\"\"", "\r\n"])
            .prop_map(str::to_owned),
    ];
    let row = (
        prop::option::of(text.clone()),
        prop::option::of(text),
        prop::option::of(-999_999_999_999_i64..=999_999_999_999),
    );
    let mut runner = TestRunner::default();
    let mut client = world.database.connect();
    let insert = "INSERT INTO cards.t VALUES ($1, $2, $3, $4::int8 / 1000.0)";
    let mut rows = Vec::new();
    for id in 1..=600_i32 {
        let (v, w, n) = row.new_tree(&mut runner).unwrap().current();
        client.execute(insert, &[&id, &v, &w, &n]).unwrap();
        rows.push((v, w));
    }
    for dialect in [vec![Dialect::default()], dialects()].concat() {
        let options = in_dialect(&world, Layout::SingleFile, &dialect);
        world.try_transform(&options).unwrap();
        let csv = fs::read(world.out.path().join("m.csv")).unwrap();
        let columns = ["id", "v", "w", "n"];
        assert_eq!(world.read_back("back", &columns, &csv, &dialect), 600);
        let equal = format!(
            "SELECT count(*) FROM cards.t JOIN cards.back ON back.id::int = t.id AND line = t.id
             WHERE t.v IS NOT DISTINCT FROM back.v AND t.w IS NOT DISTINCT FROM back.w
               AND t.n IS NOT DISTINCT FROM replace(back.n, '{}', '.')::numeric",
            dialect.decimal_mark
        );
        assert_eq!(value::<i64>(&mut client, &equal), 600, "{dialect:?}");
        let read = by_csv_core(
            csv.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&csv),
            &dialect,
        );
        assert_eq!(read.len(), 601, "{dialect:?}");
        for (record, (v, w)) in read[1..].iter().zip(&rows) {
            let of = |text: &Option<String>| text.clone().unwrap_or(dialect.null_word.clone());
            assert_eq!(record[1..3], [of(v), of(w)], "{dialect:?}");
        }
        assert_eq!(world.verified(), [600], "{dialect:?}");
    }
}

#[test]
fn every_type_in_every_dialect_is_equal_to_the_databases() {
    let world = world_of_all_types();
    for dialect in dialects() {
        let options = Options {
            schema: "cards".to_owned(),
            ..in_dialect(&world, Layout::SingleFile, &dialect)
        };
        assert_eq!(world.try_transform(&options).unwrap().models[0].rows, 4);
        assert_eq!(world.verified(), [3, 4], "{dialect:?}");
    }
}

#[test]
fn a_manifest_with_another_dialect_than_the_files_is_found_out() {
    let world = World::with_rows(2, 20);
    world.sql("UPDATE associado SET idade = NULL WHERE id = 1");
    let dialect = Dialect {
        null_word: "NULL".to_owned(),
        ..Dialect::excel()
    };
    let options = in_dialect(&world, Layout::SingleFile, &dialect);
    world.try_transform(&options).unwrap();
    let manifest = world.out.path().join("movimento_flat.csv.manifest.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    let recorded = r#""dialect":{"delimiter":";","decimal_mark":",","byte_order_mark":true,"quote":"needed","null_word":"NULL","line_end":"crlf"}"#;
    assert!(text.contains(recorded), "{text}");
    for (from, to, said) in [
        (
            "\"delimiter\":\";\"",
            "\"delimiter\":\"|\"",
            "columns are not the manifest's",
        ),
        (
            "\"decimal_mark\":\",\"",
            "\"decimal_mark\":\".\"",
            "decimal mark `.`",
        ),
        ("order_mark\":true", "order_mark\":false", "byte order mark"),
        ("\"needed\"", "\"all\"", "without quotes"),
        ("\"NULL\"", "\"null\"", "`NULL` where a number"),
        ("\"NULL\"", "\"\"", "`NULL` where a number"),
        ("\"crlf\"", "\"lf\"", "lines don't end"),
        (recorded, "\"x\":0", "columns are not the manifest's"),
        ("\"delimiter\":\";\"", "\"delimiter\":\",\"", "is damaged"),
        ("\"delimiter\":\";\"", "\"delimiter\":\"\"", "is damaged"),
    ] {
        assert!(text.contains(from));
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        let difference = world.difference();
        assert!(difference.contains(said), "{to}: {difference}");
    }
    fs::write(&manifest, &text).unwrap();
    assert_eq!(world.verified(), [20]);
}

#[test]
fn the_dialect_changes_neither_tables_nor_what_is_staged() {
    let world = World::with_rows(3, 30);
    let stage = tempfile::tempdir().unwrap();
    let options = Options {
        to_postgres: Some("results".to_owned()),
        stage: Some(stage.path().into()),
        ..in_dialect(&world, Layout::Declared, &Dialect::excel())
    };
    assert_eq!(world.try_transform(&options).unwrap().models[0].rows, 30);
    let mut client = world.database.connect();
    let sum = "SELECT sum(vlr_transacao_movimento)::text FROM results.movimento_flat";
    let expected = "SELECT sum(vlr_transacao)::text FROM cards.movimento";
    assert_eq!(
        value::<String>(&mut client, sum),
        value::<String>(&mut client, expected)
    );
    let from_database = world.contents();
    let options = in_dialect(&world, Layout::Declared, &Dialect::excel());
    transform::run_from_stage(stage.path(), &options, &database::Cancel::default()).unwrap();
    for (path, contents) in world.contents() {
        if path.extension().is_some_and(|extension| extension == "csv") {
            assert_eq!(from_database[&path], contents);
        }
    }
}

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    arguments: TransformArgs,
}

/// The options of a command line.
fn parsed(arguments: &[&str]) -> anyhow::Result<Options> {
    let arguments = [&["transform"], arguments].concat();
    let program = Program::try_parse_from(arguments).map_err(|error| Kind::Usage.error(error))?;
    program.arguments.options(&Environment::default())
}

#[test]
fn arguments_name_a_dialect_and_what_clashes_is_refused() {
    let named = |arguments: &[&str]| parsed(arguments).unwrap().dialect;
    assert_eq!(named(&[]), Dialect::default());
    assert_eq!(named(&["--excel"]), Dialect::excel());
    let sum = [
        "--delimiter",
        ";",
        "--decimal-mark",
        ",",
        "--bom",
        "--line-end",
        "crlf",
    ];
    assert_eq!(named(&sum), Dialect::excel());
    let tabs = named(&["--delimiter", "\\t", "--null-word", "-", "--quote", "all"]);
    assert_eq!((tabs.delimiter, tabs.quote), ('\t', Quote::All));
    assert_eq!(tabs.null_word, "-");
    assert_eq!(named(&["--excel", "--delimiter", "|"]).delimiter, '|');
    for (arguments, said) in [
        (&["--decimal-mark", ","][..], "both `,`"),
        (&["--excel", "--delimiter", ","], "both `,`"),
        (&["--delimiter", "ab"], "not one character"),
        (&["--delimiter", "\""], "--delimiter"),
        (&["--excel", "--null-word", "a;"], "--null-word"),
        (&["--decimal-mark", "x"], "invalid value"),
        (&["--format", "parquet", "--excel"], "--excel is about CSV"),
        (
            &["--format", "parquet", "--delimiter", ","],
            "--delimiter is about CSV",
        ),
    ] {
        let error = parsed(arguments).err().unwrap();
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage));
        let message = format!("{error:#}");
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
    let world = World::of_cards();
    let options = Options {
        format: transform::Format::Parquet,
        ..in_dialect(&world, Layout::SingleFile, &Dialect::excel())
    };
    let error = world.try_transform(&options).unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
}
