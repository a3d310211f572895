//! `verify`: what is as its manifest says, and every way in which it isn't.

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
    let outputs = verified.as_array().unwrap();
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
    check(&verify(), 8, &[&shown, "No such file"]);
    fs::write(&file, &former).unwrap();
    fs::write(folder.join("id_associado=1/part-1.csv"), "x").unwrap();
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
        &["empty is no output of transform"],
    );
    fs::write(world.path("mine.csv"), "a\n1\n").unwrap();
    check(
        &world.run(&["verify", "mine.csv"]),
        2,
        &["mine.csv is no output of transform"],
    );
}
