//! Files as they really arrive: their bytes are checked, and that only planted faults break rules.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use database::Cancel;
use generator::table::dialect::Dialect;
use generator::to_files;
use generator::{Asked, FileFormat, Options, Report, layouts};

use crate::options_of;

const DESCRIPTIONS: [(&str, &str); 2] = [
    ("sales", include_str!("../../../../sql/sales/dataset.toml")),
    (
        "hiring",
        include_str!("../../../../sql/hiring/dataset.toml"),
    ),
];

fn dirty(dataset: &str, size: u32, share: f64) -> Options {
    Options {
        asked: Asked {
            dirty: Some(share),
            ..Asked::default()
        },
        ..options_of(dataset, size)
    }
}

fn written(folder: &Path, options: &Options) -> Report {
    to_files::write(&folder.into(), FileFormat::Csv, options, &Cancel::default()).expect("written")
}

/// The texts of a list in `[table.load]`.
fn texts(value: &toml::Value) -> Vec<&str> {
    let items = value.as_array().expect("a list");
    items
        .iter()
        .map(|item| item.as_str().expect("a text"))
        .collect()
}

#[test]
fn dialects_are_those_that_the_descriptions_tell_how_to_load() {
    for (dataset, description) in DESCRIPTIONS {
        let description: toml::Table = toml::from_str(description).expect("TOML");
        let tables = description["table"].as_array().expect("tables");
        let layouts = layouts(dataset).expect("rows can be made");
        assert_eq!(tables.len(), layouts.len());
        for (table, layout) in tables.iter().zip(layouts) {
            let (load, dialect) = (&table["load"], layout.dialect.expect("a dialect"));
            let (stem, columns) = (dialect.file.strip_suffix(".csv"), texts(&load["columns"]));
            assert_eq!(
                texts(&load["files"]),
                [format!("{}*.csv", stem.expect("CSV"))]
            );
            assert_eq!(
                load["delimiter"].as_str(),
                Some(&*dialect.delimiter.to_string())
            );
            assert_eq!(texts(&load["null"]), [dialect.null]);
            let header = load["header"].as_bool().expect("a boolean");
            assert_eq!(
                columns,
                if header {
                    dialect.header
                } else {
                    layout.columns
                }
            );
            assert_eq!(header, !dialect.header.is_empty());
            let commas = load["decimal_mark"].as_table();
            let commas: BTreeSet<_> = commas.iter().flat_map(|table| table.keys()).collect();
            assert_eq!(
                commas,
                dialect
                    .commas
                    .iter()
                    .map(|name| name.to_string())
                    .collect::<Vec<_>>()
                    .iter()
                    .collect()
            );
            for column in texts(&load["required"]) {
                assert!(layout.columns.contains(&column), "{column}");
            }
        }
    }
}

#[test]
fn files_have_the_bytes_that_their_dialect_asks_for_whatever_the_number_of_workers() {
    let folder = tempfile::tempdir().expect("a folder");
    for (dataset, size) in [("sales", 12_000), ("hiring", 30_000)] {
        let [one, three] = [1, 3].map(|workers| {
            let target = folder.path().join(format!("{dataset} {workers}"));
            let mut options = dirty(dataset, size, 0.02);
            options.workers = Some(workers);
            (written(&target, &options), target)
        });
        for (layout, table) in layouts(dataset).expect("known").iter().zip(&one.0.tables) {
            let Dialect {
                file,
                header,
                line_end,
                final_line_end,
                byte_order_mark,
                delimiter,
                ..
            } = layout.dialect.expect("a dialect");
            let bytes = fs::read(one.1.join(file)).expect("a file");
            assert!(
                bytes == fs::read(three.1.join(file)).expect("a file"),
                "{file}"
            );
            assert_eq!(bytes.len() as u64, table.bytes, "{file}");
            assert!(table.rows > 10, "{file}");
            assert_eq!(
                bytes.starts_with(b"\xef\xbb\xbf"),
                byte_order_mark,
                "{file}"
            );
            assert_eq!(bytes.ends_with(b"\n"), final_line_end, "{file}");
            assert_eq!(
                bytes.windows(2).any(|pair| pair == b"\r\n"),
                line_end == "\r\n",
                "{file}"
            );
            if !header.is_empty() {
                let expected = format!("\u{feff}{}\r\n", header.join(&delimiter.to_string()));
                assert!(bytes.starts_with(expected.as_bytes()), "{file}");
            }
        }
        let planted =
            |target: &Path| fs::read_to_string(target.join("planted.csv")).expect("a list");
        assert_eq!(planted(&one.1), planted(&three.1));
        let mut names: Vec<_> = fs::read_dir(&one.1)
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        names.sort();
        let mut expected: Vec<_> = layouts(dataset)
            .expect("known")
            .iter()
            .filter_map(|table| table.dialect)
            .collect();
        expected.sort_by_key(|dialect| dialect.file);
        let expected: Vec<_> = expected
            .iter()
            .map(|dialect| dialect.file.to_owned())
            .chain(["planted.csv".into()])
            .collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn fields_look_as_they_do_in_the_files_that_arrive() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("sales");
    let report = written(&target, &options_of("sales", 4_000));
    assert!(report.planted.is_empty(), "{:?}", report.planted);
    let lines = |file: &str| {
        let text = fs::read_to_string(target.join(file)).expect("UTF-8");
        text.split("\r\n")
            .skip(1)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let products = lines("Production.Product.csv");
    assert_eq!(products.len(), 504);
    assert!(
        products
            .iter()
            .any(|line| line.contains(";\"CM \";\"LB \";") && line.contains(", "))
    );
    assert!(
        products
            .iter()
            .all(|line| !line.contains(";;") && line.contains("NULL"))
    );
    let field = |line: &str, index: usize| line.split(';').nth(index).expect("a field").to_owned();
    let is_number = |text: &str, mark: char| {
        let (whole, fraction) = text
            .split_once(mark)
            .unwrap_or_else(|| panic!("{text} has no {mark}"));
        [whole, fraction]
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    for line in &products {
        assert!(
            is_number(&field(line, 8), ',') && is_number(&field(line, 9), ','),
            "{line}"
        );
        assert!(
            field(line, 13) == "NULL" || is_number(&field(line, 13), '.'),
            "{line}"
        );
    }
    let details = lines("Sales.SalesOrderDetail.csv");
    assert!(details.len() > 12_000);
    for line in &details {
        assert!(
            is_number(&field(line, 6), ',') && is_number(&field(line, 8), '.'),
            "{line}"
        );
    }
    let headers = lines("Sales.SalesOrderHeader.csv");
    let with_time = headers
        .iter()
        .filter(|line| field(line, 2).ends_with(" 00:00:00.000"))
        .count();
    let days = headers
        .iter()
        .filter(|line| field(line, 2).len() == "2014-01-01".len())
        .count();
    assert_eq!(with_time + days, 4_000);
    assert!(
        with_time > 500 && days > 500,
        "{with_time} with a time, {days} without"
    );
    assert!(
        lines("Person.Person.csv")
            .iter()
            .any(|line| line.contains("\"<IndividualSurvey xmlns=\"\"http"))
    );

    let target = folder.path().join("hiring");
    written(&target, &options_of("hiring", 2_000));
    let employees = fs::read_to_string(target.join("hired_employees.csv")).expect("UTF-8");
    assert_eq!(employees.lines().count(), 2_000);
    let lacking = employees
        .lines()
        .filter(|line| line.split(',').any(str::is_empty))
        .count();
    // 3.5 per cent; six standard deviations of 8.
    assert!((21..=119).contains(&lacking), "{lacking}");
    let planted = fs::read_to_string(target.join("planted.csv")).expect("a list");
    assert_eq!(planted.matches(",missing_field,true\n").count(), lacking);
    assert_eq!(planted.lines().count(), lacking + 1);
    let instant = employees
        .lines()
        .next()
        .and_then(|line| line.split(',').nth(2))
        .expect("an instant");
    assert!(
        instant.len() == "2021-07-27T16:02:08Z".len() && instant.ends_with('Z'),
        "{instant}"
    );
}

/// The rows of a file: the line that each begins in, and its fields. They are read by the letter of RFC 4180, not by the code
/// that wrote them.
fn rows(bytes: &[u8], dialect: &Dialect) -> Vec<(u64, Vec<Vec<u8>>)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), Vec::new());
    let (mut line, mut begun, mut quoted, mut index) = (1, 1, false, 0);
    while index < bytes.len() {
        let byte = bytes[index];
        index += 1;
        line += u64::from(byte == b'\n');
        match byte {
            b'"' if quoted && bytes.get(index) == Some(&b'"') => {
                field.push(b'"');
                index += 1;
            }
            b'"' => quoted = !quoted,
            byte if quoted => field.push(byte),
            b'\r' => {}
            b'\n' => {
                row.push(std::mem::take(&mut field));
                rows.push((begun, std::mem::take(&mut row)));
                begun = line;
            }
            byte if byte == dialect.delimiter as u8 => row.push(std::mem::take(&mut field)),
            byte => field.push(byte),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push((begun, row));
    }
    rows.split_off(usize::from(!dialect.header.is_empty()))
}

/// Whether a field can be a value of its column's type.
fn fits(text: &str, kind: &str, comma: bool) -> bool {
    let shape = |text: &str| {
        text.chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect::<String>()
    };
    let is_day = |text: &str| shape(text) == "9999-99-99";
    match kind {
        "int2" => text.parse::<i16>().is_ok(),
        "int4" => text.parse::<i32>().is_ok(),
        "bool" => text == "0" || text == "1",
        "numeric" => {
            let mark = if comma { ',' } else { '.' };
            text.split_once(mark).is_some_and(|(whole, fraction)| {
                [whole, fraction]
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            })
        }
        "uuid" => text.len() == 36 && text.matches('-').count() == 4,
        "timestamp" => {
            let (day, time) = text.split_once(' ').unwrap_or((text, "00:00:00.000"));
            is_day(day) && ["99:99:99.999", "99:99:99.999999"].contains(&&*shape(time))
        }
        "timestamptz" => shape(text) == "9999-99-99T99:99:99Z",
        "varchar" => text.chars().count() <= 255 && !text.contains('\0'),
        "text" => !text.contains('\0'),
        other => panic!("{other}"),
    }
}

#[test]
fn what_breaks_a_rule_in_the_files_is_what_was_planted_line_by_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for ((dataset, description), size) in DESCRIPTIONS.into_iter().zip([3_000, 5_000]) {
        let target = folder.path().join(dataset);
        let report = written(&target, &dirty(dataset, size, 0.1));
        let description: toml::Table = toml::from_str(description).expect("TOML");
        let tables = description["table"].as_array().expect("tables");
        let planted = fs::read_to_string(target.join("planted.csv")).expect("a list");
        let planted: Vec<Vec<&str>> = planted
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect())
            .collect();
        let rows_planted: u64 = report.planted.iter().map(|planted| planted.rows).sum();
        assert_eq!(rows_planted, planted.len() as u64);
        // For each key column, its values in rows that are taken.
        let mut taken: BTreeMap<(&str, &str), HashSet<String>> = BTreeMap::new();
        for (layout, table) in layouts(dataset).expect("known").iter().zip(tables) {
            let (load, dialect) = (&table["load"], layout.dialect.expect("a dialect"));
            let place = |column: &str| {
                layout
                    .columns
                    .iter()
                    .position(|name| *name == column)
                    .expect("a column")
            };
            let required: Vec<_> = texts(&load["required"]).into_iter().map(place).collect();
            let key: Vec<_> = texts(&table["key"]).into_iter().map(place).collect();
            let bytes = fs::read(target.join(dialect.file)).expect("a file");
            let (mut keys, mut refused) = (HashSet::new(), Vec::new());
            let rows = rows(&bytes, &dialect);
            let counted = report
                .tables
                .iter()
                .find(|table| table.table == layout.name)
                .expect("a table");
            assert_eq!(rows.len() as u64, counted.rows, "{}", layout.name);
            for (line, fields) in rows {
                let fields: Result<Vec<_>, _> = fields.into_iter().map(String::from_utf8).collect();
                let whole = fields
                    .ok()
                    .filter(|fields| fields.len() == layout.columns.len());
                let good = whole.filter(|fields| {
                    let is_there = |index: &usize| fields[*index] != dialect.null;
                    let fit = |index: usize| {
                        let comma = dialect.commas.contains(&layout.columns[index]);
                        !is_there(&index) || fits(&fields[index], layout.types[index], comma)
                    };
                    let references = load.get("references").and_then(toml::Value::as_table);
                    let has_parents =
                        references
                            .iter()
                            .flat_map(|table| table.iter())
                            .all(|(column, to)| {
                                let (table, parent) = (to["table"].as_str(), to["column"].as_str());
                                let values =
                                    &taken[&(table.expect("a name"), parent.expect("a name"))];
                                to["missing"].as_str() == Some("allow")
                                    || values.contains(&fields[place(column)])
                            });
                    required.iter().all(is_there) && (0..fields.len()).all(fit) && has_parents
                });
                let good = good.filter(|fields| {
                    keys.insert(
                        key.iter()
                            .map(|&index| fields[index].clone())
                            .collect::<Vec<_>>(),
                    )
                });
                match good {
                    Some(fields) => {
                        for (column, field) in layout.columns.iter().zip(fields) {
                            if column.ends_with("id") {
                                taken
                                    .entry((layout.name, column))
                                    .or_default()
                                    .insert(field);
                            }
                        }
                    }
                    None => refused.push(line),
                }
            }
            let of_file = planted.iter().filter(|plant| plant[0] == dialect.file);
            let (harmful, harmless): (Vec<_>, Vec<_>) =
                of_file.partition(|plant| plant[4] == "true");
            let lines: Vec<u64> = harmful
                .iter()
                .map(|plant| plant[1].parse().expect("a line"))
                .collect();
            assert_eq!(refused, lines, "{}", dialect.file);
            let leaf = ["sales_order_detail", "hired_employees"].contains(&layout.name);
            assert!(
                !leaf || (!harmless.is_empty() && lines.len() > 300),
                "{}",
                layout.name
            );
        }
        let faults: BTreeSet<_> = planted.iter().map(|plant| plant[3]).collect();
        let expected = if dataset == "sales" { 6 + 11 } else { 5 + 9 };
        assert_eq!(faults.len(), expected, "{faults:?}");
    }
}
