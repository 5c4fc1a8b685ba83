//! What is true after every event.

use std::collections::BTreeSet;

use warehouse_sink_core::Destination;

use crate::server::RowKey;
use crate::steps::MAX_MESSAGE_BYTES;
use crate::world::World;

pub fn check(world: &mut World) {
    accounts(world);
    bounds(world);
    kept_alive(world);
    flushed_in_time(world);
    drained(world);
    timeout_is_ahead(world);
}

/// What was handed in is settled or held.
fn accounts(world: &World) {
    let ledger = &world.process.ledger;
    assert_eq!(ledger.handed_in, ledger.settled + ledger.unsettled.len());
    assert_eq!(ledger.unsettled.len(), world.process.machine.stats().messages);
    let distinct: BTreeSet<_> = ledger.unsettled.values().map(|unsettled| unsettled.message).collect();
    assert_eq!(distinct.len(), ledger.unsettled.len(), "a message is held under two deliveries");
}

fn bounds(world: &World) {
    let stats = world.process.machine.stats();
    let config = world.config();
    assert!(stats.messages <= config.max_messages, "{stats:?}");
    assert!(stats.bytes <= config.max_bytes + MAX_MESSAGE_BYTES, "{stats:?}");
    assert!(stats.open_partitions <= config.max_open_partitions, "{stats:?}");
    assert!(stats.writes_in_flight <= config.max_concurrent_writes, "{stats:?}");
    assert_eq!(stats.writes_in_flight, world.process.in_flight.len());
}

/// No delivery is older than half of the ack wait, now or before the machine's next timeout.
fn kept_alive(world: &World) {
    let limit = world.config().ack_wait / 2;
    for (delivery, unsettled) in &world.process.ledger.unsettled {
        assert!(world.now.since(unsettled.alive) <= limit, "{delivery:?} was not kept alive");
        let next = world.process.machine.poll_timeout();
        assert!(next.is_some_and(|next| next <= unsettled.alive.saturating_add(limit)), "{delivery:?} will not be");
    }
}

/// A row is in a write before the flush interval is over and, once a shutdown began, at once; unless every slot is taken.
fn flushed_in_time(world: &mut World) {
    let rows = waiting(world);
    let now = world.now;
    world.process.waiting.retain(|row, _| rows.contains(row));
    for row in rows {
        world.process.waiting.entry(row).or_insert(now);
    }
    if world.process.in_flight.len() == world.config().max_concurrent_writes {
        return;
    }
    for (row, since) in &world.process.waiting {
        assert!(world.process.deadline.is_none(), "{row:?} is not in a write, and the process stops");
        assert!(now.since(*since) < world.config().flush_interval, "{row:?} is not in a write");
        let next = world.process.machine.poll_timeout();
        let due = since.saturating_add(world.config().flush_interval);
        assert!(next.is_some_and(|next| next <= due), "{row:?} will not be in a write in time");
    }
}

/// The rows of held messages that are not in a write, were not given up, and are not stored. Where poison can be held, dead letters may have been
/// withdrawn from their batch.
fn waiting(world: &World) -> BTreeSet<RowKey> {
    let process = &world.process;
    let in_write: BTreeSet<&RowKey> = process.kept.values().flat_map(|object| &object.rows).collect();
    let held = process.ledger.unsettled.values().flat_map(|unsettled| process.ledger.wanted(unsettled.message));
    let stays = |row: &&RowKey| world.config().hold_after == 0 || row.destination != Destination::DeadLetter;
    held.filter(stays)
        .filter(|row| !in_write.contains(row) && !process.given_up.contains(row) && !world.store.has(row))
        .cloned()
        .collect()
}

/// At the deadline everything is settled; and drained means that.
fn drained(world: &World) {
    let machine = &world.process.machine;
    if world.process.is_past_deadline(world.now) {
        assert!(machine.is_drained(), "the deadline is over");
    }
    if machine.is_drained() {
        let stats = machine.stats();
        let left = (stats.messages, stats.bytes, stats.open_partitions, stats.writes_in_flight, stats.writes_waiting);
        assert_eq!(left, (0, 0, 0, 0, 0));
        assert!(world.process.ledger.unsettled.is_empty() && world.process.kept.is_empty());
        assert_eq!(machine.poll_timeout(), None);
    }
    if world.process.deadline.is_some() {
        assert_eq!(machine.capacity().messages, 0);
    }
}

/// A timeout that is over already would have the driver spin.
fn timeout_is_ahead(world: &World) {
    assert!(world.process.machine.poll_timeout().is_none_or(|due| due > world.now));
}
