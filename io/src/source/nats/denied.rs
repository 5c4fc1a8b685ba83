//! What the server does not let the user do. A request that is denied gets no answer; the server's word of it comes on the
//! connection, beside all answers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most that is remembered: what is denied is denied again and again.
const MOST: usize = 50;

/// The subjects that answers come on, as they are shown.
const ANSWERS: &str = "subscribe to `_INBOX.>`";

/// What was denied on the connection so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Denied(Arc<Mutex<BTreeSet<String>>>);

impl Denied {
    /// Takes note of an error that the server has sent.
    pub fn note(&self, error: &str) {
        if let Some(denied) = read(error) {
            let mut all = self.lock();
            if all.len() < MOST {
                all.insert(denied);
            }
        }
    }

    /// Forgets all: a new connection may have other permissions.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// What was denied, such as "publish to `a`".
    pub fn all(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// What to add to the message of a request that got no answer; empty where nothing was denied.
    pub fn hint(&self) -> String {
        let all = self.all();
        if all.is_empty() { String::new() } else { format!("; the user may not {}", all.join(", nor ")) }
    }

    /// Whether the answers to requests were denied. The server has dropped that subscription for good, and the client subscribes again
    /// only on a new connection: without one, nothing is answered even after the right was given back.
    pub fn answers(&self) -> bool {
        self.lock().contains(ANSWERS)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads nats-server's own words: `Permissions Violation for Publish to "a"`.
fn read(error: &str) -> Option<String> {
    let (_, denied) = error.split_once("Permissions Violation for ")?;
    let (what, subject) = denied.split_once(" to ")?;
    let subject = subject.split('"').nth(1).unwrap_or(subject).trim();
    match what {
        "Publish" if subject.starts_with("$JS.ACK.") => {
            // The rest differs from message to message.
            let stem: Vec<&str> = subject.split('.').take(4).collect();
            Some(format!("publish to `{}.>`", stem.join(".")))
        }
        "Publish" => Some(format!("publish to `{subject}`")),
        "Subscription" if subject.starts_with("_INBOX.") => Some(ANSWERS.to_owned()),
        "Subscription" => Some(format!("subscribe to `{subject}`")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_become_the_subject_to_allow() {
        let denied = Denied::default();
        assert_eq!(denied.hint(), "");
        for error in [
            "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.S\"",
            "Permissions Violation for Publish to \"$JS.ACK.S.c.1.2.3.4.5\"",
            "Permissions Violation for Publish to \"$JS.ACK.S.c.2.3.4.5.6\"",
            "Permissions Violation for Subscription to \"_INBOX.0Xyz.*\"",
            "Permissions Violation for Subscription to \"elsewhere\" using queue \"q\"",
            "something else",
        ] {
            denied.note(error);
        }
        let expected = [
            "publish to `$JS.ACK.S.c.>`",
            "publish to `$JS.API.STREAM.INFO.S`",
            "subscribe to `_INBOX.>`",
            "subscribe to `elsewhere`",
        ];
        assert_eq!(denied.all(), expected);
        assert!(denied.hint().starts_with("; the user may not publish to `$JS.ACK.S.c.>`, nor publish to"));
        assert!(denied.answers());
        denied.forget();
        assert!(denied.all().is_empty() && !denied.answers());
    }
}
