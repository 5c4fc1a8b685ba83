//! As much of a NATS client as the scenarios need: several subscriptions at a time.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A message that came for a subscription.
#[derive(Clone, Debug)]
pub struct Message {
    pub subscription: usize,
    pub reply: String,
    /// The status of a message that is one.
    pub status: Option<u16>,
    pub body: Vec<u8>,
}

pub struct Client {
    /// What its inboxes begin with.
    prefix: String,
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    subscriptions: usize,
    pub messages: Vec<Message>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let writer = TcpStream::connect(address).unwrap();
        writer.set_nodelay(true).unwrap();
        let mut client = Client {
            prefix: format!("_INBOX.{}", writer.local_addr().unwrap().port()),
            reader: BufReader::new(writer.try_clone().unwrap()),
            writer,
            subscriptions: 0,
            messages: Vec::new(),
        };
        client.send(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n");
        client.round_trip();
        client
    }

    fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
    }

    pub fn subscribe(&mut self) -> (usize, String) {
        self.subscriptions += 1;
        let inbox = format!("{}.{}", self.prefix, self.subscriptions);
        self.send(format!("SUB {inbox} {}\r\n", self.subscriptions).as_bytes());
        (self.subscriptions, inbox)
    }

    pub fn unsubscribe(&mut self, subscription: usize) {
        self.send(format!("UNSUB {subscription}\r\n").as_bytes());
        self.round_trip();
    }

    /// What has come for a subscription since it was asked last.
    pub fn take(&mut self, subscription: usize) -> Vec<Message> {
        let mine = |message: &mut Message| message.subscription == subscription;
        self.messages.extract_if(.., mine).collect()
    }

    pub fn publish(&mut self, subject: &str, reply: &str, body: &[u8]) {
        self.send(format!("PUB {subject} {reply} {}\r\n", body.len()).as_bytes());
        self.send(body);
        self.send(b"\r\n");
    }

    /// Publishes, and waits for the one answer.
    pub fn request(&mut self, subject: &str, body: &[u8]) -> Message {
        let (subscription, inbox) = self.subscribe();
        self.publish(subject, &inbox, body);
        self.answer(subject, subscription)
    }

    /// The same, with a header.
    pub fn request_with(&mut self, subject: &str, header: &str, body: &[u8]) -> Message {
        let (subscription, inbox) = self.subscribe();
        let head = format!("NATS/1.0\r\n{header}\r\n\r\n");
        self.send(format!("HPUB {subject} {inbox} {} {}\r\n{head}", head.len(), head.len() + body.len()).as_bytes());
        self.send(body);
        self.send(b"\r\n");
        self.answer(subject, subscription)
    }

    fn answer(&mut self, subject: &str, subscription: usize) -> Message {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(place) = self.messages.iter().position(|message| message.subscription == subscription) {
                return self.messages.remove(place);
            }
            assert!(Instant::now() < deadline, "no answer on {subject}");
            self.read_for(Duration::from_millis(20));
        }
    }

    /// Waits until the server has read all that was sent, and what it sent before has come.
    pub fn round_trip(&mut self) {
        self.send(b"PING\r\n");
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.read_line(Duration::from_secs(1)).is_none_or(|line| line != "PONG") {
            assert!(Instant::now() < deadline, "the server does not answer");
        }
    }

    /// Reads what comes within this time.
    pub fn read_for(&mut self, duration: Duration) {
        let end = Instant::now() + duration;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.read_line(left);
        }
    }

    /// Reads a line and, where it begins a message, the message. None where nothing came in time.
    fn read_line(&mut self, timeout: Duration) -> Option<String> {
        self.writer.set_read_timeout(Some(timeout.max(Duration::from_millis(1)))).unwrap();
        match self.reader.fill_buf() {
            Ok([]) => panic!("the server closed the connection"),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return None,
            Err(error) => panic!("{error}"),
        }
        self.writer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        if line == "PING" {
            self.send(b"PONG\r\n");
        } else if line.starts_with("MSG ") || line.starts_with("HMSG ") {
            self.read_message(&line);
        }
        Some(line)
    }

    fn read_message(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let numbers = if words[0] == "HMSG" { 2 } else { 1 };
        let total: usize = words[words.len() - 1].parse().unwrap();
        let head: usize = if numbers == 2 { words[words.len() - 2].parse().unwrap() } else { 0 };
        let reply = if words.len() == 4 + numbers { words[3].to_owned() } else { String::new() };
        let mut bytes = vec![0; total + 2];
        self.reader.read_exact(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let status = text.strip_prefix("NATS/1.0 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let subscription = words[2].parse().unwrap();
        self.messages.push(Message { subscription, reply, status, body: bytes[head..total].to_vec() });
    }
}
