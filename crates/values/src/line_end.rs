//! What ends the lines of a file: LF, CRLF or CR alone.

/// What ends the lines of a file.
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

/// What a CR or LF is, in a file whose line end is known.
pub(crate) enum Found {
    /// The bytes end the line, so many of them.
    End(usize),
    /// The byte is not the file's line end.
    Stray,
    /// The next byte tells.
    More,
}

impl LineEnd {
    /// The line end that `bytes` begin with, which is CR or LF. `None` if the next byte tells, unless there are no more.
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

    /// What a CR or LF outside of quotes is, which `bytes` begin with.
    #[inline]
    pub(crate) fn found(self, bytes: &[u8], at_end: bool) -> Found {
        match (self, bytes) {
            (Self::CrLf, [b'\r', b'\n', ..]) => Found::End(2),
            (Self::CrLf, [b'\r']) if !at_end => Found::More,
            // Of CRLF, LF ends a line by itself too, but the line is torn.
            (Self::Lf | Self::CrLf, [b'\n', ..]) | (Self::Cr, [b'\r', ..]) => Found::End(1),
            _ => Found::Stray,
        }
    }

    /// The byte by which physical lines are counted.
    pub const fn last_byte(self) -> u8 {
        match self {
            Self::Lf | Self::CrLf => b'\n',
            Self::Cr => b'\r',
        }
    }
}
