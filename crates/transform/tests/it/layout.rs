//! Folders, file names and manifests.

use std::collections::BTreeSet;
use std::fs;

use dataset::failure::Kind;
use transform::Layout;
use xxhash_rust::xxh3::xxh3_128;

use crate::world::World;

fn by_name() -> Layout {
    Layout::PartitionBy(vec!["nome_associado".to_owned()])
}

fn named(names: &[Option<&str>]) -> World {
    let world = World::with_rows(names.len() as u32, names.len() as u32 * 3);
    let mut client = world.database.connect();
    for (id, name) in (1_i32..).zip(names) {
        client
            .execute(
                "UPDATE cards.associado SET nome = $2 WHERE id = $1",
                &[&id, name],
            )
            .unwrap();
    }
    world
}

#[test]
fn folders_are_named_as_hive_names_them_and_none_leaves_the_output() {
    let world = named(&[
        Some("José"),
        Some("../../up"),
        Some("a/b=c%"),
        Some(".."),
        Some("Ana"),
        Some("Ana"),
    ]);
    let report = world.transform(by_name());
    assert_eq!((report.models[0].rows, report.models[0].files), (18, 5));
    let folders: BTreeSet<_> = fs::read_dir(world.out.path().join("movimento_flat"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.contains('='))
        .collect();
    let expected = ["José", "..%2F..%2Fup", "a%2Fb%3Dc%25", "..", "Ana"]
        .map(|value| format!("nome_associado={value}"));
    assert_eq!(folders, BTreeSet::from(expected));
    // Two clients with the same name share a file, which is ordered by time.
    let ana = fs::read_to_string(
        world
            .out
            .path()
            .join("movimento_flat/nome_associado=Ana/part-0.csv"),
    )
    .unwrap();
    assert_eq!(ana.lines().count(), 1 + 6);
    let times: Vec<_> = ana
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(5).unwrap().to_owned())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn null_and_the_empty_name_share_the_default_folder_and_stay_apart_inside() {
    let world = named(&[None, Some(""), None, Some("x")]);
    let report = world.transform(by_name());
    assert_eq!((report.models[0].rows, report.models[0].files), (12, 2));
    let path = world
        .out
        .path()
        .join("movimento_flat/nome_associado=__HIVE_DEFAULT_PARTITION__/part-0.csv");
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().count(), 1 + 9);
    assert_eq!(
        text.lines()
            .skip(1)
            .filter(|line| line.starts_with("\"\","))
            .count(),
        3
    );
    assert_eq!(
        text.lines()
            .skip(1)
            .filter(|line| line.starts_with(','))
            .count(),
        6
    );
}

#[test]
fn a_name_too_long_for_a_folder_is_refused_by_name() {
    let world = named(&[Some(&"é".repeat(100)), Some("x")]);
    assert_eq!(world.transform(by_name()).models[0].files, 2);
    let world = World::with_rows(1, 1);
    world.sql(
        "ALTER TABLE associado ALTER nome TYPE text; UPDATE associado SET nome = repeat('é', 200)",
    );
    let (kind, message) = world.refused(by_name());
    assert_eq!(kind, Kind::Refused);
    assert!(
        message.contains("`nome_associado`") && message.contains("éééé"),
        "{message}"
    );
}

#[test]
fn several_partition_columns_nest_and_a_hidden_one_stays_out_of_the_file() {
    let world = World::with_rows(3, 9);
    let columns = ["tipo_conta", "id_associado"].map(str::to_owned).to_vec();
    let report = world.transform(Layout::PartitionBy(columns));
    assert_eq!(report.models[0].files, 3);
    let path = world
        .out
        .path()
        .join("movimento_flat/tipo_conta=corrente/id_associado=2/part-0.csv");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.starts_with("nome_associado,") && !text.contains("id_associado"),
        "{text}"
    );
    assert!(text.lines().next().unwrap().contains("tipo_conta"));
}

#[test]
fn the_manifest_tells_of_every_file_with_its_rows_bytes_and_checksum() {
    let world = World::with_rows(7, 1000);
    let report = world.transform(Layout::Declared);
    let folder = world.out.path().join("movimento_flat");
    let manifest = fs::read_to_string(folder.join("_manifest.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = manifest
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1 + 7);
    assert_eq!(lines[0]["run"], report.run);
    assert_eq!(lines[0]["rows"], 1000);
    assert_eq!(lines[0]["reconciliation"]["read"]["rows"], 1000);
    let (mut rows, mut bytes) = (0, 0);
    for line in &lines[1..] {
        let contents = fs::read(folder.join(line["path"].as_str().unwrap())).unwrap();
        assert_eq!(line["bytes"], contents.len());
        assert_eq!(line["xxh3_128"], format!("{:032x}", xxh3_128(&contents)));
        let lines_in_file = contents.iter().filter(|byte| **byte == b'\n').count() - 1;
        assert_eq!(line["rows"], lines_in_file);
        rows += lines_in_file as u64;
        bytes += contents.len() as u64;
    }
    assert_eq!((rows, bytes), (1000, report.models[0].bytes));
}

#[test]
fn a_single_file_has_its_manifest_beside_it_and_replaces_the_former_one() {
    let world = World::with_rows(2, 10);
    world.transform(Layout::SingleFile);
    world.sql("DELETE FROM movimento WHERE id > 4");
    let report = world.transform(Layout::SingleFile);
    let published: Vec<_> = world
        .published()
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(
        published,
        ["movimento_flat.csv", "movimento_flat.csv.manifest.jsonl"]
    );
    assert_eq!(world.single_file().lines().count(), 1 + 4);
    let manifest =
        fs::read_to_string(world.out.path().join("movimento_flat.csv.manifest.jsonl")).unwrap();
    assert!(manifest.contains(&report.run));
}

#[test]
fn a_column_that_the_model_lacks_is_refused_before_anything_is_read() {
    let world = World::of_cards();
    let twice = vec!["id_associado".to_owned(); 2];
    assert_eq!(world.refused(Layout::PartitionBy(twice)).0, Kind::Usage);
    let (kind, message) = world.refused(Layout::PartitionBy(vec!["cpf".to_owned()]));
    assert_eq!(kind, Kind::Usage);
    assert!(
        message.contains("`cpf`") && message.contains("id_associado"),
        "{message}"
    );
}
