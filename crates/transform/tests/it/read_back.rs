//! Postgres as a reader of CSV in any dialect, which tells NULL from texts.

use std::io::Write;

use transform::Dialect;

use crate::world::World;

impl World {
    /// Reads CSV in a dialect into a new table of texts, and gives its number of rows.
    pub(crate) fn read_back(
        &self,
        table: &str,
        columns: &[&str],
        csv: &[u8],
        dialect: &Dialect,
    ) -> u64 {
        let texts: Vec<String> = columns.iter().map(|name| format!("{name} text")).collect();
        self.sql(&format!(
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (line serial, {})",
            texts.join(", ")
        ));
        let copy = format!(
            "COPY cards.{table} ({}) FROM STDIN (FORMAT csv, HEADER, DELIMITER E'\\x{:02x}', NULL '{}')",
            columns.join(", "),
            u32::from(dialect.delimiter),
            dialect.null_word
        );
        let mut client = self.database.connect();
        let mut writer = client.copy_in(&copy).expect("COPY begins");
        writer.write_all(csv).expect("sent");
        writer.finish().expect("Postgres takes all")
    }
}
