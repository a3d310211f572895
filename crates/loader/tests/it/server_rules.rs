//! CHECK constraints, which the server checks before rows are sent, and rules that it checks only as rows come: partial and
//! exclusive indexes, triggers. A row that it refuses ends the load, and the error names the constraint, the file and the line.

use dataset::failure::Kind;
use testkit::value;

use crate::world::{World, rejects, shop};

const LOAD: &str = "columns = [\"id\", \"qty\", \"code\"]\nheader = false";
const TABLE: &str =
    "CREATE TABLE item (id integer NOT NULL, qty integer, code varchar(10) DEFAULT 'none');";
/// The last row breaks every rule of these tests. It is the third row that the server gets, and begins on line 6.
const ROWS: &str = "1,5,a\n2,6,\"x\ny\"\nbad,7,b\n1,2,again\n4,-1,a\n5,3,e\n";

/// A world with a file of [`ROWS`].
fn with_rows(schema: &str, constraints: &str) -> World {
    let world = shop(LOAD, schema, constraints);
    world.file("item.csv", ROWS);
    world
}

#[test]
fn a_row_that_breaks_a_check_is_rejected_with_the_checks_of_columns_and_domains() {
    let checks = "ALTER TABLE item ADD CONSTRAINT positive CHECK (qty > 0),
                                   ADD CONSTRAINT fits CHECK (qty < 100 OR id <> 4),
                                   ADD CONSTRAINT any_row CHECK (\"row\" IS DISTINCT FROM 3),
                                   ADD CONSTRAINT share CHECK (100 / (qty - 77) < 100);
                  ALTER DOMAIN code ADD CONSTRAINT named CHECK (VALUE <> 'none');";
    let world = with_rows(
        "CREATE DOMAIN code AS text CONSTRAINT few CHECK (length(VALUE) < 5) NOT NULL DEFAULT '-';
         CREATE TABLE item (id integer NOT NULL, qty integer, code code, \"row\" integer DEFAULT 1);",
        checks,
    );
    let rows = "1,5,a\n2,-6,b\n3,,c\n4,100,a\n5,100,b\n6,0,none\n7,x,none\n8,1,longer\n2,1,b\n1,-1,a\n9,1,\n\
                x,77,e\n10,78,f\n";
    let expected = rejects(&[
        (2, "qty", "check"),
        (4, "qty, id", "check"),
        (6, "code", "check"),
        (6, "qty", "check"),
        (7, "code", "check"),
        (7, "qty", "type"),
        (8, "code", "check"),
        (10, "id", "unique"),
        (10, "qty", "check"),
        (11, "code", "required"),
        // This row divides by zero, but it is rejected for another reason; the next one makes a check false.
        (12, "id", "type"),
        (13, "qty", "check"),
    ]);
    world.file("item.csv", rows);
    let report = world.load(&world.options());
    assert_eq!((report.rows.loaded, report.rows.rejected), (4, 9));
    assert_eq!(world.rejected("shop", "item"), expected);
    let said: String = value(
        &mut world.connect(),
        "SELECT message FROM shop.extrato_reject WHERE line = 4",
    );
    assert!(
        said.contains("`fits`") && said.contains("qty < 100"),
        "{said}"
    );
    // The same, but with keys that don't fit in memory, and with commits on the way.
    let mut options = world.options();
    options.force = true;
    options.commit_every = Some(2);
    options.memory_bytes = 1;
    let again = world.load(&options);
    assert_eq!((again.rows.loaded, again.rows.rejected), (0, 13));
    let mut expected = expected;
    expected.extend(rejects(&[1, 2, 3, 5, 9].map(|line| (line, "id", "unique"))));
    expected.sort();
    assert_eq!(world.rejected("shop", "item"), expected);
}

#[test]
fn a_check_means_what_it_means_in_the_table() {
    // The value of a domain has the collation of the domain's base type, whatever the column's collation is. Functions that are
    // overloaded for a domain are left to the server.
    let world = with_rows(
        "CREATE DOMAIN code AS text CHECK (VALUE < 'b');
         CREATE FUNCTION fine(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT false';
         CREATE FUNCTION fine(code) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
         CREATE TABLE item (id integer NOT NULL, qty integer, code code COLLATE \"en-x-icu\" CHECK (fine(code)));",
        "",
    );
    world.file("item.csv", "1,5,a\n2,5,C\n3,5,c\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    assert_eq!(
        world.rejected("shop", "item"),
        rejects(&[(3, "code", "check")])
    );
    let mut client = world.connect();
    assert!(
        client
            .execute("INSERT INTO shop.item VALUES (4, 5, 'D')", &[])
            .is_ok()
    );
    assert!(
        client
            .execute("INSERT INTO shop.item VALUES (5, 5, 'd')", &[])
            .is_err()
    );
}

#[test]
fn checks_of_a_domain_over_a_domain_are_rejects_unless_functions_are_overloaded_for_it() {
    let table = "CREATE TABLE item (id integer NOT NULL, qty few, code code);";
    let domains = "CREATE DOMAIN whole AS integer CONSTRAINT positive CHECK (VALUE > 0);
                   CREATE DOMAIN few AS whole CONSTRAINT few CHECK (VALUE < 10 OR VALUE::text = '99') NOT NULL;
                   CREATE DOMAIN text5 AS varchar(5) COLLATE \"C\" CHECK (VALUE <> 'none');
                   CREATE DOMAIN lower AS text5 COLLATE \"C\" CHECK (VALUE = lower(VALUE));
                   CREATE DOMAIN code AS lower CHECK (VALUE < 'x');";
    let world = with_rows(&format!("{domains}{table}"), "");
    let rows = "1,5,a\n2,-5,a\n3,10,a\n4,99,A\n5,1,none\n6,1,x\n7,1,aé\n8,,a\n9,2,longer\n";
    world.file("item.csv", rows);
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    let expected = rejects(&[
        (2, "qty", "check"),
        (3, "qty", "check"),
        (4, "code", "check"),
        (5, "code", "check"),
        (6, "code", "check"),
        (8, "qty", "required"),
        (9, "code", "length"),
    ]);
    assert_eq!(world.rejected("shop", "item"), expected);
    // Only the server knows what a function means for the inner domain.
    let overloaded = "CREATE DOMAIN whole AS integer;
                      CREATE FUNCTION fine(integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT false';
                      CREATE FUNCTION fine(whole) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 <> 7';
                      CREATE DOMAIN few AS whole CONSTRAINT few CHECK (fine(VALUE)); CREATE DOMAIN code AS text;";
    let world = with_rows(&format!("{overloaded}{table}"), "");
    world.file("item.csv", "1,5,a\n2,6,a\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    world.file("item.csv", "3,7,a\n");
    let said = world.refused(&world.options(), Kind::Refused, "\"few\"");
    assert!(said.contains("item.csv, line 1: the server"), "{said}");
}

#[test]
fn checks_are_left_to_the_server_for_who_may_only_copy() {
    let world = with_rows(
        TABLE,
        "ALTER TABLE item DROP CONSTRAINT item_pkey, ADD CONSTRAINT positive CHECK (qty <> 100);",
    );
    world.load(&world.options());
    let role = world.role(
        "GRANT USAGE ON SCHEMA shop TO {role};
         GRANT SELECT, INSERT, UPDATE ON shop.extrato_load, shop.extrato_reject TO {role};
         GRANT USAGE ON SEQUENCE shop.extrato_load_id TO {role}; GRANT INSERT ON shop.item TO {role}",
    );
    let mut options = world.options();
    options.dataset.tables[0].key.clear();
    world.file("item.csv", "7,1,a\n8,100,a\n");
    let load = || loader::load(&role.settings, &options, &database::Cancel::default());
    let said = format!("{:#}", load().expect_err("refused"));
    assert!(
        said.contains("\"positive\"") && said.contains("line 2"),
        "{said}"
    );
}

#[test]
fn checks_of_a_pipe_are_tried_before_its_rows_are_sent_too() {
    let world = with_rows(
        TABLE,
        "ALTER TABLE item ADD CONSTRAINT positive CHECK (qty > 0);",
    );
    let writer = world.pipe("item.csv", ROWS.to_owned());
    let mut options = world.options();
    options.max_rejects = Some(loader::RejectLimit::Percent(100.0));
    let report = world.load(&options);
    writer.join().expect("written").expect("written");
    assert_eq!((report.rows.read, report.rows.loaded), (6, 3));
    let expected = rejects(&[(4, "id", "type"), (5, "id", "unique"), (6, "qty", "check")]);
    assert_eq!(world.rejected("shop", "item"), expected);
}

#[test]
fn a_row_that_the_server_refuses_is_named_with_its_rule_file_and_line() {
    let rules = [
        (
            "ALTER TABLE item ADD CONSTRAINT one_code EXCLUDE USING btree (code WITH =)",
            "\"one_code\"",
        ),
        (
            "CREATE UNIQUE INDEX few ON item (code) WHERE id < 5",
            "\"few\"",
        ),
        // For this row the check is neither true nor false: it raises an error.
        (
            "ALTER TABLE item ADD CONSTRAINT share CHECK (1 / (qty + 1) < 2)",
            "division by zero",
        ),
        // The file doesn't have the column.
        (
            "ALTER TABLE item ADD COLUMN twice integer GENERATED ALWAYS AS (qty * 2) STORED,
                              ADD CONSTRAINT even CHECK (twice > 0)",
            "\"even\"",
        ),
    ];
    for (rule, named) in rules {
        let world = with_rows(TABLE, &format!("{rule};"));
        let said = world.refused(&world.options(), Kind::Refused, named);
        assert!(said.contains("item.csv, line 6: the server"), "{said}");
        assert!(said.contains("nothing was loaded"), "{said}");
        assert_eq!(
            world.rejected("shop", "item").len(),
            2,
            "recorded all the same"
        );
    }
}

#[test]
fn a_row_that_the_server_refuses_at_the_end_is_named_with_its_rule_file_and_lines() {
    let rules = [
        (
            "ALTER TABLE item ADD CONSTRAINT one_code EXCLUDE USING btree (code WITH =) DEFERRABLE INITIALLY DEFERRED",
            "\"one_code\"",
            "item.csv, lines 1 and 3: the server refuses",
        ),
        (
            "CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.qty < 0 THEN RAISE 'no debts here'; END IF; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER judge AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION judge()",
            "no debts here",
            "cannot commit",
        ),
    ];
    for (rule, named, place) in rules {
        let world = with_rows(TABLE, &format!("{rule};"));
        world.file("item.csv", "1,5,a\nbad,5,a\n4,-1,a\n5,3,e\n");
        let error = world.try_load(&world.options()).expect_err("refused");
        assert_eq!(database::exit_code(&error), Kind::Refused.exit_code());
        let said = format!("{error:#}");
        for part in [named, place, "nothing was loaded"] {
            assert!(said.contains(part), "{said} lacks {part}");
        }
        assert_eq!(
            world.rejected("shop", "item").len(),
            1,
            "recorded all the same"
        );
    }
}

#[test]
fn keys_and_references_that_are_checked_at_the_end_are_rejects_as_others_are() {
    let world = with_rows(
        TABLE,
        "ALTER TABLE item ADD UNIQUE (code) DEFERRABLE INITIALLY DEFERRED,
                          ADD FOREIGN KEY (qty) REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED;",
    );
    world.file("item.csv", "1,2,a\n2,,b\n3,1,a\n4,7,c\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    let expected = rejects(&[(3, "code", "unique"), (4, "qty", "reference")]);
    assert_eq!(world.rejected("shop", "item"), expected);
}

#[test]
fn a_reference_by_halves_is_rejected_where_it_must_be_whole() {
    let world = with_rows(
        &TABLE.replace("code", "of integer, named varchar(10), code"),
        "ALTER TABLE item ADD UNIQUE (id, code),
                          ADD FOREIGN KEY (of, named) REFERENCES item (id, code) MATCH FULL;",
    );
    let mut options = world.options();
    options.dataset.tables[0].load.columns = dataset::load_rules::FileColumns::AsTable;
    world.file("item.csv", "1,,,,a\n2,,1,a,b\n3,,1,,c\n4,,,a,d\n5,,1,x,e\n");
    assert_eq!(world.load(&options).rows.loaded, 2);
    let expected = [3, 4, 5].map(|line| (line, "named, of", "reference"));
    assert_eq!(world.rejected("shop", "item"), rejects(&expected));
}

#[test]
fn a_key_in_which_nulls_are_equal_is_unique_with_its_nulls() {
    let world = with_rows(TABLE, "");
    let mut client = world.connect();
    if value::<i32>(
        &mut client,
        "SELECT current_setting('server_version_num')::integer",
    ) < 150_000
    {
        return;
    }
    let mut options = world.options();
    options.dataset.constraints_sql +=
        "ALTER TABLE item ADD UNIQUE NULLS NOT DISTINCT (code, qty);";
    world.file("item.csv", "1,,a\n2,1,\n3,,a\n4,,\n5,,\n6,1,\n7,1,a\n");
    assert_eq!(world.load(&options).rows.loaded, 4);
    let mut expected = vec![
        (3, "code, qty", "unique"),
        (5, "code, qty", "unique"),
        (6, "code, qty", "unique"),
    ];
    assert_eq!(world.rejected("shop", "item"), rejects(&expected));
    // The same against rows in the table, with no memory for keys.
    options.memory_bytes = 1;
    world.file("item.csv", "10,,a\n11,1,\n12,2,\n13,2,\n14,,b\n15,,\n");
    assert_eq!(world.load(&options).rows.loaded, 2);
    expected = [1, 2, 4, 6]
        .map(|line| (line, "code, qty", "unique"))
        .to_vec();
    assert_eq!(world.rejected("shop", "item"), rejects(&expected));
}

#[test]
fn a_time_that_its_column_would_round_is_rejected() {
    let world = shop(
        "columns = [\"id\", \"at\", \"clock\"]\nheader = false",
        "CREATE DOMAIN hour AS time(2); CREATE TABLE item (id integer NOT NULL, at timestamp(0), clock hour);",
        "",
    );
    world.file(
        "item.csv",
        "1,2020-01-01 00:00:00.1,\n2,2020-01-01 00:00:01.000,01:02:03.45\n3,,01:02:03.456\n",
    );
    assert_eq!(world.load(&world.options()).rows.loaded, 1);
    let expected = rejects(&[(1, "at", "scale"), (3, "clock", "scale")]);
    assert_eq!(world.rejected("shop", "item"), expected);
}

#[test]
fn a_trigger_that_raises_is_told_with_its_words() {
    let world = with_rows(
        TABLE,
        "CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.qty < 0 THEN RAISE 'no debts here'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER judge BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION judge();",
    );
    let said = world.refused(&world.options(), Kind::Refused, "no debts here");
    assert!(said.contains("item.csv, line 6: the server"), "{said}");
}

#[test]
fn triggers_that_leave_rows_out_are_named_where_the_rows_are_missed() {
    let world = with_rows(
        TABLE,
        "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.qty = 7 THEN RETURN NULL; END IF; RETURN NEW; END $$;
             CREATE TRIGGER \"No 7\" BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION leave_out();
             CREATE TRIGGER behind AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION leave_out();",
    );
    world.file("item.csv", "1,5,a\n2,7,b\n");
    let said = world.refused(
        &world.options(),
        Kind::Check,
        "item.csv: the row trigger `No 7` of shop.item apparently leaves rows out",
    );
    for part in [
        "ALTER TABLE shop.item DISABLE TRIGGER \"No 7\"",
        "shop.item: 2 rows were sent, the server counts 1",
        "nothing was loaded",
    ] {
        assert!(said.contains(part), "{said} lacks {part}");
    }
    assert!(!said.contains("behind"), "{said}");
    // A row that replaces another one.
    world.file("item.csv", "2,6,b\n");
    world.load(&world.options());
    world.file("item.csv", "2,7,b\n");
    let mut options = world.options();
    options.on_duplicate = loader::OnDuplicate::Update;
    world.refused(
        &options,
        Kind::Check,
        "`No 7` of shop.item apparently leaves rows out",
    );
    let disabled = "ALTER TABLE shop.item DISABLE TRIGGER \"No 7\"";
    world.connect().batch_execute(disabled).expect("disabled");
    assert_eq!(world.load(&options).rows.updated, 1);
}

#[test]
fn defaults_and_generated_and_identity_columns_get_their_values_from_the_server() {
    let world = shop(
        "columns = [\"id\", \"qty\"]\nheader = false",
        "CREATE TABLE item (id integer NOT NULL, qty integer, code varchar(10) DEFAULT 'none',
                            twice integer GENERATED ALWAYS AS (qty * 2) STORED,
                            place integer GENERATED ALWAYS AS IDENTITY, UNIQUE (place));",
        "",
    );
    world.file("item.csv", "7,5\n9,\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    let rows: String = value(
        &mut world.connect(),
        "SELECT string_agg(i::text, ' ' ORDER BY id) FROM shop.item AS i",
    );
    assert_eq!(rows, "(7,5,none,10,1) (9,,none,,2)");
}

#[test]
fn a_row_that_would_take_another_rows_key_as_it_replaces_its_own_is_refused_with_its_file() {
    let world = with_rows(TABLE, "ALTER TABLE item ADD UNIQUE (code);");
    world.file("item.csv", "1,5,a\n2,6,b\n");
    world.load(&world.options());
    world.file("item.csv", "2,6,a\n");
    let mut options = world.options();
    options.on_duplicate = loader::OnDuplicate::Update;
    let error = world.try_load(&options).expect_err("refused");
    assert_eq!(database::exit_code(&error), Kind::Refused.exit_code());
    let said = format!("{error:#}");
    for part in ["item.csv: cannot replace rows", "item_code_key"] {
        assert!(said.contains(part), "{said}");
    }
    let codes = "SELECT string_agg(code, ' ' ORDER BY id) FROM shop.item";
    assert_eq!(value::<String>(&mut world.connect(), codes), "a b");
}
