//! Faults planted on purpose, counted by Postgres.

use database::Connection;
use generator::table::faults::{Fault, FaultCount};
use generator::{Asked, Mode, Options};
use testkit::Database;

use crate::{count, generated, options};

fn dirty(share: f64) -> Options {
    Options {
        asked: Asked {
            dirty: Some(share),
            ..Asked::default()
        },
        ..options(2_000, Mode::Fresh)
    }
}

/// Rows of a table with a fault, found by what the fault does to the column.
fn found(client: &mut Connection, table: &str, column: &str, fault: Fault) -> i64 {
    let condition = match fault {
        Fault::TrailingSpace => format!("{column} LIKE '% '"),
        Fault::Decomposed => format!("{column} IS NOT NFC NORMALIZED"),
        Fault::EmptyText => format!("{column} = ''"),
        Fault::Quotes => format!("{column} LIKE '%\"%''%'"),
        Fault::LineBreak => format!("{column} LIKE E'%\\n%'"),
        Fault::Delimiters => format!("{column} LIKE E'%,;\\t%'"),
        Fault::PathCharacters => format!("{column} LIKE '../%=%2F%'"),
        Fault::DuplicateClient => {
            "(nome, sobrenome, idade) = (SELECT nome, sobrenome, idade FROM cards.associado b
                                    WHERE b.id = t.id - 1)"
                .to_owned()
        }
        Fault::FarDate => format!("extract(year FROM {column}) IN (1, 9999)"),
        Fault::ExtremeAmount => format!("abs({column}) = 99999999.99"),
        other => panic!("{other:?} is not a fault of cards"),
    };
    count(client, &format!("cards.{table} t WHERE {condition}"))
}

#[test]
fn every_planted_fault_is_reported_and_found() {
    let database = Database::create();
    let mut client = database.connect();
    let report = generated(&database, &dirty(0.1));
    let rows: u64 = report.tables.iter().map(|table| table.rows).sum();
    let planted: u64 = report.planted.iter().map(|planted| planted.rows).sum();
    // The bounds are ten standard deviations or more.
    assert!(
        planted.abs_diff(rows / 10) < rows / 100,
        "{planted} of {rows}"
    );
    assert_eq!(report.planted.len(), 8 + 1 + 7 + 8);
    for &FaultCount {
        table,
        column,
        fault,
        rows,
    } in &report.planted
    {
        let found = found(&mut client, table, column, fault);
        assert_eq!(found as u64, rows, "{table}.{column}: {fault:?}");
    }
    // Dirty or not, no row loses its parents or its e-mail address.
    assert_eq!(
        count(
            &mut client,
            "cards.cartao k JOIN cards.associado a ON a.id = k.id_associado"
        ),
        report.tables[2].rows as i64
    );
    let addresses = count(
        &mut client,
        "(SELECT DISTINCT email FROM cards.associado) x",
    );
    assert_eq!(addresses, 2_000);
}

#[test]
fn clean_rows_have_none_of_them_and_faults_change_no_other_row() {
    let database = Database::create();
    let mut client = database.connect();
    let faults = generated(&database, &dirty(0.1)).planted;
    client
        .batch_execute("ALTER SCHEMA cards RENAME TO dirty")
        .expect("renamed");
    let report = generated(&database, &options(2_000, Mode::Fresh));
    assert!(report.planted.is_empty());
    assert_eq!(report.tables[0].rows, 2_000);
    for planted in &faults {
        let found = found(&mut client, planted.table, planted.column, planted.fault);
        assert_eq!(
            found, 0,
            "{}.{}: {:?}",
            planted.table, planted.column, planted.fault
        );
    }
    for table in crate::TABLES {
        let differing = count(
            &mut client,
            &format!("cards.{table} c JOIN dirty.{table} d USING (id) WHERE c::text <> d::text"),
        );
        let planted: u64 = faults
            .iter()
            .filter(|fault| fault.table == table)
            .map(|fault| fault.rows)
            .sum();
        assert_eq!(differing as u64, planted, "{table}");
    }
}
