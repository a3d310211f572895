//! Splits CSV into records and fields without changing their bytes: a field keeps its quotes, which tell the empty text from NULL.

use std::borrow::Cow;

/// The records of a CSV text that comes in blocks. Only one record and one block are in memory.
pub(crate) struct Records<B> {
    blocks: B,
    /// Whether a line feed between quotes is part of a record.
    has_quotes: bool,
    /// The bytes that came and were not given yet, from `start` on.
    buffer: Vec<u8>,
    start: usize,
}

impl<B: Iterator<Item = anyhow::Result<Vec<u8>>>> Records<B> {
    /// The records in these blocks, which may end anywhere.
    pub(super) fn new(blocks: B) -> Self {
        Self {
            blocks,
            has_quotes: true,
            buffer: Vec::new(),
            start: 0,
        }
    }

    /// The lines in these blocks, where quotes mean nothing.
    pub(super) fn lines(blocks: B) -> Self {
        Self {
            has_quotes: false,
            ..Self::new(blocks)
        }
    }

    /// Gives the next record, without its line feed.
    ///
    /// # Errors
    /// Any error of the blocks.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<&[u8]>> {
        let mut scanned = 0;
        let mut quoted = false;
        loop {
            let rest = &self.buffer[self.start + scanned..];
            let found = match self.has_quotes {
                true => end(rest, b'\n', &mut quoted),
                false => rest.iter().position(|byte| *byte == b'\n'),
            };
            if let Some(length) = found {
                let record = self.start..self.start + scanned + length;
                self.start = record.end + 1;
                return Ok(Some(&self.buffer[record]));
            }
            scanned += rest.len();
            let Some(block) = self.blocks.next().transpose()? else {
                // The last record may lack its line feed.
                let record = self.start..self.buffer.len();
                self.start = record.end;
                return Ok((!record.is_empty()).then(|| &self.buffer[record]));
            };
            if scanned == 0 {
                self.buffer = block;
            } else {
                self.buffer.drain(..self.start);
                self.buffer.extend_from_slice(&block);
            }
            self.start = 0;
        }
    }

    /// The source of the blocks.
    pub(super) fn into_blocks(self) -> B {
        self.blocks
    }
}

/// Finds the first `delimiter` of `bytes` outside quotes. `quoted` says whether the bytes begin inside quotes, and afterwards
/// whether they end there. (A doubled quote ends one quoted part and begins the next.)
fn end(bytes: &[u8], delimiter: u8, quoted: &mut bool) -> Option<usize> {
    for (index, byte) in bytes.iter().enumerate() {
        if *byte == b'"' {
            *quoted = !*quoted;
        } else if *byte == delimiter && !*quoted {
            return Some(index);
        }
    }
    None
}

/// The fields of a record, as written.
pub(crate) fn fields(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    fields_between(record, b',')
}

/// The fields of a record that are separated by this delimiter, as written.
pub(super) fn fields_between(record: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(record);
    std::iter::from_fn(move || {
        let bytes = rest?;
        match end(bytes, delimiter, &mut false) {
            Some(end) => {
                rest = Some(&bytes[end + 1..]);
                Some(&bytes[..end])
            }
            None => rest.take(),
        }
    })
}

/// The first `count` fields of a record, with the comma after each, and what follows them.
pub(super) fn split(record: &[u8], count: usize) -> (&[u8], &[u8]) {
    let length: usize = fields(record)
        .take(count)
        .map(|field| field.len() + 1)
        .sum();
    record.split_at(length.min(record.len()))
}

/// The value of a field: `None` for NULL.
pub(crate) fn value(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    match unquoted(field) {
        None if field.is_empty() => None,
        None => Some(field.into()),
        inside => inside,
    }
}

/// The value of a field in quotes; `None` if it isn't in quotes.
pub(super) fn unquoted(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inside = field.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if !inside.contains(&b'"') {
        return Some(inside.into());
    }
    let mut value = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        value.push(*byte);
        if *byte == b'"' {
            bytes.next();
        }
    }
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv_core::{ReadRecordResult, Reader};
    use proptest::prelude::*;

    fn in_blocks(text: &[u8], size: usize) -> Vec<Vec<u8>> {
        let blocks: Vec<_> = text.chunks(size).map(|block| Ok(block.to_vec())).collect();
        let mut records = Records::new(blocks.into_iter());
        let mut found = Vec::new();
        while let Some(record) = records.next().unwrap() {
            found.push(record.to_vec());
        }
        found
    }

    fn texts(record: &[u8]) -> Vec<Option<String>> {
        fields(record)
            .map(|field| Some(String::from_utf8_lossy(&value(field)?).into_owned()))
            .collect()
    }

    #[test]
    fn null_the_empty_text_and_an_empty_line_stay_apart() {
        let records = in_blocks(b"a,\"\",\n\n\"\"\nx", 3);
        assert_eq!(records.len(), 4);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts(&records[0]), [some("a"), some(""), None]);
        assert_eq!(texts(&records[1]), [None]);
        assert_eq!(texts(&records[2]), [some("")]);
        assert_eq!(texts(&records[3]), [some("x")]);
    }

    #[test]
    fn the_first_fields_are_split_off_with_their_commas() {
        let record = b"1,\"a,b\",,c";
        for (count, first) in [(0, ""), (1, "1,"), (2, "1,\"a,b\","), (3, "1,\"a,b\",,")] {
            assert_eq!(split(record, count).0, first.as_bytes());
        }
        assert_eq!(split(record, 4), (record.as_slice(), b"".as_slice()));
    }

    /// Records and fields as csv-core reads them; it doesn't tell NULL from the empty text, and skips empty lines.
    fn by_csv_core(text: &[u8]) -> Vec<Vec<String>> {
        let (mut reader, mut rest, mut records) = (Reader::new(), text, Vec::new());
        loop {
            let (mut bytes, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 1]);
            let (mut written, mut count) = (0, 0);
            loop {
                let (result, read, wrote, ended) =
                    reader.read_record(rest, &mut bytes[written..], &mut ends[count..]);
                rest = &rest[read..];
                written += wrote;
                count += ended;
                match result {
                    ReadRecordResult::End => return records,
                    ReadRecordResult::Record => break,
                    _ => {}
                }
            }
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let field = |(start, end): (usize, &usize)| {
                String::from_utf8_lossy(&bytes[start..*end]).into_owned()
            };
            records.push(starts.zip(&ends[..count]).map(field).collect());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_by_another_reader_too(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of("[a\",\n\r é]{0,6}"), 2..5), 1..20),
            block in 1_usize..40,
        ) {
            let mut text = Vec::new();
            for row in &rows {
                for (index, field) in row.iter().enumerate() {
                    if index > 0 {
                        text.push(b',');
                    }
                    let plain = |field: &&String| !field.is_empty() && !field.contains(['"', ',', '\n', '\r']);
                    match field {
                        Some(field) if plain(&field) => text.extend_from_slice(field.as_bytes()),
                        Some(field) => text.extend(format!("\"{}\"", field.replace('"', "\"\"")).into_bytes()),
                        None => {}
                    }
                }
                text.push(b'\n');
            }
            let found: Vec<_> = in_blocks(&text, block).iter().map(|record| texts(record)).collect();
            prop_assert_eq!(&found, &rows);
            let plain: Vec<Vec<String>> = rows
                .into_iter()
                .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
                .collect();
            prop_assert_eq!(by_csv_core(&text), plain);
        }
    }
}
