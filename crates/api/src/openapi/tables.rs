//! The paths of a table: sending rows, reading rows, reading a row by its key.

use serde_json::{Map, Value, json};

use crate::openapi::answers::shared;
use crate::openapi::schema;
use crate::read::query::{DEFAULT_ROWS, MOST_ROWS, PARAMETERS};
use crate::table::ServedTable;

/// A regular expression for filters.
const FILTER: &str = "^(not\\.)?((eq|neq|gt|gte|lt|lte|like|ilike)\\.[^\\u0000]*|in\\.\\([^\\u0000]*\\)|is\\.(null|true|false))$";

/// A table whose paths are described.
pub(crate) struct Described<'a> {
    pub(crate) dataset: &'a str,
    pub(crate) table: &'a ServedTable,
    /// The table's name within the components of the document.
    pub(crate) name: &'a str,
    /// How many rows a request may have.
    pub(crate) most_rows: usize,
}

impl Described<'_> {
    fn id(&self, verb: &str) -> String {
        format!("{verb}.{}", self.name)
    }

    /// Describes sending rows.
    pub(crate) fn post(&self) -> Value {
        let row = format!("#/components/schemas/{}.sent", self.name);
        let outcomes = |about: &str| {
            json!({
                "description": about,
                "headers": {"Idempotency-Replayed": {"schema": {"type": "string"}, "description": "true if this is \
                 the answer to an earlier request"}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Outcomes"}}},
            })
        };
        let mut answers = shared(&[400, 401, 403, 404, 408, 413, 415, 429, 500, 503]);
        answers.insert("201".to_owned(), outcomes("All rows were accepted"));
        answers.insert(
            "200".to_owned(),
            outcomes("All rows were accepted, and none of them is new"),
        );
        answers.insert("207".to_owned(), outcomes("Some rows were accepted"));
        answers.insert(
            "422".to_owned(),
            json!({
                "description": "No row was accepted, and the answer says why of each; or the Idempotency-Key was used \
                 for another request",
                "content": {"application/problem+json": {"schema": {
                    "allOf": [{"$ref": "#/components/schemas/Problem"}],
                    "anyOf": [{"$ref": "#/components/schemas/Outcomes"}, {"not": {"required": ["outcomes"]}}],
                }}},
            }),
        );
        json!({
            "operationId": self.id("insert"),
            "tags": [self.dataset],
            "summary": format!("Insert rows into {}", self.table.name()),
            "description": format!("1 to {} rows. Those that break a rule are recorded as rejects, all others are \
             inserted, and the answer says what became of each. Numbers keep their digits, and may be texts too; the \
             body may be gzip (Content-Encoding).", self.most_rows),
            "parameters": [
                {"name": "atomic", "in": "query", "schema": {"type": "boolean", "default": false}, "description": "All rows or none"},
                {"name": "on_duplicate", "in": "query", "schema": {"enum": ["reject", "skip", "update"], "default": "reject"},
                 "description": "What to do with a row whose key exists already"},
                {"name": "Idempotency-Key", "in": "header",
                 "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
                 "description": "A request that is repeated under the same key is done once, and gets the first answer again"},
            ],
            "requestBody": {"required": true, "content": {
                "application/json": {"schema": {"type": "array", "minItems": 1, "maxItems": self.most_rows, "items": {"$ref": row}}},
                "application/x-ndjson": {"schema": {"type": "string", "pattern": "\\S", "description": "a row as JSON on each line"}},
                "text/csv": {"schema": {"type": "string", "pattern": "\\S", "description": "records as in the files \
                 of the table: see load in dataset.toml"}},
            }},
            "responses": answers,
        })
    }

    /// Describes reading rows.
    pub(crate) fn get(&self) -> Value {
        let columns = self.table.read.columns.iter();
        let filters = columns.map(|column| {
            let name = match PARAMETERS.contains(&&*column.name) || column.name.starts_with('"') {
                true => format!("\"{}\"", column.name.replace('\\', "\\\\").replace('"', "\\\"")),
                false => column.name.clone(),
            };
            json!({
                "name": name, "in": "query", "schema": {"type": "string", "pattern": FILTER},
                "description": format!("A condition on {}: eq.VALUE, neq, gt, gte, lt, lte, like, ilike, in.(A,B), \
                 is.null; any of them may begin with not.", column.type_name),
            })
        });
        let mut parameters: Vec<Value> = filters.collect();
        parameters.extend([
            self.select(),
            json!({
                "name": "order", "in": "query", "schema": self.list("(\\.(asc|desc))?(\\.nulls(first|last))?"),
                "description": "Columns, each perhaps with .asc or .desc and .nullsfirst or .nullslast after it",
            }),
            json!({"name": "limit", "in": "query", "description": "How many rows at most",
                   "schema": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": DEFAULT_ROWS}}),
            json!({"name": "after", "in": "query", "schema": {"type": "string"},
                   "description": "Where the page begins: taken from next of the page before"}),
        ]);
        let row = json!({"$ref": format!("#/components/schemas/{}.read", self.name)});
        let page = json!({
            "type": "object", "required": ["dataset", "table", "rows", "next"], "additionalProperties": false,
            "properties": {
                "dataset": {"const": self.dataset}, "table": {"const": self.table.target.table},
                "rows": {"type": "array", "maxItems": MOST_ROWS, "items": row},
                "next": {"type": ["string", "null"], "description": "the URL's path of the next page"},
            },
        });
        let mut answers = shared(&[400, 401, 403, 404, 406, 429, 500, 503]);
        answers.insert(
            "200".to_owned(),
            json!({
                "description": "Rows",
                "headers": {"Link": {"schema": {"type": "string"}, "description": "the next page, if there is one"}},
                "content": {
                    "application/json": {"schema": page},
                    "application/x-ndjson": {"schema": {"type": "string", "description": "a row as JSON on each line"}},
                },
            }),
        );
        json!({
            "operationId": self.id("list"),
            "tags": [self.dataset],
            "summary": format!("Rows of {}", self.table.name()),
            "parameters": parameters,
            "responses": answers,
        })
    }

    /// Describes reading a row by its key; `None` for a table without a key.
    pub(crate) fn get_one(&self) -> Option<Value> {
        let read = &self.table.read;
        let names: Vec<&str> = read
            .key
            .iter()
            .map(|place| &*read.columns[*place].name)
            .collect();
        if names.is_empty() {
            return None;
        }
        let key = match read.key[..] {
            [place] => schema::of_column(self.table, &read.columns[place]),
            _ => json!({"type": "string"}),
        };
        let mut answers = shared(&[400, 401, 403, 404, 406, 429, 500, 503]);
        let row = json!({"$ref": format!("#/components/schemas/{}.read", self.name)});
        answers.insert(
            "200".to_owned(),
            json!({"description": "The row", "content": {
                "application/json": {"schema": row},
                "application/x-ndjson": {"schema": {"type": "string", "description": "the row as JSON on a line"}},
            }}),
        );
        Some(json!({
            "operationId": self.id("get"),
            "tags": [self.dataset],
            "summary": format!("A row of {}", self.table.name()),
            "parameters": [
                {"name": "key", "in": "path", "required": true, "schema": key,
                 "description": format!("{}; a comma in a value is %2C", names.join(","))},
                self.select(),
            ],
            "responses": answers,
        }))
    }

    fn select(&self) -> Value {
        json!({
            "name": "select", "in": "query", "schema": self.list(""),
            "description": "The columns to give; without it, those that rows are sent with",
        })
    }

    /// The schema of a list of columns, each followed by what the pattern `behind` allows.
    fn list(&self, behind: &str) -> Value {
        let columns = self.table.read.columns.iter();
        let names: Vec<&str> = columns.map(|column| &*column.name).collect();
        let is_plain = |name: &&str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match names.iter().all(is_plain) {
            true => {
                let one = format!("({}){behind}", names.join("|"));
                json!({"type": "string", "pattern": format!("^{one}(,{one})*$")})
            }
            // A pattern would have to say how such names are quoted.
            false => json!({"type": "string"}),
        }
    }

    /// The schemas of the table's rows, by name.
    pub(crate) fn schemas(&self) -> Map<String, Value> {
        [
            ("sent", schema::sent(self.table)),
            ("read", schema::read(self.table)),
        ]
        .map(|(way, schema)| (format!("{}.{way}", self.name), schema))
        .into_iter()
        .collect()
    }
}
