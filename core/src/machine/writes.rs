//! The batches that are closed: waiting for a free slot, being written, or waiting for their next attempt.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::open::ClosedBatch;
use crate::backoff::dice;
use crate::{BatchId, Command, Config, Destination, Failure, MessageId, ObjectName, Outcome, Timestamp, Write};

/// One row of a batch: its message, and its place among the message's rows.
pub(super) type Member = (MessageId, u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writes<P, R> {
    batches: BTreeMap<BatchId, Batch<P, R>>,
    /// What may start as soon as a slot is free, first come first served.
    ready: VecDeque<BatchId>,
    /// What waits for its next attempt, by the time of it.
    backing_off: BTreeSet<(Timestamp, BatchId)>,
    in_flight: usize,
    next_batch: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Batch<P, R> {
    members: Vec<Member>,
    state: State<P, R>,
    /// Attempts that came to an end.
    attempts: u32,
    /// An attempt ended without an answer, so the object may exist. Such a batch is never given back while the process
    /// lives: its messages would come again in other batches, and their rows be stored twice.
    maybe_applied: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<P, R> {
    /// Never tried: the rows are still here.
    New(Box<Write<P, R>>),
    /// Tried before, to be tried again when its turn comes.
    Retry,
    InFlight,
    BackingOff,
}

/// What became of a batch.
pub(super) enum Ended {
    /// All its rows are stored.
    Written(Vec<Member>),
    /// None of its rows is stored, and no more attempts are made.
    GivenUp(Vec<Member>),
}

impl<P: PartialEq, R> Writes<P, R> {
    pub fn new() -> Self {
        Writes {
            batches: BTreeMap::new(),
            ready: VecDeque::new(),
            backing_off: BTreeSet::new(),
            in_flight: 0,
            next_batch: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The number of writes that run now.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The number of batches that wait: for a slot, or for their next attempt.
    pub fn waiting(&self) -> usize {
        self.batches.len() - self.in_flight
    }

    /// The rows of all batches.
    pub fn rows(&self) -> usize {
        self.batches.values().map(|batch| batch.members.len()).sum()
    }

    /// Whether a batch that is queued now starts at once.
    pub fn has_free_slot(&self, config: &Config) -> bool {
        self.in_flight + self.ready.len() < config.max_concurrent_writes
    }

    /// Queues a closed batch.
    pub fn enqueue(&mut self, closed: ClosedBatch<P, R>, stream: &str) {
        let ClosedBatch { destination, mut rows, bytes, opened_at } = closed;
        // Parallel fetchers interleave. In order, the same rows have the same name and the same bytes.
        rows.sort_by_key(|row| (row.message, row.index));
        let batch = BatchId(self.next_batch);
        self.next_batch += 1;
        let members = rows.iter().map(|row| (row.message, row.index)).collect();
        let name = ObjectName::of(stream, &rows);
        let write = Box::new(Write { batch, destination, name, rows, bytes, opened_at });
        let state = State::New(write);
        self.batches.insert(batch, Batch { members, state, attempts: 0, maybe_applied: false });
        self.ready.push_back(batch);
    }

    /// Starts the next write, if one is ready and a slot is free.
    pub fn start_next(&mut self, config: &Config) -> Option<Command<P, R>> {
        if self.in_flight >= config.max_concurrent_writes {
            return None;
        }
        let id = self.ready.pop_front()?;
        let batch = self.batches.get_mut(&id)?;
        self.in_flight += 1;
        match std::mem::replace(&mut batch.state, State::InFlight) {
            State::New(write) => Some(Command::Write(write)),
            _ => Some(Command::Rewrite { batch: id }),
        }
    }

    /// Takes the result of a write. A result for a batch that is not being written is ignored: it was given up.
    pub fn finish(&mut self, now: Timestamp, id: BatchId, outcome: Outcome, config: &Config) -> Option<Ended> {
        let batch = self.batches.get_mut(&id).filter(|batch| matches!(batch.state, State::InFlight))?;
        self.in_flight -= 1;
        batch.attempts = batch.attempts.saturating_add(1);
        let again = match outcome {
            Outcome::Written => return self.remove(id).map(Ended::Written),
            Outcome::Unknown => {
                batch.maybe_applied = true;
                true
            }
            Outcome::Failed(_) if batch.maybe_applied => true,
            Outcome::Failed(Failure::Temporary) => batch.attempts < config.max_write_attempts,
            Outcome::Failed(Failure::Permanent) => false,
        };
        if !again {
            return self.remove(id).map(Ended::GivenUp);
        }
        batch.state = State::BackingOff;
        let retry = u64::from(batch.attempts - 1);
        let delay = config.retry.delay(retry, dice(config.jitter_seed, id.0.rotate_left(32) ^ retry));
        self.backing_off.insert((now.saturating_add(delay), id));
        None
    }

    /// Drops the batches of dead letters that were never tried, which the driver does not know of, if all of their messages are withdrawn.
    /// Gives these, once for each row.
    pub fn withdraw_dead_letters(&mut self, is_withdrawn: impl Fn(MessageId) -> bool) -> Vec<MessageId> {
        let is_one = |batch: &Batch<P, R>| match &batch.state {
            State::New(write) if write.destination == Destination::DeadLetter => {
                batch.members.iter().all(|(message, _)| is_withdrawn(*message))
            }
            _ => false,
        };
        let ids: BTreeSet<BatchId> =
            self.batches.iter().filter(|(_, batch)| is_one(batch)).map(|(id, _)| *id).collect();
        self.ready.retain(|id| !ids.contains(id));
        let members = ids.into_iter().filter_map(|id| self.remove(id)).flatten();
        members.map(|(message, _)| message).collect()
    }

    fn remove(&mut self, id: BatchId) -> Option<Vec<Member>> {
        self.batches.remove(&id).map(|batch| batch.members)
    }

    /// When the next attempt of a failed batch is due.
    pub fn next_retry(&self) -> Option<Timestamp> {
        self.backing_off.first().map(|(at, _)| *at)
    }

    /// Makes ready what has waited long enough.
    pub fn wake(&mut self, now: Timestamp) {
        while let Some(&(at, id)) = self.backing_off.first() {
            if at > now {
                return;
            }
            self.backing_off.pop_first();
            if let Some(batch) = self.batches.get_mut(&id) {
                batch.state = State::Retry;
                self.ready.push_back(id);
            }
        }
    }

    /// Makes ready all that waits for its next attempt: a shutdown has no time to wait.
    pub fn wake_all(&mut self) {
        self.wake(Timestamp::MAX);
    }

    /// Gives up everything; names the batches that the driver knows of.
    pub fn abandon(&mut self) -> Vec<BatchId> {
        let started = |batch: &Batch<P, R>| !matches!(batch.state, State::New(_));
        let known = self.batches.iter().filter(|(_, batch)| started(batch)).map(|(id, _)| *id).collect();
        *self = Writes { next_batch: self.next_batch, ..Self::new() };
        known
    }
}

#[cfg(test)]
impl<P, R> Writes<P, R> {
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.batches.values().flat_map(|batch| &batch.members)
    }

    /// The number of batches in each state, which must agree with the queues and the count of slots.
    pub fn queues_agree(&self) -> bool {
        let count =
            |wanted: fn(&State<P, R>) -> bool| self.batches.values().filter(|batch| wanted(&batch.state)).count();
        count(|state| matches!(state, State::New(_) | State::Retry)) == self.ready.len()
            && count(|state| matches!(state, State::BackingOff)) == self.backing_off.len()
            && count(|state| matches!(state, State::InFlight)) == self.in_flight
    }
}
