//! The machine itself: its state, and the four things that are asked of it. Each part of it has a file:
//!
//! - `intake`: what a delivery becomes
//! - `open`: the batches that fill
//! - `writes`: the batches that are closed, and their attempts
//! - `held`: the messages that are neither settled nor given back
//! - `hold`: whether poison is given back instead of being terminated, because nothing can be decoded
//! - `settle`: the only place that settles
//! - `written`: what was written, so that a redelivery is not
//! - `pacing`: what happens because time passed

mod held;
mod hold;
mod intake;
mod open;
mod pacing;
mod settle;
mod writes;
mod written;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use held::Held;
use hold::Watch;
use open::OpenBatches;
use writes::Writes;
use written::Written;

use crate::{Command, Config, ConfigError, Event, MessageId, Timestamp};

/// The state machine. See the [crate's documentation](crate) for how it is driven.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine<P, R> {
    config: Config,
    held: Held,
    open: OpenBatches<P, R>,
    writes: Writes<P, R>,
    written: Written,
    commands: VecDeque<Command<P, R>>,
    /// When held deliveries are next looked through for those that need a progress ack.
    next_progress: Timestamp,
    shutdown: Option<Timestamp>,
    /// Messages that were given back because their write failed or poison is held, and that this process has not stored since.
    unstored: BTreeSet<MessageId>,
    /// Messages that were not taken in, or held no more, since the event began.
    turned_away: BTreeSet<MessageId>,
    watch: Watch,
    abandoned: u64,
}

/// How much may be fetched now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capacity {
    /// Messages.
    pub messages: usize,
    /// Bytes.
    pub bytes: u64,
}

/// What the machine holds, for metrics and logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stats {
    /// Messages held: buffered or being written.
    pub messages: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Batches that are filling.
    pub open_partitions: usize,
    /// Writes that run now.
    pub writes_in_flight: usize,
    /// Closed batches that wait for a slot or for their next attempt.
    pub writes_waiting: usize,
    /// Messages given back because the shutdown's deadline came.
    pub abandoned_messages: u64,
    /// The hold, while there is one.
    pub hold: Option<Hold>,
}

/// A hold: messages that can't be decoded are given back, and none is terminated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// Why it holds.
    pub cause: HoldCause,
    /// How many messages were looked at for that.
    pub messages: usize,
    /// How many of them are poison.
    pub poison: usize,
    /// The stream sequence of the first of these.
    pub first_sequence: u64,
    /// Messages given back so far, each counted once as far as this process remembers them.
    pub given_back: u64,
}

/// Why poison is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldCause {
    /// Nothing at all could be decoded since the start: [`Config::hold_after`].
    NothingDecoded,
    /// Too many of the last messages could not be decoded: [`Config::hold_share`].
    Share,
}

impl<P: Clone + Ord, R> Machine<P, R> {
    /// A machine that holds nothing.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the limit which the machine could not work with.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Machine {
            held: Held::new(),
            open: OpenBatches::new(),
            writes: Writes::new(),
            written: Written::new(config.max_remembered),
            commands: VecDeque::new(),
            next_progress: Timestamp::ZERO,
            shutdown: None,
            unstored: BTreeSet::new(),
            turned_away: BTreeSet::new(),
            watch: Watch::default(),
            abandoned: 0,
            config,
        })
    }

    /// Takes an event in. It cannot fail: whatever happened, happened.
    ///
    /// `now` must not be earlier than at the call before. Drain [`Machine::poll_command`] before the next call.
    pub fn handle_event(&mut self, now: Timestamp, event: Event<P, R>) {
        match event {
            Event::Fetched(deliveries) => self.take_in(now, deliveries),
            Event::Exhausted => self.close_for_the_server(),
            Event::FlushTick => {}
            Event::UploadResult { batch, outcome } => self.finish_write(now, batch, outcome),
            Event::Shutdown { deadline } => {
                self.writes.wake_all();
                self.shutdown = Some(self.shutdown.map_or(deadline, |earlier| earlier.min(deadline)));
            }
        }
        self.advance(now);
    }

    /// The next command. Call it until it gives None, after each event.
    pub fn poll_command(&mut self) -> Option<Command<P, R>> {
        self.commands.pop_front()
    }

    /// When to send the next [`Event::FlushTick`], if nothing else happens before. Ask again after each event.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let flush = self.open.oldest().map(|opened_at| opened_at.saturating_add(self.config.flush_interval));
        let retry = self.writes.next_retry();
        let progress = (!self.held.is_empty()).then_some(self.next_progress);
        let deadline = self.shutdown.filter(|_| !self.is_drained());
        [flush, retry, progress, deadline].into_iter().flatten().min()
    }

    /// How much may be fetched now, over what was already asked for and not yet handed in; nothing after a shutdown began.
    pub fn capacity(&self) -> Capacity {
        if self.shutdown.is_some() {
            return Capacity::default();
        }
        Capacity {
            messages: self.config.max_messages.min(self.config.max_ack_pending).saturating_sub(self.held.len()),
            bytes: self.config.max_bytes.saturating_sub(self.held.bytes()),
        }
    }

    /// Whether a shutdown began and nothing is held any more: the process may stop once the commands are carried out.
    pub fn is_drained(&self) -> bool {
        self.shutdown.is_some() && self.held.is_empty() && self.writes.is_empty() && self.open.is_empty()
    }

    /// How many messages were given back because their write failed or poison is held and, as far as this process knows, are not stored: those above this
    /// stream sequence. What was given back longest ago is forgotten, over the limit of what is remembered.
    pub fn unstored_above(&self, stream_sequence: u64) -> usize {
        let first = MessageId { stream_sequence: stream_sequence.saturating_add(1), published_at: i64::MIN };
        self.unstored.range(first..).count()
    }

    /// What is held now, and what was given back.
    pub fn stats(&self) -> Stats {
        Stats {
            messages: self.held.len(),
            bytes: self.held.bytes(),
            open_partitions: self.open.len(),
            writes_in_flight: self.writes.in_flight(),
            writes_waiting: self.writes.waiting(),
            abandoned_messages: self.abandoned,
            hold: self.watch.hold(),
        }
    }
}
