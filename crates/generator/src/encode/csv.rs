//! CSV as Postgres writes it.

use dataset::calendar::Date;
use values::text::{self, Case};

use crate::encode::{Buffer, Format};
use crate::table::faults::FaultIn;
use crate::table::fields::Fields;
use crate::table::layout::Layout;
use crate::table::time::{DAY, EPOCH_DAYS};

/// CSV with a header, byte for byte as `COPY … TO … (FORMAT csv, HEADER)` writes it, except that a field `\.` is always
/// quoted.
#[derive(Debug, Default)]
pub(crate) struct Csv {
    text: String,
    in_row: bool,
}

impl Csv {
    /// Begins a field.
    fn field(&mut self) -> &mut String {
        if self.in_row {
            self.text.push(',');
        }
        self.in_row = true;
        &mut self.text
    }
}

impl Format for Csv {
    fn begin(&mut self, _table: &Layout) {
        self.in_row = false;
    }

    fn end(&mut self, _fault: Option<FaultIn>, _file_fault: Option<FaultIn>) -> Option<FaultIn> {
        self.text.push('\n');
        None
    }
}

impl Buffer for Csv {
    fn header(&mut self, table: &Layout) {
        self.begin(table);
        table.columns.iter().for_each(|name| self.text(name));
        self.end(None, None);
    }

    fn trailer(&mut self) {}

    fn gathered_bytes(&self) -> usize {
        self.text.len()
    }

    fn take(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.clear();
        let next = String::from_utf8(buffer).unwrap_or_default();
        std::mem::replace(&mut self.text, next).into_bytes()
    }
}

impl Fields for Csv {
    fn int4(&mut self, value: i32) {
        self.int8(value.into());
    }

    fn int8(&mut self, value: i64) {
        text::integer(value, self.field());
    }

    fn numeric(&mut self, unscaled: i64, scale: u16) {
        text::decimal(unscaled.into(), scale.into(), self.field());
    }

    fn text(&mut self, value: &str) {
        text::csv_field(value, self.field());
    }

    fn null(&mut self) {
        self.field();
    }

    fn bool(&mut self, value: bool) {
        self.field().push(if value { 't' } else { 'f' });
    }

    fn int2(&mut self, value: i16) {
        self.int8(value.into());
    }

    fn uuid(&mut self, value: [u8; 16]) {
        text::uuid(value, Case::Lower, self.field());
    }

    fn timestamptz(&mut self, micros: i64) {
        self.timestamp(micros);
        self.text.push_str("+00");
    }

    fn timestamp(&mut self, micros: i64) {
        let out = self.field();
        let days = micros.div_euclid(DAY) as i32 + EPOCH_DAYS;
        text::date(Date::from_days(days), out);
        out.push(' ');
        text::time_without_zeros(micros.rem_euclid(DAY), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONTA: Layout = Layout {
        name: "conta",
        key: "id",
        columns: &["id", "tipo", "data_criacao", "id_associado"],
        types: &["int4", "tipo_conta", "timestamp", "int4"],
        dialect: None,
    };

    fn written(write: impl FnOnce(&mut Csv)) -> String {
        let mut csv = Csv::default();
        csv.begin(&CONTA);
        write(&mut csv);
        csv.end(None, None);
        String::from_utf8(csv.take(Vec::new())).expect("UTF-8")
    }

    #[test]
    fn fields_are_written_as_postgres_writes_them() {
        let row = written(|csv| {
            csv.int4(-7);
            csv.int8(i64::MIN);
            csv.numeric(5, 2);
            csv.numeric(-1_000_001, 2);
            csv.text("");
            csv.text("a b;c");
            csv.text("say \"x\",\ny");
        });
        assert_eq!(
            row,
            "-7,-9223372036854775808,0.05,-10000.01,\"\",a b;c,\"say \"\"x\"\",\ny\"\n"
        );
        let row = written(|csv| {
            csv.timestamp(0);
            csv.timestamp(1_500_000);
            csv.timestamp(-1);
            csv.timestamp(10);
        });
        assert_eq!(
            row,
            "2000-01-01 00:00:00,2000-01-01 00:00:01.5,1999-12-31 23:59:59.999999,2000-01-01 00:00:00.00001\n"
        );
        let mut csv = Csv::default();
        csv.header(&CONTA);
        assert_eq!(csv.take(Vec::new()), b"id,tipo,data_criacao,id_associado\n");
    }

    #[test]
    fn what_other_datasets_have_is_written_as_postgres_writes_it() {
        let row = written(|csv| {
            csv.null();
            csv.bool(true);
            csv.int2(-3);
            csv.uuid([0x1f; 16]);
            csv.timestamptz(1);
        });
        assert_eq!(
            row,
            ",t,-3,1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f,2000-01-01 00:00:00.000001+00\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_one_field_that_unquotes_to_itself(text in any::<String>()) {
            let line = written(|csv| csv.text(&text));
            let field = line.strip_suffix('\n').expect("a line end");
            let unquoted = match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(inner) => {
                    prop_assert!(!inner.replace("\"\"", "").contains('"'));
                    inner.replace("\"\"", "\"")
                }
                None => {
                    prop_assert!(!field.is_empty() && !field.contains([',', '"', '\n', '\r']));
                    field.to_owned()
                }
            };
            prop_assert_eq!(unquoted, text);
        }
    }
}
