//! What must be true. The judge knows the stream, the store and what was commanded, and nothing of the machine's insides.

use warehouse_sink_core::Destination;

use crate::process::{Object, Row};
use crate::scenario::Scenario;
use crate::world::World;

/// What the machine promises, and the model checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promise {
    /// An ack, or a term, is sent for a message whose rows are all in the store; a term is for poison alone.
    StoredFirst,
    /// While a process could decode nothing, it terminates fewer messages than begin a hold.
    Held,
    /// Each delivery is settled once, and what is not settled is held.
    SettledOnce,
    /// Messages, bytes, open partitions and writes stay within their limits.
    Bounded,
    /// No delivery gets older than half of the ack wait, now or before the machine's next timeout.
    KeptAlive,
    /// No row is in two objects without a crash or a shutdown that cut its write off.
    NotTwice,
    /// Objects hold the rows that were delivered, sorted, and a name means the same rows for ever.
    Objects,
    /// At a shutdown's deadline nothing is held.
    Drained,
}

/// The rows of a message that have to be stored.
pub fn rows(scenario: &Scenario, message: u8) -> impl Iterator<Item = Row> {
    (0..).zip(&scenario.messages[usize::from(message)]).map(move |(index, _)| Row { message, index })
}

pub fn is_stored(world: &World, scenario: &Scenario, message: u8) -> bool {
    rows(scenario, message).all(|row| world.store.has(&row))
}

/// Judges an ack or a term at the moment at which it is sent.
pub fn settlement(world: &mut World, scenario: &Scenario, message: u8, term: bool) {
    if !is_stored(world, scenario, message) || term != scenario.is_poison(message) {
        world.breaks(Promise::StoredFirst);
    }
    if term && scenario.config.hold_after > 0 && !world.process.decoded {
        world.process.terminated.insert(message);
        if world.process.terminated.len() >= scenario.config.hold_after {
            world.breaks(Promise::Held);
        }
    }
}

/// Judges an object when its first write begins.
pub fn object(world: &mut World, scenario: &Scenario, object: &Object) {
    let belongs = |row: &Row| destination(scenario, row) == Some(&object.destination);
    let sorted = object.rows.is_sorted_by(|one, next| one < next);
    if object.rows.is_empty() || !sorted || !object.rows.iter().all(belongs) {
        world.breaks(Promise::Objects);
    }
}

fn destination<'a>(scenario: &'a Scenario, row: &Row) -> Option<&'a Destination<u8>> {
    scenario.messages[usize::from(row.message)].get(row.index as usize)
}

/// Judges the process once it has carried out all that the machine commanded.
pub fn after_commands(world: &mut World, scenario: &Scenario) {
    if !world.process.todo.is_empty() {
        return;
    }
    for (promise, kept) in [
        (Promise::SettledOnce, accounts(world)),
        (Promise::Bounded, bounded(world, scenario)),
        (Promise::KeptAlive, kept_alive(world, scenario)),
        (Promise::Drained, drained(world)),
    ] {
        if !kept {
            world.breaks(promise);
        }
    }
}

/// What was handed in is settled or held, each message under one delivery.
fn accounts(world: &World) -> bool {
    world.process.unsettled.len() == world.process.machine.stats().messages
}

fn bounded(world: &World, scenario: &Scenario) -> bool {
    let (stats, config) = (world.process.machine.stats(), &scenario.config);
    stats.messages <= config.max_messages
        && stats.bytes <= config.max_bytes
        && stats.open_partitions <= config.max_open_partitions
        && world.process.in_flight.len() <= config.max_concurrent_writes
}

fn kept_alive(world: &World, scenario: &Scenario) -> bool {
    let next = scenario.sabotage.timeout(world.process.machine.poll_timeout());
    world.process.unsettled.values().all(|unsettled| {
        let limit = unsettled.alive.saturating_add(scenario.config.ack_wait / 2);
        world.now <= limit && next.is_some_and(|next| next <= limit)
    })
}

/// At the deadline the machine is drained; and drained means that nothing is left.
fn drained(world: &World) -> bool {
    let process = &world.process;
    let drained = process.machine.is_drained();
    let empty = process.unsettled.is_empty() && process.kept.is_empty() && process.machine.poll_timeout().is_none();
    (drained || !process.is_past_deadline(world.now)) && (empty || !drained)
}
