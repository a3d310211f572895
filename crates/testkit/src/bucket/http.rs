//! Messages of HTTP/1.1 as a proxy passes them on: unchanged, since heads are signed.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request or an answer without its body.
pub(super) struct Head {
    text: String,
}

/// The length of a body.
pub(super) enum Body {
    /// The body has this many bytes.
    Bytes(u64),
    /// The body ends with a chunk of no bytes.
    Chunks,
    /// The body ends with the connection.
    Rest,
}

impl Head {
    /// The next head on a connection; `None` if the other side has ended it.
    pub(super) fn read(from: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            if from.read_line(&mut text)? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(Self { text }))
    }

    /// The bytes of the head as they came.
    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// One of the three words of the first line, by its index.
    pub(super) fn word(&self, number: usize) -> &str {
        self.text.split_whitespace().nth(number).unwrap_or_default()
    }

    /// Whether a field has this value.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        self.field(name)
            .is_some_and(|said| said.eq_ignore_ascii_case(value))
    }

    /// The length of the body that the head announces, or else `otherwise`.
    pub(super) fn body(&self, otherwise: Body) -> Body {
        if self.says("transfer-encoding", "chunked") {
            return Body::Chunks;
        }
        let length = self
            .field("content-length")
            .and_then(|length| length.parse().ok());
        length.map_or(otherwise, Body::Bytes)
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.text.lines().filter_map(|line| line.split_once(':'));
        let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.trim())
    }
}

impl Body {
    /// Passes a body on as it comes.
    ///
    /// # Errors
    /// Errors of either side, and one if the body ends too early.
    pub(super) fn pass(
        self,
        from: &mut BufReader<TcpStream>,
        to: &mut impl Write,
    ) -> io::Result<()> {
        match self {
            Self::Bytes(length) => pass(length, from, to),
            Self::Rest => io::copy(from, to).map(drop),
            Self::Chunks => {
                loop {
                    let line = pass_line(from, to)?;
                    match u64::from_str_radix(line.trim(), 16) {
                        Ok(0) => break,
                        Ok(length) => pass(length + 2, from, to)?,
                        Err(_) => return Err(io::ErrorKind::InvalidData.into()),
                    }
                }
                while pass_line(from, to)? != "\r\n" {}
                Ok(())
            }
        }
    }
}

fn pass(length: u64, from: &mut BufReader<TcpStream>, to: &mut impl Write) -> io::Result<()> {
    match io::copy(&mut from.take(length), to)? {
        passed if passed < length => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn pass_line(from: &mut BufReader<TcpStream>, to: &mut impl Write) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    to.write_all(line.as_bytes())?;
    Ok(line)
}

/// A writer that fails once it has passed on a number of bytes.
pub(super) struct Cut<W> {
    /// The writer that the bytes go to.
    pub(super) to: W,
    /// How many bytes may still pass.
    pub(super) left: u64,
}

impl<W: Write> Write for Cut<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let passed = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let written = self.to.write(&bytes[..passed])?;
        self.left -= written as u64;
        match written {
            0 => Err(io::ErrorKind::ConnectionAborted.into()),
            _ => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
