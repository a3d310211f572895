//! Encodings of files: those of the WHATWG standard, under its labels.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, REPLACEMENT, UTF_8};
use serde::Deserialize;

/// The characters of the control set C1, which no Windows code page has.
const CONTROLS: std::ops::RangeInclusive<char> = '\u{80}'..='\u{9f}';

/// An encoding of characters, as the [WHATWG standard](https://encoding.spec.whatwg.org) names and defines it. In the standard
/// `latin-1`, `iso-8859-1` and `ascii` are labels of windows-1252; in ISO 8859-1 proper, the bytes for `€`, `“` and `–` are control
/// characters that nobody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// UTF-8, with or without a byte order mark.
    pub const UTF_8: Self = Self(UTF_8);

    /// The encoding that has a label in the standard, in upper or lower case: `windows-1252`, `cp1252`, `shift_jis`, `utf-16le`.
    ///
    /// # Errors
    /// The reason why the label is not accepted.
    pub fn for_label(label: &str) -> Result<Self, String> {
        let known = match label.trim().eq_ignore_ascii_case("latin-1") {
            // Everybody writes it like this, but the standard has only `latin1`.
            true => Some(encoding_rs::WINDOWS_1252),
            false => encoding_rs::Encoding::for_label(label.as_bytes()),
        };
        match known {
            Some(encoding) if encoding == REPLACEMENT => Err(format!(
                "{label:?} is an encoding that the WHATWG standard forbids to decode: convert the file with iconv -f {label} -t \
                 UTF-8"
            )),
            Some(encoding) => Ok(Self(encoding)),
            None => Err(format!(
                "{label:?} is not an encoding of the WHATWG standard: give utf-8, windows-1252 (which is what latin-1 means \
                 there), iso-8859-15, utf-16le, shift_jis or another of https://encoding.spec.whatwg.org, or convert the \
                 file with iconv"
            )),
        }
    }

    /// The encoding and the length of the byte order mark that these bytes begin with; `None` if they begin with none.
    pub fn for_mark(bytes: &[u8]) -> Option<(Self, usize)> {
        encoding_rs::Encoding::for_bom(bytes).map(|(encoding, length)| (Self(encoding), length))
    }

    /// The encoding's name in the standard, such as `windows-1252`, in lower case.
    pub fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }

    /// Whether delimiters, quotes and line ends are the same bytes as in ASCII, and never a part of another character. Fields of
    /// such files are found in the bytes as they are; other files are first turned into UTF-8 by a [`decoder`](Self::decoder).
    pub fn keeps_ascii(self) -> bool {
        self == Self::UTF_8 || self.0.is_single_byte()
    }

    /// Decodes the bytes of a field. `None` if some of them are not characters of the encoding.
    #[inline]
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        if self == Self::UTF_8 {
            return str::from_utf8(bytes).ok().map(Cow::Borrowed);
        }
        let text = self
            .0
            .decode_without_bom_handling_and_without_replacement(bytes)?;
        // For bytes without a character in a code page, the standard has C1's controls; Postgres refuses such bytes.
        let is_gap = |text: &str| self.has_gaps() && text.contains(|c| CONTROLS.contains(&c));
        match text {
            Cow::Owned(text) if is_gap(&text) => None,
            text => Some(text),
        }
    }

    /// Whether this is a code page of Windows, for which the standard maps bytes without a character to the controls of C1.
    fn has_gaps(self) -> bool {
        self.0.name().starts_with("windows-")
    }

    /// A decoder that turns a stream of bytes into UTF-8.
    pub fn decoder(self) -> Decoder {
        Decoder(self.0.new_decoder_without_bom_handling())
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::UTF_8
    }
}

impl TryFrom<String> for Encoding {
    type Error = String;

    fn try_from(label: String) -> Result<Self, String> {
        Self::for_label(&label).map_err(|why| format!("`encoding`: {why}"))
    }
}

/// Turns bytes of any encoding into UTF-8, piece by piece.
pub struct Decoder(encoding_rs::Decoder);

impl Decoder {
    /// The byte that stands in for anything that is not a character. UTF-8 never has this byte, so whoever decodes the text
    /// later notices it.
    pub const UNDECODABLE: u8 = 0xff;

    /// Appends the text of `bytes` to `out`; `is_last` says that no more bytes follow.
    pub fn decode(&mut self, mut bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        loop {
            let begin = out.len();
            let most = self
                .0
                .max_utf8_buffer_length_without_replacement(bytes.len());
            out.resize(begin + most.unwrap_or(bytes.len()).max(MOST_UTF8_BYTES), 0);
            let (result, read, written) =
                self.0
                    .decode_to_utf8_without_replacement(bytes, &mut out[begin..], is_last);
            out.truncate(begin + written);
            bytes = &bytes[read..];
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => out.push(Self::UNDECODABLE),
            }
        }
    }
}

/// More bytes than any character has in UTF-8.
const MOST_UTF8_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(label: &str) -> Encoding {
        Encoding::for_label(label).expect(label)
    }

    #[test]
    fn labels_are_those_of_the_standard_and_others_are_refused_by_name() {
        for (label, name) in [
            ("UTF8", "utf-8"),
            ("latin-1", "windows-1252"),
            ("ISO-8859-1", "windows-1252"),
            ("cp1252", "windows-1252"),
            ("Shift_JIS", "shift_jis"),
            ("utf-16", "utf-16le"),
        ] {
            assert_eq!(named(label).name(), name);
        }
        for label in ["ebcdic", "", "cp850", "iso-2022-kr"] {
            let error = Encoding::for_label(label).expect_err(label);
            assert!(error.contains(label) && error.contains("iconv"), "{error}");
        }
    }

    #[test]
    fn bytes_without_a_character_are_not_text() {
        let windows = named("windows-1252");
        assert_eq!(
            windows.decode(b"\x80 \x93x\x94 \x96").as_deref(),
            Some("€ “x” –")
        );
        for gap in [0x81, 0x8d, 0x8f, 0x90, 0x9d] {
            assert_eq!(windows.decode(&[b'a', gap]), None, "{gap:x}");
        }
        assert_eq!(
            named("iso-8859-2").decode(b"\x85").as_deref(),
            Some("\u{85}")
        );
        assert_eq!(Encoding::UTF_8.decode(b"\xe9"), None);
    }

    #[test]
    fn a_stream_in_pieces_of_any_size_gives_one_text_with_a_mark_for_what_is_undecodable() {
        let text: Vec<u8> = "a€\u{10348}é\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let bytes = [&text[..], &[0, 0xd8, b'x', 0, b'y']].concat();
        let expected = ["a€\u{10348}é\n".as_bytes(), b"\xffx\xff"].concat();
        for piece in 1..=bytes.len() {
            let mut decoder = named("utf-16le").decoder();
            let mut out = Vec::new();
            for bytes in bytes.chunks(piece) {
                decoder.decode(bytes, false, &mut out);
            }
            decoder.decode(&[], true, &mut out);
            assert_eq!(out, expected, "in pieces of {piece}");
        }
    }
}
