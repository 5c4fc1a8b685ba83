//! As much of a NATS client as the tests need to arrange things: one request, one answer, without an async runtime.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a NATS server that speaks to JetStream's API.
#[derive(Debug)]
pub struct NatsClient {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    requests: u64,
}

impl NatsClient {
    /// Connects, and waits until the server has answered.
    ///
    /// # Errors
    ///
    /// When the server can't be reached or refuses.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let writer = TcpStream::connect_timeout(&address, TIMEOUT)?;
        // A request is several small writes. Held back until the one before is confirmed, each would take 40 ms.
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(TIMEOUT))?;
        writer.set_write_timeout(Some(TIMEOUT))?;
        let reader = BufReader::new(writer.try_clone()?);
        let mut client = Self { reader, writer, requests: 0 };
        let options = json!({ "verbose": false, "pedantic": false, "headers": true, "no_responders": true });
        client.send(&format!("CONNECT {options}\r\nPING\r\n"), b"")?;
        while client.line()? != "PONG" {}
        Ok(client)
    }

    /// How long an answer is waited for from now on, instead of ten seconds.
    ///
    /// # Errors
    ///
    /// When it is no time at all.
    pub fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.writer.set_read_timeout(Some(patience))
    }

    /// Calls JetStream's API, for example `STREAM.INFO.CAUSALITY_EVENTS`, and returns its answer.
    ///
    /// # Errors
    ///
    /// When the connection breaks, nothing answers, or JetStream answers with an error; its text is in the error.
    pub fn jetstream(&mut self, api: &str, body: &Value) -> io::Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.request(&format!("$JS.API.{api}"), &[], body.as_bytes())?;
        match answer.get("error") {
            None => Ok(answer),
            Some(error) => Err(io::Error::other(format!("{api}: {error}"))),
        }
    }

    /// Publishes one message into a stream and returns the sequence that the stream confirmed.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or no stream takes the subject.
    pub fn publish(&mut self, subject: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<u64> {
        let answer = self.request(subject, headers, body)?;
        answer["seq"].as_u64().ok_or_else(|| io::Error::other(format!("{subject} was not stored: {answer}")))
    }

    /// Publishes a message whose subject and block of headers may be any bytes, and returns the sequence that the stream confirmed. No
    /// block is no headers.
    ///
    /// # Errors
    ///
    /// As [`Self::publish`].
    pub fn publish_bytes(&mut self, subject: &[u8], headers: &[u8], body: &[u8]) -> io::Result<u64> {
        let (id, inbox) = self.inbox()?;
        self.put(subject, &inbox, headers, body)?;
        let answer: Value = serde_json::from_slice(&self.answer(id)?).map_err(io::Error::other)?;
        answer["seq"].as_u64().ok_or_else(|| io::Error::other(format!("it was not stored: {answer}")))
    }

    /// Sends a message that nobody answers.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub fn send_bytes(&mut self, subject: &str, headers: &[u8], body: &[u8]) -> io::Result<()> {
        self.put(subject.as_bytes(), "", headers, body)
    }

    /// Has the server send all messages of a subject; see [`Self::next_subject`].
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub fn subscribe(&mut self, subject: &str) -> io::Result<()> {
        self.requests += 1;
        self.send(&format!("SUB {subject} {}\r\n", self.requests), b"")
    }

    /// The subject of the next message.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or none comes.
    pub fn next_subject(&mut self) -> io::Result<String> {
        loop {
            let line = self.line()?;
            let words: Vec<&str> = line.split(' ').collect();
            if matches!(words[0], "MSG" | "HMSG") {
                let mut message = vec![0; number(words.last().copied())? + 2];
                self.reader.read_exact(&mut message)?;
                return Ok(words.get(1).copied().unwrap_or_default().to_owned());
            }
        }
    }

    /// A subject for one answer, and the number of its subscription.
    fn inbox(&mut self) -> io::Result<(u64, String)> {
        self.requests += 1;
        let id = self.requests;
        let inbox = format!("_INBOX.testkit.{}.{id}", self.writer.local_addr()?.port());
        self.send(&format!("SUB {inbox} {id}\r\nUNSUB {id} 1\r\n"), b"")?;
        Ok((id, inbox))
    }

    fn put(&mut self, subject: &[u8], inbox: &str, headers: &[u8], body: &[u8]) -> io::Result<()> {
        let total = headers.len() + body.len();
        let (verb, sizes) = match headers {
            [] => ("PUB ", format!(" {inbox} {total}\r\n")),
            _ => ("HPUB ", format!(" {inbox} {} {total}\r\n", headers.len())),
        };
        self.send("", &[verb.as_bytes(), subject, sizes.as_bytes(), headers, body, b"\r\n"].concat())
    }

    fn request(&mut self, subject: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Value> {
        let (id, inbox) = self.inbox()?;
        let mut head = String::new();
        if !headers.is_empty() {
            head.push_str("NATS/1.0\r\n");
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            head.push_str("\r\n");
        }
        self.put(subject.as_bytes(), &inbox, head.as_bytes(), body)?;
        let answer = self.answer(id)?;
        serde_json::from_slice(&answer).map_err(io::Error::other)
    }

    /// The body of the next message to a subscription. A message with headers alone is the server's word that nobody
    /// listens on the subject.
    fn answer(&mut self, id: u64) -> io::Result<Vec<u8>> {
        loop {
            let line = self.line()?;
            let words: Vec<&str> = line.split(' ').collect();
            let with_headers = match words[0] {
                "MSG" => false,
                "HMSG" => true,
                _ => continue,
            };
            let total = number(words.last().copied())?;
            let head = if with_headers { number(words.iter().rev().nth(1).copied())? } else { 0 };
            let mut message = vec![0; total + 2];
            self.reader.read_exact(&mut message)?;
            if words.get(2).and_then(|word| word.parse().ok()) != Some(id) {
                continue;
            }
            if head == total && with_headers {
                return Err(io::Error::other("nobody answers on that subject"));
            }
            return Ok(message[head..total].to_vec());
        }
    }

    /// The next line of the protocol, with pings answered on the way.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line == "PING" {
                self.send("PONG\r\n", b"")?;
            } else if line.starts_with("-ERR") {
                return Err(io::Error::other(line.to_owned()));
            } else {
                return Ok(line.to_owned());
            }
        }
    }

    fn send(&mut self, line: &str, body: &[u8]) -> io::Result<()> {
        self.writer.write_all(line.as_bytes())?;
        self.writer.write_all(body)
    }
}

fn number(word: Option<&str>) -> io::Result<usize> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
