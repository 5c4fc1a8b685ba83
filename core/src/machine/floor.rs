//! The floor: where an ack settles its message and all before it, what is written waits here for what is not.
//!
//! ```text
//!            acked ──┐  ┌── what wait: in the order of the stream, each settled or not
//!   1  2  3  4  5  6 │  7  8✓ 9  10✓ 11✓ 12
//!                    └── the floor goes up when 7 is settled: to 8, with one ack
//! ```
//!
//! That the floor may go up to a message needs more than that all which were delivered before it are written: none may have been
//! delivered to another process, or lost on the way. The source promises that for each epoch. What contradicts it, closes the epoch: nothing
//! of it is acked any more, and all comes again in the next one.

use std::collections::VecDeque;
use std::time::Duration;

use super::Machine;
use crate::{Delivery, DeliveryId, MessageId, Timestamp};

/// A message's place among all that were ever waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(u64);

/// Where a delivery goes.
pub(super) enum Entered {
    /// It is settled alone: every ack is of its message alone, or the message comes again from below the floor.
    Alone,
    /// It waits for the floor.
    At(Place),
    /// It needs nothing more.
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Floor {
    max_waiting: usize,
    epoch: u64,
    /// The place of the first that waits. Places are never used twice, so that one of an earlier epoch finds nothing.
    first: u64,
    waiting: VecDeque<Waiting>,
    /// The newest stream sequence of the epoch.
    newest: Option<u64>,
    /// Nothing more of this epoch is taken in.
    closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    message: MessageId,
    /// The newest delivery. None once it was given back, until the message comes again.
    delivery: Option<DeliveryId>,
    settled: bool,
    /// When the server last restarted the delivery's ack wait, as far as this process knows.
    alive_since: Timestamp,
}

/// What a delivery is to the floor.
enum Arrival {
    /// It waits here; an earlier delivery of its message is of no more use.
    Waits { place: Place, settled: bool, superseded: Option<DeliveryId> },
    /// Its message was settled before, in this epoch.
    Below,
    /// It can't be where it is, if nothing is missing.
    Refused,
}

impl Floor {
    pub fn new(max_waiting: usize) -> Self {
        Floor { max_waiting, epoch: 0, first: 0, waiting: VecDeque::new(), newest: None, closed: false }
    }

    /// The number of messages that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    fn enter(&mut self, now: Timestamp, id: DeliveryId, message: MessageId, delivery_count: u64) -> Arrival {
        if self.closed {
            return Arrival::Refused;
        }
        let sequence = message.stream_sequence;
        let is_new = self.newest.is_none_or(|newest| sequence > newest);
        if is_new != (delivery_count == 1) {
            return self.refuse();
        }
        if is_new {
            self.newest = Some(sequence);
            let place = Place(self.first + self.waiting.len() as u64);
            self.waiting.push_back(Waiting { message, delivery: Some(id), settled: false, alive_since: now });
            return Arrival::Waits { place, settled: false, superseded: None };
        }
        match self.waiting.binary_search_by_key(&sequence, |waiting| waiting.message.stream_sequence) {
            Err(0) => Arrival::Below,
            Ok(index) if self.waiting[index].message == message => {
                let waiting = &mut self.waiting[index];
                waiting.alive_since = now;
                let place = Place(self.first + index as u64);
                Arrival::Waits { place, settled: waiting.settled, superseded: waiting.delivery.replace(id) }
            }
            _ => self.refuse(),
        }
    }

    fn refuse(&mut self) -> Arrival {
        self.closed = true;
        Arrival::Refused
    }

    fn get_mut(&mut self, place: Place) -> Option<&mut Waiting> {
        let index = place.0.checked_sub(self.first)?;
        self.waiting.get_mut(usize::try_from(index).ok()?)
    }

    /// The message is settled. One that was given back comes again before it is.
    pub fn settle(&mut self, place: Place) {
        if let Some(waiting) = self.get_mut(place) {
            waiting.settled = waiting.delivery.is_some();
        }
    }

    /// Takes the delivery away, so that the message holds the floor back until it comes again.
    pub fn take(&mut self, place: Place) -> Option<DeliveryId> {
        self.get_mut(place)?.delivery.take()
    }

    /// Lets go of the first message, if it is settled; gives its delivery.
    pub fn next_settled(&mut self) -> Option<DeliveryId> {
        let delivery = self.waiting.front().filter(|waiting| waiting.settled)?.delivery;
        self.waiting.pop_front();
        self.first += 1;
        delivery
    }

    /// Those that are to be kept alive.
    pub fn alive(&mut self) -> impl Iterator<Item = (DeliveryId, &mut Timestamp)> {
        self.waiting.iter_mut().filter_map(|waiting| Some((waiting.delivery?, &mut waiting.alive_since)))
    }

    /// Whether more wait behind this place than one row may hold back.
    fn is_held_back_by(&self, place: Place) -> bool {
        let behind = place.0.checked_sub(self.first).map(|index| self.waiting.len() as u64 - index);
        behind.is_some_and(|behind| behind > (self.max_waiting / 2) as u64)
    }

    /// Lets go of all that wait; gives the deliveries.
    fn clear(&mut self) -> impl Iterator<Item = DeliveryId> + use<> {
        self.first += self.waiting.len() as u64;
        self.newest = None;
        std::mem::take(&mut self.waiting).into_iter().filter_map(|waiting| waiting.delivery)
    }
}

impl<P: Clone + Ord, R> Machine<P, R> {
    /// Lets go of the deliveries that the server has taken back: those of an earlier epoch.
    pub(super) fn begin_epoch(&mut self, epoch: u64) {
        let Some(floor) = &mut self.floor else { return };
        floor.epoch = epoch;
        floor.closed = false;
        self.forget_all_that_wait();
    }

    fn forget_all_that_wait(&mut self) {
        let waiting: Vec<_> = self.floor.iter_mut().flat_map(Floor::clear).collect();
        waiting.into_iter().for_each(|delivery| self.forget(delivery));
    }

    /// Gives a delivery its place above the floor, where there is one.
    pub(super) fn enter(&mut self, now: Timestamp, delivery: &Delivery<P, R>) -> Entered {
        let Some(floor) = &mut self.floor else { return Entered::Alone };
        if delivery.epoch != floor.epoch {
            self.forget(delivery.id);
            return Entered::Done;
        }
        match floor.enter(now, delivery.id, delivery.message, delivery.delivery_count) {
            Arrival::Below => Entered::Alone,
            Arrival::Waits { place, settled, superseded } => {
                if let Some(superseded) = superseded {
                    self.forget(superseded);
                }
                if settled { Entered::Done } else { Entered::At(place) }
            }
            Arrival::Refused => {
                if self.shutdown.is_some() {
                    self.give_back(delivery.id, None, Duration::ZERO);
                } else {
                    self.forget(delivery.id);
                }
                Entered::Done
            }
        }
    }

    /// Closes the batches whose first row has let enough messages pass. Without it, a partition with few messages would hold the floor
    /// back for a flush interval, and fetching would stop when no more may wait.
    pub(super) fn close_what_holds_the_floor_back(&mut self) {
        let Some(floor) = &self.floor else { return };
        let mut closed = Vec::new();
        while let Some(place) = self.open.oldest_message().and_then(|message| self.held.place(message))
            && floor.is_held_back_by(place)
        {
            closed.extend(self.open.close_oldest());
        }
        closed.into_iter().for_each(|closed| self.enqueue(closed));
    }

    /// Lets go of what is written and could not be acked, for something before it is not: the process stops. It comes again.
    pub(super) fn leave_the_floor(&mut self) {
        let Some(floor) = &mut self.floor else { return };
        floor.closed = true;
        self.forget_all_that_wait();
    }
}
