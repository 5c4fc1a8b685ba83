//! The end of every run: nothing fails any more, and the producer sends what can be decoded, so everything has to be stored and settled.

use std::time::Duration;

use warehouse_sink_core::{Destination, Timestamp};

use crate::steps::How;
use crate::world::World;

const ROUNDS: usize = 5_000;

pub fn heal(world: &mut World) {
    world.stop_losing_settlements();
    for _ in 0..ROUNDS {
        turn(world);
        if world.process.machine.stats().hold.is_some() {
            world.publish_good();
        }
        if world.server.all_done() && world.process.machine.stats().messages == 0 {
            return finished(world);
        }
        let next = [world.process.machine.poll_timeout(), world.server.next_due()].into_iter().flatten().min();
        // What is due by now but not delivered waits for capacity, and that for a write.
        let soon = world.now.saturating_add(Duration::from_millis(100));
        world.wait_until(next.map_or(soon, |next: Timestamp| next.max(soon)));
    }
    let left = world.server.messages().filter(|stored| stored.state != crate::server::State::Done).count();
    panic!("{left} messages are still not settled; held: {:?}", world.process.machine.stats());
}

/// All that can be done at this moment.
fn turn(world: &mut World) {
    if world.process.machine.is_drained() {
        world.restart();
    }
    world.fetch(usize::MAX);
    world.hand_in(usize::MAX, 0);
    while !world.process.in_flight.is_empty() {
        world.finish(0, How::Written);
    }
}

fn finished(world: &mut World) {
    let dead_letter = world.config().dead_letter;
    for stored in world.server.messages() {
        for row in stored.keys().filter(|row| dead_letter || row.destination != Destination::DeadLetter) {
            assert!(world.store.has(&row), "{row:?} is lost");
        }
    }
    world.shut_down(world.now.saturating_add(Duration::from_secs(60)));
    assert!(world.process.machine.is_drained());
}
