//! Columns of types that only the server knows: their texts are checked by the type's own input function, and a file is
//! loaded as COPY would load it.

use std::io::Write;

use dataset::failure::Kind;
use loader::OnDuplicate;
use testkit::value;

use crate::world::{SHOP, World, rejects, rows, scattered, shop};

/// Types with the statements that create them, and texts of which some are their values.
const TYPES: [(&str, &str, &[&str]); 32] = [
    (
        "",
        "inet",
        &["10.0.0.1", "10.0.0.1/8", "::1", "10.0.0.256", "x"],
    ),
    ("", "cidr", &["10.0.0.0/8", "10.0.0.1/8", "10"]),
    (
        "",
        "macaddr",
        &["08:00:2b:01:02:03", "08002b010203", "08:00"],
    ),
    (
        "",
        "integer[]",
        &[
            "{1,2}",
            "{}",
            "{{1,2},{3,4}}",
            "{1,NULL}",
            "1,2",
            "{a}",
            "[2:3]={1,2}",
        ],
    ),
    ("", "text[]", &["{a\\\\b,\"c,d\"}", "{\"\",NULL}", "{a"]),
    ("", "varchar(3)[]", &["{abc}", "{abcd}", "{\"abc \"}"]),
    ("", "numeric(5,2)[]", &["{1.005}", "{1234.5}"]),
    (
        "",
        "interval",
        &[
            "1 day 02:03:04",
            "P1Y2M",
            "-3 weeks",
            "1 dya",
            "@ 1 minute ago",
        ],
    ),
    (
        "",
        "interval day to second(2)",
        &["1 02:03:04.567", "1 year", "x"],
    ),
    ("", "interval(0)", &["1.6 seconds"]),
    (
        "CREATE EXTENSION citext SCHEMA pg_catalog;",
        "citext",
        &["Abc", " a ", "\\N", "a\tb\\"],
    ),
    (
        "CREATE EXTENSION hstore SCHEMA pg_catalog;",
        "hstore",
        &["a=>1", "a=>NULL, b=>\"x y\"", "a=>1,=", "a"],
    ),
    (
        "CREATE EXTENSION ltree SCHEMA pg_catalog;",
        "ltree",
        &["a.b.c", "a..b"],
    ),
    ("", "int4range", &["[1,3]", "(,5)", "empty", "[3,1]", "[1"]),
    (
        "",
        "tstzrange",
        &["[2020-01-01,2020-02-01)", "[2020-13-01,)"],
    ),
    ("", "int4multirange", &["{[1,3],[2,5]}", "[1,3]"]),
    (
        "",
        "numeric",
        &[
            "1.50",
            "1e400",
            "NaN",
            "123456789012345678901234567890123456789012.5",
            "1,5",
            "x",
        ],
    ),
    ("", "numeric(50,2)", &["1.005", "1e49", "-0"]),
    ("", "numeric(3,-2)", &["12345", "99999999"]),
    ("", "money", &["12.50", "$1,234.5", "abc"]),
    ("", "xml", &["<a>x</a>", "plain", "<a>"]),
    ("", "bit(3)", &["101", "1011", "10", "x"]),
    ("", "bit varying(3)", &["", "1", "1011"]),
    ("", "point", &["(1,2)", "1,2", "(1"]),
    ("", "box", &["(1,2),(3,4)", "x"]),
    ("", "\"char\"", &["a", "abc"]),
    ("", "timetz", &["10:11:12+03", "25:00"]),
    ("", "tsvector", &["a b:1", "'a"]),
    ("", "oid", &["7", "-1", "99999999999"]),
    (
        "CREATE TYPE pair AS (a integer, b varchar(2));",
        "pair",
        &["(1,x)", "(,)", "(1,xyz)", "(1", "(a,b)"],
    ),
    (
        "CREATE DOMAIN few AS int[] CHECK (cardinality(VALUE) < 3) NOT NULL;",
        "few",
        &["{1}", "{1,2,3}", "{x}"],
    ),
    (
        "CREATE DOMAIN b AS bit(3); CREATE DOMAIN odd AS b CHECK (VALUE <> B'000');",
        "odd",
        &["101", "000", "1"],
    ),
];

/// A field of CSV, in quotes unless it should be NULL.
fn field(text: Option<&str>) -> String {
    text.map_or(String::new(), |text| {
        format!("\"{}\"", text.replace('"', "\"\""))
    })
}

#[test]
fn texts_are_loaded_or_rejected_as_copy_takes_or_refuses_them() {
    for (made_by, kind, texts) in TYPES {
        let nullable = !made_by.contains("NOT NULL");
        let texts: Vec<Option<&str>> = texts
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| Some(*text))
            .chain(nullable.then_some(None))
            .collect();
        let world = shop(
            "",
            &format!(
                "{made_by} CREATE TABLE item (id integer NOT NULL, at timestamp, x {kind}, note text);"
            ),
            "",
        );
        let lines: Vec<String> = (1..)
            .zip(&texts)
            .map(|(id, text)| {
                format!(
                    "{id},2020-01-02 03:04:05.6,{},\"a\t\\.\nb\"\n",
                    field(*text)
                )
            })
            .collect();
        world.file("item.csv", format!("id,at,x,note\n{}", lines.concat()));
        let mut options = world.options();
        options.dataset.schema_sql += "CREATE TABLE copied (LIKE item);";
        options.max_rejects = Some("100%".parse().expect("a limit"));
        let report = world.load(&options);

        let mut client = world.connect();
        client
            .batch_execute("SET search_path TO shop")
            .expect("set");
        let mut refused = Vec::new();
        // Each record has two lines.
        for (line, record) in (2..).step_by(2).zip(&lines) {
            client.batch_execute("BEGIN").expect("begun");
            let mut copy = client
                .copy_in("COPY copied FROM STDIN (FORMAT csv)")
                .expect("started");
            copy.write_all(record.as_bytes()).expect("sent");
            match copy.finish() {
                Ok(_) => client.batch_execute("COMMIT").expect("committed"),
                Err(error) => {
                    refused.push((
                        line,
                        error
                            .as_db_error()
                            .expect("the server's")
                            .message()
                            .to_owned(),
                    ));
                    client.batch_execute("ROLLBACK").expect("rolled back");
                }
            }
        }
        let rejected = world.rejected("shop", "item");
        let found: Vec<_> = rejected
            .iter()
            .map(|(line, column, _)| (*line, &**column))
            .collect();
        let expected: Vec<_> = refused.iter().map(|(line, _)| (*line, "x")).collect();
        assert_eq!(found, expected, "{kind}");
        assert_eq!(
            report.rows.loaded as usize,
            texts.len() - refused.len(),
            "{kind}"
        );
        assert_eq!(
            rows(&mut client, "item"),
            rows(&mut client, "copied"),
            "{kind}"
        );
        for (line, message) in refused {
            let query = format!("SELECT message FROM extrato_reject WHERE line = {line}");
            let said: String = value(&mut client, &query);
            assert!(said.starts_with(&message), "{kind}: {said} for {message}");
        }
    }
}

#[test]
fn a_column_that_the_file_lacks_gets_its_default() {
    let world = shop(
        "",
        "CREATE TABLE item (id integer NOT NULL, tags text[] NOT NULL DEFAULT '{new}', every interval, total numeric,
                            place integer GENERATED ALWAYS AS IDENTITY,
                            words tsvector GENERATED ALWAYS AS (to_tsvector('simple', 'no ' || id)) STORED);",
        "",
    );
    world.file("item.csv", "id\n1\n2\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    assert_eq!(
        rows(&mut world.connect(), "shop.item"),
        [
            "(1,{new},,,1,\"'1':2 'no':1\")",
            "(2,{new},,,2,\"'2':2 'no':1\")"
        ]
    );
}

#[test]
fn many_bad_texts_are_found_among_many_good_ones_each_with_the_servers_words() {
    let world = shop(
        "required = [\"tags\"]\n",
        "CREATE TABLE item (id integer NOT NULL, net inet, tags int[]);",
        "ALTER TABLE item ADD CHECK (family(net) = 4);",
    );
    let mut expected = Vec::new();
    let file: String = (1..=5000)
        .map(|id| {
            let line = id + 1;
            let (net, tags) = match id % 500 {
                7 => ("nowhere", "{1}"),
                8 => ("10.0.0.300", "{a}"),
                9 => ("::1", "{1}"),
                10 => ("", ""),
                _ => ("10.1.2.3", "{1}"),
            };
            let broken: &[(&str, &str)] = match id % 500 {
                7 => &[("net", "type")],
                8 => &[("net", "type"), ("tags", "type")],
                9 => &[("net", "check")],
                10 => &[("tags", "required")],
                _ => &[],
            };
            expected.extend(broken.iter().map(|(column, rule)| (line, *column, *rule)));
            format!("{id},{net},\"{tags}\"\n")
        })
        .collect();
    world.file("item.csv", format!("id,net,tags\n{file}"));
    let report = world.load(&world.options());
    assert_eq!((report.rows.loaded, report.rows.rejected), (4960, 40));
    assert_eq!(world.rejected("shop", "item"), rejects(&expected));
    let said: String = value(
        &mut world.connect(),
        "SELECT message FROM shop.extrato_reject WHERE column_name = 'tags' ORDER BY line LIMIT 1",
    );
    assert_eq!(said, "invalid input syntax for type integer: \"a\"");
}

#[test]
fn keys_that_only_the_server_compares_are_checked_within_the_file_and_against_the_table() {
    let world = shop(
        "references = { parent = { table = \"item\", column = \"code\" } }\n",
        "CREATE EXTENSION citext SCHEMA pg_catalog;
         CREATE TABLE item (id integer NOT NULL, code citext NOT NULL, net inet, n numeric, parent citext);",
        "ALTER TABLE item ADD UNIQUE (code), ADD UNIQUE (net, n), ADD FOREIGN KEY (parent) REFERENCES item (code);",
    );
    world.file("item.csv", "id,code,net,n,parent\n1,Root,10.0.0.1,1.0,\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 1);
    let file = "id,code,net,n,parent\n\
                2,ROOT,10.0.0.2,1,\n\
                3,a,10.0.0.1/32,1.00,\n\
                4,b,10.0.0.1,2,rOOt\n\
                5,B,,,\n\
                6,c,10.0.0.1/8,1,C\n\
                7,d,,1,E\n\
                8,e,,1,nobody\n\
                9,f,,1,G\n\
                10,g,,1,\n\
                11,h,x,1,\n\
                12,H,,,\n";
    let expected = rejects(&[
        (2, "code", "unique"),
        (3, "n, net", "unique"),
        (5, "code", "unique"),
        (7, "parent", "reference"),
        (8, "parent", "reference"),
        (11, "net", "type"),
    ]);
    world.file("item.csv", file);
    for commit_every in [None, Some(2)] {
        let mut options = world.options();
        options.commit_every = commit_every;
        options.force = true;
        let mut client = world.connect();
        client
            .batch_execute("DELETE FROM shop.item WHERE id > 1; TRUNCATE shop.extrato_reject")
            .expect("deleted");
        let report = world.load(&options);
        assert_eq!(world.rejected("shop", "item"), expected);
        assert_eq!((report.rows.loaded, report.rows.rejected), (5, 6));
        let ids: String = value(
            &mut client,
            "SELECT string_agg(id::text, ' ' ORDER BY id) FROM shop.item",
        );
        assert_eq!(ids, "1 4 6 9 10 12");
    }
}

#[test]
fn rows_replace_those_that_have_the_same_key_in_the_servers_eyes() {
    let world = World::new(&[
        ("dataset.toml", &SHOP.replace("\"id\"", "\"code\"")),
        (
            "schema.sql",
            // The type's operators are not found by their bare names.
            "CREATE SCHEMA types; CREATE EXTENSION citext SCHEMA types;
             CREATE TABLE item (code types.citext NOT NULL, n integer, tags text[]);",
        ),
        (
            "constraints.sql",
            "ALTER TABLE item ADD PRIMARY KEY (code);",
        ),
    ]);
    world.file("item.csv", "code,n,tags\na,1,{x}\nb,2,\n");
    world.load(&world.options());
    world.file(
        "item.csv",
        "code,n,tags\nA,3,\"{y,\"\"\t\\\\\"\"}\"\nc,4,\nC,5,{z}\nB,6,{\n",
    );
    let mut options = world.options();
    options.on_duplicate = OnDuplicate::Update;
    let report = world.load(&options);
    assert_eq!(
        (
            report.rows.loaded,
            report.rows.updated,
            report.rows.rejected
        ),
        (3, 2, 1)
    );
    assert_eq!(
        rows(&mut world.connect(), "shop.item"),
        ["(A,3,\"{y,\"\"\t\\\\\\\\\"\"}\")", "(C,5,{z})", "(b,2,)"]
    );
    options.on_duplicate = OnDuplicate::Skip;
    options.force = true;
    world.file("item.csv", "code,n,tags\na,7,\nD,8,\n");
    let report = world.load(&options);
    assert_eq!((report.rows.loaded, report.rows.skipped), (1, 1));
}

#[test]
fn numbers_of_the_server_have_the_files_decimal_mark_and_ranges_are_refused() {
    let schema = "CREATE TABLE item (id integer NOT NULL, n numeric, m money);";
    let world = shop("delimiter = \";\"\ndecimal_mark = \",\"\n", schema, "");
    world.file("item.csv", "id;n;m\n1;1,50;2,25\n2;1.50;\n3;\"\";\"\"\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    assert_eq!(world.rejected("shop", "item"), rejects(&[(3, "n", "type")]));
    assert_eq!(
        rows(&mut world.connect(), "shop.item"),
        ["(1,1.50,$2.25)", "(3,,)"]
    );
    let world = shop("ranges = { n = { min = 1 } }\n", schema, "");
    world.file("item.csv", "id,n,m\n1,1,\n");
    world.refused(&world.options(), Kind::Usage, "CHECK");
}

#[test]
fn keys_whose_collation_takes_different_texts_for_equal_are_the_servers_to_compare() {
    let world = shop(
        "",
        "CREATE COLLATION lenient (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE item (id integer NOT NULL, code text COLLATE lenient, parent text);",
        "ALTER TABLE item ADD UNIQUE (code), ADD FOREIGN KEY (parent) REFERENCES item (code);",
    );
    world.file(
        "item.csv",
        "id,code,parent\n1,Root,b\n2,rOOT,\n3,B,ROOT\n4,c,d\n",
    );
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    // The first row waits for its parent, and the second takes its code.
    let expected = rejects(&[(2, "code", "unique"), (5, "parent", "reference")]);
    assert_eq!(world.rejected("shop", "item"), expected);
}

#[test]
fn keys_of_the_server_stand_beside_others_that_do_not_fit_in_memory() {
    let world = shop(
        "",
        "CREATE EXTENSION citext SCHEMA pg_catalog; CREATE TABLE item (id bigint NOT NULL, code citext);",
        "ALTER TABLE item ADD UNIQUE (code);",
    );
    let file: String = (0..30_000)
        .map(|index| {
            let id = if index % 5000 == 4999 {
                index - 1
            } else {
                index
            };
            let code = if index % 7000 == 6999 {
                format!("c{}", index - 6000)
            } else {
                format!("C{index}")
            };
            format!("{},{code}\n", scattered(id))
        })
        .collect();
    world.file("item.csv", format!("id,code\n{file}"));
    for memory_bytes in [64 << 20, 64 << 10] {
        let mut options = world.options();
        options.memory_bytes = memory_bytes;
        options.truncate = true;
        let report = world.load(&options);
        // One row repeats the code of a row that is rejected.
        assert_eq!((report.rows.loaded, report.rows.rejected), (29_991, 9));
        let rejected = world.rejected("shop", "item");
        let of_code = rejected
            .iter()
            .filter(|(_, column, _)| column == "code")
            .count();
        assert_eq!((rejected.len(), of_code), (9, 3));
    }
}

#[test]
fn texts_of_a_pipe_are_judged_as_those_of_a_file() {
    let world = shop("", "CREATE TABLE item (id integer NOT NULL, net inet);", "");
    let writer = world.pipe("item.csv", "id,net\n1,10.0.0.1\n2,nowhere\n");
    let report = world.load(&world.options());
    writer.join().expect("written").expect("written");
    assert_eq!((report.rows.loaded, report.rows.rejected), (1, 1));
    assert_eq!(
        world.rejected("shop", "item"),
        rejects(&[(3, "net", "type")])
    );
}

#[test]
fn values_of_the_other_columns_are_the_same_beside_such_a_column_as_without_it() {
    let columns = "id,b,r,d,n,c,v,day,clock,at,tz,u,raw,j,jb";
    let world = shop(
        "",
        "CREATE TYPE colour AS ENUM ('red', 'deep blue');
         CREATE TABLE item (id bigint NOT NULL, b boolean, r real, d double precision, n numeric(38,10), c char(4), v colour,
                            day date, clock time, at timestamp, tz timestamptz, u uuid, raw bytea, j json, jb jsonb,
                            tags text[]);",
        "",
    );
    let rows_of = [
        "-1,t,1e-40,1e308,-0.0000000001,a,red,0001-01-01,23:59:59.999999,9999-12-31 23:59:59.999999,2020-01-01 00:00:00-03,\
         00000000-0000-0000-0000-00000000000a,\\x005c0a,\"{\"\"a\"\":  \"\"\\t\\\\\"\"}\",\"{\"\"a\"\":\"\"\\n\"\"}\"",
        "9223372036854775807,false,3.4028235e38,-4.9e-324,9999999999999999999999999999.9999999999,\"a\tb\",deep blue,2000-02-29,\
         00:00:00,1999-12-31 23:59:59.5,1900-06-15T12:00:00Z,ffffffff-ffff-ffff-ffff-ffffffffffff,\\x,1,\"[]\"",
        "3,,NaN,Infinity,0,\"\",,,,,,,,,",
        "4,true,-0,-0,1.5,\\.,red,,,,,,,null,null",
    ];
    let mut client = world.connect();
    let mut found = Vec::new();
    for tags in [false, true] {
        let with = |row: &str, more: &str| {
            if tags {
                format!("{row},{more}\n")
            } else {
                format!("{row}\n")
            }
        };
        let file: String = rows_of.iter().map(|row| with(row, "")).collect();
        world.file("item.csv", with(columns, "tags") + &file);
        let mut options = world.options();
        options.truncate = true;
        let report = world.load(&options);
        assert_eq!(
            report.rows.loaded,
            4,
            "{:?}",
            world.rejected("shop", "item")
        );
        found.push(rows(&mut client, "shop.item"));
    }
    assert_eq!(found[0], found[1]);
}
