//! Keys whose columns have other types than the columns that refer to them; the loader is compared with the server, row by row.

use std::fmt::Write as _;

use dataset::failure::Kind;
use loader::RejectLimit;
use testkit::value;

use crate::world::{World, rejects};

/// A key's type, the type of a column that refers to it, values of the key, and values that refer to it or to nothing.
struct Pair {
    key: &'static str,
    child: &'static str,
    keys: &'static [&'static str],
    children: &'static [&'static str],
}

const fn pair(
    key: &'static str,
    child: &'static str,
    keys: &'static [&'static str],
    children: &'static [&'static str],
) -> Pair {
    Pair {
        key,
        child,
        keys,
        children,
    }
}

/// A type that files cannot be loaded into.
const UNBOUNDED: &str = "numeric";
const CENTS: &[&str] = &["1.00", "2.50", "-3", "100", "0"];
const WHOLE: &[&str] = &["1", "2", "-3", "100", "0", "25"];
const WORDS: &[&str] = &["a", "b  ", " c", "é"];
const PADDED: &[&str] = &["a", "a ", "b", "b  ", " c ", "c", "é", "é    ", "A"];
const DAYS: &[&str] = &["2020-01-01", "2020-01-02 01:00:00", "infinity"];
const TIMES: &[&str] = &[
    "2020-01-01",
    "2020-01-01 00:00:00.000001",
    "2020-01-02 01:00",
    "2020-01-01T24:00",
];

const PAIRS: [Pair; 40] = [
    pair("numeric(10,2)", "smallint", CENTS, WHOLE),
    pair("numeric(10,2)", "integer", CENTS, WHOLE),
    pair("numeric(10,2)", "bigint", CENTS, WHOLE),
    pair("cents", "integer", CENTS, WHOLE),
    pair(
        "numeric(10,2)",
        "numeric(12,4)",
        CENTS,
        &["1", "2.5000", "2.5001", "-3.0"],
    ),
    pair(
        UNBOUNDED,
        "integer",
        &["1", "2.50", "NaN", "1e50", "3.0000", "Infinity"],
        WHOLE,
    ),
    pair(
        UNBOUNDED,
        "numeric(38,10)",
        &[
            "1.00000000000000000000000000000000000000000000",
            "0.1",
            "0",
            "1e45",
            "1e-45",
        ],
        &["1", "0.1", "0", "0.1000000001"],
    ),
    pair(
        "integer",
        "bigint",
        &["1", "2147483647"],
        &["1", "2147483647", "2147483648", "4294967297"],
    ),
    pair("bigint", "smallint", &["1", "65537"], &["1", "2"]),
    pair("smallint", "integer", &["1", "-1"], &["1", "65535", "-1"]),
    pair(
        "double precision",
        "numeric(30,6)",
        &["0.1", "0.5", "1e15", "NaN"],
        &["0.1", "0.5", "0.500001", "1e15"],
    ),
    pair(
        "double precision",
        "bigint",
        &["9007199254740992", "1"],
        &["9007199254740993", "1", "2"],
    ),
    pair(
        "double precision",
        "real",
        &["0.5", "0.1", "NaN", "-0"],
        &["0.5", "0.1", "nan", "0", "Infinity"],
    ),
    pair("double precision", "integer", CENTS, WHOLE),
    pair(
        "double precision",
        "double precision",
        &["NaN", "-0", "1e-300"],
        &["nan", "0.0", "-0", "1e-301"],
    ),
    pair(
        "real",
        "numeric(10,8)",
        &["0.1", "0.5"],
        &["0.1", "0.10000001", "0.10000000", "0.5"],
    ),
    pair(
        "real",
        "integer",
        &["16777216", "5"],
        &["16777217", "16777216", "16777219", "5"],
    ),
    pair("real", "bigint", CENTS, WHOLE),
    pair(
        "real",
        "double precision",
        &["0.1", "0.5", "NaN"],
        &["0.1", "0.5", "nan", "0.10000000149011612"],
    ),
    pair("real", "real", &["0.1", "0"], &["0.1", "-0", "0.10000001"]),
    pair("text", "varchar(10)", WORDS, PADDED),
    pair("text", "char(5)", WORDS, PADDED),
    pair("text", "name", WORDS, PADDED),
    pair("varchar(6)", "text", WORDS, PADDED),
    pair("varchar(6)", "char(6)", WORDS, PADDED),
    pair(
        "text COLLATE \"C\"",
        "text COLLATE \"en-x-icu\"",
        WORDS,
        PADDED,
    ),
    pair("name", "text", WORDS, PADDED),
    pair("name", "name", WORDS, PADDED),
    pair("char(5)", "varchar(10)", WORDS, PADDED),
    pair("char(5)", "text", WORDS, PADDED),
    pair("char(5)", "char(8)", WORDS, PADDED),
    pair("date", "timestamp", DAYS, TIMES),
    pair("date", "timestamptz", DAYS, TIMES),
    pair("timestamp", "date", DAYS, &["2020-01-01", "20200102"]),
    pair("timestamp", "timestamptz", DAYS, TIMES),
    pair("timestamptz", "timestamp", DAYS, TIMES),
    pair(
        "time",
        "time",
        &["24:00", "10:00"],
        &["24:00:00", "00:00", "100000", "09:59:60"],
    ),
    pair(
        "uuid",
        "uuid",
        &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
        &[
            "{A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
        ],
    ),
    pair(
        "bytea",
        "bytea",
        &["\\x6162", ""],
        &["ab", "\\x6162", "", "b"],
    ),
    pair("mood", "mood", &["sad"], &["sad", "glad"]),
];

const TYPES: &str =
    "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE DOMAIN cents AS numeric(10,2);";

/// Cells in quotes, each after its row's number.
fn rows(cells: &[&str]) -> String {
    let rows = cells.iter().enumerate();
    rows.map(|(index, cell)| format!("{},\"{cell}\"\n", index + 1))
        .collect()
}

/// A world with a parent and a child for each pair. Parents have files or, if `filled`, are in the database already.
fn world(filled: bool) -> (World, Vec<&'static Pair>) {
    let pairs: Vec<&Pair> = PAIRS
        .iter()
        .filter(|pair| filled || pair.key != UNBOUNDED)
        .collect();
    let table = |name: &str, key: &str| {
        format!(
            "[[table]]\nname = \"{name}\"\nkey = [\"{key}\"]\n[table.load]\nheader = false\nforce_null = false\n"
        )
    };
    let mut toml = "name = \"keys\"\n".to_owned();
    let (mut schema, mut constraints) = (TYPES.to_owned(), String::new());
    let mut values = String::new();
    for (
        index,
        Pair {
            key, child, keys, ..
        },
    ) in pairs.iter().enumerate()
    {
        if !filled {
            toml += &table(&format!("p{index}"), "x");
        }
        let _ = write!(
            schema,
            "CREATE TABLE p{index} (place integer, x {key} NOT NULL); CREATE TABLE c{index} (id integer NOT NULL, x {child});"
        );
        let _ = write!(
            constraints,
            "ALTER TABLE p{index} ADD PRIMARY KEY (x); ALTER TABLE c{index} ADD PRIMARY KEY (id),
             ADD FOREIGN KEY (x) REFERENCES p{index};"
        );
        for key in *keys {
            let _ = write!(
                values,
                "INSERT INTO p{index} (x) VALUES (E'{}');",
                key.replace('\\', "\\\\")
            );
        }
    }
    for index in 0..pairs.len() {
        toml += &table(&format!("c{index}"), "id");
    }
    let world = World::new(&[
        ("dataset.toml", &toml),
        ("schema.sql", &schema),
        ("constraints.sql", &constraints),
    ]);
    if filled {
        let made =
            format!("CREATE SCHEMA keys; SET search_path TO keys; {schema} {values} {constraints}");
        world.connect().batch_execute(&made).expect("made");
    }
    for (index, pair) in pairs.iter().enumerate() {
        if !filled {
            world.file(&format!("p{index}.csv"), rows(pair.keys));
        }
        world.file(&format!("c{index}.csv"), rows(pair.children));
    }
    (world, pairs)
}

/// Loads children with this much memory, and compares the outcome of each row with what the server says.
fn compare(filled: bool, memory_bytes: u64) {
    let (world, pairs) = world(filled);
    let mut options = world.options();
    options.memory_bytes = memory_bytes;
    options.max_rejects = ANY;
    world.load(&options);
    let mut client = world.connect();
    client
        .batch_execute(
            "CREATE SCHEMA oracle; SET search_path TO oracle, keys;
             CREATE FUNCTION is_orphan(child text, type text, value text) RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN EXECUTE format('INSERT INTO oracle.%I VALUES ($1::%s)', child, type) USING value; RETURN false;
             EXCEPTION WHEN foreign_key_violation THEN RETURN true; END $$",
        )
        .expect("a function");
    for (index, pair) in pairs.iter().enumerate() {
        let child = format!("c{index}");
        let pair_name = format!("{} to {}", pair.child, pair.key);
        client
            .batch_execute(&format!(
                "CREATE TABLE oracle.{child} (x {} REFERENCES keys.p{index})",
                pair.child
            ))
            .expect("a copy");
        let orphans: Vec<i64> = client
            .query(
                "SELECT place FROM unnest($3::text[]) WITH ORDINALITY AS t (value, place) WHERE is_orphan($1, $2, value)",
                &[&child, &pair.child, &pair.children],
            )
            .expect("the server's word")
            .iter()
            .map(|row| row.get(0))
            .collect();
        let expected: Vec<_> = orphans
            .iter()
            .map(|line| (*line, "x", "reference"))
            .collect();
        assert_eq!(
            world.rejected("keys", &child),
            rejects(&expected),
            "{pair_name}"
        );
        let loaded = pair.children.len() - orphans.len();
        assert_eq!(
            world.count(&format!("keys.{child}")),
            loaded as i64,
            "{pair_name}"
        );
        assert!(
            loaded > 0 && !orphans.is_empty(),
            "{pair_name}: {orphans:?}"
        );
    }
}

const ROOMY_BYTES: u64 = 64 << 20;
const LITTLE_BYTES: u64 = 48 << 10;
const OTHERS: i64 = 4000;
const ANY: Option<RejectLimit> = Some(RejectLimit::Percent(100.0));

#[test]
fn keys_in_the_database_are_compared_as_the_server_compares_them() {
    compare(true, ROOMY_BYTES);
}

#[test]
fn keys_of_other_files_are_compared_as_the_server_compares_them() {
    compare(false, ROOMY_BYTES);
}

#[test]
fn keys_beyond_the_memory_are_compared_as_the_server_compares_them() {
    compare(true, 1);
    compare(false, 1);
}

const TREES: [(&str, &str); 3] = [
    (
        "dataset.toml",
        r#"
        name = "trees"
        [[table]]
        name = "priced"
        key = ["id"]
        [table.load]
        header = false
        [[table]]
        name = "padded"
        key = ["id"]
        [table.load]
        header = false
        [[table]]
        name = "leaf"
        key = ["day", "id"]
        [table.load]
        header = false
        "#,
    ),
    (
        "schema.sql",
        "CREATE TABLE priced (id numeric(10,2) NOT NULL, up integer);
         CREATE TABLE padded (id char(5) NOT NULL, up varchar(9), number double precision, price numeric(10,4));
         CREATE TABLE leaf (id integer NOT NULL, day timestamp NOT NULL, twig bigint, born date);",
    ),
    (
        "constraints.sql",
        "ALTER TABLE priced ADD PRIMARY KEY (id), ADD FOREIGN KEY (up) REFERENCES priced;
         ALTER TABLE padded ADD PRIMARY KEY (id), ADD FOREIGN KEY (up) REFERENCES padded, ADD UNIQUE (number, price);
         ALTER TABLE leaf ADD PRIMARY KEY (id, day), ADD FOREIGN KEY (twig, born) REFERENCES leaf;",
    ),
];

#[test]
fn rows_refer_to_rows_of_their_own_table_by_other_types() {
    let load = |memory_bytes| {
        let world = World::new(&TREES);
        // There are so many that, with little memory, their keys are given up at once; waiting rows still have room.
        let others = |row: fn(i64) -> String| (1000..1000 + OTHERS).map(row).collect::<String>();
        world.file("priced.csv", others(|id| format!("{id},\n")));
        world.file("padded.csv", others(|id| format!("{id},,,\n")));
        world.file("leaf.csv", others(|id| format!("{id},2020-01-01,,\n")));
        world.load(&world.options());
        // Nothing refers to the fourth row, whose id is not whole, and the last row refers to one that is refused itself.
        world.file("priced.csv", "1.00,2\n2,2\n3,9\n4.50,1\n5,4\n6,5\n");
        world.file(
            "padded.csv",
            "a,,0,1\n\"b\",\"a  \",0,1.5\n\"a   \",,0,2\nc,\"b        \",NaN,1\nd,\" a\",1,1\n\
             e,,-0,1.0000\nf,,nan,1\ng,,,1\nh,,,1\ni,\"j      \",2,1\nj,,3,1\n",
        );
        world.file(
            "leaf.csv",
            "1,2020-01-01,2,2020-01-02\n2,2020-01-02 00:00,,\n3,2020-01-01 01:00,,\n4,2020-01-01,3,2020-01-01\n\
             5,2020-01-01,1,2020-01-01\n6,2020-01-01,2,\n",
        );
        let mut options = world.options();
        options.memory_bytes = memory_bytes;
        options.max_rejects = ANY;
        world.load(&options);
        let rejected = |table| world.rejected("trees", table);
        assert_eq!(
            rejected("priced"),
            rejects(&[
                (3, "up", "reference"),
                (5, "up", "reference"),
                (6, "up", "reference")
            ])
        );
        assert_eq!(
            rejected("padded"),
            rejects(&[
                (3, "id", "unique"),
                (5, "up", "reference"),
                (6, "number, price", "unique"),
                (7, "number, price", "unique"),
            ])
        );
        assert_eq!(rejected("leaf"), rejects(&[(4, "born, twig", "reference")]));
        let counts =
            ["priced", "padded", "leaf"].map(|table| world.count(&format!("trees.{table}")));
        assert_eq!(counts, [3, 7, 5].map(|rows| rows + OTHERS));
    };
    load(ROOMY_BYTES);
    load(LITTLE_BYTES);
}

/// A parent and a child with columns of these types, with a foreign key between them or, if given, the reference `declared`.
fn family(key: &str, child: &str, declared: &str) -> World {
    let foreign = match declared {
        "" => "ALTER TABLE child ADD FOREIGN KEY (x) REFERENCES parent;",
        _ => "",
    };
    let world = World::new(&[
        (
            "dataset.toml",
            &format!(
                "name = \"family\"\n[[table]]\nname = \"parent\"\nkey = [\"x\"]\n[table.load]\nheader = false\n\
                 [[table]]\nname = \"child\"\nkey = [\"id\"]\n[table.load]\nheader = false\n{declared}"
            ),
        ),
        (
            "schema.sql",
            &format!(
                "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                 CREATE TABLE parent (x {key} NOT NULL); CREATE TABLE child (id integer NOT NULL, x {child});"
            ),
        ),
        (
            "constraints.sql",
            &format!("ALTER TABLE parent ADD PRIMARY KEY (x); ALTER TABLE child ADD PRIMARY KEY (id); {foreign}"),
        ),
    ]);
    world.file("parent.csv", "A\n1\n");
    world
}

#[test]
fn what_only_the_server_can_compare_is_judged_by_it() {
    for (key, child) in [
        ("text COLLATE any_case", "text COLLATE any_case"),
        ("text COLLATE any_case", "varchar(5)"),
        ("name", "varchar(5)"),
    ] {
        let world = family(key, child, "");
        world.file("child.csv", "1,A\n2,1\n");
        let report = world.load(&world.options());
        assert_eq!((report.rows.loaded, report.rows.rejected), (4, 0), "{key}");
        world.file("child.csv", "3,A\n4,b\n");
        let mut options = world.options();
        options.tables = vec![(
            "child".to_owned(),
            world.inputs().join("child.csv").display().to_string(),
        )];
        options.from = None;
        let report = world.load(&options);
        assert_eq!((report.rows.loaded, report.rows.rejected), (1, 1), "{key}");
        assert_eq!(
            world.rejected("family", "child"),
            rejects(&[(2, "x", "reference")])
        );
        assert_eq!(world.count("family.child"), 3);
    }
    // Letters in upper and lower case are the same key here, for the server both as the parent and as the unique key.
    let world = family("text COLLATE any_case", "text COLLATE any_case", "");
    world.file("child.csv", "1,a\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 3);
    let parents = world.file("parent.csv", "b\nB\n");
    let mut options = world.options();
    options.tables = vec![("parent".to_owned(), parents.display().to_string())];
    options.from = None;
    options.max_rejects = ANY;
    let report = world.load(&options);
    assert_eq!((report.rows.loaded, report.rows.rejected), (1, 1));
    assert_eq!(
        world.rejected("family", "parent"),
        rejects(&[(2, "x", "unique")])
    );
}

#[test]
fn declared_references_compare_types_as_a_foreign_key_would_or_are_refused() {
    let declared = "[table.load.references]\nx = { table = \"parent\", column = \"x\" }";
    for (key, child, rows) in [
        ("numeric(10,2)", "integer", "1,1\n2,5\n"),
        ("integer", "numeric(10,2)", "1,1.00\n2,1.50\n"),
        ("integer", "double precision", "1,1.00\n2,1.50\n"),
        ("char(5)", "varchar(5)", "1,\"1  \"\n2,\" 1\"\n"),
    ] {
        for memory_bytes in [ROOMY_BYTES, 1] {
            let world = family(key, child, declared);
            world.file("parent.csv", "1\n3\n");
            world.file("child.csv", rows);
            let mut options = world.options();
            options.memory_bytes = memory_bytes;
            options.max_rejects = ANY;
            assert_eq!(world.load(&options).rows.loaded, 3, "{key}, {child}");
            assert_eq!(
                world.rejected("family", "child"),
                rejects(&[(2, "x", "reference")])
            );
        }
    }
    let world = family("text", "integer", declared);
    world.file("child.csv", "1,1\n");
    let said = world.refused(&world.options(), Kind::Usage, "cannot be compared");
    for part in [
        "table `child`",
        "`references.x`",
        "`parent.x`",
        "text",
        "integer",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let none: i64 = value(
        &mut world.connect(),
        "SELECT count(*) FROM pg_class WHERE relname = 'child'",
    );
    assert_eq!(none, 0);
}
