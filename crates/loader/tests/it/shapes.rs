//! Headers with similar names, lines before headers, delimiters at the end of lines, and lines that are not rows.

use dataset::failure::Kind;
use testkit::value;

use crate::world::{World, rejects, shaped};

fn loaded(world: &World, columns: &str) -> String {
    value(
        &mut world.connect(),
        &format!(
            "SELECT string_agg(concat_ws('|', {columns}), ' ' ORDER BY 1) FROM (SELECT * FROM shaped.t ORDER BY 1) AS t"
        ),
    )
}

fn notes(report: &loader::Report) -> String {
    report.tables[0].files[0].notes.join("; ")
}

#[test]
fn a_field_goes_into_one_column_the_one_with_the_closest_name() {
    let world = shaped("faixa_1_10 text, faixa_11_0 text", "delimiter = \";\"");
    world.file("t.csv", "Faixa 11-0;Faixa 1-10\na;b\n");
    world.load(&world.options());
    assert_eq!(loaded(&world, "faixa_1_10, faixa_11_0"), "b|a");

    let world = shaped("id integer, valor_total text, valortotal text", "");
    world.file("t.csv", "id,valor_total\n1,x\n");
    let report = world.load(&world.options());
    let row = loaded(&world, "id, valor_total, coalesce(valortotal, 'NULL')");
    assert_eq!(row, "1|x|NULL");
    assert!(notes(&report).contains("lacks `valortotal`"));

    let world = shaped(
        "id integer, a text, b text",
        "columns = { id = \"id\", a = \"x\", b = \"a\" }",
    );
    world.file("t.csv", "id,a\n1,v\n");
    world.load(&world.options());
    assert_eq!(loaded(&world, "id, coalesce(a, 'NULL'), b"), "1|NULL|v");
    let world = shaped(
        "id integer, a text NOT NULL, b text",
        "columns = { id = \"id\", a = \"x\", b = \"a\" }",
    );
    world.file("t.csv", "id,a\n1,v\n");
    world.refused(&world.options(), Kind::Mismatch, "lacks `x`");
}

#[test]
fn a_header_that_fits_two_ways_is_refused_and_a_position_decides() {
    let world = shaped("id integer, nome text", "");
    world.file("t.csv", "id,nome,nome\n1,x,y\n");
    world.refused(&world.options(), Kind::Mismatch, "columns = { nome = 3 }");
    let world = shaped(
        "id integer, nome text",
        "columns = { id = \"id\", nome = 3 }",
    );
    world.file("t.csv", "id,nome,nome\n1,x,y\n");
    world.load(&world.options());
    assert_eq!(loaded(&world, "id, nome"), "1|y");
}

#[test]
fn lines_before_the_header_are_skipped_where_that_is_said_and_else_named() {
    for line_end in ["\n", "\r\n", "\r"] {
        let text =
            "Relatório de vendas\n\"2024, janeiro\n\nid,a\n1,x\nz,y\n".replace('\n', line_end);
        let world = shaped("id integer, a text", "skip_lines = 3");
        world.file("t.csv", &text);
        let report = world.load(&world.options());
        assert_eq!(
            (report.rows.read, report.rows.loaded),
            (2, 1),
            "{line_end:?}"
        );
        assert_eq!(world.rejected("shaped", "t"), rejects(&[(6, "id", "type")]));
        let offset: i64 = value(
            &mut world.connect(),
            "SELECT byte_offset FROM shaped.extrato_reject",
        );
        assert_eq!(offset as usize, text.find("z,y").expect("there"));
    }
    for load in ["", "header = false"] {
        let world = shaped("id integer, a text", load);
        world.file("t.csv", "Relatório de vendas\n\nid,a\n1,x\n");
        world.refused(
            &world.options(),
            Kind::Mismatch,
            "line 3 looks like the header: give skip_lines = 2",
        );
    }
    let world = shaped("id integer, a text", "skip_lines = 4");
    world.file("t.csv", "x\n\nid,a\n");
    world.refused(
        &world.options(),
        Kind::Mismatch,
        "has 3 lines, but 4 are to be skipped",
    );
}

#[test]
fn a_first_line_that_tells_the_delimiter_is_followed_and_said() {
    for (load, text, said) in [
        (
            "",
            "sep=;\r\nid;a\r\n1;x,y\r\n",
            "is separated by ';', as its first line says, though ',' is declared",
        ),
        (
            "delimiter = \";\"",
            "\u{feff}SEP=;\nid;a\n1;x,y\n",
            "begins with a line that tells the delimiter",
        ),
        (
            "header = false",
            "\"sep=\t\"\n1\tx,y",
            "is separated by '\\t'",
        ),
    ] {
        let world = shaped("id integer, a text", load);
        world.file("t.csv", text);
        let report = world.load(&world.options());
        assert_eq!((report.rows.read, report.rows.loaded), (1, 1));
        assert_eq!(loaded(&world, "id, a"), "1|x,y");
        assert!(notes(&report).contains(said), "{}", notes(&report));
    }
    // A column may have this name.
    let world = shaped("sep text, a text", "columns = [\"sep=x\", \"a\"]");
    world.file("t.csv", "sep=x,a\n1,2\n");
    world.load(&world.options());
    assert_eq!(loaded(&world, "sep, a"), "1|2");
}

#[test]
fn a_delimiter_at_the_end_of_each_line_is_no_column() {
    for (load, text) in [
        ("header = false\ndelimiter = \"|\"", "1|x|\n2||\n"),
        ("delimiter = \"|\"", "id|a|\n1|x|\n2||\n"),
    ] {
        let world = shaped("id integer, a text", load);
        world.file("t.csv", text);
        let report = world.load(&world.options());
        assert_eq!((report.rows.read, report.rows.loaded), (2, 2));
        assert!(
            notes(&report).contains("ends its lines with a delimiter"),
            "{}",
            notes(&report)
        );
        assert_eq!(loaded(&world, "id, coalesce(a, 'NULL')"), "1|x 2|NULL");
    }
    // A column without a name is not the same as a delimiter at the end of lines.
    let world = shaped("id integer, a text", "");
    world.file("t.csv", "id,a,\n1,x,\n2,,y\n");
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (2, 2));
    assert_eq!(notes(&report), "has columns that are not loaded: ``");
    // A last field that is filled only late in the file gives a reject.
    let world = shaped("id integer, a text", "header = false");
    let rows: String = (0..20_000).map(|id| format!("{id},x,\n")).collect();
    world.file("t.csv", format!("{rows}20000,x,y\n"));
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (20_001, 20_000));
    assert_eq!(
        world.rejected("shaped", "t"),
        rejects(&[(20_001, "", "shape")])
    );
}

#[test]
fn fields_that_no_column_takes_are_named_with_a_hyphen() {
    let world = shaped(
        "id integer, note text, name text",
        "header = false\ncolumns = [\"id\", \"-\", \"name\", \"-\"]",
    );
    world.file("t.csv", "1,unused,Ana,\n2,,Rui,x\n");
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (2, 2));
    assert_eq!(
        loaded(&world, "id, coalesce(note, 'NULL'), name"),
        "1|NULL|Ana 2|NULL|Rui"
    );
}

#[test]
fn an_empty_row_and_a_repeated_header_are_one_reject_each() {
    let world = shaped("id integer NOT NULL, a text NOT NULL, b text", "");
    world.file(
        "t.csv",
        "id,a,b\n1,x,y\n,,\n,,,,\nid,a,b\n\u{feff}id,a,b\n2,x,y\n",
    );
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (6, 2));
    assert_eq!(
        world.rejected("shaped", "t"),
        rejects(&[
            (3, "", "shape"),
            (4, "", "shape"),
            (5, "", "shape"),
            (6, "", "shape")
        ])
    );
    let messages: String = value(
        &mut world.connect(),
        "SELECT string_agg(message, '; ' ORDER BY line) FROM shaped.extrato_reject WHERE line > 3",
    );
    assert_eq!(
        messages,
        "the row is empty: it has delimiters and nothing else; repeats the header; repeats the header"
    );
}

#[test]
fn a_row_beyond_the_longest_is_a_reject_unless_longer_ones_are_asked_for() {
    let long = "x".repeat(5 << 20);
    let world = shaped("id integer, a text", "");
    world.file("t.csv", format!("id,a\n1,\"{long}\"\n2,{long}\n3,y\n"));
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (3, 1));
    let message: String = value(
        &mut world.connect(),
        "SELECT max(message) FROM shaped.extrato_reject",
    );
    assert!(
        message.contains("more than 4194304 bytes (--max-record"),
        "{message}"
    );
    let mut options = world.options();
    options.truncate = true;
    options.dialect.max_record_bytes = Some(6 << 20);
    let report = world.load(&options);
    assert_eq!((report.rows.read, report.rows.loaded), (3, 3));
    let length: i64 = value(
        &mut world.connect(),
        "SELECT sum(length(a))::bigint FROM shaped.t",
    );
    assert_eq!(length, 2 * (5 << 20) + 1);
}
