//! Just enough HTTP/1.1 to ask a local server how it is.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Largest answer that is read, in bytes: Envoy's whole `/stats` is below one MiB.
const ANSWER_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// A server's answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
}

/// `GET path`, each step within `timeout`.
pub(crate) fn get(server: SocketAddr, path: &str, timeout: Duration) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n\r\n");
    let mut stream = TcpStream::connect_timeout(&server, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_LIMIT_BYTES).read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}

/// Reads a whole answer whose end is the end of the connection.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let chunked = head
        .to_ascii_lowercase()
        .contains("\r\ntransfer-encoding: chunked");
    let body = if chunked {
        unchunk(body)?
    } else {
        body.to_owned()
    };
    Some(Answer { status, body })
}

/// Undoes RFC 9112 §7.1.
fn unchunk(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..size)?);
        body = rest.get(size..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_with_a_length_and_in_chunks() {
        let check = |bytes: &str, status, body: &str| {
            let body = body.to_owned();
            assert_eq!(parse(bytes.as_bytes()), Some(Answer { status, body }));
        };
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, "ok");
        check("HTTP/1.1 503 Service Unavailable\r\n\r\n", 503, "");
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            200,
            "abcd",
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"SSH-2.0-x\r\n\r\n"), None);
        let cut = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nabc";
        assert_eq!(parse(cut.as_bytes()), None);
    }
}
