//! The event that a bucket sends when an object was created: which object it is, and which table takes it.

use dataset::failure::{Kind, OrFail};
use dataset::{Dataset, Table};
use glob::Pattern;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

/// The endings that the name of a compressed file has in addition to the pattern.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];

/// The event that S3 sends: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

/// Whether this is the test event that S3 sends once, when the notification is set up.
pub(crate) fn is_trial(event: &Value) -> bool {
    event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent")
}

/// The objects in a bucket's event, as `s3://bucket/key`, each only once; `None` for anything that is not such an event.
///
/// # Errors
/// [`Kind::Usage`] for records about something other than a bucket, and for keys that are not UTF-8.
pub(crate) fn objects(event: &Value) -> anyhow::Result<Option<Vec<String>>> {
    if event.get("Records").is_none() {
        return Ok(None);
    }
    let event = Event::deserialize(event).or_fail(
        Kind::Usage,
        || "the records of this event are not from a bucket",
    )?;
    let mut objects = Vec::new();
    for Record { s3 } in event.records {
        let key = s3.object.key.replace('+', " ");
        let key = percent_decode_str(&key)
            .decode_utf8()
            .or_fail(Kind::Usage, || {
                format!("the object's key {key} is not UTF-8")
            })?;
        let object = format!("s3://{}/{key}", s3.bucket.name);
        if !objects.contains(&object) {
            objects.push(object);
        }
    }
    Ok(Some(objects))
}

/// The table whose pattern of file names fits this object, plain or compressed.
///
/// # Errors
/// [`Kind::Usage`] if there is no such table, or more than one, or if a pattern of the dataset makes no sense.
pub(crate) fn table_of<'d>(dataset: &'d Dataset, object: &str) -> anyhow::Result<&'d Table> {
    let (_, name) = object.rsplit_once('/').unwrap_or(("", object));
    let mut names = vec![name];
    names.extend(
        COMPRESSED
            .iter()
            .filter_map(|ending| name.strip_suffix(ending)),
    );
    let mut tables = Vec::new();
    let mut looked_for = Vec::new();
    for table in &dataset.tables {
        for text in table.file_patterns() {
            let pattern = Pattern::new(&text)
                .or_fail(Kind::Usage, || format!("{text} is not a pattern of names"))?;
            if names.iter().any(|name| pattern.matches(name)) {
                tables.push(table);
            }
            looked_for.push(text);
        }
    }
    tables.dedup_by_key(|table| &table.name);
    match tables[..] {
        [table] => Ok(table),
        [] => Err(Kind::Usage.error(format!(
            "{object} is not a file of dataset {}, whose files are named {}: let the bucket send events for such names only",
            dataset.name,
            looked_for.join(", ")
        ))),
        [one, other, ..] => Err(Kind::Usage.error(format!(
            "{object} would be loaded into {} and into {}: change `files` of one of them in dataset.toml",
            one.name, other.name
        ))),
    }
}
