//! //! Any text for a column of any type is either refused, or taken as a value whose own text gives that value again.

#![no_main]

use std::borrow::Cow;
use std::sync::LazyLock;

use dataset::ColumnType;
use dataset::cell_rules::ThousandsMark;
use libfuzzer_sys::fuzz_target;
use loader::rules::column::{Cell, ColumnRules};
use values::strftime::Format;
use loader::rules::row::RowRules;
use values::value::Value;

static KINDS: LazyLock<Vec<ColumnRules>> = LazyLock::new(|| {
    let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
    let kinds = [
        ColumnType::Boolean,
        ColumnType::SmallInt,
        ColumnType::Integer,
        ColumnType::BigInt,
        ColumnType::Real,
        ColumnType::Double,
        numeric(10, 2),
        numeric(38, 0),
        numeric(38, 38),
        ColumnType::Text,
        ColumnType::Date,
        ColumnType::Time,
        ColumnType::Timestamp,
        ColumnType::TimestampTz,
        ColumnType::Uuid,
        ColumnType::Bytes,
        ColumnType::Json,
        ColumnType::JsonBinary,
    ];
    kinds.into_iter().flat_map(|kind| [rules(kind, b'.'), rules(kind, b',')]).collect()
});

/// The rules of a column of this type. With a decimal comma, the column has every rule that a dataset can give it.
fn rules(kind: ColumnType, decimal_mark: u8) -> ColumnRules {
    let strict = decimal_mark == b',';
    let formats = match strict {
        true => vec!["%d/%m/%Y %H:%M", "%b %e %Y %I:%M%p", "%FT%T%.f%z", "%d.%m.%y"],
        false => vec![],
    };
    ColumnRules {
        name: kind.to_string(),
        kind,
        nullable: !strict,
        required: strict,
        max_chars: strict.then_some(5),
        blank_padded: strict,
        fraction_digits: strict.then_some(3),
        labels: None,
        server_type: None,
        min: None,
        max: None,
        decimal_mark,
        thousands_mark: strict.then_some(ThousandsMark::Point),
        zero_fraction: strict,
        null: [].into(),
        quoted_null: strict,
        formats: formats.into_iter().map(|format| Format::parse(format).unwrap()).collect(),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((column, text)) = input.split_first() else {
        return;
    };
    let Ok(text) = str::from_utf8(text) else { return };
    let rules = &KINDS[usize::from(*column) % KINDS.len()];
    let row = RowRules { columns: vec![rules.clone()] };
    let checked = row.check([Cell::Text(Cow::Borrowed(text))]);
    match checked {
        Err(broken) => {
            assert_eq!(broken.violations.len(), 1);
            assert_eq!(broken.values, [Value::Null]);
            assert!(!broken.violations[0].message.is_empty());
        }
        Ok(values) => {
            let [value] = values.try_into().expect("one value");
            again(rules, &value);
        }
    }
});

/// Asserts that the text which a value is written as is read as the same value.
fn again(rules: &ColumnRules, value: &Value<'_>) {
    let nan = |value: &Value<'_>| match value {
        Value::Real(value) => value.is_nan(),
        Value::Double(value) => value.is_nan(),
        _ => false,
    };
    let mut shown = value.shown();
    if rules.decimal_mark == b',' && matches!(value, Value::Real(_) | Value::Double(_) | Value::Numeric(..)) {
        shown = shown.replace('.', ",");
    }
    let parsed = rules.parse(Cow::Borrowed(&shown));
    let parsed = parsed.unwrap_or_else(|fault| panic!("{value:?} as `{shown}`: {fault:?}"));
    assert!(parsed == *value || nan(value) && nan(&parsed), "{value:?} as `{shown}` is {parsed:?}");
    let (mut one, mut other) = (Vec::new(), Vec::new());
    value.key(&mut one);
    parsed.key(&mut other);
    assert_eq!(one, other, "equal values have equal keys");
}
