//! `load` reads the same rows from every dialect that files come in. Generated files are rewritten mechanically, and the tables and
//! rejects must be those of the plain files.

use std::fs;

use crate::program::World;

const HIRING: [(&str, &str); 3] = [
    ("departments", "departments.csv"),
    ("jobs", "jobs.csv"),
    ("hired_employees", "hired_employees.csv"),
];
const SALES: [(&str, &str); 6] = [
    ("person", "Person.Person.csv"),
    ("product", "Production.Product.csv"),
    ("customer", "Sales.Customer.csv"),
    ("special_offer_product", "Sales.SpecialOfferProduct.csv"),
    ("sales_order_header", "Sales.SalesOrderHeader.csv"),
    ("sales_order_detail", "Sales.SalesOrderDetail.csv"),
];

/// Generates the files of `dataset` and loads them into the schema `plain`. Gives the counts.
fn plain(world: &World, dataset: &str) -> serde_json::Value {
    world.done(&[
        "generate",
        "--dataset",
        dataset,
        "--scale",
        "0.1",
        "--to",
        "plain",
        "--format",
        "csv",
    ]);
    load(world, dataset, "plain", &[])
}

/// Loads the files of a folder into the schema of the same name. Gives the counts.
fn load(world: &World, dataset: &str, folder: &str, dialect: &[&str]) -> serde_json::Value {
    let mut arguments = vec![
        "load",
        "--dataset",
        dataset,
        "--from",
        folder,
        "--schema",
        folder,
        "--json",
    ];
    arguments.extend(dialect);
    let rows = world.done(&arguments).json()["rows"].take();
    let count = |name: &str| rows[name].as_u64().unwrap();
    assert_eq!(
        count("read"),
        count("loaded") + count("rejected") + count("skipped")
    );
    assert!(count("loaded") > 100, "{rows}");
    rows
}

/// The cells of a generated file as they are written, quotes included.
fn cells(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = vec![String::new()];
    let mut quoted = false;
    for character in text.trim_start_matches('\u{feff}').chars() {
        quoted ^= character == '"';
        match character {
            '\r' if !quoted => {}
            '\n' if !quoted => rows.push(std::mem::replace(&mut row, vec![String::new()])),
            character if character == delimiter && !quoted => row.push(String::new()),
            character => row.last_mut().unwrap().push(character),
        }
    }
    if row != [""] {
        rows.push(row);
    }
    rows
}

/// Rewrites a file of the folder `plain` into `folder`. `cell` gets the column's position and the cell as written.
fn rewrite(
    world: &World,
    (folder, file): (&str, &str),
    (old, new): (char, &str),
    (start, line_end): (&str, &str),
    cell: impl Fn(usize, &str) -> String,
) {
    let text = fs::read_to_string(world.path("plain").join(file)).unwrap();
    let mut out = start.to_owned();
    for row in cells(&text, old) {
        let row: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(place, text)| cell(place, text))
            .collect();
        out.push_str(&row.join(new));
        out.push_str(line_end);
    }
    fs::create_dir_all(world.path(folder)).unwrap();
    fs::write(world.path(folder).join(file), out).unwrap();
}

fn quote(text: &str) -> String {
    match text.starts_with('"') {
        true => text.to_owned(),
        false => format!("\"{text}\""),
    }
}

/// Compares a table of a schema with that of `plain`, in the database.
fn same(world: &World, table: &str, schema: &str) {
    let query = format!(
        "SELECT (SELECT count(*) FROM plain.{table}), (SELECT count(*) FROM {schema}.{table}),
                (SELECT count(*) FROM (TABLE plain.{table} EXCEPT ALL TABLE {schema}.{table}) AS lacking)"
    );
    let row = world.database.connect().query_one(&query, &[]).unwrap();
    let (plain, other, lacking): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert!(plain > 0, "{table}");
    assert_eq!((other, lacking), (plain, 0), "{schema}.{table}");
}

#[test]
fn hiring_with_quotes_everywhere_crlf_and_a_header_is_the_same() {
    let world = World::new();
    let counts = plain(&world, "hiring");
    assert!(counts["rejected"].as_u64() > Some(0), "{counts}");
    let headers = [
        "\"id\",\"department\"\r\n",
        "\"id\",\"job\"\r\n",
        "\"id\",\"name\",\"datetime\",\"department_id\",\"job_id\"\r\n",
    ];
    for ((_, file), header) in HIRING.iter().zip(headers) {
        rewrite(
            &world,
            ("quoted", file),
            (',', ","),
            (header, "\r\n"),
            |_, text| quote(text),
        );
    }
    assert_eq!(load(&world, "hiring", "quoted", &[]), counts);
    for (table, _) in HIRING {
        same(&world, table, "quoted");
    }
    // No header was declared there, so each line is one further down.
    let query = "SELECT count(*) FROM (SELECT DISTINCT line + 1 FROM plain.extrato_reject
                 EXCEPT SELECT line FROM quoted.extrato_reject) AS lacking";
    let lacking: i64 = world
        .database
        .connect()
        .query_one(query, &[])
        .unwrap()
        .get(0);
    assert_eq!(lacking, 0);
}

#[test]
fn hiring_with_faults_of_the_wild_loses_these_rows_and_no_other() {
    let world = World::new();
    let counts = plain(&world, "hiring");
    for (_, file) in HIRING {
        rewrite(&world, ("wild", file), (',', ","), ("", "\n"), |_, text| {
            text.to_owned()
        });
    }
    let path = world.path("wild/hired_employees.csv");
    let text = fs::read_to_string(&path).unwrap();
    // The file is torn at the front, in the middle and at the end.
    let before = "900001,Ana,2021-07-27T16:02:08Z,0,1\n900002,Ana,2021-07-27T16:02:08Z,1\n";
    let (first, second) = text.split_at(text[..text.len() / 2].rfind('\n').unwrap() + 1);
    let middle = "900003,\"Ana,2021-07-27T16:02:08Z,1,1\n900004,Ana,2021-07-27T02 48 42Z,1,1\n\
                  900006,Ana,2021-07-27T16:02:08Z,1,1,1\n";
    let again = text
        .lines()
        .find(|line| line.split(',').all(|cell| !cell.is_empty()));
    let after = format!("{}\n900005,\"Ana,2021-07-2", again.unwrap());
    fs::write(&path, [before, first, middle, second, &after].concat()).unwrap();
    let wild = load(&world, "hiring", "wild", &[]);
    let more = |name: &str| wild[name].as_u64().unwrap() - counts[name].as_u64().unwrap();
    assert_eq!((more("read"), more("rejected"), more("loaded")), (7, 7, 0));
    for (table, _) in HIRING {
        same(&world, table, "wild");
    }
    let query = "SELECT string_agg(left(raw, 6) || ' ' || rule, ', ' ORDER BY line, rule)
                 FROM wild.extrato_reject WHERE raw LIKE '9000%'";
    let rules: String = world
        .database
        .connect()
        .query_one(query, &[])
        .unwrap()
        .get(0);
    assert_eq!(
        rules,
        "900001 reference, 900002 shape, 900003 quote, 900004 type, 900006 shape, 900005 quote"
    );
}

#[test]
fn sales_without_bom_with_empty_cells_points_quotes_and_bare_dates_is_the_same() {
    let world = World::new();
    let counts = plain(&world, "sales");
    for (_, file) in SALES {
        rewrite(
            &world,
            ("bare", file),
            (';', ";"),
            ("", "\n"),
            |_, text| match text {
                "NULL" => String::new(),
                text => text.trim_end_matches(" 00:00:00.000").to_owned(),
            },
        );
        // Fields are separated by commas too, so decimal commas are quoted, as is everything but NULL.
        rewrite(
            &world,
            ("commas", file),
            (';', ","),
            ("\u{feff}", "\r\n"),
            |_, text| match text {
                "NULL" => "NULL".to_owned(),
                text => quote(text),
            },
        );
        // All columns have one decimal mark: amounts are the only cells of digits with a comma.
        rewrite(
            &world,
            ("points", file),
            (';', "\t"),
            ("\u{feff}", "\n"),
            |_, text| match text.split_once(',') {
                Some((whole, fraction)) if is_digits(whole) && is_digits(fraction) => {
                    format!("{whole}.{fraction}")
                }
                _ => text.to_owned(),
            },
        );
    }
    let dialects: [(&str, &[&str]); 3] = [
        ("bare", &[]),
        ("commas", &["--delimiter", ","]),
        ("points", &["--delimiter", "\\t", "--decimal-mark", "."]),
    ];
    for (folder, dialect) in dialects {
        assert_eq!(load(&world, "sales", folder, dialect), counts, "{folder}");
        for (table, _) in SALES {
            same(&world, table, folder);
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn sales_with_xml_over_lines_names_with_commas_and_padded_codes_keeps_every_character() {
    let world = World::new();
    let counts = plain(&world, "sales");
    for (_, file) in SALES {
        rewrite(
            &world,
            ("rich", file),
            (';', ";"),
            ("\u{feff}", "\r\n"),
            |place, text| match (file, place, text) {
                (_, _, "Demographics" | "Name" | "SizeUnitMeasureCode") => text.to_owned(),
                ("Person.Person.csv", 10, _) => {
                    "\"<S xmlns=\"\"urn:s\"\">\n  <T>1;5</T>\r\n</S>\"".to_owned()
                }
                ("Production.Product.csv", 1, text) => format!("{text}, M"),
                ("Production.Product.csv", 11, _) => "\"CM \"".to_owned(),
                _ => text.to_owned(),
            },
        );
    }
    assert_eq!(load(&world, "sales", "rich", &[]), counts);
    world
        .database
        .connect()
        .batch_execute(
            "UPDATE plain.person SET demographics = E'<S xmlns=\"urn:s\">\\n  <T>1;5</T>\\r\\n</S>';
             UPDATE plain.product SET name = name || ', M', size_unit_measure_code = 'CM ';",
        )
        .unwrap();
    for (table, _) in SALES {
        same(&world, table, "rich");
    }
}
