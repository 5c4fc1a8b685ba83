//! Whether all comes to a good end once nothing fails any more: asked of every state that is reached.

use crate::judge;
use crate::scenario::Scenario;
use crate::world::{How, World};

const TURNS: usize = 100;

/// Runs a copy of the world without faults, and says whether everything gets stored and settled.
pub fn heals(world: &World, scenario: &Scenario) -> bool {
    let mut world = world.clone();
    for _ in 0..TURNS {
        if world.broken.is_some() {
            return false;
        }
        if is_done(&world, scenario) {
            return true;
        }
        if !turn(&mut world, scenario) {
            return false;
        }
    }
    false
}

/// Everything is stored and settled, and the process holds nothing.
pub fn is_done(world: &World, scenario: &Scenario) -> bool {
    let done = |(message, stored): (u8, &crate::server::Message)| {
        stored.is_done() && judge::is_stored(world, scenario, message)
    };
    let idle = world.process.todo.is_empty() && world.process.machine.stats().messages == 0;
    idle && (0..).zip(&world.stream).all(done)
}

/// Does the first thing that can be done; false if nothing can.
fn turn(world: &mut World, scenario: &Scenario) -> bool {
    let deliverable = world.deliverable(scenario);
    if !world.process.todo.is_empty() {
        world.run(scenario, false);
    } else if world.process.machine.is_drained() {
        world.restart(scenario);
    } else if let Some(batch) = world.process.in_flight.first().copied() {
        world.finish(scenario, batch, How::Written);
    } else if !deliverable.is_empty() {
        world.fetch(scenario, &deliverable);
    } else {
        return wait(world, scenario);
    }
    true
}

/// Waits for the next thing that is due, as the driver does.
fn wait(world: &mut World, scenario: &Scenario) -> bool {
    let now = world.now;
    let timeout = scenario.sabotage.timeout(world.process.machine.poll_timeout());
    let redelivery = world.stream.iter().filter_map(|message| message.due()).filter(|due| *due > now).min();
    let Some(next) = [timeout, redelivery].into_iter().flatten().min() else { return false };
    if timeout.is_some_and(|timeout| timeout <= next) {
        world.tick(scenario, next.max(now));
    } else {
        world.now = next;
    }
    true
}
