//! What was read equals what was written plus what was left out, in rows and sums, or nothing is published.

use dataset::failure::Kind;
use transform::Layout;

use crate::world::World;

#[test]
fn what_the_join_leaves_out_is_counted_and_summed() {
    let world = World::with_rows(10, 100);
    // A card without an account, one without a holder, movements whose card is missing or not named, and an amount that is NULL.
    world.sql(
        "UPDATE cartao SET id_conta = 999 WHERE id = 1; UPDATE cartao SET id_associado = NULL WHERE id = 2;
         UPDATE movimento SET id_cartao = 999 WHERE id = 5; UPDATE movimento SET id_cartao = NULL WHERE id = 6;
         UPDATE movimento SET vlr_transacao = NULL WHERE id = 7",
    );
    let report = world.transform(Layout::Declared);
    let reconciliation = report.models[0]
        .reconciliation
        .as_ref()
        .expect("cards has a driving table");
    let mut client = world.database.connect();
    let flat = &world.dataset.models[0].sql;
    client.batch_execute("SET search_path = cards").unwrap();
    let row = client
        .query_one(
            &format!(
                "SELECT count(*), sum(vlr_transacao)::text,
                        (SELECT count(*) FROM ({flat}) AS f), (SELECT sum(vlr_transacao_movimento)::text FROM ({flat}) AS f),
                        count(*) FILTER (WHERE id NOT IN (SELECT id_movimento FROM ({flat}) AS f)),
                        (sum(vlr_transacao) FILTER (WHERE id NOT IN (SELECT id_movimento FROM ({flat}) AS f)))::text
                 FROM movimento"
            ),
            &[],
        )
        .unwrap();
    for (index, count) in [
        &reconciliation.read,
        &reconciliation.written,
        &reconciliation.left_out,
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            count.rows as i64,
            row.get::<_, i64>(2 * index),
            "count {index}"
        );
        assert_eq!(
            count.sums["vlr_transacao"].to_string(),
            row.get::<_, String>(2 * index + 1),
            "sum {index}"
        );
    }
    assert!(reconciliation.left_out.rows > 20);
}

#[test]
fn a_model_that_doubles_rows_is_caught_and_not_published() {
    let mut world = World::with_rows(10, 100);
    world.sql("ALTER TABLE associado DROP CONSTRAINT associado_pkey; INSERT INTO associado SELECT * FROM associado WHERE id = 3");
    let (kind, message) = world.refused(Layout::SingleFile);
    assert_eq!(kind, Kind::Check);
    assert!(
        message.contains("100 rows of `movimento` were read, but 110 written"),
        "{message}"
    );

    world = World::with_rows(10, 100);
    let model = &mut world.dataset.models[0];
    model.stream = None;
    model.sql = model.sql.replace(
        "m.vlr_transacao  AS",
        "CAST(m.vlr_transacao * 2 AS DECIMAL(10, 2)) AS",
    );
    let (kind, message) = world.refused(Layout::Declared);
    assert_eq!(kind, Kind::Check);
    assert!(
        message.contains("sum of `movimento.vlr_transacao`"),
        "{message}"
    );
}

#[test]
fn an_amount_declared_with_more_digits_than_its_table_has_is_the_same_amount() {
    let mut world = World::with_rows(3, 30);
    let columns = &mut world.dataset.models[0].columns;
    let amount = columns
        .iter_mut()
        .find(|(name, _)| name == "vlr_transacao_movimento")
        .unwrap();
    amount.1 = "numeric(14,4)".parse().unwrap();
    let report = world.transform(Layout::Declared);
    let reconciliation = report.models[0].reconciliation.as_ref().unwrap();
    let written = &reconciliation.written.sums["vlr_transacao"];
    assert_eq!(written.to_string(), "4.6500");
    assert_eq!(reconciliation.read.sums["vlr_transacao"], *written);
    assert_eq!(world.verified(), [30]);
}
