//! A small HTTP server that answers as a test tells it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as the server got it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Method and path with query, such as `PUT /bucket/key`.
    pub(super) line: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn is(&self, method: &str, part_of_path: &str) -> bool {
        self.line.starts_with(method) && self.line.contains(part_of_path)
    }
}

pub(super) enum Reply {
    Answer {
        status: u16,
        headers: &'static str,
        body: String,
    },
    /// The connection is closed without an answer.
    Cut,
    /// The connection stays open without an answer, for this long; then it is answered.
    Late(std::time::Duration, Box<Reply>),
}

pub(super) fn answer(status: u16, body: &str) -> Reply {
    Reply::Answer { status, headers: "", body: body.to_owned() }
}

/// An error as S3 words it.
pub(super) fn refusal(status: u16, code: &str) -> Reply {
    answer(status, &format!("<Error><Code>{code}</Code><Message>a\nmessage</Message></Error>"))
}

pub(super) struct Server {
    pub(super) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves on a free port until the test's process ends.
    pub(super) fn start(handle: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, handle) = (requests.clone(), Arc::new(handle));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, handle) = (seen.clone(), handle.clone());
                thread::spawn(move || {
                    // The client may go away at any time; that is what some tests are about.
                    let Some(request) = read(&stream) else { return };
                    seen.lock().unwrap().push(request.clone());
                    reply(stream, handle(&request));
                });
            }
        });
        Server { endpoint, requests }
    }

    /// The requests so far, in the order in which they came.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.line).collect()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let line = first.strip_suffix(" HTTP/1.1\r\n")?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, body })
}

fn reply(mut stream: TcpStream, reply_with: Reply) {
    match reply_with {
        Reply::Cut => {}
        Reply::Late(wait, later) => {
            thread::sleep(wait);
            reply(stream, *later);
        }
        Reply::Answer { status, headers, body } => {
            let length = match status {
                204 => String::new(),
                _ => format!("content-length: {}\r\n", body.len()),
            };
            let _gone = write!(stream, "HTTP/1.1 {status} Status\r\nconnection: close\r\n{length}{headers}\r\n{body}");
        }
    }
}
