//! What a server sends, taken apart without looking into texts: a subject, a header or a body may be any bytes.
//!
//! ```text
//! MSG <subject> <sid> [reply] <bytes>              HMSG <subject> <sid> [reply] <bytes of headers> <bytes of all>
//! INFO {…}        PING        PONG        +OK        -ERR '…'
//! ```

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// The longest line that is waited for. A server's own limit for a subject is 4 KiB; INFO tells of a whole cluster.
const MAX_LINE: usize = 1 << 20;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Message(RawMessage),
    Info(Bytes),
    Ping,
    Pong,
    Ok,
    Error(String),
}

/// The first of what came, if all of it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Frame(Frame),
    /// So many bytes are needed, from the first on, and for whom.
    Needs(usize, Option<u64>),
}

/// The server does not speak NATS, or is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sent what is no operation of the NATS protocol: {0:?}")]
pub(super) struct ProtocolError(String);

/// A message, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct RawMessage {
    /// The subscription that it came for.
    pub sid: u64,
    /// The line and what follows it.
    frame: Bytes,
    subject: Place,
    reply: Place,
    headers: Place,
    body: Place,
}

/// Part of a frame, which has less than 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place(u32, u32);

impl Place {
    fn range(self) -> Range<usize> {
        self.0 as usize..self.1 as usize
    }
}

impl RawMessage {
    pub fn subject(&self) -> &[u8] {
        self.part(self.subject)
    }

    /// Empty where there is none.
    pub fn reply(&self) -> &[u8] {
        self.part(self.reply)
    }

    /// The block of headers with the line before it and the empty one behind; empty where there is none.
    pub fn headers(&self) -> &[u8] {
        self.part(self.headers)
    }

    pub fn body(&self) -> &[u8] {
        self.part(self.body)
    }

    /// The bytes that it took on the wire.
    pub fn size(&self) -> usize {
        self.frame.len()
    }

    /// The body, which keeps the memory alive that it came in.
    pub fn shared_body(&self) -> Bytes {
        self.frame.slice(self.body.range())
    }

    fn part(&self, place: Place) -> &[u8] {
        self.frame.get(place.range()).unwrap_or_default()
    }
}

/// Takes the first frame out of what has arrived.
pub(super) fn next(arrived: &mut BytesMut) -> Result<Next, ProtocolError> {
    let Some(end) = memchr::memchr(b'\n', arrived) else {
        return if arrived.len() > MAX_LINE { Err(unknown(arrived)) } else { Ok(Next::Needs(arrived.len() + 1, None)) };
    };
    let line = arrived.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.starts_with(b"MSG ") || line.starts_with(b"HMSG ") {
        let shape = Shape::read(line, end + 1).ok_or_else(|| unknown(line))?;
        if arrived.len() < shape.total {
            return Ok(Next::Needs(shape.total, Some(shape.sid)));
        }
        let frame = arrived.split_to(shape.total).freeze();
        return Ok(Next::Frame(Frame::Message(shape.message(frame))));
    }
    let frame = control(line).ok_or_else(|| unknown(line))?;
    let _ = arrived.split_to(end + 1);
    Ok(Next::Frame(frame))
}

fn control(line: &[u8]) -> Option<Frame> {
    Some(if line.starts_with(b"PING") {
        Frame::Ping
    } else if line.starts_with(b"PONG") {
        Frame::Pong
    } else if line.starts_with(b"+OK") {
        Frame::Ok
    } else if let Some(text) = line.strip_prefix(b"-ERR") {
        Frame::Error(String::from_utf8_lossy(text).trim().trim_matches('\'').to_owned())
    } else {
        Frame::Info(Bytes::copy_from_slice(line.strip_prefix(b"INFO")?))
    })
}

fn unknown(line: &[u8]) -> ProtocolError {
    ProtocolError(String::from_utf8_lossy(line.get(..80).unwrap_or(line)).into_owned())
}

/// Where the parts of a message are, counted from the beginning of its line.
struct Shape {
    sid: u64,
    subject: Place,
    reply: Place,
    headers: Place,
    body: Place,
    total: usize,
}

impl Shape {
    /// `start` is where the line's payload begins.
    fn read(line: &[u8], start: usize) -> Option<Self> {
        let (words, count) = words(line);
        let number = |place: &Place| str::from_utf8(line.get(place.range())?).ok()?.parse::<u64>().ok();
        let with_headers = line.starts_with(b"H");
        let (subject, sid, reply, sizes) = match (with_headers, words.get(..count)?) {
            (false, [_, subject, sid, size]) => (subject, sid, Place::default(), [None, Some(size)]),
            (false, [_, subject, sid, reply, size]) => (subject, sid, *reply, [None, Some(size)]),
            (true, [_, subject, sid, head, size]) => (subject, sid, Place::default(), [Some(head), Some(size)]),
            (true, [_, subject, sid, reply, head, size]) => (subject, sid, *reply, [Some(head), Some(size)]),
            _ => return None,
        };
        let [head, size] = sizes.map(|size| size.map_or(Some(0), number));
        let at = |offset: u64| u32::try_from((start as u64).checked_add(offset)?).ok();
        let (first, middle, last) = (at(0)?, at(head?)?, at(size?)?);
        let (headers, body) = (Place(first, middle), Place(middle, last));
        (middle <= last).then_some(Shape {
            sid: number(sid)?,
            subject: *subject,
            reply,
            headers,
            body,
            // The end of a line is behind the payload too.
            total: last as usize + 2,
        })
    }

    fn message(self, frame: Bytes) -> RawMessage {
        let Shape { sid, subject, reply, headers, body, .. } = self;
        RawMessage { sid, frame, subject, reply, headers, body }
    }
}

/// The words of a line, of which there are six at most, and how many there are.
fn words(line: &[u8]) -> ([Place; 6], usize) {
    let (mut words, mut count, mut start) = ([Place::default(); 6], 0, 0);
    for word in line.split(|byte| matches!(byte, b' ' | b'\t')) {
        let end = start + word.len();
        if !word.is_empty() {
            if let Some(place) = words.get_mut(count) {
                // A line ends far below 4 GiB: see MAX_LINE.
                *place = Place(start as u32, end as u32);
            }
            count += 1;
        }
        start = end + 1;
    }
    (words, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All frames of some bytes that arrive in pieces of this size.
    fn frames(bytes: &[u8], piece: usize) -> Vec<Frame> {
        let (mut arrived, mut frames) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            arrived.extend_from_slice(piece);
            while let Next::Frame(frame) = next(&mut arrived).unwrap() {
                frames.push(frame);
            }
        }
        assert!(arrived.is_empty(), "{arrived:?}");
        frames
    }

    #[test]
    fn takes_apart_whatever_arrives_in_whatever_pieces() {
        let bytes = b"INFO {\"nonce\":\"a\"} \r\n+OK\r\nPING\r\nPONG\r\n-ERR 'Stale Connection'\r\n\
            MSG events.\xe9 7 2\r\n\r\n\r\nHMSG s 8 $JS.ACK.x 12 14\r\nNATS/1.0\r\n\r\n\0\xff\r\nMSG a 9 reply 0\r\n\r\n";
        let whole = frames(bytes, bytes.len());
        for piece in 1..bytes.len() {
            assert_eq!(frames(bytes, piece), whole, "in pieces of {piece}");
        }
        assert_eq!(
            whole[..5],
            [
                Frame::Info(Bytes::from_static(b" {\"nonce\":\"a\"} ")),
                Frame::Ok,
                Frame::Ping,
                Frame::Pong,
                Frame::Error("Stale Connection".to_owned())
            ]
        );
        let messages = whole[5..].iter().map(|frame| match frame {
            Frame::Message(raw) => (raw.sid, [raw.subject(), raw.reply(), raw.headers(), raw.body()]),
            other => panic!("{other:?}"),
        });
        let expected: [(u64, [&[u8]; 4]); 3] = [
            (7, [b"events.\xe9", b"", b"", b"\r\n"]),
            (8, [b"s", b"$JS.ACK.x", b"NATS/1.0\r\n\r\n", b"\0\xff"]),
            (9, [b"a", b"reply", b"", b""]),
        ];
        assert_eq!(messages.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn refuses_what_is_no_operation() {
        for line in [
            "HTTP/1.1 400 Bad Request",
            "MSG s 1",
            "MSG s x 1",
            "MSG s 1 r t 1",
            "MSG s 1 -1",
            "MSG s 1 4294967296",
            "HMSG s 1 r 13 12",
            "HMSG s 1 18446744073709551615 18446744073709551615",
        ] {
            let mut arrived = BytesMut::from(format!("{line}\r\n").as_bytes());
            let refused = next(&mut arrived).unwrap_err().to_string();
            assert!(refused.contains(line), "{refused}");
        }
        let mut endless = BytesMut::from([b'a'; MAX_LINE + 1].as_slice());
        assert!(next(&mut endless).unwrap_err().to_string().len() < 200);
    }
}
