//! The reply subject of a delivered message:
//!
//! ```text
//! $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<published ns>.<pending>
//! ```
//!
//! or the longer form with `<domain>.<account hash>.` before the stream and any tokens after (NATS ADR-15).
//!
//! One is kept for each message that is held. In the short form, five numbers are all that differs from one message to the next: these are
//! kept, and the text is made again when the message is settled, so that no allocation comes and goes with a message.

use std::sync::{Mutex, PoisonError};

use async_nats::Subject;
use bytes::BytesMut;
use warehouse_sink_core::MessageId;

/// How many bytes of text are made in one allocation. It lives until the last subject in it has left the connection's queue.
const CHUNK: usize = 16 * 1024;

/// The numbers of a reply subject in the order in which they stand there.
type Numbers = [u64; 5];

/// The most bytes that the numbers take, with a dot between each two.
const LONGEST: usize = 5 * 20 + 4;

/// What settles one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The numbers of a reply subject of the short form.
    Numbers(Numbers),
    /// A reply subject of another form.
    Subject(Subject),
}

impl Reply {
    /// The message that it settles.
    pub(super) fn message(&self) -> Option<MessageId> {
        match self {
            Reply::Numbers([_, stream_sequence, _, published_at, _]) => {
                Some(MessageId { stream_sequence: *stream_sequence, published_at: (*published_at).try_into().ok()? })
            }
            Reply::Subject(subject) => read_any_form(subject).map(|delivered| delivered.message),
        }
    }
}

/// Which delivery of which message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    pub message: MessageId,
    pub count: u64,
}

/// Reads and makes the reply subjects of one consumer's deliveries.
pub(super) struct Replies {
    /// All that stands before the numbers.
    prefix: String,
    text: Mutex<BytesMut>,
}

impl Replies {
    pub fn new(stream: &str, consumer: &str) -> Self {
        Replies { prefix: format!("$JS.ACK.{stream}.{consumer}."), text: Mutex::default() }
    }

    /// None where the subject is not JetStream's.
    pub fn read(&self, subject: &str) -> Option<(Reply, Delivered)> {
        let numbers = subject.strip_prefix(&self.prefix).and_then(|text| numbers(text.as_bytes()));
        if let Some(numbers) = numbers {
            let [count, stream_sequence, _, published_at, _] = numbers;
            let message = MessageId { stream_sequence, published_at: published_at.try_into().ok()? };
            return Some((Reply::Numbers(numbers), Delivered { message, count }));
        }
        let delivered = read_any_form(subject)?;
        // A copy of its own, which must not keep the connection's whole read buffer alive.
        Some((Reply::Subject(Subject::from(subject.to_owned())), delivered))
    }

    /// The subject that was read.
    pub fn subject(&self, reply: &Reply) -> Subject {
        let numbers = match reply {
            Reply::Numbers(numbers) => numbers,
            Reply::Subject(subject) => return subject.clone(),
        };
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = self.prefix.len() + LONGEST;
        if text.capacity() < longest {
            text.reserve(longest.max(CHUNK));
        }
        text.extend_from_slice(self.prefix.as_bytes());
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 {
                text.extend_from_slice(b".");
            }
            text.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        let made = text.split().freeze();
        Subject::try_from(made).unwrap_or_else(|_| unreachable!("a string and digits are UTF-8"))
    }
}

/// Five numbers with a dot between each two, and nothing else; none where the numbers would not make the same text again.
fn numbers(text: &[u8]) -> Option<Numbers> {
    let mut numbers = Numbers::default();
    let mut rest = text;
    for (index, number) in numbers.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        (*number, rest) = number_at(rest)?;
    }
    rest.is_empty().then_some(numbers)
}

/// The number that the text begins with, and what comes after it.
fn number_at(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() || (number.len() > 1 && number.starts_with(b"0")) {
        return None;
    }
    let value =
        number.iter().try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    Some((value, rest))
}

fn read_any_form(subject: &str) -> Option<Delivered> {
    let rest = subject.strip_prefix("$JS.ACK.")?;
    let skip = match rest.split('.').count() {
        7 => 2,
        9.. => 4,
        _ => return None,
    };
    let mut tokens = rest.split('.').skip(skip);
    let count = tokens.next()?.parse().ok()?;
    let stream_sequence = tokens.next()?.parse().ok()?;
    tokens.next()?.parse::<u64>().ok()?;
    let published_at = tokens.next()?.parse().ok()?;
    Some(Delivered { message: MessageId { stream_sequence, published_at }, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: MessageId = MessageId { stream_sequence: 100, published_at: 1_790_230_470_084_404_000 };

    fn replies() -> Replies {
        Replies::new("EVENTS", "sink")
    }

    #[test]
    fn reads_every_form_and_makes_the_same_text_again() {
        for (subject, short) in [
            ("$JS.ACK.EVENTS.sink.3.100.7.1790230470084404000.42", true),
            ("$JS.ACK.EVENTS.sink.3.100.18446744073709551615.1790230470084404000.0", true),
            ("$JS.ACK.EVENTS.sink.3.100.07.1790230470084404000.42", false),
            ("$JS.ACK.EVENTS.sink.3.100.7.1790230470084404000.99999999999999999999", false),
            ("$JS.ACK.EVENTS.other.3.100.7.1790230470084404000.42", false),
            ("$JS.ACK.hub.9Xz.EVENTS.sink.3.100.7.1790230470084404000.42", false),
            ("$JS.ACK.hub.9Xz.EVENTS.sink.3.100.7.1790230470084404000.42.token", false),
        ] {
            let replies = replies();
            let (reply, delivered) = replies.read(subject).unwrap();
            assert_eq!((delivered.message, delivered.count), (MESSAGE, 3), "{subject}");
            assert_eq!(matches!(reply, Reply::Numbers(_)), short, "{subject}");
            assert_eq!(replies.subject(&reply).as_str(), subject);
            assert_eq!(reply.message(), Some(MESSAGE), "{subject}");
        }
    }

    #[test]
    fn many_subjects_share_memory_and_stay_apart() {
        let replies = replies();
        let subjects: Vec<_> = (0..1000)
            .map(|number| (number, replies.subject(&Reply::Numbers([1, number, number, 5, u64::MAX]))))
            .collect();
        for (number, subject) in subjects {
            assert_eq!(subject.as_str(), format!("$JS.ACK.EVENTS.sink.1.{number}.{number}.5.{}", u64::MAX));
        }
    }

    #[test]
    fn refuses_what_is_not_a_reply() {
        for subject in [
            "",
            "_INBOX.x",
            "$JS.ACK.EVENTS.sink.3.100.7",
            "$JS.ACK.EVENTS.sink.x.100.7.1.42",
            "$JS.ACK.EVENTS.sink.3..7.1.42",
            "$JS.ACK.EVENTS.sink.3.100.7.18446744073709551615.42",
        ] {
            assert_eq!(replies().read(subject), None, "{subject}");
        }
    }
}
