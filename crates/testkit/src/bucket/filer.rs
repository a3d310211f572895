//! Access to a bucket's objects that uses neither S3 nor our client: plain HTTP to the server's filer.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// The answer of a server.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// Everything after the head.
    pub(super) body: Vec<u8>,
}

/// Sends a request to a server on this machine.
pub(super) fn request(port: u16, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    // With HTTP/1.0, an answer ends with its connection and has no chunks.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "no whole answer");
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .ok_or_else(cut)?;
    let status = answer
        .get(9..12)
        .and_then(|digits| str::from_utf8(digits).ok());
    Ok(Answer {
        status: status
            .and_then(|status| status.parse().ok())
            .ok_or_else(cut)?,
        body: answer.split_off(end + 4),
    })
}

/// Encodes a name for the path of a URL.
pub(super) fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}
