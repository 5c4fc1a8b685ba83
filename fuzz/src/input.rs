//! Settings and steps from bytes: every input is a run, and a small change of an input is a small change of the run.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use warehouse_sink_core::{Backoff, Config, Destination};

use crate::steps::{How, RowSpec, Setup, Step};

/// Longer runs find nothing that shorter ones do not, and take longer.
const MOST_STEPS: usize = 300;

pub fn read(data: &[u8]) -> Result<(Setup, Vec<Step>)> {
    let mut bytes = Unstructured::new(data);
    let setup = setup(&mut bytes)?;
    let mut steps = Vec::new();
    while !bytes.is_empty() && steps.len() < MOST_STEPS {
        steps.push(step(&mut bytes)?);
    }
    Ok((setup, steps))
}

fn setup(bytes: &mut Unstructured) -> Result<Setup> {
    Ok(Setup {
        config: config(bytes)?,
        store_fails: bytes.arbitrary()?,
        store_unknown: bytes.arbitrary()?,
        settlements_lost: bytes.arbitrary()?,
        tail_lost: bytes.arbitrary()?,
        stops: bytes.arbitrary()?,
        jumps: bytes.arbitrary()?,
        poison_first: if bytes.ratio(1u8, 4u8)? { bytes.int_in_range(0..=59)? } else { 0 },
    })
}

/// Small limits, so that a short run meets all of them.
fn config(bytes: &mut Unstructured) -> Result<Config> {
    let max_batch_rows = bytes.int_in_range(1..=5)?;
    let max_batch_bytes = bytes.int_in_range(20..=99)?;
    let max_remembered = if bytes.ratio(4u8, 5u8)? { 100_000 } else { bytes.int_in_range(0..=19)? };
    Ok(Config {
        stream: "EVENTS".to_owned(),
        max_batch_rows,
        max_batch_bytes,
        flush_interval: Duration::from_secs(bytes.int_in_range(1..=119)?),
        max_messages: 2 * max_batch_rows + bytes.int_in_range(0..=11)?,
        // A message has up to four rows of up to 39 bytes, and has to fit.
        max_bytes: 2 * max_batch_bytes + bytes.int_in_range(160..=399)?,
        max_ack_pending: 100_000,
        max_open_partitions: bytes.int_in_range(1..=4)?,
        max_concurrent_writes: bytes.int_in_range(1..=3)?,
        max_write_attempts: bytes.int_in_range(1..=3)?,
        retry: Backoff { initial: Duration::from_millis(200), max: Duration::from_secs(20) },
        nak: Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(120) },
        ack_wait: Duration::from_secs(bytes.int_in_range(1..=29)?),
        dead_letter: bytes.arbitrary()?,
        // What was given back has to be remembered.
        hold_after: if max_remembered >= 100_000 { bytes.int_in_range(0..=7)? } else { 0 },
        hold_share: if bytes.ratio(1u8, 3u8)? { Some(bytes.int_in_range(0..=99)?) } else { None },
        max_remembered,
        jitter_seed: u64::from(bytes.arbitrary::<u8>()?),
    })
}

fn step(bytes: &mut Unstructured) -> Result<Step> {
    Ok(match bytes.int_in_range(0..=16u8)? {
        0..=2 => Step::Publish(rows(bytes)?),
        3 | 4 => Step::Fetch(bytes.int_in_range(1..=11)?),
        5 | 6 => Step::HandIn { most: bytes.int_in_range(1..=11)?, pick: pick(bytes)? },
        7 | 8 => Step::Finish { pick: pick(bytes)?, how: how(bytes)? },
        9 => Step::Wait(millis(bytes, 20_000)?),
        10 => Step::Jump(millis(bytes, 90_000)?),
        11 => Step::LoseSettlements(bytes.int_in_range(1..=5)?),
        12 => Step::ApplyLate(pick(bytes)?),
        13 => Step::StaleResult(u64::from(bytes.arbitrary::<u8>()?)),
        14 => Step::LoseTail(bytes.arbitrary()?),
        15 => Step::JumpClock(bytes.int_in_range(-100..=100i64)?),
        _ => end(bytes)?,
    })
}

fn end(bytes: &mut Unstructured) -> Result<Step> {
    Ok(match bytes.int_in_range(0..=2u8)? {
        0 => Step::Shutdown(millis(bytes, 60_000)?),
        1 => Step::Restart,
        _ => Step::Crash,
    })
}

/// No row at all, or up to four; mostly one.
fn rows(bytes: &mut Unstructured) -> Result<Vec<RowSpec>> {
    let count = bytes.int_in_range(0..=9u8)?.saturating_sub(5);
    let count = if count == 0 && bytes.ratio(9u8, 10u8)? { 1 } else { count };
    (0..count).map(|_| row(bytes)).collect()
}

fn row(bytes: &mut Unstructured) -> Result<RowSpec> {
    let destination = match bytes.int_in_range(0..=6)? {
        6 => Destination::DeadLetter,
        partition => Destination::Partition(partition),
    };
    Ok((destination, bytes.int_in_range(0..=39)?))
}

fn how(bytes: &mut Unstructured) -> Result<How> {
    let all = [
        How::Written,
        How::Written,
        How::Temporary,
        How::Permanent,
        How::UnknownApplied,
        How::UnknownLost,
        How::UnknownLate,
    ];
    bytes.choose(&all).copied()
}

fn pick(bytes: &mut Unstructured) -> Result<usize> {
    Ok(usize::from(bytes.arbitrary::<u8>()?))
}

fn millis(bytes: &mut Unstructured, most: u64) -> Result<Duration> {
    Ok(Duration::from_millis(bytes.int_in_range(0..=most)?))
}
