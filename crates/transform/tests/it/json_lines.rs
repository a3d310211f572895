//! JSON Lines: Postgres's own JSON reads the same values from each line as from the default CSV.

use std::fs;

use testkit::value;
use transform::{Dialect, Format, Layout, Options};

use crate::dataset_of_ones_own::world_of_all_types;
use crate::hostile_values::hostile_world;
use crate::world::World;

fn json_lines(world: &World, layout: Layout) -> Options {
    Options {
        schema: "cards".to_owned(),
        format: Format::JsonLines,
        ..world.options(layout)
    }
}

/// Loads the lines of a file into the table `lines`, and gives how many there are.
fn loaded(world: &World, file: &str) -> usize {
    let text = fs::read_to_string(world.out.path().join(file)).unwrap();
    world.sql("DROP TABLE IF EXISTS lines; CREATE TABLE lines (line int, v json)");
    let mut client = world.database.connect();
    let insert = client
        .prepare("INSERT INTO cards.lines VALUES ($1, $2::text::json)")
        .unwrap();
    for (number, line) in (1_i32..).zip(text.lines()) {
        client.execute(&insert, &[&number, &line]).unwrap();
    }
    text.lines().count()
}

/// How many values of a column are the same in `lines` and in the default CSV, which was loaded into `usual`.
fn equal(world: &World, column: &str, as_csv: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM cards.lines JOIN cards.usual USING (line)
         WHERE lines.v ->> '{column}' IS NOT DISTINCT FROM {as_csv}"
    );
    value(&mut world.database.connect(), &query)
}

#[test]
fn every_value_is_the_one_of_the_csv() {
    let world = hostile_world();
    let rows = world.transform(Layout::SingleFile).models[0].rows;
    let csv = world.single_file();
    let names: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert_eq!(names.len(), 11);
    world.read_back("usual", &names, csv.as_bytes(), &Dialect::default());
    let options = json_lines(&world, Layout::SingleFile);
    assert_eq!(world.try_transform(&options).unwrap().models[0].rows, rows);
    assert_eq!(loaded(&world, "movimento_flat.jsonl") as u64, rows);
    for name in names {
        assert_eq!(equal(&world, name, name) as u64, rows, "{name}");
    }
    // The CSV is still there, beside it.
    assert_eq!(world.verified(), [rows, rows]);
    let options = json_lines(&world, Layout::Declared);
    assert!(world.try_transform(&options).unwrap().models[0].files > 20);
    assert_eq!(world.verified(), [rows, rows, rows]);
}

#[test]
fn every_type_is_written_as_json_has_it() {
    let world = world_of_all_types();
    world.sql(
        r#"UPDATE "Tudo, e mais" SET doc = E'{"a":\n [1.50, 1e2],\r\n "a": "\\n\\u00e9"}', docb = '[1.10, 123456789012345678901234567890.5]'
           WHERE id = 2"#,
    );
    let usual = Options {
        schema: "cards".to_owned(),
        ..world.options(Layout::SingleFile)
    };
    world.try_transform(&usual).unwrap();
    let csv = fs::read_to_string(world.out.path().join("tudo.csv")).unwrap();
    let names: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert_eq!(
        world.read_back("usual", &names, csv.as_bytes(), &Dialect::default()),
        4
    );
    let options = Options {
        preview_rows: 20,
        ..json_lines(&world, Layout::SingleFile)
    };
    let report = world.try_transform(&options).unwrap();
    assert_eq!(loaded(&world, "tudo.jsonl"), 4);
    for name in &names {
        let as_csv = match *name {
            "doc" => "CASE WHEN doc <> 'null' THEN btrim(translate(doc, E'\\r\\n', '  '), ' ') END",
            "docb" => "nullif(docb, 'null')",
            name => name,
        };
        // `->>` gives a string without its quotes; the CSV has them.
        let as_csv = match *name {
            "doc" | "docb" => format!("({as_csv})::json #>> '{{}}'"),
            _ => as_csv.to_owned(),
        };
        assert_eq!(equal(&world, name, &as_csv), 4, "{name}");
    }
    let text = fs::read_to_string(world.out.path().join("tudo.jsonl")).unwrap();
    for part in [
        r#"{"id":1,"flag":null,"#,
        r#""small":-32768,"whole":-2147483648,"single":1e-45,"#,
        r#""exact":-9999999999999999999999999999.9999999999,"none":-99999,"price":0.001,"words":"á\"","short":"","#,
        r#""single":"NaN","double":"-Infinity","#,
        r#""raw":"\\x00ff0a2c22","doc":  [ ],"docb":"texto","#,
        r#""doc":{"a":  [1.50, 1e2],   "a": "\n\u00e9"},"docb":[1.10, 123456789012345678901234567890.5],"#,
        r#""words":"\n","short":"😀""#,
        r#""moment":"1970-01-01T00:00:00.000001Z","#,
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let preview = &report.models[0].preview.as_ref().unwrap().rows;
    assert_eq!(preview.len(), 4);
    assert_eq!(preview[0][1], None);
    assert_eq!(preview[1][10].as_deref(), Some(""));
    let verified = world.verified();
    assert_eq!(verified, [3, 3, 4, 4]);
}

#[test]
fn a_line_that_is_changed_is_named() {
    let world = World::with_rows(2, 20);
    world
        .try_transform(&json_lines(&world, Layout::SingleFile))
        .unwrap();
    let manifest = world.out.path().join("movimento_flat.jsonl.manifest.jsonl");
    let told = fs::read_to_string(&manifest).unwrap();
    assert!(told.contains(r#""format":"jsonl""#));
    for (from, to, said) in [
        ("\"jsonl\"", "\"csv\"", "columns are not the manifest's"),
        (
            "[\"nome_associado\",",
            "[\"nome\",",
            "has `nome_associado` where `nome` is expected",
        ),
        (
            "[\"nome_associado\",\"text\"]",
            "[\"nome_associado\",\"bigint\"]",
            "column nome_associado has",
        ),
    ] {
        assert!(told.contains(from), "{told}");
        fs::write(&manifest, told.replacen(from, to, 1)).unwrap();
        let error = format!(
            "{:#}",
            transform::check::verify::verify(world.out.path(), &database::Cancel::default())
                .unwrap_err()
        );
        assert!(error.contains(said), "{to}: {error}");
    }
    fs::write(&manifest, &told).unwrap();
    assert_eq!(world.verified(), [20]);
    world.sql("UPDATE movimento SET des_transacao = NULL WHERE id = 9");
    assert!(
        world
            .difference()
            .contains("row 9, column des_transacao_movimento")
    );
}

#[test]
fn an_output_without_rows_is_an_empty_file() {
    let world = World::of_cards();
    world
        .try_transform(&json_lines(&world, Layout::SingleFile))
        .unwrap();
    let file = fs::read(world.out.path().join("movimento_flat.jsonl")).unwrap();
    assert!(file.is_empty());
    assert_eq!(world.verified(), [0]);
}
