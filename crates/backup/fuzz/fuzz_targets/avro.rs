//! Any bytes for an Avro file are either refused, or taken as rows that come back from the file which a backup would make of them.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use backup::trial;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("extrato-fuzz-{}.avro", std::process::id())));

fuzz_target!(|input: &[u8]| {
    let Some((pick, input)) = input.split_first() else {
        return;
    };
    let _ = trial::read_at(&FILE, &trial::made_of(*pick, input), *pick);
});
