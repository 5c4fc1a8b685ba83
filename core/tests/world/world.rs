//! The world's state, and what each step and each command does to it.

use std::collections::BTreeSet;

use warehouse_sink_core::{
    BatchId, Command, Config, Delivery, DeliveryId, Destination, Event, Failure, Outcome, Timestamp,
};

use crate::checks;
use crate::process::Process;
use crate::server::{RowKey, Server, Settlement, State, wire_bytes};
use crate::steps::{How, RowSpec, Setup, Step};
use crate::store::{Object, Store};

type TestCommand = Command<u8, RowKey>;

pub struct World {
    setup: Setup,
    pub now: Timestamp,
    pub server: Server,
    pub store: Store,
    pub process: Process,
    /// Deliveries that the client has got and nobody has handed in.
    transit: Vec<Delivery<u8, RowKey>>,
    /// Writes that may still be applied, though nobody waits for them.
    late: Vec<Object>,
    settlements_to_lose: u32,
    published: usize,
    /// Rows that may be stored twice: a process came to its end in the midst of them.
    excused: BTreeSet<RowKey>,
    pub trace: Vec<String>,
}

impl World {
    pub fn new(setup: &Setup) -> Self {
        World {
            setup: setup.clone(),
            now: Timestamp::from_micros(1_000_000),
            server: Server::new(setup.config.ack_wait),
            store: Store::default(),
            process: Process::start(&setup.config),
            transit: Vec::new(),
            late: Vec::new(),
            settlements_to_lose: 0,
            published: 0,
            excused: BTreeSet::new(),
            trace: Vec::new(),
        }
    }

    pub fn config(&self) -> &Config {
        &self.setup.config
    }

    pub fn step(&mut self, step: &Step) {
        let Some(step) = self.setup.allow(step) else { return };
        match step {
            Step::Publish(rows) => self.publish(rows),
            Step::Fetch(most) => self.fetch(most),
            Step::HandIn { most, pick } => self.hand_in(most, pick),
            Step::Finish { pick, how } => self.finish(pick, how),
            Step::Wait(duration) => self.wait_until(self.now.saturating_add(duration)),
            Step::Jump(duration) => {
                self.now = self.now.saturating_add(duration);
                self.event(Event::FlushTick);
            }
            Step::LoseSettlements(count) => self.settlements_to_lose = count,
            Step::ApplyLate(pick) => self.apply_late(pick),
            Step::StaleResult(pick) => self.stale_result(pick),
            Step::LoseTail(keep) => self.server.lose_tail(keep),
            Step::JumpClock(seconds) => self.server.jump_clock(seconds),
            Step::Shutdown(left) => self.shut_down(self.now.saturating_add(left)),
            Step::Restart if self.process.machine.is_drained() => self.restart(),
            Step::Restart => {}
            Step::Crash => self.restart(),
        }
    }

    fn publish(&mut self, mut rows: Vec<RowSpec>) {
        if self.published < self.setup.poison_first {
            rows.iter_mut().for_each(|(destination, _)| *destination = Destination::DeadLetter);
        }
        self.published += 1;
        self.server.publish(self.now, rows);
    }

    /// The producer is mended.
    pub fn publish_good(&mut self) {
        self.server.publish(self.now, vec![(Destination::Partition(0), 1)]);
    }

    /// Pulls what the machine has capacity for, less what is on its way.
    pub fn fetch(&mut self, most: usize) {
        let capacity = self.process.machine.capacity();
        let bytes = |delivery: &Delivery<u8, RowKey>| wire_bytes(delivery.rows.as_slice().iter().map(|row| row.bytes));
        let bytes: u64 = self.transit.iter().map(bytes).sum();
        let messages = capacity.messages.saturating_sub(self.transit.len()).min(most);
        self.transit.extend(self.server.deliver(self.now, messages, capacity.bytes.saturating_sub(bytes)));
    }

    /// Hands in some deliveries, from a place that is picked on: fetchers overtake each other.
    pub fn hand_in(&mut self, most: usize, pick: usize) {
        let Some(place) = pick.checked_rem(self.transit.len()) else { return };
        self.transit.rotate_left(place);
        let deliveries: Vec<_> = self.transit.drain(..most.min(self.transit.len())).collect();
        for delivery in &deliveries {
            // Rows that were given up are written again with the next delivery, once the message is not held any more.
            if !self.process.ledger.holds(delivery.message) {
                self.process.given_up.retain(|row| row.message != delivery.message);
            }
            self.process.ledger.hand_in(self.now, delivery);
        }
        self.event(Event::Fetched(deliveries));
    }

    pub fn finish(&mut self, pick: usize, how: How) {
        let Some((batch, object)) = self.process.end_write(pick) else { return };
        let outcome = match how {
            How::Written => {
                self.put(&object);
                self.process.kept.remove(&batch);
                Outcome::Written
            }
            How::Temporary => Outcome::Failed(Failure::Temporary),
            How::Permanent => Outcome::Failed(Failure::Permanent),
            How::UnknownApplied | How::UnknownLost | How::UnknownLate => {
                self.process.maybe_applied.insert(batch);
                match how {
                    How::UnknownApplied => self.put(&object),
                    How::UnknownLate => self.late.push(object),
                    _ => {}
                }
                Outcome::Unknown
            }
        };
        self.event(Event::UploadResult { batch, outcome });
    }

    /// Lets time pass as the driver does.
    pub fn wait_until(&mut self, end: Timestamp) {
        while let Some(due) = self.process.machine.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.event(Event::FlushTick);
        }
        self.now = end;
        checks::check(self);
    }

    fn apply_late(&mut self, pick: usize) {
        let Some(place) = pick.checked_rem(self.late.len()) else { return };
        let object = self.late.remove(place);
        self.put(&object);
    }

    fn stale_result(&mut self, pick: u64) {
        if let Some(batch) = self.process.idle_batch(pick) {
            self.event(Event::UploadResult { batch, outcome: Outcome::Written });
        }
    }

    pub fn shut_down(&mut self, deadline: Timestamp) {
        self.process.deadline = Some(self.process.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        self.event(Event::Shutdown { deadline });
    }

    /// Starts a new process in the place of the old one, drained or not. What the client had is gone with it.
    pub fn restart(&mut self) {
        let kept = std::mem::take(&mut self.process.kept);
        for (batch, object) in kept {
            self.excused.extend(object.rows.iter().cloned());
            if self.process.in_flight.contains(&batch) {
                self.late.push(object);
            }
        }
        let is_done = |row: &&RowKey| self.server.get(row.message).is_none_or(|stored| stored.state == State::Done);
        self.excused.extend(self.store.rows().filter(|row| !is_done(row)).cloned());
        self.transit.clear();
        self.process = Process::start(&self.setup.config);
    }

    fn put(&mut self, object: &Object) {
        let twice = self.store.put(object);
        // A memory that is too small for the run writes twice, as is said of it.
        let remembers = self.setup.config.max_remembered >= 100_000;
        let unexplained: Vec<_> = twice.iter().filter(|row| remembers && !self.excused.contains(row)).collect();
        assert!(unexplained.is_empty(), "stored twice without a reason: {unexplained:?}");
    }

    /// Tells the machine, carries out its commands, and looks at everything.
    pub fn event(&mut self, event: Event<u8, RowKey>) {
        self.process.machine.handle_event(self.now, event);
        while let Some(command) = self.process.machine.poll_command() {
            self.trace.push(format!("{} {command:?}", self.now.as_micros()));
            self.run(command);
        }
        self.process.ledger.events += 1;
        checks::check(self);
    }

    fn run(&mut self, command: TestCommand) {
        match command {
            Command::Ack { delivery } => self.stored(delivery, false),
            Command::Term { delivery } => self.stored(delivery, true),
            Command::Nak { delivery, delay } => {
                let stops = self.process.deadline.is_some();
                assert_eq!(delay.is_zero(), stops, "at once while stopping, later otherwise");
                self.process.ledger.given_back(delivery);
                self.settle(delivery, Settlement::Nak(delay));
            }
            Command::Progress { delivery } => {
                self.process.ledger.kept_alive(self.now, delivery);
                self.settle(delivery, Settlement::Progress);
            }
            Command::Forget { delivery } => self.process.ledger.forgotten(delivery, &self.store),
            Command::Write(write) => self.process.write(*write),
            Command::Rewrite { batch } => self.process.rewrite(batch),
            Command::Discard { batch } => self.discard(batch),
        }
    }

    fn stored(&mut self, delivery: DeliveryId, term: bool) {
        self.process.ledger.settled(delivery, term, &self.store);
        self.settle(delivery, Settlement::Done);
    }

    fn settle(&mut self, delivery: DeliveryId, settlement: Settlement) {
        if self.settlements_to_lose > 0 {
            self.settlements_to_lose -= 1;
            return;
        }
        self.server.settle(self.now, delivery, settlement);
    }

    fn discard(&mut self, batch: BatchId) {
        let Some(object) = self.process.kept.remove(&batch) else { panic!("{batch:?} is not kept") };
        let in_flight = self.process.in_flight.contains(&batch);
        let maybe_applied = in_flight || self.process.maybe_applied.contains(&batch);
        if self.process.is_past_deadline(self.now) {
            self.excused.extend(object.rows.iter().filter(|_| maybe_applied).cloned());
        } else {
            assert!(!maybe_applied, "{batch:?} was given up, though its object may exist");
        }
        self.process.given_up.extend(object.rows.iter().cloned());
        if in_flight {
            self.process.in_flight.retain(|other| *other != batch);
            self.late.push(object);
        }
    }

    pub fn stop_losing_settlements(&mut self) {
        self.settlements_to_lose = 0;
    }
}
