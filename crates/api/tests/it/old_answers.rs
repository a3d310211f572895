//! Old answers, which nobody asks for any more, are removed if the role has the right.

use api::ServeOptions;
use testkit::{Database, Role, wait_until};

use crate::world::{Service, count, employees, hiring};

/// The statement that inserts this many answers of this age.
fn answers(number: u32, days: u32) -> String {
    format!(
        "INSERT INTO extrato_serve.request
         SELECT 'days {days}', n::text, '', 201, repeat('x', 100), now() - interval '{days} days 1 hour'
         FROM generate_series(1, {number}) AS n;"
    )
}

#[test]
fn answers_are_removed_after_their_days_and_no_earlier() {
    let database = Database::create();
    let dataset = hiring(&database);
    let options = || ServeOptions::new(vec![(dataset.clone(), "hiring".to_owned())]);
    Service::start(&database.settings(), options()).stop();
    let mut client = database.connect();
    // The rows take many blocks, so that no statement sees all of them.
    let rows = [answers(20_000, 7), answers(300, 6), answers(20_000, 8)];
    client.batch_execute(&rows.concat()).expect("rows");
    let service = Service::start(&database.settings(), options());
    let gone = "SELECT count(*) = 0 FROM extrato_serve.request WHERE client <> 'days 6'";
    wait_until(&database.settings(), gone);
    assert_eq!(count(&mut client, "extrato_serve.request"), 300);
    service.stop();
}

#[test]
fn a_role_that_may_not_remove_answers_serves_all_the_same() {
    let database = Database::create();
    let dataset = hiring(&database);
    let options = || ServeOptions::new(vec![(dataset.clone(), "hiring".to_owned())]);
    Service::start(&database.settings(), options()).stop();
    let mut client = database.connect();
    client.batch_execute(&answers(3, 8)).expect("rows");
    let roles = include_str!("../../../../sql/roles.sql");
    let grants = roles
        .replace("INSERT, DELETE", "INSERT")
        .replace(":\"role\"", "{role}")
        .replace(":\"schema\"", "hiring");
    let role = Role::create(&database, &grants);
    let service = Service::start(&role.settings, options());
    for id in 1..=10 {
        let answer = service.post(crate::world::EMPLOYEES, &employees([id]));
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    service.stop();
    assert_eq!(count(&mut client, "extrato_serve.request"), 3);
}
