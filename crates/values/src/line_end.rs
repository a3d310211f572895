//! The line ends of a file: LF, CRLF or a lone CR.

/// The bytes that end the lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// A line feed.
    #[default]
    Lf,
    /// A carriage return and a line feed.
    CrLf,
    /// A carriage return alone.
    Cr,
}

/// The meaning of a CR or LF in a file whose line end is known.
pub(crate) enum Found {
    /// The byte begins a line end with this many bytes.
    End(usize),
    /// The byte is not the file's line end.
    Stray,
    /// The next byte decides.
    More,
}

impl LineEnd {
    /// The line end at the beginning of `bytes`, which begin with CR or LF. `None` if the next byte decides and is not there yet.
    pub fn of(bytes: &[u8], at_end: bool) -> Option<Self> {
        match bytes {
            [b'\n', ..] => Some(Self::Lf),
            [b'\r', b'\n', ..] => Some(Self::CrLf),
            [b'\r'] if !at_end => None,
            [b'\r', ..] => Some(Self::Cr),
            _ => None,
        }
    }

    /// The bytes that end a line.
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Cr => b"\r",
        }
    }

    /// The line end's name: LF, CRLF or CR.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lf => "LF",
            Self::CrLf => "CRLF",
            Self::Cr => "CR",
        }
    }

    /// The meaning of a CR or LF outside of quotes, with which `bytes` begin.
    #[inline]
    pub(crate) fn found(self, bytes: &[u8], at_end: bool) -> Found {
        match (self, bytes) {
            (Self::CrLf, [b'\r', b'\n', ..]) => Found::End(2),
            (Self::CrLf, [b'\r']) if !at_end => Found::More,
            // In a file of CRLF, a lone LF ends a line too, but the line is torn.
            (Self::Lf | Self::CrLf, [b'\n', ..]) | (Self::Cr, [b'\r', ..]) => Found::End(1),
            _ => Found::Stray,
        }
    }

    /// The last byte of a line end, by which physical lines are counted.
    pub const fn last_byte(self) -> u8 {
        match self {
            Self::Lf | Self::CrLf => b'\n',
            Self::Cr => b'\r',
        }
    }
}
