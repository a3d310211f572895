//! `extrato diagram` draws every table, column, key and reference, as Mermaid and as SVG.

use std::collections::BTreeSet;
use std::fs;

use dataset::Dataset;
use transform::outline;

use crate::exit_codes;
use crate::program::{World, bare_command, finish};

/// Names that could end a text, a tag or an attribute, and one in another script.
const HOSTILE: &str = r#"
    CREATE SCHEMA "a""b"; SET search_path = "a""b";
    CREATE TABLE "<script>alert(1)</script>" ("id]" int PRIMARY KEY, "x""] { --> }" numeric(10,2), "名前" text);
    CREATE TABLE "}o--|| end" (id int PRIMARY KEY, "&amp; 'of'" int NOT NULL REFERENCES "<script>alert(1)</script>",
                               self int REFERENCES "}o--|| end")"#;

#[test]
fn every_table_column_and_reference_of_the_datasets_built_in_is_drawn() {
    let world = World::new();
    for name in Dataset::built_in() {
        let tables = outline::of_sql(&Dataset::open(name).unwrap()).unwrap();
        let svg = world.path("d.svg");
        let arguments = ["diagram", "--dataset", name];
        let mermaid = finish(&mut bare_command(world.folder.path(), &arguments));
        assert_eq!(mermaid.code, 0, "{}", mermaid.stderr);
        let to_file = [&arguments[..], &["--out", "d.svg"]].concat();
        assert_eq!(
            finish(&mut bare_command(world.folder.path(), &to_file)).code,
            0
        );
        let svg = fs::read_to_string(svg).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("<title") && svg.contains("<desc"));
        let references: usize = tables.iter().map(|table| table.references.len()).sum();
        assert!(tables.len() > 2 && references > 1, "{name}");
        assert_eq!(svg.matches("class=\"link\"").count(), references, "{name}");
        assert_eq!(mermaid.stdout.matches("--o").count(), references, "{name}");
        for table in &tables {
            assert!(!table.key.is_empty(), "{}", table.name);
            assert!(mermaid.stdout.contains(&format!("    {} {{\n", table.name)));
            assert!(svg.contains(&format!(">{}</text>", table.name)));
            for column in &table.columns {
                assert!(mermaid.stdout.contains(&format!(" {}", column.name)));
                assert!(svg.contains(&format!(">{}</text>", column.name)));
            }
        }
        let columns: usize = tables.iter().map(|table| table.columns.len()).sum();
        assert_eq!(svg.matches("class=\"column\"").count(), columns, "{name}");
    }
}

#[test]
fn the_sql_of_the_datasets_says_what_the_catalogue_of_a_database_made_by_it_says() {
    for name in Dataset::built_in() {
        let world = World::new();
        let dataset = Dataset::open(name).unwrap();
        let make = format!(
            "CREATE SCHEMA {name}; SET search_path = {name}; {}; {}",
            dataset.schema_sql, dataset.constraints_sql
        );
        world.database.connect().batch_execute(&make).unwrap();
        let live = outline::of_database(
            &world.database.settings(),
            &dataset,
            name,
            &database::Cancel::default(),
        )
        .unwrap();
        let told = outline::of_sql(&dataset).unwrap();
        assert_eq!(told.len(), live.len(), "{name}");
        for table in &live {
            let of_sql = told.iter().find(|of| of.name == table.name).unwrap();
            let columns = |table: &database::catalogue::inventory::KnownTable| -> Vec<_> {
                let columns = table.columns.iter();
                columns.map(|of| (of.name.clone(), of.nullable)).collect()
            };
            assert_eq!(columns(of_sql), columns(table));
            assert_eq!(of_sql.key, table.key);
            let references = |table: &database::catalogue::inventory::KnownTable| -> BTreeSet<_> {
                let references = table.references.iter().cloned();
                let told = references.map(|of| (of.columns, of.schema, of.table, of.key));
                told.collect()
            };
            assert_eq!(references(of_sql), references(table), "{}", table.name);
        }
    }
}

#[test]
fn hostile_names_are_texts_and_nothing_else() {
    let world = World::new();
    world.database.connect().batch_execute(HOSTILE).unwrap();
    fs::create_dir(world.path("d")).unwrap();
    let description = "name = \"d\"\nschema = \"a\\\"b\"\n[[table]]\nname = \"}o--|| end\"\n\
                       [[model]]\nname = \"m\"\nfile = \"m.sql\"\n";
    fs::write(world.path("d/dataset.toml"), description).unwrap();
    let select = "SELECT * FROM \"<script>alert(1)</script>\"";
    fs::write(world.path("d/m.sql"), select).unwrap();
    let mermaid = world.done(&["diagram", "--dataset", "d"]).stdout;
    assert_eq!(mermaid.lines().count(), 13, "{mermaid}");
    let marks = ["<", "&", "\"\"", "名"];
    let names: Vec<bool> = marks.iter().map(|of| mermaid.contains(of)).collect();
    assert_eq!(names, [false, false, false, true], "{mermaid}");
    // There are two references, one of them to the table itself. Marks inside of names are written as numbers.
    assert_eq!(mermaid.matches("--o{ ").count(), 2, "{mermaid}");
    let svg = world
        .done(&["diagram", "--dataset", "d", "--format", "svg"])
        .stdout;
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(svg.contains("&amp;amp; &#39;of&#39;") && svg.contains("名前"));
    assert_eq!(svg.matches("class=\"link\"").count(), 2);
    let elements = svg.matches('<').count();
    assert_eq!(elements, svg.matches('>').count(), "each mark is closed");
}

#[test]
fn a_dataset_without_tables_of_its_own_asks_for_a_database() {
    let world = World::new();
    fs::create_dir(world.path("d")).unwrap();
    fs::write(world.path("d/dataset.toml"), "name = \"d\"\n").unwrap();
    let arguments = ["diagram", "--dataset", "d"];
    let finished = finish(&mut bare_command(world.folder.path(), &arguments));
    exit_codes::check(&finished, 2, &["no schema.sql", "--url"]);
    let finished = world.run(&arguments);
    exit_codes::check(&finished, 7, &["schema `d` has no table", "--schema"]);
}
