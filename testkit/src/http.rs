//! As much HTTP as the tests need: one request, one answer, one connection.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer of a healthy server on the same machine takes longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// Sends a GET request.
///
/// # Errors
///
/// When the server can't be reached or doesn't answer in HTTP within ten seconds.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Response> {
    request(address, "GET", path, b"")
}

/// Sends a request with a body. It speaks HTTP/1.0, so that the answer ends where the connection does.
///
/// # Errors
///
/// When the server can't be reached or doesn't answer in HTTP within ten seconds.
pub fn request(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> io::Result<Response> {
    request_with(address, method, path, &[], body)
}

/// As [`request`], with headers of its own, `Host` among them when the server is to take itself for another.
///
/// # Errors
///
/// When the server can't be reached or doesn't answer in HTTP within ten seconds.
pub fn request_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let is_host = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("host");
    let mut lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    if !headers.iter().any(is_host) {
        lines.push_str(&format!("Host: {address}\r\n"));
    }
    write!(stream, "{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n{lines}\r\n", body.len())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::other("the answer is no HTTP"))
}

fn parse(answer: &str) -> Option<Response> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Response { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let response = parse("HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nno consumer\n").unwrap();
        assert_eq!(response, Response { status: 503, body: "no consumer\n".to_owned() });
        assert_eq!(parse("INFO {}\r\n\r\n"), None);
    }
}
