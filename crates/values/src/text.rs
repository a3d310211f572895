//! Appends the text of a value to a buffer: numbers, dates and times, bytes, fields of CSV.
//!
//! All jobs get these texts from here. Texts are appended, not returned, so writing a value allocates nothing:
//! only the buffer grows, and it is used again for the next row. A buffer is a `Vec<u8>` if a file is
//! written, or a `String` if the text is a field that still has to be encoded.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use dataset::calendar::Date;
use dataset::encoding::Encoding;

/// How many bytes of a record's raw text are kept at most.
const RAW_BYTES: usize = 64 << 10;
/// How many bytes the text of a float in scientific notation has at most, such as `-2.2250738585072014e-308`, rounded up.
const FLOAT_BYTES: usize = 32;

/// A buffer that texts are appended to.
pub trait Buffer {
    /// Appends any text.
    fn push_text(&mut self, text: &str);

    /// Appends ASCII characters.
    fn push_ascii(&mut self, ascii: &[u8]);
}

impl Buffer for Vec<u8> {
    #[inline]
    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn push_ascii(&mut self, ascii: &[u8]) {
        match ascii {
            [one] => self.push(*one),
            some => self.extend_from_slice(some),
        }
    }
}

impl Buffer for String {
    #[inline]
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }

    #[inline]
    fn push_ascii(&mut self, ascii: &[u8]) {
        match ascii {
            // Pushing a short text is faster than validating it.
            [one] => self.push(char::from(*one)),
            [one, two] => {
                self.push(char::from(*one));
                self.push(char::from(*two));
            }
            some => self.push_str(str::from_utf8(some).unwrap_or_default()),
        }
    }
}

/// The digits of 00 to 99: looking two of them up takes as long as one division.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

#[inline]
fn pair(number: usize) -> [u8; 2] {
    PAIRS[number % 100]
}

/// Appends an integer of any size, with a sign if it is negative.
pub fn integer(value: impl itoa::Integer, out: &mut impl Buffer) {
    out.push_text(itoa::Buffer::new().format(value));
}

/// Appends `number` with leading zeros up to `width` digits, which are at most 20.
pub fn padded(number: u64, width: usize, out: &mut impl Buffer) {
    if width == 2 && number < 100 {
        return out.push_ascii(&pair(number as usize));
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number);
    if let Some(missing) = width.checked_sub(digits.len()) {
        zeros(missing, out);
    }
    out.push_text(digits);
}

/// Appends `unscaled` with `scale` digits after the point: 1234 at scale 2 is `12.34`.
pub fn decimal(unscaled: i128, scale: usize, out: &mut impl Buffer) {
    let mut buffer = itoa::Buffer::new();
    let magnitude = unscaled.unsigned_abs();
    // 64-bit division is several times faster, and nearly every amount fits.
    let digits = match u64::try_from(magnitude) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(magnitude),
    };
    if unscaled < 0 {
        out.push_ascii(b"-");
    }
    if scale == 0 {
        return out.push_text(digits);
    }
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    out.push_text(if whole.is_empty() { "0" } else { whole });
    out.push_ascii(b".");
    zeros(scale - fraction.len(), out);
    out.push_text(fraction);
}

fn zeros(count: usize, out: &mut impl Buffer) {
    const ZEROS: &str = "00000000000000000000";
    let mut left = count;
    while left > 0 {
        let some = left.min(ZEROS.len());
        out.push_text(&ZEROS[..some]);
        left -= some;
    }
}

/// Appends a `real` as Postgres writes it: the fewest digits that read back as the same value.
pub fn real(value: f32, out: &mut impl Buffer) {
    float(format_args!("{value:e}"), 6, out);
}

/// Appends a `double precision` as Postgres writes it: the fewest digits that read back as the same value.
pub fn double(value: f64, out: &mut impl Buffer) {
    float(format_args!("{value:e}"), 15, out);
}

/// Appends a float, given as `d.ddde±x`: in plain notation if the exponent is at least -4 and below `plain_digits`,
/// as Postgres does (src/common/d2s.c, f2s.c).
fn float(scientific: fmt::Arguments<'_>, plain_digits: i32, out: &mut impl Buffer) {
    let mut text = FloatText {
        bytes: [0; FLOAT_BYTES],
        length: 0,
    };
    // A text that doesn't fit would be an error, but the longest one fits.
    let _ = text.write_fmt(scientific);
    let scientific = text.as_str();
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return out.push_text(match scientific {
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            _ => "NaN",
        });
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..plain_digits).contains(&exponent) {
        out.push_text(mantissa);
        out.push_text(if exponent < 0 { "e-" } else { "e+" });
        return padded(exponent.unsigned_abs().into(), 2, out);
    }
    let (sign, magnitude) = match mantissa.strip_prefix('-') {
        Some(magnitude) => ("-", magnitude),
        None => ("", mantissa),
    };
    out.push_text(sign);
    // The mantissa is `d` and `ddd`; the exponent moves the point.
    let (first, others) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    match usize::try_from(exponent) {
        Ok(exponent) => {
            let (whole, fraction) = others.split_at(exponent.min(others.len()));
            out.push_text(first);
            out.push_text(whole);
            zeros(exponent - whole.len(), out);
            if !fraction.is_empty() {
                out.push_ascii(b".");
                out.push_text(fraction);
            }
        }
        Err(_) => {
            out.push_text("0.");
            zeros((-exponent - 1) as usize, out);
            out.push_text(first);
            out.push_text(others);
        }
    }
}

/// A short text on the stack.
struct FloatText {
    bytes: [u8; FLOAT_BYTES],
    length: usize,
}

impl FloatText {
    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Write for FloatText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Appends a date of the years 0 to 9999 as `YYYY-MM-DD`.
pub fn date(date: Date, out: &mut impl Buffer) {
    let year = date.year as usize;
    let [century, year] = [year / 100, year % 100].map(pair);
    let [month, day] = [date.month, date.day].map(|number| pair(number as usize));
    out.push_ascii(&[
        century[0], century[1], year[0], year[1], b'-', month[0], month[1], b'-', day[0], day[1],
    ]);
}

/// Appends the time of a day, given in microseconds, as `HH:MM:SS`, and six more digits unless they are all zero.
pub fn time(microseconds: i64, out: &mut impl Buffer) {
    let text = time_in_full(microseconds);
    let is_whole = microseconds % 1_000_000 == 0;
    out.push_ascii(if is_whole { &text[..8] } else { &text });
}

/// Appends the time of a day, given in microseconds, as Postgres writes it: `HH:MM:SS`, and a fraction without trailing
/// zeros.
pub fn time_without_zeros(microseconds: i64, out: &mut impl Buffer) {
    let text = time_in_full(microseconds);
    let zeros = text
        .iter()
        .rev()
        .take_while(|digit| **digit == b'0')
        .count();
    let is_whole = microseconds % 1_000_000 == 0;
    out.push_ascii(if is_whole {
        &text[..8]
    } else {
        &text[..text.len() - zeros]
    });
}

/// The time of a day as `HH:MM:SS.ffffff`.
#[inline]
fn time_in_full(microseconds: i64) -> [u8; 15] {
    let seconds = (microseconds / 1_000_000) as usize;
    let fraction = (microseconds % 1_000_000) as usize;
    let [hours, minutes, seconds] = [seconds / 3600, seconds / 60 % 60, seconds % 60].map(pair);
    let [a, b, c] = [fraction / 10_000, fraction / 100 % 100, fraction % 100].map(pair);
    [
        hours[0], hours[1], b':', minutes[0], minutes[1], b':', seconds[0], seconds[1], b'.', a[0],
        a[1], b[0], b[1], c[0], c[1],
    ]
}

/// The case of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `0` to `f`
    Lower,
    /// `0` to `F`
    Upper,
}

/// Appends two hexadecimal digits for each byte.
pub fn hex(bytes: &[u8], case: Case, out: &mut impl Buffer) {
    let digits = match case {
        Case::Lower => b"0123456789abcdef",
        Case::Upper => b"0123456789ABCDEF",
    };
    for byte in bytes {
        out.push_ascii(&[
            digits[usize::from(byte >> 4)],
            digits[usize::from(byte & 15)],
        ]);
    }
}

/// Appends bytes as Postgres writes a `bytea`: `\x` and hexadecimal digits.
pub fn bytea(bytes: &[u8], out: &mut impl Buffer) {
    out.push_text("\\x");
    hex(bytes, Case::Lower, out);
}

/// Appends a UUID with its hyphens.
pub fn uuid(value: [u8; 16], case: Case, out: &mut impl Buffer) {
    for (index, part) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if index > 0 {
            out.push_ascii(b"-");
        }
        hex(&value[part], case, out);
    }
}

/// Appends a text as a field of CSV with commas as delimiters. It is quoted if it is empty, which tells it from
/// NULL, if it has a comma, a quote or a line break, and if it is `\.`: on a line of its own that would end the data for
/// Postgres before version 18 and its psql.
pub fn csv_field(text: &str, out: &mut impl Buffer) {
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    match matches!(text, "" | "\\.") || text.as_bytes().iter().any(special) {
        false => out.push_text(text),
        true => csv_quoted(text, out),
    }
}

/// Appends a text in quotes, with quotes in it doubled.
pub fn csv_quoted(text: &str, out: &mut impl Buffer) {
    out.push_ascii(b"\"");
    let mut start = 0;
    for (at, byte) in text.as_bytes().iter().enumerate() {
        if *byte == b'"' {
            // The next piece begins with this same quote.
            out.push_text(&text[start..=at]);
            start = at;
        }
    }
    out.push_text(&text[start..]);
    out.push_ascii(b"\"");
}

/// The bytes of a record as text, cut off after 64 KiB; bytes that are not characters of the encoding become `\xNN`.
pub fn of_raw_bytes(bytes: &[u8], encoding: Encoding) -> String {
    let shown = &bytes[..bytes.len().min(RAW_BYTES)];
    let mut text = String::with_capacity(shown.len());
    let undecodable = |bytes: &[u8], text: &mut String| {
        for byte in bytes {
            text.push_str("\\x");
            hex(&[*byte], Case::Lower, text);
        }
    };
    if encoding == Encoding::UTF_8 {
        for chunk in shown.utf8_chunks() {
            text.push_str(chunk.valid());
            undecodable(chunk.invalid(), &mut text);
        }
    } else {
        for byte in shown.chunks(1) {
            match encoding.decode(byte) {
                Some(character) => text.push_str(&character),
                None => undecodable(byte, &mut text),
            }
        }
    }
    if shown.len() < bytes.len() {
        text.push('…');
    }
    text
}

/// A text of a file for a message: control characters become `\n`, `\x1b` or `\u{85}`, since a terminal would obey them.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\t' | '\n' | '\r' => shown.extend(character.escape_default()),
            control if control.is_ascii_control() => {
                shown.push_str("\\x");
                hex(&[control as u8], Case::Lower, &mut shown);
            }
            control if control.is_control() => shown.extend(control.escape_unicode()),
            character => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text that is written into both kinds of buffers, after checking that both have the same.
    macro_rules! written {
        ($write:ident($($argument:expr),*)) => {{
            let (mut bytes, mut text) = (Vec::new(), String::new());
            $write($($argument,)* &mut bytes);
            $write($($argument,)* &mut text);
            assert_eq!(String::from_utf8_lossy(&bytes), text);
            text
        }};
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (unscaled, scale, expected) in [
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (-123_456, 2, "-1234.56"),
            (7, 0, "7"),
            (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
            (
                10_i128.pow(37),
                38,
                "0.10000000000000000000000000000000000000",
            ),
        ] {
            assert_eq!(written!(decimal(unscaled, scale)), expected);
        }
    }

    #[test]
    fn floats_are_written_as_postgres_does() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (100.0, "100"),
            (123_456.75, "123456.75"),
            (1e15, "1e+15"),
            (1e14, "100000000000000"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.5e300, "-1.5e+300"),
            (-2.225_073_858_507_201_4e-308, "-2.2250738585072014e-308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(written!(double(value)), expected);
        }
        assert_eq!(written!(real(0.1)), "0.1");
        assert_eq!(written!(real(1e6)), "1e+06");
    }

    #[test]
    fn dates_and_times_are_iso() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-719_162, "0001-01-01"),
            (2_932_896, "9999-12-31"),
            (19_782, "2024-02-29"),
        ] {
            assert_eq!(written!(date(Date::from_days(days))), expected);
        }
        for (microseconds, padded, short) in [
            (0, "00:00:00", "00:00:00"),
            (86_399_999_999, "23:59:59.999999", "23:59:59.999999"),
            (1, "00:00:00.000001", "00:00:00.000001"),
            (36_000_000_000, "10:00:00", "10:00:00"),
            (1_500_000, "00:00:01.500000", "00:00:01.5"),
            (10, "00:00:00.000010", "00:00:00.00001"),
        ] {
            assert_eq!(written!(time(microseconds)), padded);
            assert_eq!(written!(time_without_zeros(microseconds)), short);
        }
    }

    #[test]
    fn bytes_are_hexadecimal() {
        let bytes = [
            0, 1, 2, 3, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 10, 11, 12, 13, 14, 15,
        ];
        assert_eq!(
            written!(uuid(bytes, Case::Upper)),
            "00010203-4567-89AB-CDEF-0A0B0C0D0E0F"
        );
        assert_eq!(written!(bytea(&bytes[7..9])), "\\xabcd");
    }

    #[test]
    fn text_is_quoted_only_where_it_must_be() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", "\"\""),
            (" a ", " a "),
            ("é,b", "\"é,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("\"", "\"\"\"\""),
            ("a\nb", "\"a\nb\""),
            ("a\r", "\"a\r\""),
            ("\\.", "\"\\.\""),
            ("\\", "\\"),
            ("\\. ", "\\. "),
            ("a\\.", "a\\."),
        ] {
            assert_eq!(written!(csv_field(text)), expected);
        }
    }

    #[test]
    fn raw_bytes_are_all_shown() {
        let windows = Encoding::for_label("windows-1252").expect("a label");
        assert_eq!(of_raw_bytes("a;é".as_bytes(), Encoding::UTF_8), "a;é");
        assert_eq!(of_raw_bytes(b"a\xe9\0b", Encoding::UTF_8), "a\\xe9\0b");
        assert_eq!(of_raw_bytes(b"a\xe9\x80\x81b", windows), "aé€\\x81b");
        let cut = of_raw_bytes(&vec![b'x'; RAW_BYTES + 1], Encoding::UTF_8);
        assert_eq!(cut.chars().count(), RAW_BYTES + 1);
    }

    #[test]
    fn a_message_holds_nothing_that_a_terminal_obeys() {
        assert_eq!(printable("é, {}\u{2013}"), "é, {}\u{2013}");
        assert_eq!(
            printable("a\tb\u{1b}[2J\0\u{9b}"),
            "a\\tb\\x1b[2J\\x00\\u{9b}"
        );
    }

    proptest! {
        #[test]
        fn a_written_float_reads_back_as_itself(value in any::<f64>(), narrow in any::<f32>()) {
            let text = written!(double(value));
            let read: f64 = text.parse().expect("a float");
            prop_assert!(read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()), "{text}");
            let text = written!(real(narrow));
            let read: f32 = text.parse().expect("a float");
            prop_assert!(read.to_bits() == narrow.to_bits() || (read.is_nan() && narrow.is_nan()), "{text}");
        }

        #[test]
        fn numbers_are_written_as_the_standard_library_does(number: u64, width in 0_usize..10, signed: i64) {
            prop_assert_eq!(written!(padded(number, width)), format!("{number:0width$}"));
            prop_assert_eq!(written!(integer(signed)), signed.to_string());
        }
    }
}
