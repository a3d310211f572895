//! Line ends: LF, CRLF and lone CR, also damaged ones. COPY's own reading is the standard.

use std::io::Write;

use dataset::failure::Kind;
use flate2::Compression;
use flate2::write::GzEncoder;
use postgres::Client;
use testkit::value;
use values::first_record::first_record;
use values::line_end::LineEnd;
use values::records::{Grammar, Noticed, Records, Splitter, Torn};

use crate::world::{World, rejects, shaped};

/// The rows that COPY reads from a text, for a table with two text columns.
fn copied(client: &mut Client, text: &str) -> Result<Vec<[String; 2]>, String> {
    client.batch_execute("TRUNCATE pair").expect("emptied");
    let mut writer = client
        .copy_in("COPY pair (a, b) FROM STDIN (FORMAT csv)")
        .expect("started");
    writer.write_all(text.as_bytes()).expect("sent");
    match writer.finish() {
        Ok(_) => Ok(client
            .query(
                "SELECT coalesce(a, ''), coalesce(b, '') FROM pair ORDER BY n",
                &[],
            )
            .expect("rows")
            .iter()
            .map(|row| [row.get(0), row.get(1)])
            .collect()),
        Err(error) => Err(error.as_db_error().expect("refused").message().to_owned()),
    }
}

/// Two fields, or the reason why a record does not have two.
type Pair = Result<[String; 2], Option<Torn>>;

/// The rows that the splitter finds in a text.
fn split(text: &str) -> (Vec<Pair>, Noticed) {
    let mut grammar = Grammar {
        delimiter: b',',
        quote: Some(b'"'),
        line_end: LineEnd::default(),
        fields: 2,
        longest_bytes: 1 << 20,
    };
    let bytes = text.as_bytes();
    grammar.line_end = match first_record(bytes, grammar, true) {
        Some(first) => first.line_end,
        None => LineEnd::default(),
    };
    let mut splitter = Splitter::new(grammar, 1);
    let mut records = Records::default();
    splitter.split(bytes, true, &mut records);
    let rows = records.records.iter().map(|record| {
        let fields = records.fields_of(record);
        let [first, second] = fields else {
            return Err(record.torn);
        };
        let text = |field: &values::records::Field| {
            String::from_utf8(field.bytes(bytes, grammar.quote).into_owned()).expect("UTF-8")
        };
        Ok([text(first), text(second)])
    });
    (rows.collect(), splitter.noticed())
}

#[test]
fn what_copy_takes_is_read_as_copy_reads_it_and_what_it_refuses_is_a_reject() {
    let world = World::new(&[]);
    let mut client = world.connect();
    client
        .batch_execute("CREATE TEMPORARY TABLE pair (n serial, a text, b text)")
        .expect("a table");
    let rows = ["1,b", "\"x\r\ny\",b", "2,\"\n\r\"", "3,b\rc", ""];
    let ends = ["\n", "\r\n", "\r", ""];
    let lines: Vec<String> = rows
        .iter()
        .flat_map(|row| ends.map(|end| format!("{row}{end}")))
        .collect();
    let ended = |line: &&String| line.ends_with(['\n', '\r']);
    let mut compared = [0; 3];
    for first in lines.iter().filter(ended) {
        for second in lines.iter().filter(ended) {
            for third in &lines {
                let text = format!("{first}{second}{third}");
                let (read, noticed) = split(&text);
                match copied(&mut client, &text) {
                    Ok(rows) => {
                        compared[0] += 1;
                        assert_eq!(
                            read,
                            rows.into_iter().map(Ok).collect::<Vec<_>>(),
                            "{text:?}"
                        );
                    }
                    Err(why) if why.starts_with("unquoted") => {
                        compared[1] += 1;
                        let torn = read.iter().any(|row| matches!(row, Err(Some(_))));
                        assert!(torn, "{text:?}: {why}, {read:?}");
                    }
                    Err(why) => {
                        compared[2] += 1;
                        let bad = read.iter().any(Result::is_err) || noticed.blank_lines > 0;
                        assert!(bad, "{text:?}: {why}, {read:?}");
                    }
                }
            }
        }
    }
    assert!(compared.iter().all(|count| *count > 50), "{compared:?}");
}

/// A world with a table of a number and two texts.
fn triples() -> World {
    shaped(
        "id integer PRIMARY KEY, a text NOT NULL, b text",
        "files = [\"t*.csv\"]",
    )
}

#[test]
fn files_whose_lines_end_with_cr_alone_are_loaded_and_said() {
    for text in ["id,a,b\r1,x,y\r2,z,w\r", "id,a,b\r1,x,y\r2,z,w"] {
        let world = triples();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.replace('1', "11").replace("\r2", "\r12").as_bytes())
            .expect("compressed");
        world.file("t.csv", text);
        world.file("t2.csv.gz", gzip.finish().expect("compressed"));
        let report = world.load(&world.options());
        assert_eq!((report.rows.read, report.rows.loaded), (4, 4));
        for file in &report.tables[0].files {
            assert!(
                file.notes.contains(&"has CR line ends".to_owned()),
                "{:?}",
                file.notes
            );
        }
        let rows: String = value(
            &mut world.connect(),
            "SELECT string_agg(format('%s|%s|%s', id, a, b), ' ' ORDER BY id) FROM shaped.t",
        );
        assert_eq!(rows, "1|x|y 2|z|w 11|x|y 12|z|w");
    }
    let world = triples();
    world.file("t.csv", "id,a,b\r");
    assert_eq!(world.load(&world.options()).rows.read, 0);
}

#[test]
fn a_line_end_that_lies_across_two_blocks_is_one() {
    for (line_end, pads) in [("\r\n", 0..4), ("\r", 0..2), ("\n", 0..1)] {
        for pad in pads {
            let world = triples();
            // Each line has 16 bytes, and blocks have 64 or 256 KiB.
            let lines: String = (0..40_000)
                .map(|id| {
                    let text = format!("{id},");
                    let rest = 16 - line_end.len() - text.len();
                    format!("{text}{:x<1$},{line_end}", "", rest - 1)
                })
                .collect();
            let text = format!("id,a{},b{line_end}{lines}", "_".repeat(pad + 10));
            world.file("t.csv", text);
            let report = world.load(&world.options());
            assert_eq!((report.rows.read, report.rows.loaded), (40_000, 40_000));
            let sum: i64 = value(
                &mut world.connect(),
                "SELECT sum(length(a))::bigint + count(DISTINCT id) FROM shaped.t",
            );
            let expected: usize = (0..40_000_usize)
                .map(|id| 13 - line_end.len() + 1 - id.to_string().len() + 1)
                .sum();
            assert_eq!(sum as usize, expected, "{line_end:?} {pad}");
        }
    }
}

#[test]
fn line_breaks_within_quotes_are_read_as_copy_reads_them_in_the_header_too() {
    for line_end in ["\n", "\r\n", "\r"] {
        let world = triples();
        let header = format!("id,\"a\r\n\",\"b\n\n\"{line_end}");
        let rows = format!("1,\"x\r\ny\",\"\r\"{line_end}2,\"\nz\",w{line_end}x,y,z{line_end}");
        world.file("t.csv", format!("{header}{rows}"));
        let report = world.load(&world.options());
        assert_eq!(
            (report.rows.read, report.rows.loaded),
            (3, 2),
            "{line_end:?}"
        );
        let shown =
            "SELECT string_agg(format('%s|%s|%s', id, a, b), '/' ORDER BY id) FROM shaped.t";
        let read: String = value(&mut world.connect(), shown);
        assert_eq!(read, "1|x\r\ny|\r/2|\nz|w", "{line_end:?}");
        // Physical lines are counted by the line end of the file.
        let breaks = |text: &str| text.matches(&line_end[line_end.len() - 1..]).count() as i64;
        let line = breaks(&header) + breaks(&rows);
        assert_eq!(
            world.rejected("shaped", "t"),
            rejects(&[(line, "id", "type")]),
            "{line_end:?}"
        );
    }
}

#[test]
fn rows_with_another_line_end_than_the_first_are_rejects_that_say_so() {
    let world = triples();
    world.file(
        "t.csv",
        "id,a,b\n1,x,y\n2,x,y\r\n3,\"x\r\n\",y\n4,x\r,y\n5,x,y\n",
    );
    world.file(
        "t2.csv",
        "id,a,b\r\n11,x,y\r\n12,x\ny,z\r\n13,\"x\ny\",y\r\n14,x,y\n",
    );
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (10, 5));
    assert_eq!(
        world.rejected("shaped", "t"),
        rejects(&[3, 3, 4, 6, 7].map(|line| (line, "", "line_end")))
    );
    let messages: i64 = value(
        &mut world.connect(),
        "SELECT count(*) FROM shaped.extrato_reject WHERE message LIKE '%not %LF, with which the file''s first line ends'",
    );
    assert_eq!(messages, 5);
    let notes = &report.tables[0].files[1].notes;
    assert!(
        notes[0].contains("first line ends with CRLF, 2 with LF"),
        "{notes:?}"
    );
}

#[test]
fn a_first_line_that_ends_with_cr_where_others_have_lf_is_refused() {
    for text in ["id,a\r,b\n1,x,y\n", "id,a,b\r1,x,y\r\n2,x,y\r\n"] {
        let world = triples();
        world.file("t.csv", text);
        world.refused(
            &world.options(),
            Kind::Mismatch,
            "a carriage return alone, but has a line feed after it (line ",
        );
    }
}
