//! The block of headers of a message:
//!
//! ```text
//! NATS/1.0[ <status>[ <description>]]\r\n
//! <name>:<value>\r\n
//! \r\n
//! ```
//!
//! The server stores whatever a publisher puts there. What is taken here is what async-nats takes, and means the same.

use std::collections::BTreeMap;

const VERSION: &str = "NATS/1.0";

/// Why the envelope of a message can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum Unreadable {
    #[error("its subject is not UTF-8")]
    Subject,
    #[error("its headers don't begin with {VERSION}")]
    Version,
    #[error("the line {line} of its headers is not UTF-8{}", .name.as_ref().map(|name| format!(": the value of `{name}`")).unwrap_or_default())]
    NotUtf8 { line: usize, name: Option<String> },
    #[error("the line {line} of its headers has no colon")]
    NoColon { line: usize },
    #[error("the line {line} of its headers has a name with a space, or with another byte that is no printable ASCII")]
    Name { line: usize },
    #[error("the value of its header `{name}` has a carriage return in it")]
    Return { name: String },
}

/// The longest part of a header's name that is shown.
const SHOWN: usize = 80;

/// A name and a value.
type Header<'h> = (&'h str, String);

/// The headers in their order, or why they can't be read.
pub(in super::super) fn read(block: &[u8]) -> Result<Vec<Header<'_>>, Unreadable> {
    let text = str::from_utf8(block).map_err(|error| not_utf8(block, error.valid_up_to()))?;
    let mut lines = text.lines().zip(1..).peekable();
    lines.next().filter(|(first, _)| first.starts_with(VERSION)).ok_or(Unreadable::Version)?;
    let mut headers = Vec::new();
    while let Some((text, line)) = lines.next() {
        if text.is_empty() {
            continue;
        }
        let (name, value) = text.split_once(':').ok_or(Unreadable::NoColon { line })?;
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Unreadable::Name { line });
        }
        let mut value = value.trim_start().to_owned();
        // A line that begins with white space goes on with the value.
        while let Some((more, _)) = lines.next_if(|(more, _)| more.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        value.truncate(value.trim_end().len());
        if value.contains('\r') {
            return Err(Unreadable::Return { name: name.chars().take(SHOWN).collect() });
        }
        headers.push((name, value));
    }
    Ok(headers)
}

/// The headers by name, as far as there are any to be seen: of a block that can't be read too.
pub(in super::super) fn shown(block: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Ok(headers) = read(block) {
        for (name, value) in headers {
            shown.entry(name.to_owned()).or_default().push(value);
        }
        return shown;
    }
    for line in String::from_utf8_lossy(block).split('\n').skip(1).filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        shown.entry(name.trim().to_owned()).or_default().push(value.trim().to_owned());
    }
    shown
}

/// The status and its description, with which the server answers a request without a message.
pub(in super::super) fn status(block: &[u8]) -> Option<(u16, &str)> {
    let text = str::from_utf8(block).ok()?;
    let rest = text.lines().next()?.strip_prefix(VERSION)?.trim();
    let (status, description) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((status.parse().ok()?, description.trim()))
}

fn not_utf8(block: &[u8], valid: usize) -> Unreadable {
    let before = block.get(..valid).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let name = str::from_utf8(before.get(start..).unwrap_or_default()).ok();
    let name = name.and_then(|text| text.split_once(':')).map(|(name, _)| name.chars().take(SHOWN).collect());
    Unreadable::NotUtf8 { line, name }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use async_nats::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn block(lines: &[u8]) -> Vec<u8> {
        [b"NATS/1.0\r\n".as_slice(), lines, b"\r\n"].concat()
    }

    #[test]
    fn what_a_client_can_publish_is_read() {
        let bytes = block("A: 1\r\nB:\t  2 3  \r\nA: zwei ü\r\nEmpty:\r\nFolded: a\r\n  b\r\n".as_bytes());
        let headers = read(&bytes).unwrap();
        let expected = [("A", "1"), ("B", "2 3"), ("A", "zwei ü"), ("Empty", ""), ("Folded", "a  b")];
        assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(shown(&bytes)["A"], ["1", "zwei ü"]);
        // A stored message may begin as an answer of the server does.
        assert_eq!(read(b"NATS/1.0 408 Request Timeout\r\nA: 1\r\n\r\n"), Ok(vec![("A", "1".to_owned())]));
    }

    #[test]
    fn what_no_client_can_read_is_refused_in_words_and_shown_as_far_as_it_goes() {
        let cases: [(&[u8], &str, &str, &str); 6] = [
            (b"X: Jos\xe9\r\n", "the line 2 of its headers is not UTF-8: the value of `X`", "X", "Jos\u{fffd}"),
            (b"A: 1\r\nN\xe9: x\r\n", "the line 3 of its headers is not UTF-8", "N\u{fffd}", "x"),
            (
                b"A name: x\r\n",
                "the line 2 of its headers has a name with a space, or with another byte that is no printable ASCII",
                "A name",
                "x",
            ),
            (
                "Größe: 1\r\n".as_bytes(),
                "the line 2 of its headers has a name with a space, or with another byte that is no printable ASCII",
                "Größe",
                "1",
            ),
            (b"A: 1\r\nno colon\r\n", "the line 3 of its headers has no colon", "no colon", ""),
            (b"X: a\rb\r\n", "the value of its header `X` has a carriage return in it", "X", "a\rb"),
        ];
        for (lines, reason, name, value) in cases {
            let bytes = block(lines);
            assert_eq!(read(&bytes).unwrap_err().to_string(), reason);
            assert_eq!(shown(&bytes)[name], [value], "{reason}");
        }
        assert_eq!(read(b"\r\n\r\n"), Err(Unreadable::Version));
        assert_eq!(read(b""), Err(Unreadable::Version));
    }

    #[test]
    fn a_status_is_read() {
        assert_eq!(
            status(b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\n\r\n"),
            Some((408, "Request Timeout"))
        );
        assert_eq!(status(b"NATS/1.0 503\r\n\r\n"), Some((503, "")));
        assert_eq!(status(&block(b"A: 1\r\n")), None);
        assert_eq!(status(b""), None);
    }

    proptest! {
        /// What is taken here can be published again by async-nats, and what is a header to it is one here.
        #[test]
        fn takes_what_async_nats_takes(
            name in prop_oneof!["[ -~]{0,3}", "[!-9;-~]{1,4}", "\\PC{1,3}", "[\\x00-\\x7f]{1,2}"],
            value in prop_oneof!["[ -~]{0,6}", "[a\\r\\t ]{0,4}", "\\PC{0,4}"],
        ) {
            let bytes = block(format!("{name}:{value}\r\n").as_bytes());
            let ours = read(&bytes);
            // The first line's own white space would make it go on with nothing; a name with a colon ends at it; and what stands alone
            // at the end of a line is part of that.
            prop_assume!(!name.contains([':', '\n', '\r']));
            let trimmed = value.trim();
            match (HeaderName::from_str(&name), HeaderValue::from_str(trimmed)) {
                (Ok(_), Ok(_)) => prop_assert_eq!(ours, Ok(vec![(name.as_str(), trimmed.to_owned())])),
                _ => prop_assert!(ours.is_err(), "{:?}", ours),
            }
        }

        #[test]
        fn no_block_makes_it_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), any::<u8>()], 0..40)) {
            let bytes = block(&bytes);
            let _ = (read(&bytes), shown(&bytes), status(&bytes));
        }
    }
}
