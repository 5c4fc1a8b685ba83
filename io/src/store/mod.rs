//! Where objects go: one small trait, and what a failed write says about the object.
//!
//! ```text
//! driver ──put(key, body)────────▶ Store ──▶ Ok: durably stored
//!        ──put_parts(key, parts)─▶   └─────▶ StoreError ─ effect ─▶ NotApplied(Temporary | Permanent)
//!                                                              └──▶ Unknown
//! ```
//!
//! **Architecture Invariant:** a store makes one attempt for each call and never retries by itself. When to try again, and
//! for how long, is decided by the machine, which knows the ack wait and the shutdown deadline. What the store owes the
//! machine is honesty: `NotApplied` is said only when the object is certainly not there and will not appear later.

use std::error::Error as StdError;
use std::future::Future;

use bytes::Bytes;
use warehouse_sink_core::{Failure, Outcome};

use crate::parts::Parts;

#[cfg(not(madsim))]
#[allow(clippy::disallowed_methods, reason = "is not in the simulation")]
pub mod opendal;

/// How many bytes of a store's own words are kept in a [`StoreError`], so that a server that answers with a web page
/// cannot fill the log.
const MESSAGE_LIMIT: usize = 400;

/// A store of whole objects, each written once under its own key.
pub trait Store: Clone + Send + Sync + 'static {
    /// Makes one attempt to write the whole object. `Ok` means that it is durable: it survives a crash of this process and
    /// of the machine that it runs on, as far as the store promises that at all.
    ///
    /// Readers see the whole object or none. Writing the same bytes under the same key again is harmless.
    ///
    /// The future may be dropped at any time. The outcome is then unknown, and the store cleans up behind itself: a
    /// multipart upload is aborted, a temporary file removed.
    ///
    /// # Errors
    ///
    /// [`StoreError`], whose [`effect`](StoreError::effect) tells whether the object may be there all the same.
    fn put(&self, key: &str, body: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The same for an object whose parts are still being made. Readers see nothing of it before all of them are there: it is completed only
    /// after [`Parts::next`] has given none. Where that says [`Unfinished`](crate::parts::Unfinished), what was sent is taken back, and the
    /// object was not written.
    ///
    /// # Errors
    ///
    /// As [`put`](Store::put). Only the request that completes the object can have an unknown effect.
    fn put_parts(&self, key: &str, parts: Parts) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What a failed attempt did to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The object was not written and will not appear later.
    NotApplied(Failure),
    /// The object may be there, or may appear later: the answer was lost, or does not tell.
    Unknown,
}

/// Why an attempt to write an object failed. The text is one line of bounded length.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    effect: Effect,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// An error with this effect. The message is brought to one line and cut when it is long.
    pub fn new(effect: Effect, message: impl AsRef<str>) -> Self {
        StoreError { effect, message: one_line(message.as_ref()), source: None }
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the attempt did to the object.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The same in the machine's words.
    pub fn outcome(&self) -> Outcome {
        match self.effect {
            Effect::NotApplied(failure) => Outcome::Failed(failure),
            Effect::Unknown => Outcome::Unknown,
        }
    }
}

/// The text with its line breaks and runs of spaces made one space each, cut at [`MESSAGE_LIMIT`] bytes.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MESSAGE_LIMIT));
    for word in text.split_whitespace() {
        let space = usize::from(!line.is_empty());
        if line.len() + space + word.len() > MESSAGE_LIMIT {
            let room = MESSAGE_LIMIT.saturating_sub(line.len() + space);
            if space == 1 {
                line.push(' ');
            }
            line.push_str(&word[..word.floor_char_boundary(room)]);
            line.push('…');
            return line;
        }
        if space == 1 {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_bounded_line() {
        let error = StoreError::new(Effect::Unknown, "<html>\n  <h1>502\tBad Gateway</h1>\r\n</html>");
        assert_eq!(error.to_string(), "<html> <h1>502 Bad Gateway</h1> </html>");

        for text in ["é".repeat(10_000), "word ".repeat(10_000)] {
            let line = StoreError::new(Effect::Unknown, &text).to_string();
            assert!(line.len() <= MESSAGE_LIMIT + "…".len() + 1, "{} bytes", line.len());
            assert!(line.ends_with('…'));
        }
    }

    #[test]
    fn an_effect_is_an_outcome() {
        for (effect, outcome) in [
            (Effect::NotApplied(Failure::Temporary), Outcome::Failed(Failure::Temporary)),
            (Effect::NotApplied(Failure::Permanent), Outcome::Failed(Failure::Permanent)),
            (Effect::Unknown, Outcome::Unknown),
        ] {
            assert_eq!(StoreError::new(effect, "").outcome(), outcome);
        }
    }
}
