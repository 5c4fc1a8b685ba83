//! The world as a Stateright model: what may happen next, and what is asked of every state.

use stateright::{Model, Property};
use warehouse_sink_core::{BatchId, Command, Timestamp};

use crate::healing;
use crate::judge::{self, Promise};
use crate::process::Process;
use crate::scenario::{Scenario, TICK};
use crate::server::Message;
use crate::world::{How, World};

/// One thing that may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server delivers these messages.
    Fetch(Vec<u8>),
    Finish(BatchId, How),
    Tick,
    /// The process stands still for longer than the ack wait, or nothing happens for so long.
    Pause,
    /// The next command is carried out.
    Run,
    /// The next command is carried out, and the server never hears of it.
    Lose,
    ApplyLate(usize),
    Shutdown,
    Restart,
    Crash,
}

impl Scenario {
    /// While commands are left the process does nothing else, but it may die before each of them.
    fn commands(&self, world: &World, steps: &mut Vec<Step>) {
        steps.push(Step::Run);
        let next = world.process.todo.front();
        let settles = matches!(next, Some(Command::Ack { .. } | Command::Term { .. } | Command::Nak { .. }));
        if settles && world.left.lost_settlements > 0 {
            steps.push(Step::Lose);
        }
    }

    fn fetches(&self, world: &World, steps: &mut Vec<Step>) {
        let fresh = |message: &u8| world.stream[usize::from(*message)].deliveries < self.budget.deliveries;
        let all: Vec<u8> = world.deliverable(self).into_iter().filter(fresh).collect();
        // What was on its way when the shutdown began is handed in all the same.
        let single = !all.is_empty() || world.process.deadline.is_some();
        steps.extend(world.due().filter(|_| single).filter(fresh).map(|message| Step::Fetch(vec![message])));
        if all.len() > 1 {
            steps.push(Step::Fetch(all));
        }
    }

    fn finishes(&self, world: &World, steps: &mut Vec<Step>) {
        for batch in &world.process.in_flight {
            let mut finish = |how| steps.push(Step::Finish(*batch, how));
            finish(How::Written);
            if world.left.failures > 0 {
                finish(How::Temporary);
                finish(How::Permanent);
            }
            if world.left.unknowns > 0 {
                finish(How::UnknownApplied);
                finish(How::UnknownLate);
            }
        }
    }

    fn time_and_ends(&self, world: &World, steps: &mut Vec<Step>) {
        if world.process.machine.is_drained() {
            steps.push(Step::Restart);
        }
        let expires = |due: Timestamp| due > world.now;
        let redelivery = world.stream.iter().filter_map(Message::due).any(expires);
        // Where nothing is awaited, time brings nothing but states that differ by the time alone.
        if world.left.ticks > 0 && (redelivery || world.process.machine.poll_timeout().is_some()) {
            steps.push(Step::Tick);
        }
        if world.left.pauses > 0 && redelivery {
            steps.push(Step::Pause);
        }
        if world.left.shutdowns > 0 && world.process.deadline.is_none() {
            steps.push(Step::Shutdown);
        }
    }

    fn take(&self, world: &mut World, step: Step) {
        match step {
            Step::Fetch(messages) => world.fetch(self, &messages),
            Step::Finish(batch, how) => {
                match how {
                    How::Written => {}
                    How::Temporary | How::Permanent => world.left.failures -= 1,
                    How::UnknownApplied | How::UnknownLate => world.left.unknowns -= 1,
                }
                world.finish(self, batch, how);
            }
            Step::Tick => {
                world.left.ticks -= 1;
                world.tick(self, world.now.saturating_add(TICK));
            }
            Step::Pause => {
                world.left.pauses -= 1;
                world.now = world.now.saturating_add(self.config.ack_wait);
            }
            Step::Run => world.run(self, false),
            Step::Lose => {
                world.left.lost_settlements -= 1;
                world.run(self, true);
            }
            Step::ApplyLate(place) => world.apply_late(place),
            Step::Shutdown => {
                world.left.shutdowns -= 1;
                world.shut_down(self, world.now.saturating_add(TICK));
            }
            Step::Restart => world.restart(self),
            Step::Crash => {
                world.left.crashes -= 1;
                world.restart(self);
            }
        }
    }

    fn keeps(world: &World, promise: Promise) -> bool {
        world.broken != Some(promise)
    }
}

impl Model for Scenario {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.broken.is_some() {
            return;
        }
        // The crash of a process that has done nothing yet changes nothing.
        if world.left.crashes > 0 && world.process != Process::start(self) {
            steps.push(Step::Crash);
        }
        if !world.process.todo.is_empty() {
            return self.commands(world, steps);
        }
        self.fetches(world, steps);
        self.finishes(world, steps);
        self.time_and_ends(world, steps);
        steps.extend((0..world.late.len()).map(Step::ApplyLate));
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut world = world.clone();
        self.take(&mut world, step);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = promises();
        properties.extend(examples());
        properties
    }
}

/// What must hold in every state.
fn promises() -> Vec<Property<Scenario>> {
    vec![
        Property::always("stored first", |_, world: &World| Scenario::keeps(world, Promise::StoredFirst)),
        Property::always("held", |_, world: &World| Scenario::keeps(world, Promise::Held)),
        Property::always("settled once", |_, world: &World| Scenario::keeps(world, Promise::SettledOnce)),
        Property::always("bounded", |_, world: &World| Scenario::keeps(world, Promise::Bounded)),
        Property::always("kept alive", |_, world: &World| Scenario::keeps(world, Promise::KeptAlive)),
        Property::always("not twice", |_, world: &World| Scenario::keeps(world, Promise::NotTwice)),
        Property::always("objects", |_, world: &World| Scenario::keeps(world, Promise::Objects)),
        Property::always("drained", |_, world: &World| Scenario::keeps(world, Promise::Drained)),
        Property::always("nothing lost", |scenario: &Scenario, world: &World| {
            let mut done = (0..).zip(&world.stream).filter(|(_, message)| message.is_done());
            done.all(|(message, _)| judge::is_stored(world, scenario, message))
        }),
        Property::always("heals", |scenario, world: &World| world.broken.is_some() || healing::heals(world, scenario)),
    ]
}

/// States that must be reached: a search that meets none of the dangers would prove nothing.
fn examples() -> Vec<Property<Scenario>> {
    vec![
        Property::sometimes("all is stored and settled", |scenario, world| healing::is_done(world, scenario)),
        Property::sometimes("stored, and the process died before the ack", |scenario: &Scenario, world: &World| {
            let fresh = world.process.unsettled.is_empty() && world.left.crashes < scenario.budget.crashes;
            let mut stored =
                (0..).zip(&world.stream).filter(|(message, _)| judge::is_stored(world, scenario, *message));
            fresh && stored.any(|(_, message)| !message.is_done())
        }),
        Property::sometimes("written again under the same name", |_, world: &World| {
            let kept = |batch| world.process.kept.get(batch);
            world.process.in_flight.iter().filter_map(kept).any(|object| world.store.has_object(object))
        }),
        Property::sometimes("delivered again while it is written", |_, world: &World| {
            matches!(world.process.todo.front(), Some(Command::Forget { .. })) && !world.process.in_flight.is_empty()
        }),
        Property::sometimes("a write is given up", |_, world: &World| {
            matches!(world.process.todo.front(), Some(Command::Discard { .. })) && world.process.deadline.is_none()
        }),
        Property::sometimes("the deadline comes in the midst of a write", |_, world: &World| {
            world.process.is_past_deadline(world.now) && !world.process.in_flight.is_empty()
        }),
        Property::sometimes("poison is held", |_, world: &World| world.process.machine.stats().hold.is_some()),
        Property::sometimes("a row is stored twice for a reason", |_, world: &World| world.store.has_twice()),
    ]
}
