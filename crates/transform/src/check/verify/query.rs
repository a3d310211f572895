//! A model as Postgres runs it: one COPY. Each of its records holds the values that order the row, and then the row as files have
//! it.

use anyhow::Context;
use database::catalogue::identifier::{qualified, quoted};
use database::snapshot::inet_text;
use dataset::failure::{Kind, OrFail};
use dataset::{ColumnType, Model};
use postgres::Client;
use postgres::error::SqlState;
use postgres::types::{Kind as TypeKind, Type};

use crate::model::select::Select;

/// A model's COPY.
pub(super) struct Query {
    /// `COPY (…) TO STDOUT (FORMAT csv)`.
    pub(super) copy: String,
    /// How many fields name the partition. These come first.
    pub(super) partition_fields: usize,
    /// How many fields come before the columns of the output: those that name the partition, and those that order its rows. There
    /// is at least one, so that no record is a single field, which Postgres would quote if it is `\.`.
    pub(super) key_fields: usize,
    /// The types of the columns that name the partition.
    pub(super) partition_kinds: Vec<ColumnType>,
    /// The types of the columns of the output.
    pub(super) kinds: Vec<ColumnType>,
}

/// A column as the model declares it and as Postgres gives it.
struct Column<'a> {
    name: &'a str,
    kind: ColumnType,
    given_type: Type,
    /// The scale that the type of a numeric has; `None` if it has none.
    given_scale: Option<i32>,
}

impl Query {
    /// Makes the COPY of a model whose rows are partitioned by these columns, or by none. `client` must see the tables.
    ///
    /// # Errors
    /// [`Kind::Usage`] if Postgres cannot run the SELECT; [`Kind::Mismatch`] if its columns are not those that the dataset
    /// declares.
    pub(super) fn of(
        select: &Select<'_>,
        partition_by: &[String],
        client: &mut Client,
    ) -> anyhow::Result<Self> {
        let model = select.model;
        let sql = select.sql();
        let select = sql.trim_end().trim_end_matches(';');
        let columns = columns(model, select, client)?;
        let named = |name: &String| {
            let found = columns.iter().find(|column| column.name == name);
            found.with_context(|| format!("no column `{name}`"))
        };
        let order_by = match partition_by.is_empty() {
            true => &model.order_by,
            false => &model.order_in_partition,
        };
        let within = order_by.iter().filter(|name| !partition_by.contains(name));
        let (mut fields, mut order) = (Vec::new(), Vec::new());
        let mut partition_kinds = Vec::new();
        for name in partition_by {
            let column = named(name)?;
            partition_kinds.push(column.kind);
            fields.push(column.folder());
            order.push(column.folder_order());
        }
        for name in within {
            let key = named(name)?.order();
            fields.push(key.clone());
            order.push(key);
        }
        let order = match order.is_empty() {
            true => String::new(),
            false => format!("\nORDER BY {} NULLS LAST", order.join(" NULLS LAST, ")),
        };
        if fields.is_empty() {
            fields.push("0".to_owned());
        }
        let key_fields = fields.len();
        let visible = |column: &&Column| !model.hidden.iter().any(|hidden| hidden == column.name);
        fields.extend(columns.iter().filter(visible).map(Column::text));
        let names: Vec<String> = columns.iter().map(|column| quoted(column.name)).collect();
        Ok(Self {
            copy: format!(
                "COPY (SELECT {}\nFROM (\n{select}\n) AS model ({}){order}) TO STDOUT (FORMAT csv)",
                fields.join(", "),
                names.join(", "),
            ),
            partition_fields: partition_by.len(),
            key_fields,
            partition_kinds,
            kinds: columns.iter().filter(visible).map(|of| of.kind).collect(),
        })
    }
}

/// The columns that the SELECT gives, which must be those declared. Names are compared without letter case, because Postgres folds
/// unquoted names to lower case and Polars doesn't.
fn columns<'a>(
    model: &'a Model,
    select: &str,
    client: &mut Client,
) -> anyhow::Result<Vec<Column<'a>>> {
    let cannot_run = || format!("model `{}` cannot be run by Postgres", model.name);
    let statement = match client.prepare(&format!("SELECT * FROM (\n{select}\n) AS model")) {
        // These errors are about syntax and names, but not about the right to read.
        Err(error) if error.code().is_some_and(is_about_the_model) => {
            return Err(error).or_fail(Kind::Usage, cannot_run);
        }
        prepared => prepared.with_context(cannot_run)?,
    };
    let given = statement.columns();
    let as_declared = given.len() == model.columns.len()
        && given
            .iter()
            .zip(&model.columns)
            .all(|(given, (name, _))| given.name().eq_ignore_ascii_case(name));
    if !as_declared {
        let names: Vec<&str> = given.iter().map(postgres::Column::name).collect();
        return Err(Kind::Mismatch.error(format!(
            "model `{}` gives the columns {} in Postgres, which are not those that dataset.toml declares",
            model.name,
            names.join(", ")
        )));
    }
    let columns = given.iter().zip(&model.columns).map(|(given, (name, kind))| {
        // Rounding to the declared scale would hide the digits beyond it.
        let given_scale = scale(given);
        if let (ColumnType::Numeric { scale, .. }, Some(given)) = (kind, given_scale)
            && given > i32::from(*scale)
        {
            return Err(Kind::Mismatch.error(format!(
                "model `{}`: column `{name}` has {given} digits after the point in Postgres, not {scale}",
                model.name
            )));
        }
        Ok(Column {
            name,
            kind: *kind,
            given_type: given.type_().clone(),
            given_scale,
        })
    });
    columns.collect()
}

/// Whether an error is of class 42 of SQLSTATE, see <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn is_about_the_model(code: &SqlState) -> bool {
    code.code().starts_with("42") && *code != SqlState::INSUFFICIENT_PRIVILEGE
}

/// The scale of a numeric column. It is packed as in `numerictypmodin` (src/backend/utils/adt/numeric.c).
fn scale(column: &postgres::Column) -> Option<i32> {
    let packed = column.type_modifier() - 4;
    (*column.type_() == Type::NUMERIC && packed >= 0).then_some(((packed & 0x7ff) ^ 1024) - 1024)
}

impl Column<'_> {
    /// The SELECT's own column. In ORDER BY, a bare name would mean the text that is made from it.
    fn given(&self) -> String {
        qualified("model", self.name)
    }

    /// An expression for the text that files have. (COPY writes other types as they should be: the session is set to hexadecimal
    /// `bytea` and the shortest floats.)
    fn text(&self) -> String {
        let column = self.given();
        match self.kind {
            ColumnType::Boolean => format!("{column}::text"),
            ColumnType::Real => format!("{column}::real"),
            ColumnType::Double => format!("{column}::double precision"),
            ColumnType::Numeric { scale, .. } => {
                let rounded = format!("round({column}::numeric, {scale})");
                match self.given_scale.is_some() || self.given_type != Type::NUMERIC {
                    true => rounded,
                    // An expression, or a column without precision, may have more digits, which must not be hidden.
                    false => {
                        format!("CASE WHEN {column} = {rounded} THEN {rounded} ELSE {column} END")
                    }
                }
            }
            // A cast would strip the blanks at the end.
            ColumnType::Text if self.given_type == Type::BPCHAR => column,
            ColumnType::Text => self.written(),
            ColumnType::Date => format!("{column}::date"),
            ColumnType::Time => with_microseconds(&format!("{column}::time"), "HH:MM:SS.ffffff"),
            ColumnType::Timestamp => with_microseconds(&format!("{column}::timestamp"), TIMESTAMP),
            ColumnType::TimestampTz => {
                let utc = format!("({column}::timestamptz AT TIME ZONE 'UTC')");
                format!("{} || 'Z'", with_microseconds(&utc, TIMESTAMP))
            }
            ColumnType::SmallInt
            | ColumnType::Integer
            | ColumnType::BigInt
            | ColumnType::Uuid
            | ColumnType::Bytes
            | ColumnType::Json
            | ColumnType::JsonBinary => column,
        }
    }

    /// An expression for the text that Postgres writes for the value. Mostly that is a cast, but not for these types.
    fn written(&self) -> String {
        let column = self.given();
        match self.given_type.kind() {
            _ if self.given_type == Type::INET => inet_text(&column),
            // An enum may have a cast to text of its own.
            TypeKind::Enum(_) => format!("pg_catalog.textin(pg_catalog.enum_out({column}))"),
            _ => format!("{column}::text"),
        }
    }

    fn is_text(&self) -> bool {
        matches!(
            self.kind,
            ColumnType::Text | ColumnType::Json | ColumnType::JsonBinary | ColumnType::Uuid
        )
    }

    /// An expression that orders rows as the sink does: types that are carried as text by their bytes.
    fn order(&self) -> String {
        let column = self.given();
        match self.is_text() {
            false => column,
            // Here too, a cast would strip the blanks at the end.
            true if self.given_type == Type::BPCHAR => {
                format!("(CASE WHEN {column} IS NOT NULL THEN concat({column}) END) COLLATE \"C\"")
            }
            true => format!("{} COLLATE \"C\"", self.written()),
        }
    }

    /// The expression that orders rows by their folders, where the empty text counts as NULL.
    fn folder_order(&self) -> String {
        match self.is_text() {
            true => format!("NULLIF({}, '')", self.order()),
            false => self.order(),
        }
    }

    /// An expression for the text that the folder is named after.
    fn folder(&self) -> String {
        match self.is_text() {
            true => self.folder_order(),
            false => self.text(),
        }
    }
}

const TIMESTAMP: &str = "YYYY-MM-DDTHH:MM:SS.ffffff";

/// Postgres's own text of a time, with a `T` and with six digits after the point if it has any. This is several times faster than
/// `to_char`. `pattern` is as long as that text.
fn with_microseconds(time: &str, pattern: &str) -> String {
    let length = pattern.len();
    format!(
        "replace({time}::text, ' ', 'T') || \
         CASE strpos({time}::text, '.') WHEN 0 THEN '' ELSE repeat('0', {length} - length({time}::text)) END"
    )
}
