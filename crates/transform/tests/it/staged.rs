//! Tables that don't fit in memory, and tables that are kept: the output is the same to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use database::Cancel;
use dataset::failure::{Failure, Kind};
use testkit::{contents_of, files_below};
use transform::memory::RESERVED_BYTES;
use transform::{Format, Layout, Options};

use crate::world::World;

/// Memory for some hundred clients, but for no more than a sixth of the movements.
const LITTLE: u64 = RESERVED_BYTES + (2 << 20);

/// Movements in no order, with missing parents, equal times, NULLs and hostile names. A third of them belong to one client.
pub(crate) fn world() -> World {
    let world = World::with_rows(200, 0);
    world.sql(
        "INSERT INTO movimento
         SELECT i * 7919 % 60013, CASE WHEN i % 17 = 0 THEN NULL ELSE (i % 99991) / 100.0 END,
                CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'a,\"b\"' || chr(10) || i END,
                timestamp '2022-01-01' + (i % 700) * interval '1 hour',
                CASE WHEN i % 3 = 0 THEN 7 WHEN i % 101 = 0 THEN 100000 + i ELSE 1 + i % 200 END
         FROM generate_series(1, 60000) AS i;
         UPDATE associado SET nome = CASE id % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'Zé/' || id % 7 ELSE 'b' END;
         DELETE FROM conta WHERE id IN (11, 13); ANALYZE",
    );
    world
}

/// The files that hold rows, with their contents.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = contents_of(folder);
    contents.retain(|path, _| {
        !path.to_string_lossy().contains("manifest") && !path.ends_with(".extrato.lock")
    });
    contents
}

/// The files of a run with these options; each run has a folder of its own.
fn run(world: &World, name: &str, change: impl Fn(&mut Options)) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut options = world.options(Layout::Declared);
    options.out = world.out.path().join(name).into();
    change(&mut options);
    let report = world.try_transform(&options).unwrap();
    let reconciliation = report.models[0].reconciliation.as_ref().unwrap();
    assert_eq!(reconciliation.read.rows, 60_000);
    assert!(reconciliation.left_out.rows > 600, "the missing parents");
    // Each cell equals what Postgres gives for the model.
    let verified = world.try_verify_at(options.out.path().unwrap()).unwrap();
    let compared = verified[0].database.as_ref().unwrap().rows;
    assert_eq!(compared, reconciliation.written.rows);
    contents(options.out.path().unwrap())
}

#[test]
fn a_staged_run_gives_the_same_bytes_in_every_layout_and_format() {
    let world = world();
    let by_name = Layout::PartitionBy(vec!["nome_associado".to_owned()]);
    for (index, layout) in [Layout::Declared, Layout::SingleFile, by_name]
        .into_iter()
        .enumerate()
    {
        for format in [Format::Csv, Format::Parquet] {
            let files = |memory: u64, connections: usize| {
                run(
                    &world,
                    &format!("{index}-{format:?}-{memory}-{connections}"),
                    |options| {
                        options.layout = layout.clone();
                        options.format = format;
                        options.memory_bytes = memory;
                        options.max_connections = connections;
                    },
                )
            };
            let expected = files(1 << 30, 2);
            let count = match layout {
                Layout::Declared => 198,
                Layout::SingleFile => 1,
                Layout::PartitionBy(_) | Layout::FileName { .. } => 9,
            };
            let data = expected.keys().filter(|path| !path.ends_with("_SUCCESS"));
            assert_eq!(data.count(), count, "{layout:?}");
            for connections in [1, 2, 8] {
                assert!(
                    files(LITTLE, connections) == expected,
                    "{layout:?} {format:?}, {connections} connections"
                );
            }
        }
    }
}

#[test]
fn rows_that_no_column_tells_apart_stand_as_in_the_table() {
    let mut world = world();
    for model in &mut world.dataset.models {
        model.order_by = vec!["tipo_conta".to_owned()];
        model.order_in_partition = vec!["tipo_conta".to_owned()];
    }
    for layout in [Layout::SingleFile, Layout::Declared] {
        let files = |memory: u64| {
            run(&world, &format!("{layout:?}-{memory}"), |options| {
                options.layout = layout.clone();
                options.memory_bytes = memory;
            })
        };
        assert!(files(LITTLE) == files(1 << 30), "{layout:?}");
    }
}

#[test]
fn a_table_that_lies_in_order_or_has_no_order_is_not_dealt_out() {
    let mut world = World::with_rows(50, 60_000);
    let files = |world: &World, memory: u64| {
        let mut options = world.options(Layout::SingleFile);
        options.memory_bytes = memory;
        options.out = world.out.path().join(memory.to_string()).into();
        world.try_transform(&options).unwrap();
        contents(options.out.path().unwrap())
    };
    assert!(files(&world, LITTLE) == files(&world, 1 << 30));
    world.dataset.models[0].order_by.clear();
    assert!(files(&world, LITTLE) == files(&world, 1 << 30));
}

#[test]
fn an_empty_output_of_a_staged_table_is_a_header() {
    let world = World::with_rows(50, 60_000);
    world.sql("UPDATE movimento SET id_cartao = NULL");
    let mut options = world.options(Layout::SingleFile);
    options.memory_bytes = LITTLE;
    let report = world.try_transform(&options).unwrap();
    assert_eq!((report.models[0].rows, report.models[0].files), (0, 1));
    let reconciliation = report.models[0].reconciliation.as_ref().unwrap();
    assert_eq!(reconciliation.left_out.rows, 60_000);
    assert_eq!(world.single_file().lines().count(), 1);
    options.layout = Layout::Declared;
    let report = world.try_transform(&options).unwrap();
    assert_eq!((report.models[0].rows, report.models[0].files), (0, 0));
}

#[test]
fn a_model_that_runs_whole_is_refused_with_the_memory_that_it_needs() {
    let mut world = world();
    world.dataset.models[0].stream = None;
    let mut options = world.options(Layout::SingleFile);
    options.memory_bytes = LITTLE;
    let error = world.try_transform(&options).unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused));
    let message = error.to_string();
    assert!(
        message.contains("movimento") && message.contains("--memory"),
        "{message}"
    );
    assert!(world.published().is_empty(), "{:?}", world.published());
}

#[test]
fn parents_that_memory_cannot_hold_are_named() {
    let world = World::with_rows(30_000, 60_000);
    let mut options = world.options(Layout::SingleFile);
    options.memory_bytes = LITTLE;
    let error = world.try_transform(&options).unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused));
    assert!(error.to_string().contains("associado"), "{error}");
}

/// Keeps the tables of `world` below its folder `lake`.
fn keep(world: &World) -> PathBuf {
    let lake = world.out.path().join("lake");
    run(world, "kept", |options| {
        options.stage = Some(lake.clone().into())
    });
    lake
}

#[test]
fn what_a_run_kept_gives_the_same_bytes_without_the_database() {
    let world = world();
    let lake = keep(&world);
    let expected = contents(&world.out.path().join("kept"));
    let raw = files_below(&lake.join("raw/cards"));
    for table in ["associado", "conta", "cartao", "movimento"] {
        assert!(raw.iter().any(|path| path.starts_with(table)), "{raw:?}");
    }
    world.sql("TRUNCATE movimento; DROP TABLE conta CASCADE");
    for memory in [1 << 30, LITTLE] {
        let mut options = world.options(Layout::Declared);
        options.out = world.out.path().join(memory.to_string()).into();
        options.memory_bytes = memory;
        let report = transform::run_from_stage(&lake, &options, &Cancel::default()).unwrap();
        assert_eq!(report.tables[3].rows, 60_000);
        assert!(
            contents(options.out.path().unwrap()) == expected,
            "{memory} bytes"
        );
    }
}

#[test]
fn a_star_of_a_sub_select_stands_for_the_columns_that_are_asked_of_it() {
    let mut world = World::with_rows(7, 90);
    let sql = "WITH all_of AS (SELECT * FROM movimento) SELECT a.id FROM all_of AS a \
               WHERE EXISTS (SELECT * FROM (SELECT * FROM cartao) AS c WHERE c.id = a.id_cartao) ORDER BY id";
    world.dataset.models = vec![testkit::model("m", sql)];
    let expected = world.copy(sql);
    assert_eq!(expected.lines().count(), 91);
    let lake = world.out.path().join("lake");
    let mut options = world.options(Layout::SingleFile);
    let file = |options: &Options| {
        std::fs::read_to_string(options.out.path().unwrap().join("m.csv")).unwrap()
    };
    for stage in [None, Some(lake.clone())] {
        options.stage = stage.map(Into::into);
        world.try_transform(&options).unwrap();
        assert_eq!(file(&options), expected);
    }
    options.stage = None;
    for memory in [1 << 30, LITTLE] {
        options.memory_bytes = memory;
        options.out = world.out.path().join(memory.to_string()).into();
        transform::run_from_stage(&lake, &options, &Cancel::default()).unwrap();
        assert_eq!(file(&options), expected, "{memory} bytes");
    }
}

#[test]
fn tables_without_rows_are_kept_too() {
    let world = World::of_cards();
    let lake = world.out.path().join("lake");
    let mut options = world.options(Layout::SingleFile);
    options.stage = Some(lake.clone().into());
    world.try_transform(&options).unwrap();
    let header = world.single_file();
    options.stage = None;
    let report = transform::run_from_stage(&lake, &options, &Cancel::default()).unwrap();
    assert_eq!((report.tables.len(), report.models[0].rows), (4, 0));
    assert_eq!(world.single_file(), header);
}

#[test]
fn what_is_kept_has_all_columns_and_a_type_without_a_decoder_is_named() {
    let world = World::with_rows(3, 30);
    world.sql("ALTER TABLE associado ADD estranha interval");
    let mut options = world.options(Layout::Declared);
    options.stage = Some(world.out.path().join("lake").into());
    let error = world.try_transform(&options).unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch));
    assert!(error.to_string().contains("`estranha`"), "{error}");
    world.sql("ALTER TABLE associado DROP estranha");
    world.try_transform(&options).unwrap();
    let manifest =
        fs::read_to_string(world.out.path().join("lake/raw/cards/_manifest.jsonl")).unwrap();
    assert!(manifest.contains("[\"email\",\"text\"]"), "{manifest}");
}

#[test]
fn a_stage_that_is_not_there_or_lacks_something_says_what() {
    let world = World::with_rows(3, 30);
    let lake = world.out.path().join("lake");
    let from = |options: &Options| {
        let error = transform::run_from_stage(&lake, options, &Cancel::default()).unwrap_err();
        (Failure::kind_of(&error), format!("{error:#}"))
    };
    let mut options = world.options(Layout::Declared);
    options.out = world.out.path().join("out").into();
    let (kind, message) = from(&options);
    assert_eq!(kind, Some(Kind::Usage));
    assert!(message.contains("--stage"), "{message}");

    options.stage = Some(lake.clone().into());
    world.try_transform(&options).unwrap();
    let former = contents(options.out.path().unwrap());
    options.stage = None;
    let mut other = options.clone();
    other.dataset.tables[0].name = "socio".to_owned();
    let sql = &mut other.dataset.models[0].sql;
    *sql = sql.replace("associado AS a", "socio AS a");
    let (kind, message) = from(&other);
    assert_eq!(kind, Some(Kind::Mismatch));
    assert!(message.contains("`socio`"), "{message}");

    let files = files_below(&lake.join("raw/cards/movimento"));
    let file = lake.join("raw/cards/movimento").join(&files[0]);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let (kind, message) = from(&options);
    assert_eq!(kind, Some(Kind::Refused));
    assert!(message.contains(file.to_str().unwrap()), "{message}");
    fs::remove_file(&file).unwrap();
    assert_eq!(from(&options).0, Some(Kind::Refused));
    assert!(
        contents(options.out.path().unwrap()) == former,
        "the former output is whole"
    );
}
