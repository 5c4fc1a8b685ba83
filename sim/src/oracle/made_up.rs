//! Histories made by hand.

use std::sync::Arc;
use std::time::Duration;

use warehouse_sink_core::{Destination, MessageId, Outcome, Timestamp};
use warehouse_sink_jetstream_model::{Reply, Verdict};

use super::{Oracle, watch};
use crate::event::{Event, EventRow, StoredRow};
use crate::history::{Bounds, Happening, ProcessId};

/// What an oracle says of a history: how often it was evaluated, or what is wrong.
pub fn judged<O: Oracle + Default>(history: &[Happening]) -> Result<u64, String> {
    let history: Vec<_> = history.iter().map(|happening| (0, happening.clone())).collect();
    judged_at::<O>(&history)
}

/// The same, with the seconds at which things happened.
pub fn judged_at<O: Oracle + Default>(history: &[(u64, Happening)]) -> Result<u64, String> {
    let at = |seconds: &u64| Timestamp::from_micros(seconds * 1_000_000);
    let history: Vec<_> = history.iter().map(|(seconds, happening)| (at(seconds), happening.clone())).collect();
    let judgement = watch(O::default(), &history);
    judgement.violation.map_or(Ok(judgement.evaluated), |violation| Err(violation.text))
}

pub fn message(sequence: u64) -> MessageId {
    MessageId { stream_sequence: sequence, published_at: 1000 * sequence.cast_signed() }
}

fn reply(sequence: u64, count: u64) -> Reply {
    Reply { message: message(sequence), consumer_sequence: sequence * 10 + count, delivery_count: count, pending: 0 }
}

fn destination(partition: u8) -> Destination<u8> {
    if partition == 255 { Destination::DeadLetter } else { Destination::Partition(partition) }
}

pub fn start(process: u32) -> Happening {
    let bounds = Bounds {
        messages: 4,
        bytes: 1000,
        open_partitions: 2,
        writes: 2,
        batch_rows: 3,
        flush_interval: Duration::from_secs(2),
        ack_wait: Duration::from_secs(4),
        shutdown: Duration::from_secs(1),
        stop: Duration::from_secs(5),
        dead_letter: true,
        remembers: true,
        hold_after: 2,
    };
    Happening::Started { process: ProcessId(process), bounds }
}

pub fn ended(process: u32) -> Happening {
    Happening::Ended { process: ProcessId(process), abandoned: 0, unsent: 0 }
}

/// A message of one row for this partition.
pub fn published(sequence: u64, partition: u8) -> Happening {
    let row = EventRow { destination: destination(partition), padding: 7 };
    Happening::Published { message: message(sequence), event: Arc::new(Event { number: sequence, rows: vec![row] }) }
}

pub fn dropped(sequence: u64) -> Happening {
    Happening::Dropped { message: message(sequence) }
}

pub fn ack_wait_over(sequence: u64) -> Happening {
    Happening::AckWaitOver { message: message(sequence) }
}

pub fn handed(process: u32, sequence: u64) -> Happening {
    handed_again(process, sequence, 1)
}

pub fn handed_again(process: u32, sequence: u64, count: u64) -> Happening {
    Happening::Handed { process: ProcessId(process), reply: reply(sequence, count), consumer: 0, bytes: 10 }
}

pub fn settling(process: u32, sequence: u64, verdict: Verdict) -> Happening {
    settling_again(process, sequence, 1, verdict)
}

pub fn settling_again(process: u32, sequence: u64, count: u64, verdict: Verdict) -> Happening {
    Happening::Settling { process: ProcessId(process), reply: reply(sequence, count), verdict }
}

pub fn received(process: u32, sequence: u64, verdict: Verdict) -> Happening {
    let settled = Some(message(sequence));
    Happening::Received { process: ProcessId(process), reply: reply(sequence, 1), verdict, settled }
}

/// Messages and the partitions of their rows, in an object of the first one's partition.
fn rows(rows: &[(u64, u8)]) -> (String, Arc<[StoredRow]>) {
    let key = format!("{:03}/{rows:?}", rows[0].1);
    let row = |(sequence, partition): &(u64, u8)| StoredRow {
        message: message(*sequence),
        index: 0,
        number: *sequence,
        destination: destination(*partition),
        padding: 7,
    };
    (key, rows.iter().map(row).collect())
}

/// A put that has its process's number.
pub fn put_begun(process: u32, of: &[(u64, u8)]) -> Happening {
    let (key, rows) = rows(of);
    Happening::PutBegun { process: ProcessId(process), put: u64::from(process), key, rows }
}

pub fn put_ended(process: u32, outcome: Outcome) -> Happening {
    Happening::PutEnded { process: ProcessId(process), put: u64::from(process), outcome: Some(outcome) }
}

pub fn durable(of: &[(u64, u8)]) -> Happening {
    durable_by(0, of)
}

pub fn durable_by(process: u32, of: &[(u64, u8)]) -> Happening {
    let (key, rows) = rows(of);
    Happening::Durable { key, rows, put: u64::from(process) }
}
