//! A build without encryption says so and how to get it; whatever needs no encryption works.

use backup::encryption::{EncryptTo, Keys};
use backup::options::{Format, Mode};
use database::Environment;
use dataset::failure::Kind;

use crate::world::{World, message};

#[test]
fn a_build_without_encryption_says_how_to_get_it() {
    let world = World::of("CREATE SCHEMA s; CREATE TABLE s.t (id int)");
    let environment =
        |name: &str, value: &str| Environment::from_iter([(name.to_owned(), value.to_owned())]);
    let none = Environment::default();
    let key = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa".to_owned();
    let asked = [
        message(
            EncryptTo::read(std::slice::from_ref(&key), &none),
            Kind::Usage,
        ),
        // Whoever asks for encryption in any way gets no plain backup.
        message(
            EncryptTo::read(&[], &environment("EXTRATO_ENCRYPT_TO", &key)),
            Kind::Usage,
        ),
        message(Keys::read(&["key.txt".into()], &none), Kind::Usage),
    ];
    for said in asked {
        assert!(
            said.contains("no encryption") && said.contains("--features encrypt"),
            "{said}"
        );
    }
    world.backup(Format::Avro);
    let mut wanted = world.wanted(Mode::Create, "r");
    wanted.keys = Keys::read(&[], &environment("EXTRATO_PASSPHRASE", "secret")).unwrap();
    world.try_restore(&wanted).unwrap();
}
