//! Object names against a reference that was written anew from their description.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a check that fails panics")]

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use warehouse_sink_core::{
    Backoff, Command, Config, Delivery, DeliveryId, Destination, Event, Machine, MessageId, Row, Rows, Timestamp, Write,
};

fn config(stream: &str) -> Config {
    let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(60) };
    Config {
        stream: stream.to_owned(),
        max_batch_rows: 1000,
        max_batch_bytes: 1000,
        flush_interval: Duration::from_secs(60),
        max_messages: 10_000,
        max_bytes: 10_000,
        max_ack_pending: 100_000,
        max_open_partitions: 10,
        max_concurrent_writes: 10,
        max_write_attempts: 3,
        retry: backoff,
        nak: backoff,
        ack_wait: Duration::from_secs(30),
        dead_letter: true,
        hold_after: 0,
        hold_share: None,
        max_remembered: 1000,
        jitter_seed: 0,
    }
}

/// The one write that a process makes of these messages of two rows each, when they arrive in this order.
fn write(stream: &str, messages: &[MessageId]) -> Write<u8, (MessageId, u32)> {
    let row = |payload| Row { destination: Destination::Partition(0), payload, bytes: 1 };
    let deliveries = (0..).zip(messages).map(|(id, &message)| {
        let rows = Rows::Many(vec![row((message, 0)), row((message, 1))]);
        Delivery { id: DeliveryId(id), message, delivery_count: 1, rows }
    });
    let mut machine = Machine::new(config(stream)).unwrap();
    machine.handle_event(Timestamp::ZERO, Event::Fetched(deliveries.collect()));
    machine.handle_event(Timestamp::from_micros(60_000_000), Event::FlushTick);
    let mut writes = std::iter::from_fn(|| machine.poll_command()).filter_map(|command| match command {
        Command::Write(write) => Some(*write),
        _ => None,
    });
    writes.next().unwrap()
}

/// The name as `ObjectName` describes it.
fn reference(stream: &str, mut messages: Vec<MessageId>) -> String {
    messages.sort();
    let mut bytes = Vec::new();
    bytes.extend((stream.len() as u64).to_le_bytes());
    bytes.extend(stream.bytes());
    for message in &messages {
        for index in 0..2u32 {
            bytes.extend(message.stream_sequence.to_le_bytes());
            bytes.extend(message.published_at.to_le_bytes());
            bytes.extend(index.to_le_bytes());
        }
    }
    let digest: String = Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let (first, last) = (messages[0].stream_sequence, messages[messages.len() - 1].stream_sequence);
    format!("{first:020}-{last:020}-{digest}")
}

fn messages() -> impl Strategy<Value = BTreeSet<MessageId>> {
    let message = (any::<u64>(), any::<i64>())
        .prop_map(|(stream_sequence, published_at)| MessageId { stream_sequence, published_at });
    prop::collection::btree_set(message, 1..40)
}

fn settings() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn the_order_of_arrival_changes_neither_name_nor_rows(
        (sorted, shuffled) in messages().prop_flat_map(|messages| {
            let sorted: Vec<MessageId> = messages.into_iter().collect();
            (Just(sorted.clone()), Just(sorted).prop_shuffle())
        }),
        stream in "[A-Z_]{1,20}",
    ) {
        let first = write(&stream, &sorted);
        let second = write(&stream, &shuffled);
        prop_assert_eq!(first.name.as_str(), reference(&stream, shuffled));
        prop_assert_eq!(&first.name, &second.name);
        prop_assert_eq!(&first.rows, &second.rows);
        let order: Vec<_> = second.rows.iter().map(|row| (row.message, row.index)).collect();
        prop_assert!(order.is_sorted());
        prop_assert!(second.rows.iter().all(|row| row.payload == (row.message, row.index)));
    }
}
