//! A naive JetStream: one stream, one durable consumer with explicit acks and unlimited deliveries.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use warehouse_sink_core::{Delivery, DeliveryId, Destination, MessageId, Row, Rows, Timestamp};

use crate::steps::RowSpec;

/// A row as the machine carries it: it knows where it came from and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    pub message: MessageId,
    pub index: u32,
    pub destination: Destination<u8>,
}

#[derive(Debug)]
pub struct Stored {
    pub id: MessageId,
    pub rows: Vec<RowSpec>,
    pub state: State,
    deliveries: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be delivered from this moment on.
    Ready { at: Timestamp },
    /// Delivered; to be delivered again from this moment on.
    Pending { until: Timestamp },
    /// Acked or terminated.
    Done,
}

/// What the driver tells the server about a delivery.
#[derive(Clone, Copy, Debug)]
pub enum Settlement {
    Done,
    Nak(Duration),
    Progress,
}

pub struct Server {
    ack_wait: Duration,
    stream: BTreeMap<u64, Stored>,
    next_sequence: u64,
    /// How far the server's wall clock is from the world's, in nanoseconds.
    clock: i64,
    /// No two messages have the same time.
    published: BTreeSet<i64>,
    handles: BTreeMap<DeliveryId, MessageId>,
    next_delivery: u64,
}

/// A message with these rows. One with several takes less than they do, so that more comes than there is room for.
pub fn wire_bytes(rows: impl Iterator<Item = u64>) -> u64 {
    rows.max().unwrap_or(0)
}

impl Stored {
    pub fn keys(&self) -> impl Iterator<Item = RowKey> {
        let message = self.id;
        (0..).zip(&self.rows).map(move |(index, (destination, _))| RowKey {
            message,
            index,
            destination: destination.clone(),
        })
    }

    fn bytes(&self) -> u64 {
        wire_bytes(self.rows.iter().map(|(_, bytes)| *bytes))
    }

    fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Ready { at } => Some(at),
            State::Pending { until } => Some(until),
            State::Done => None,
        }
    }
}

impl Server {
    pub fn new(ack_wait: Duration) -> Self {
        Server {
            ack_wait,
            stream: BTreeMap::new(),
            next_sequence: 1,
            clock: 0,
            published: BTreeSet::new(),
            handles: BTreeMap::new(),
            next_delivery: 0,
        }
    }

    pub fn publish(&mut self, now: Timestamp, rows: Vec<RowSpec>) {
        let mut published_at = now.as_micros() as i64 * 1000 + self.clock;
        while !self.published.insert(published_at) {
            published_at += 1;
        }
        let id = MessageId { stream_sequence: self.next_sequence, published_at };
        self.next_sequence += 1;
        let state = State::Ready { at: now };
        self.stream.insert(id.stream_sequence, Stored { id, rows, state, deliveries: 0 });
    }

    /// Delivers what is due, in the order of the stream, within the limits of a pull request.
    pub fn deliver(&mut self, now: Timestamp, messages: usize, mut bytes: u64) -> Vec<Delivery<u8, RowKey>> {
        let mut delivered = Vec::new();
        for stored in self.stream.values_mut().filter(|stored| stored.due().is_some_and(|due| due <= now)) {
            if delivered.len() == messages || stored.bytes() > bytes {
                break;
            }
            bytes -= stored.bytes();
            stored.deliveries += 1;
            stored.state = State::Pending { until: now.saturating_add(self.ack_wait) };
            let id = DeliveryId(self.next_delivery);
            self.next_delivery += 1;
            self.handles.insert(id, stored.id);
            delivered.push(delivery(id, stored));
        }
        delivered
    }

    /// Hears of a settlement. One of a message that is gone is ignored.
    pub fn settle(&mut self, now: Timestamp, delivery: DeliveryId, settlement: Settlement) {
        let message = self.handles[&delivery];
        let Some(stored) = self.stream.get_mut(&message.stream_sequence) else { return };
        if stored.id != message || !matches!(stored.state, State::Pending { .. }) {
            return;
        }
        stored.state = match settlement {
            Settlement::Done => State::Done,
            Settlement::Nak(delay) => State::Ready { at: now.saturating_add(delay) },
            Settlement::Progress => State::Pending { until: now.saturating_add(self.ack_wait) },
        };
    }

    /// Keeps the first `keep` of 256 parts of the stream; the sequences of the rest are used again.
    pub fn lose_tail(&mut self, keep: u8) {
        let last = (self.next_sequence - 1) * u64::from(keep) / 256;
        self.stream.split_off(&(last + 1));
        self.next_sequence = last + 1;
    }

    /// Moves the wall clock: a later message may have an earlier time.
    pub fn jump_clock(&mut self, seconds: i64) {
        self.clock += seconds * 1_000_000_000;
    }

    pub fn messages(&self) -> impl Iterator<Item = &Stored> {
        self.stream.values()
    }

    pub fn get(&self, message: MessageId) -> Option<&Stored> {
        self.stream.get(&message.stream_sequence).filter(|stored| stored.id == message)
    }

    pub fn all_done(&self) -> bool {
        self.stream.values().all(|stored| stored.state == State::Done)
    }

    /// When the next message is due, if one is to be delivered.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.stream.values().filter_map(Stored::due).min()
    }
}

fn delivery(id: DeliveryId, stored: &Stored) -> Delivery<u8, RowKey> {
    let row = |(payload, (destination, bytes)): (RowKey, &RowSpec)| Row {
        destination: destination.clone(),
        payload,
        bytes: *bytes,
    };
    let mut rows: Vec<_> = stored.keys().zip(&stored.rows).map(row).collect();
    let rows = match rows.len() {
        1 => Rows::One(rows.remove(0)),
        _ => Rows::Many(rows),
    };
    Delivery { id, message: stored.id, delivery_count: stored.deliveries, rows }
}
