//! `verify`: an output is as its manifest says and as the database joins it; and every way in which it may not be.

use std::fs;

use crate::exit_codes::check;
use crate::program::{World, data_files};

#[test]
fn an_untouched_output_is_verified_with_its_sums() {
    let world = World::new();
    let report = world
        .done(&[
            "pipeline",
            "--associates",
            "100",
            "--dirty",
            "0.1",
            "--json",
        ])
        .json();
    world.done(&["transform", "--single-file"]);
    let verified = world.done(&["verify", "--json"]).json();
    let model = &report["transform"]["models"][0];
    let outputs = verified["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 2);
    for output in outputs {
        assert_eq!(output["rows"], model["rows"]);
        assert_eq!(
            output["sums"]["vlr_transacao_movimento"],
            model["reconciliation"]["written"]["sums"]["vlr_transacao"]
        );
    }
    assert_eq!(outputs[0]["files"], model["files"]);
    for path in ["data/out/movimento_flat", "data/out/movimento_flat.csv"] {
        let one = world.done(&["verify", path]).stdout;
        assert!(
            one.contains(path) && one.contains("as the manifest of run"),
            "{one}"
        );
    }
}

#[test]
fn whatever_was_changed_is_8_and_named() {
    let world = World::new();
    world.done(&["pipeline", "--associates", "30", "-q"]);
    let folder = world.path("data/out/movimento_flat");
    let (name, former) = data_files(&folder).pop_first().unwrap();
    let (file, shown) = (folder.join(&name), name.to_string_lossy().into_owned());
    let verify = || world.run(&["verify"]);
    assert_eq!(verify().code, 0);

    let mut changed = former.clone();
    let last_digit = changed.iter().rposition(u8::is_ascii_digit).unwrap();
    changed[last_digit] = b'0' + (changed[last_digit] - b'0' + 1) % 10;
    fs::write(&file, &changed).unwrap();
    check(&verify(), 8, &[&shown, "checksum"]);
    fs::write(&file, &former[..former.len() - 1]).unwrap();
    check(&verify(), 8, &[&shown, "bytes, the manifest says"]);
    fs::remove_file(&file).unwrap();
    check(
        &verify(),
        8,
        &[&shown, "the manifest lists it, but it is not there"],
    );
    let extra = folder.join("id_associado=1/part-1.csv");
    fs::write(&extra, "x").unwrap();
    let two = "2 files differ from the manifest";
    check(
        &verify(),
        8,
        &[two, &shown, "part-1.csv is not in the manifest"],
    );
    fs::remove_file(&extra).unwrap();
    fs::write(&file, &changed).unwrap();
    let (other, whole) = data_files(&folder).pop_last().unwrap();
    let other = folder.join(other);
    fs::write(&other, &whole[1..]).unwrap();
    check(
        &verify(),
        8,
        &[two, &shown, "checksum", "bytes, the manifest says"],
    );
    fs::write(&other, &whole).unwrap();
    fs::write(&file, &former).unwrap();
    fs::write(&extra, "x").unwrap();
    check(&verify(), 8, &["part-1.csv is not in the manifest"]);
    fs::remove_file(folder.join("id_associado=1/part-1.csv")).unwrap();
    fs::remove_file(folder.join("_SUCCESS")).unwrap();
    check(&verify(), 8, &["_SUCCESS"]);
    fs::write(folder.join("_SUCCESS"), "").unwrap();

    let manifest = folder.join("_manifest.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    let without_last = text.trim_end().rsplit_once('\n').unwrap().0;
    fs::write(&manifest, without_last).unwrap();
    check(&verify(), 8, &["is not in the manifest"]);
    let sum = text
        .split("\"vlr_transacao_movimento\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    fs::write(
        &manifest,
        text.replacen(&format!("o\":\"{sum}"), "o\":\"1.00", 1),
    )
    .unwrap();
    check(
        &verify(),
        8,
        &["the sum of vlr_transacao_movimento in its files is", "1.00"],
    );
    fs::write(&manifest, "{").unwrap();
    check(&verify(), 8, &["is damaged"]);
    fs::write(&manifest, text).unwrap();
    assert_eq!(verify().code, 0);
}

#[test]
fn what_is_no_output_is_2() {
    let world = World::new();
    check(&world.run(&["verify"]), 2, &["data/out"]);
    fs::create_dir(world.path("empty")).unwrap();
    check(
        &world.run(&["verify", "empty"]),
        2,
        &["empty is not an output of transform"],
    );
    fs::write(world.path("mine.csv"), "a\n1\n").unwrap();
    check(
        &world.run(&["verify", "mine.csv"]),
        2,
        &["mine.csv is not an output of transform"],
    );
}

#[test]
fn against_the_database_all_rows_are_compared_or_the_first_difference_is_8() {
    let world = World::new();
    world.done(&["pipeline", "--associates", "40", "--dirty", "0.1", "-q"]);
    world.done(&["transform", "--single-file", "-q"]);
    let equal = world.done(&["verify", "--against-database"]).stdout;
    assert_eq!(
        equal
            .matches("rows equal to the database's own join, in schema cards")
            .count(),
        2,
        "{equal}"
    );
    let outputs = world
        .done(&["verify", "--against-database", "--json"])
        .json();
    let outputs = outputs["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 2);
    for output in outputs {
        assert!(output["rows"].as_u64().unwrap() > 100);
        assert_eq!(output["rows"], output["database"]["rows"]);
    }
    let without = world.done(&["verify", "--json"]).json();
    assert!(without["outputs"][0]["database"].is_null());

    let mut client = world.database.connect();
    client
        .batch_execute("UPDATE cards.movimento SET vlr_transacao = 0.07 WHERE id = 9")
        .unwrap();
    let single = [
        "verify",
        "data/out/movimento_flat.csv",
        "--against-database",
    ];
    check(
        &world.run(&single),
        8,
        &[
            "data/out/movimento_flat.csv, row 9, column vlr_transacao_movimento: the file has",
            "the database \"0.07\"",
            "may have changed",
        ],
    );
    check(
        &world.run(&["verify", "--against-database"]),
        8,
        &["/part-0.csv, row ", "column vlr_transacao_movimento"],
    );
    // The manifest doesn't mention this file.
    world.done(&["verify"]);
}

#[test]
fn against_a_database_that_does_not_fit_is_named_with_its_code() {
    let world = World::new();
    world.done(&["pipeline", "--associates", "10", "-q"]);
    let against = |more: &[&str]| world.run(&[&["verify", "--against-database"], more].concat());
    check(
        &against(&["--schema", "elsewhere"]),
        7,
        &["`associado`", "schema `elsewhere`"],
    );
    check(
        &against(&["--dataset", "nothing"]),
        2,
        &["no dataset `nothing`"],
    );
    check(
        &against(&["--url", "postgresql://ana@127.0.0.1:1/x"]),
        3,
        &["cannot connect to ana@127.0.0.1:1/x"],
    );
    check(
        &world.run(&["verify", "--url", "postgresql://ana@db.example/x"]),
        2,
        &["--against-database"],
    );
    assert_eq!(world.run(&["verify", "--dataset", "cards"]).code, 2);
}

#[test]
fn outputs_of_several_datasets_in_one_folder_are_each_verified_by_their_own_manifest() {
    let world = World::new();
    world.done(&["pipeline", "--associates", "30", "-q"]);
    // The walk of the README and the help goes on, with new rows instead of those that are there.
    let laws = world.done(&["generate", "--describe"]).stdout;
    fs::write(world.path("laws.toml"), laws).unwrap();
    let arguments = [
        "generate",
        "--associates",
        "30",
        "--distributions",
        "laws.toml",
    ];
    check(&world.run(&arguments), 4, &["--replace"]);
    world.done(&[&arguments[..], &["--replace"]].concat());
    world.done(&["transform", "-q"]);
    world.done(&["generate", "--dataset", "sales", "--scale", "0.01", "-q"]);
    world.done(&["transform", "--dataset", "sales", "-q"]);

    let all = world.done(&["verify", "--json"]).json();
    assert_eq!(all["outputs"].as_array().unwrap().len(), 6);
    for (dataset, compared, left_out) in [("cards", 1, 5), ("sales", 5, 1)] {
        let arguments = ["verify", "--against-database", "--dataset", dataset];
        let verified = world.done(&[&arguments[..], &["--json"]].concat());
        let outputs = verified.json();
        let outputs = outputs["outputs"].as_array().unwrap();
        let is_compared = |output: &&serde_json::Value| output["database"].is_object();
        assert_eq!(outputs.iter().filter(is_compared).count(), compared);
        assert_eq!(outputs.len(), compared + left_out);
        let told = verified.stderr.matches("not compared with the database: ");
        assert_eq!(told.count(), left_out, "{}", verified.stderr);
        let summary = world.done(&arguments).stdout;
        assert_eq!(
            summary
                .matches("it is an output of another dataset")
                .count(),
            left_out
        );
    }
    // An output of another dataset is still refused, and so is a dataset without any output.
    let one = "data/out/orders_per_customer.csv";
    for arguments in [
        &["verify", one, "--against-database"][..],
        &["verify", "--against-database", "--dataset", "hiring"],
    ] {
        check(&world.run(arguments), 2, &["--dataset"]);
    }
    // Outputs of another dataset are still read again.
    let text = fs::read_to_string(world.path(one)).unwrap();
    fs::write(world.path(one), text + "1,x,1\n").unwrap();
    check(&world.run(&["verify", "--against-database"]), 8, &[one]);
}
