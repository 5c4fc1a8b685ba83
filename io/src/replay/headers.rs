//! The headers of a message that is published again.

use std::collections::BTreeMap;
use std::str::FromStr;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use warehouse_sink_proto::DeadLetter;

/// What the headers that tell of a replay begin with.
const OURS: &str = "Warehouse-Sink-Replay-";
/// What the ids of replayed messages begin with.
const ID: &str = "warehouse-sink-replay";

/// A message as the dead letter knows it: its sequence, and its time of publishing in microseconds since the Unix epoch; and which of
/// its rows the dead letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub sequence: u64,
    pub published_at: i64,
    pub index: u32,
}

/// Why a message can't be published with its headers.
#[derive(Debug, thiserror::Error)]
#[error("its header `{name}` cannot be published")]
pub(super) struct HeaderError {
    name: String,
}

/// The id of a replay, by which the server knows the second of two within its duplicate window.
pub(super) fn id(stream: &str, origin: Origin) -> String {
    let Origin { sequence, published_at, index } = origin;
    let of_row = if index == 0 { String::new() } else { format!(":{index}") };
    format!("{ID}:{stream}:{sequence}:{published_at}{of_row}")
}

/// The dead letter that a message of the stream was made of, by its id; none for any other message.
pub(super) fn origin(stream: &str, id: &str) -> Option<Origin> {
    let rest = id.strip_prefix(ID)?.strip_prefix(':')?.strip_prefix(stream)?.strip_prefix(':')?;
    let (sequence, rest) = rest.split_once(':')?;
    let (published_at, index) = rest.split_once(':').unwrap_or((rest, "0"));
    let (sequence, published_at) = (sequence.parse().ok()?, published_at.parse().ok()?);
    Some(Origin { sequence, published_at, index: index.parse().ok()? })
}

/// The publisher's headers, without what told the server how to take the message the first time, and with what makes a second replay
/// harmless and tells where the message comes from.
pub(super) fn headers(stream: &str, origin: Origin, letter: &DeadLetter) -> Result<HeaderMap, HeaderError> {
    let mut headers = HeaderMap::new();
    for (name, values) in kept(&letter.headers) {
        for value in values {
            put(&mut headers, name, value)?;
        }
    }
    put(&mut headers, "Nats-Msg-Id", &id(stream, origin))?;
    // Another stream that has come to own the subject must not take it.
    put(&mut headers, "Nats-Expected-Stream", stream)?;
    put(&mut headers, &format!("{OURS}Sequence"), &origin.sequence.to_string())?;
    put(&mut headers, &format!("{OURS}Published-At-Us"), &origin.published_at.to_string())?;
    if let Some(id) = first_id(&letter.headers) {
        put(&mut headers, &format!("{OURS}Msg-Id"), id)?;
    }
    Ok(headers)
}

/// `Nats-` begins what the server acts on: an id it has seen, an expected sequence, a rollup that would purge the stream.
fn kept(headers: &BTreeMap<String, Vec<String>>) -> impl Iterator<Item = (&String, &Vec<String>)> {
    headers.iter().filter(|(name, _)| !begins(name, "Nats-") && !begins(name, OURS))
}

/// The publisher's own id, also of a message that was replayed before.
fn first_id(headers: &BTreeMap<String, Vec<String>>) -> Option<&String> {
    let named = |wanted: &str| {
        let values = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, values)| values);
        values.and_then(|values| values.first())
    };
    named(&format!("{OURS}Msg-Id")).or_else(|| named("Nats-Msg-Id").filter(|id| !id.starts_with(ID)))
}

fn begins(name: &str, with: &str) -> bool {
    name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), HeaderError> {
    let parsed = HeaderName::from_str(name).ok().zip(HeaderValue::from_str(value).ok());
    let (key, value) = parsed.ok_or_else(|| HeaderError { name: name.escape_default().take(80).collect() })?;
    headers.append(key, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin { sequence: 7, published_at: -5, index: 0 };

    fn letter(headers: &[(&str, &str)]) -> DeadLetter {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            all.entry(name.to_string()).or_default().push(value.to_string());
        }
        let (subject, reason) = ("events.a".to_owned(), "no event".to_owned());
        DeadLetter { subject, headers: all, body: Box::default(), reason, delivery_count: 1, raw: None }
    }

    fn made(letter: &DeadLetter) -> Vec<(String, Vec<String>)> {
        let headers = headers("S", ORIGIN, letter).unwrap();
        let text = |values: &Vec<HeaderValue>| values.iter().map(|value| value.as_str().to_owned()).collect();
        let mut made: Vec<_> = headers.iter().map(|(name, values)| (name.to_string(), text(values))).collect();
        made.sort();
        made
    }

    #[test]
    fn what_the_server_acts_on_is_left_out_and_the_rest_is_kept() {
        let letter = letter(&[
            ("Trace", "one"),
            ("Trace", "two"),
            ("nats-rollup", "all"),
            ("Nats-Expected-Last-Sequence", "6"),
            ("Nats-Msg-Id", "the publisher's"),
        ]);
        let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        let expected = [
            one("Nats-Expected-Stream", "S"),
            one("Nats-Msg-Id", "warehouse-sink-replay:S:7:-5"),
            ("Trace".to_owned(), vec!["one".to_owned(), "two".to_owned()]),
            one("Warehouse-Sink-Replay-Msg-Id", "the publisher's"),
            one("Warehouse-Sink-Replay-Published-At-Us", "-5"),
            one("Warehouse-Sink-Replay-Sequence", "7"),
        ];
        assert_eq!(made(&letter), expected);
    }

    #[test]
    fn a_replay_of_a_replay_tells_of_the_last_and_of_the_publishers_id() {
        let letter = letter(&[
            ("Nats-Msg-Id", "warehouse-sink-replay:S:3:9"),
            ("Warehouse-Sink-Replay-Sequence", "3"),
            ("Warehouse-Sink-Replay-Msg-Id", "the publisher's"),
        ]);
        let made = made(&letter);
        assert!(made.contains(&("Warehouse-Sink-Replay-Sequence".to_owned(), vec!["7".to_owned()])), "{made:?}");
        assert!(made.contains(&("Warehouse-Sink-Replay-Msg-Id".to_owned(), vec!["the publisher's".to_owned()])));
        assert_eq!(made.len(), 5);
    }

    #[test]
    fn an_id_leads_back_to_its_dead_letter() {
        let of_row = Origin { index: 3, ..ORIGIN };
        assert_eq!(id("S", of_row), "warehouse-sink-replay:S:7:-5:3");
        for known in [ORIGIN, of_row] {
            assert_eq!(origin("S", &id("S", known)), Some(known));
        }
        for other in
            ["", "x", "warehouse-sink-replay:T:7:5", "warehouse-sink-replay:S:7", "warehouse-sink-replay:S:a:5"]
        {
            assert_eq!(origin("S", other), None, "{other}");
        }
    }

    #[test]
    fn a_header_that_no_message_can_have_is_refused_by_name() {
        let error = headers("S", ORIGIN, &letter(&[("Bad", "two\r\nlines")])).unwrap_err().to_string();
        assert_eq!(error, "its header `Bad` cannot be published");
    }
}
