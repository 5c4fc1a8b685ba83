use std::time::Duration;

use crate::Backoff;

/// Every limit and delay of the machine. [`Machine::new`](crate::Machine::new) checks them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// The stream's name, part of every object's name.
    pub stream: String,
    /// A batch is closed at this many rows.
    pub max_batch_rows: usize,
    /// A batch is closed before its rows' bytes would exceed this; a single larger row is a batch of its own.
    pub max_batch_bytes: u64,
    /// A batch is closed this long after its first row arrived.
    pub flush_interval: Duration,
    /// At most this many messages are held. More than this are never asked for.
    pub max_messages: usize,
    /// At most this many bytes are held, by the same rule. Where rows take more than their messages, one message may exceed it;
    /// those that come while it does are given back.
    pub max_bytes: u64,
    /// At most this many batches are open at a time, the dead letter's included.
    pub max_open_partitions: usize,
    /// At most this many writes run at a time.
    pub max_concurrent_writes: usize,
    /// A batch is given back after this many attempts that failed for certain and for the time being.
    pub max_write_attempts: u32,
    /// The delay between two attempts of one batch.
    pub retry: Backoff,
    /// The delay of a nak; it grows with the message's delivery count.
    pub nak: Backoff,
    /// The consumer's ack wait: a held delivery gets a progress ack before half of it has passed.
    pub ack_wait: Duration,
    /// The consumer's max ack pending: with this many messages un-settled, the server delivers no new one. Other replicas may have some
    /// of them: see [`Event::Exhausted`](crate::Event::Exhausted).
    pub max_ack_pending: usize,
    /// Whether poison is stored before it is terminated. Without it, poison is terminated at once and gone.
    pub dead_letter: bool,
    /// With so many poison messages since the start, and none that could be decoded, poison is given back instead: it *holds*. 0 for
    /// never. It is also how many messages are judged at a time by `hold_share`.
    pub hold_after: usize,
    /// Once something was decoded, holds while more than this share of the new messages is poison, in percent; None for never.
    pub hold_share: Option<u8>,
    /// How many written messages are remembered, so that a redelivery of one is acked and not written again.
    pub max_remembered: usize,
    /// Seeds the jitter. Replicas should differ in it.
    pub jitter_seed: u64,
}

/// A setting that the machine cannot work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The setting must be more than zero.
    #[error("{setting} must be more than zero")]
    Zero {
        /// The field of [`Config`].
        setting: &'static str,
    },
    /// A limit would never be reached, because a wider one ends first.
    #[error("{narrow} ({narrow_value}) must be at most {of} of {wide} ({wide_value})")]
    Exceeds {
        /// The field that is too large.
        narrow: &'static str,
        /// Its value.
        narrow_value: u64,
        /// The share of the wider limit that it may have.
        of: &'static str,
        /// The field that limits it.
        wide: &'static str,
        /// Its value.
        wide_value: u64,
    },
    /// The ack wait is so short that progress acks could not keep a delivery alive.
    #[error("ack_wait ({ack_wait:?}) must be at least {least:?}: progress acks could not keep a delivery alive", least = Config::MIN_ACK_WAIT)]
    AckWaitTooShort {
        /// The ack wait that was asked for.
        ack_wait: Duration,
    },
}

impl Config {
    /// The shortest ack wait that progress acks can serve. They are sent at a quarter of it, and a quarter of a second
    /// is what a loaded process and a network may take.
    pub const MIN_ACK_WAIT: Duration = Duration::from_secs(1);

    /// The most rows that are written at a time.
    pub(crate) fn max_rows_in_flight(&self) -> usize {
        self.max_concurrent_writes.saturating_mul(self.max_batch_rows)
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let nonzero = [
            ("max_batch_rows", self.max_batch_rows == 0),
            ("max_batch_bytes", self.max_batch_bytes == 0),
            ("flush_interval", self.flush_interval.is_zero()),
            ("max_open_partitions", self.max_open_partitions == 0),
            ("max_concurrent_writes", self.max_concurrent_writes == 0),
            ("max_ack_pending", self.max_ack_pending == 0),
            ("max_write_attempts", self.max_write_attempts == 0),
            ("retry.initial", self.retry.initial.is_zero()),
            ("retry.max", self.retry.max.is_zero()),
            ("nak.initial", self.nak.initial.is_zero()),
            ("nak.max", self.nak.max.is_zero()),
        ];
        if let Some((setting, _)) = nonzero.iter().find(|(_, zero)| *zero) {
            return Err(ConfigError::Zero { setting });
        }
        at_most_half(("max_batch_rows", self.max_batch_rows as u64), ("max_messages", self.max_messages as u64))?;
        at_most_half(("max_batch_bytes", self.max_batch_bytes), ("max_bytes", self.max_bytes))?;
        if self.ack_wait < Self::MIN_ACK_WAIT {
            return Err(ConfigError::AckWaitTooShort { ack_wait: self.ack_wait });
        }
        Ok(())
    }
}

/// At least half of the budget fills while the rest is written: a batch that needs more than half might never fill.
fn at_most_half(narrow: (&'static str, u64), wide: (&'static str, u64)) -> Result<(), ConfigError> {
    if narrow.1 <= wide.1 / 2 {
        return Ok(());
    }
    Err(ConfigError::Exceeds { narrow: narrow.0, narrow_value: narrow.1, of: "half", wide: wide.0, wide_value: wide.1 })
}
