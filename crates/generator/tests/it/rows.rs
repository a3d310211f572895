//! The rows themselves, as they are read back.

use std::collections::HashSet;

use generator::Mode;
use generator::cards::tables::Table;
use testkit::Database;

use crate::{count, generated, options, value};

#[test]
fn declared_columns_are_those_of_the_live_schema() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(1, Mode::Fresh));
    for (table, columns) in Table::ALL.map(|table| (table.name(), table.columns())) {
        let rows = client
            .query(
                "SELECT column_name::text FROM information_schema.columns
                 WHERE table_schema = 'cards' AND table_name = $1 ORDER BY ordinal_position",
                &[&table],
            )
            .expect("columns");
        let live: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(live, columns, "{table}");
    }
}

#[test]
fn keys_and_foreign_keys_are_in_place_and_valid() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(300, Mode::Fresh));
    assert_eq!(count(&mut client, "cards.associado"), 300);
    let rows = client
        .query(
            "SELECT conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
             WHERE connamespace = 'cards'::regnamespace AND convalidated
               AND conrelid <> 'cards.extrato_generation'::regclass AND contype <> 'n' ORDER BY 1",
            &[],
        )
        .expect("constraints");
    let constraints: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        constraints,
        [
            "cards.associado PRIMARY KEY (id)",
            "cards.cartao FOREIGN KEY (id_associado) REFERENCES cards.associado(id)",
            "cards.cartao FOREIGN KEY (id_conta) REFERENCES cards.conta(id)",
            "cards.cartao PRIMARY KEY (id)",
            "cards.cartao UNIQUE (num_cartao)",
            "cards.conta FOREIGN KEY (id_associado) REFERENCES cards.associado(id)",
            "cards.conta PRIMARY KEY (id)",
            "cards.movimento FOREIGN KEY (id_cartao) REFERENCES cards.cartao(id)",
            "cards.movimento PRIMARY KEY (id)",
        ]
    );
    for table in crate::TABLES {
        let dense: bool = value(
            &mut client,
            &format!("SELECT min(id) = 1 AND max(id) = count(*) FROM cards.{table}"),
        );
        assert!(dense, "ids of {table} have gaps");
    }
}

/// Checks Luhn's digit by its definition, digit by digit from the right.
fn passes_luhn(number: &str) -> bool {
    let mut sum = 0;
    for (place, digit) in number.bytes().rev().enumerate() {
        let digit = u32::from(digit - b'0');
        let doubled = if place % 2 == 1 { digit * 2 } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    sum % 10 == 0
}

#[test]
fn people_and_cards_look_like_people_and_cards() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(5_000, Mode::Fresh));

    let cards = client
        .query(
            "SELECT num_cartao::text, nom_impresso FROM cards.cartao",
            &[],
        )
        .expect("cards");
    assert!(cards.len() > 8_000, "{}", cards.len());
    let mut numbers = HashSet::new();
    for card in &cards {
        let (number, printed): (&str, &str) = (card.get(0), card.get(1));
        assert!(number.len() == 16 && passes_luhn(number), "{number}");
        assert!(numbers.insert(number.to_owned()), "{number} twice");
        assert!(!printed.is_empty() && printed.len() <= 26, "{printed}");
        assert!(
            printed
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b" '.-".contains(&b)),
            "{printed}"
        );
    }

    let people = client
        .query(
            "SELECT email, idade, nome, sobrenome FROM cards.associado",
            &[],
        )
        .expect("associates");
    assert_eq!(people.len(), 5_000);
    let mut emails = HashSet::new();
    let (mut accents, mut particles) = (0, 0);
    for person in &people {
        let (email, age): (&str, i32) = (person.get(0), person.get(1));
        let (nome, sobrenome): (&str, &str) = (person.get(2), person.get(3));
        assert!(
            email.is_ascii() && email == email.to_lowercase() && email.contains('@'),
            "{email}"
        );
        assert!(emails.insert(email.to_owned()), "{email} twice");
        assert!((18..=95).contains(&age), "{age}");
        accents += usize::from(!nome.is_ascii() || !sobrenome.is_ascii());
        particles += usize::from(
            [" da ", " de ", " dos "]
                .iter()
                .any(|p| format!(" {sobrenome}").contains(p)),
        );
    }
    assert!(
        accents > 500 && particles > 500,
        "{accents} with accents, {particles} with particles"
    );
    // The printed name is the holder's, not the owner's.
    let other: i64 = count(
        &mut client,
        "cards.cartao k JOIN cards.associado a ON a.id = k.id_associado
         WHERE left(k.nom_impresso, 1) <> left(upper(translate(a.nome, 'ÁÂÉÍÓÔÚÇáâéíóôúç', 'AAEIOOUCaaeioouc')), 1)",
    );
    assert_eq!(other, 0);
}

#[test]
fn accounts_are_shared_and_every_level_has_some_without_children() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(5_000, Mode::Fresh));
    assert_eq!(count(&mut client, "cards.associado"), 5_000);
    // Bounds in per mille, five standard deviations and more around what the distributions say.
    let mut share = |part: &str, whole: &str, bounds: std::ops::Range<i64>| {
        let (part_rows, whole_rows) = (count(&mut client, part), count(&mut client, whole));
        let per_mille = part_rows * 1000 / whole_rows;
        assert!(bounds.contains(&per_mille), "{per_mille} per mille: {part}");
    };
    share(
        "cards.associado a WHERE NOT EXISTS (SELECT FROM cards.conta c WHERE c.id_associado = a.id)",
        "cards.associado",
        34..66,
    );
    share(
        "cards.conta c WHERE NOT EXISTS (SELECT FROM cards.cartao k WHERE k.id_conta = c.id)",
        "cards.conta",
        63..97,
    );
    share(
        "cards.cartao k WHERE NOT EXISTS (SELECT FROM cards.movimento m WHERE m.id_cartao = k.id)",
        "cards.cartao",
        47..73,
    );
    share(
        "cards.cartao k JOIN cards.conta c ON c.id = k.id_conta WHERE k.id_associado <> c.id_associado",
        "cards.cartao",
        178..222,
    );
    let several = "(SELECT id_associado FROM cards.conta GROUP BY 1 HAVING count(*) > 1) x";
    assert!(count(&mut client, several) > 1_000);
    let shared =
        "(SELECT id_conta FROM cards.cartao GROUP BY 1 HAVING count(DISTINCT id_associado) > 1) x";
    assert!(count(&mut client, shared) > 200);
}

#[test]
fn time_runs_forward() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(2_000, Mode::Fresh));
    let movements = count(&mut client, "cards.movimento");
    assert!(movements > 50_000, "{movements}");
    for impossible in [
        "cards.cartao k JOIN cards.conta c ON c.id = k.id_conta WHERE k.data_criacao < c.data_criacao",
        "cards.movimento m JOIN cards.cartao k ON k.id = m.id_cartao WHERE m.data_movimento < k.data_criacao",
        "cards.movimento WHERE data_movimento >= '2026-01-01'",
        "cards.conta WHERE data_criacao < '2011-01-01' OR data_criacao <> date_trunc('second', data_criacao)",
        "cards.cartao WHERE data_criacao <> date_trunc('second', data_criacao)",
    ] {
        assert_eq!(count(&mut client, impossible), 0, "{impossible}");
    }
    let micros = count(
        &mut client,
        "cards.movimento WHERE data_movimento <> date_trunc('milliseconds', data_movimento)",
    );
    assert!(micros > movements * 9 / 10, "{micros}");
    let night = count(
        &mut client,
        "cards.movimento WHERE extract(hour FROM data_movimento) < 6",
    );
    assert!(
        night > 0 && night < movements / 20,
        "{night} of {movements} before six"
    );
    let same_instant = "cards.cartao k JOIN cards.conta c ON c.id = k.id_conta WHERE k.data_criacao = c.data_criacao";
    assert!(count(&mut client, same_instant) > 0);
}

#[test]
fn spending_is_skewed_and_some_of_it_is_given_back() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(2_000, Mode::Fresh));
    let row = client
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE vlr_transacao < 0),
                    count(*) FILTER (WHERE vlr_transacao = 0),
                    count(*) FILTER (WHERE (des_transacao LIKE 'ESTORNO %') <> (vlr_transacao < 0)),
                    (percentile_cont(0.5) WITHIN GROUP (ORDER BY vlr_transacao)
                        FILTER (WHERE vlr_transacao > 0))::float8,
                    (avg(vlr_transacao) FILTER (WHERE vlr_transacao > 0))::float8,
                    max(vlr_transacao)::float8,
                    count(DISTINCT des_transacao)
             FROM cards.movimento",
            &[],
        )
        .expect("one row");
    let [rows, below, zero, mislabelled]: [i64; 4] = std::array::from_fn(|index| row.get(index));
    assert!(rows > 50_000, "{rows}");
    assert!(
        (rows / 500..rows * 3 / 100).contains(&below),
        "{below} of {rows} below zero"
    );
    assert_eq!((zero, mislabelled), (0, 0));
    let (median, mean, highest): (f64, f64, f64) = (row.get(4), row.get(5), row.get(6));
    assert!(
        median < 0.6 * mean && highest > 20.0 * mean,
        "median {median}, mean {mean}, highest {highest}"
    );
    assert!(row.get::<_, i64>(7) > 1_000);

    let busiest: i64 = value(
        &mut client,
        "SELECT max(n) FROM (SELECT count(*) AS n FROM cards.movimento GROUP BY id_cartao) x",
    );
    assert!(busiest > 1_000, "{busiest}");
}
