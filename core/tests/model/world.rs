//! The state that is searched, and what each step does to it. The judge stands in `judge.rs`.

use std::collections::BTreeSet;

use warehouse_sink_core::{
    BatchId, Command, Delivery, DeliveryId, Event, Failure, Outcome, Row as CoreRow, Rows, Timestamp,
};

use crate::judge::{self, Promise};
use crate::process::{Object, Process, Row};
use crate::scenario::{Budget, Scenario};
use crate::server::{Message, Put, State, Store};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub now: Timestamp,
    pub left: Budget,
    pub stream: Vec<Message>,
    pub store: Store,
    pub process: Process,
    /// Writes that may still be applied, though nobody waits for them.
    pub late: BTreeSet<Object>,
    /// Rows that may be stored twice: a process came to its end in the midst of them.
    pub excused: BTreeSet<Row>,
    /// The first promise that was broken. Nothing happens after that.
    pub broken: Option<Promise>,
}

/// How a write ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Written,
    Temporary,
    Permanent,
    /// Applied, but the answer was lost.
    UnknownApplied,
    /// Not applied by now. It may be, at any later moment, or never.
    UnknownLate,
}

impl World {
    pub fn new(scenario: &Scenario) -> Self {
        World {
            now: Timestamp::from_micros(1_000_000),
            left: scenario.budget,
            stream: vec![Message::new(); scenario.messages.len()],
            store: Store::default(),
            process: Process::start(scenario),
            late: BTreeSet::new(),
            excused: BTreeSet::new(),
            broken: None,
        }
    }

    pub fn breaks(&mut self, promise: Promise) {
        self.broken.get_or_insert(promise);
    }

    /// Messages that the server may deliver now, within the process's capacity.
    pub fn deliverable(&self, scenario: &Scenario) -> Vec<u8> {
        let capacity = scenario.sabotage.capacity(self.process.machine.capacity().messages);
        self.due().take(capacity).collect()
    }

    /// Messages that the server may deliver now.
    pub fn due(&self) -> impl Iterator<Item = u8> {
        let due = |message: &Message| message.due().is_some_and(|due| due <= self.now);
        (0..).zip(&self.stream).filter(move |(_, message)| due(message)).map(|(message, _)| message)
    }

    /// The server delivers these messages, and a fetcher hands them in.
    pub fn fetch(&mut self, scenario: &Scenario, messages: &[u8]) {
        let deliveries = messages.iter().map(|message| self.deliver(scenario, *message)).collect();
        self.event(scenario, Event::Fetched(deliveries));
    }

    fn deliver(&mut self, scenario: &Scenario, message: u8) -> Delivery<u8, Row> {
        let stored = &mut self.stream[usize::from(message)];
        stored.deliveries += 1;
        stored.state = State::Pending { until: self.now.saturating_add(scenario.config.ack_wait) };
        let id = scenario.delivery(message, stored.deliveries);
        self.process.decoded |= scenario.config.hold_after > 0 && !scenario.is_poison(message);
        self.process.unsettled.insert(id, crate::process::Unsettled { message, alive: self.now });
        let rows = (0..).zip(&scenario.messages[usize::from(message)]);
        let rows = rows.map(|(index, destination)| CoreRow {
            destination: destination.clone(),
            payload: Row { message, index },
            bytes: 1,
        });
        let mut rows: Vec<_> = rows.collect();
        let rows = if rows.len() == 1 { Rows::One(rows.remove(0)) } else { Rows::Many(rows) };
        Delivery { id, message: scenario.id(message), delivery_count: u64::from(stored.deliveries), rows }
    }

    pub fn finish(&mut self, scenario: &Scenario, batch: BatchId, how: How) {
        let Some(object) = self.process.kept.get(&batch).cloned() else { return };
        let outcome = match how {
            How::Written => {
                self.put(&object);
                Outcome::Written
            }
            How::Temporary => Outcome::Failed(Failure::Temporary),
            How::Permanent => Outcome::Failed(Failure::Permanent),
            How::UnknownApplied | How::UnknownLate => {
                self.process.maybe_applied.insert(batch);
                if how == How::UnknownApplied {
                    self.put(&object);
                } else {
                    self.late.insert(object);
                }
                Outcome::Unknown
            }
        };
        let event = scenario.sabotage.event(Event::UploadResult { batch, outcome }, &self.process.in_flight);
        self.process.in_flight.remove(&batch);
        if outcome == Outcome::Written {
            self.process.kept.remove(&batch);
        }
        self.event(scenario, event);
    }

    /// Time passes, and the driver sends a tick.
    pub fn tick(&mut self, scenario: &Scenario, now: Timestamp) {
        self.now = now;
        self.event(scenario, Event::FlushTick);
    }

    pub fn apply_late(&mut self, place: usize) {
        let Some(object) = self.late.iter().nth(place).cloned() else { return };
        self.late.remove(&object);
        self.put(&object);
    }

    pub fn shut_down(&mut self, scenario: &Scenario, deadline: Timestamp) {
        self.process.deadline = Some(deadline);
        let event = scenario.sabotage.event(Event::Shutdown { deadline }, &self.process.in_flight);
        self.event(scenario, event);
    }

    /// A new process takes the place of the old one, which was drained or died.
    pub fn restart(&mut self, scenario: &Scenario) {
        let process = std::mem::replace(&mut self.process, Process::start(scenario));
        for (batch, object) in process.kept {
            self.excused.extend(&object.rows);
            if process.in_flight.contains(&batch) {
                self.late.insert(object);
            }
        }
        for (message, _) in (0..).zip(&self.stream).filter(|(_, stored)| !stored.is_done()) {
            let rows = judge::rows(scenario, message).filter(|row| self.store.has(row));
            self.excused.extend(rows);
        }
    }

    fn put(&mut self, object: &Object) {
        match self.store.put(object) {
            Put::Stored { twice } if twice.iter().all(|row| self.excused.contains(row)) => {}
            Put::Stored { .. } => self.breaks(Promise::NotTwice),
            Put::Clash => self.breaks(Promise::Objects),
        }
    }

    fn event(&mut self, scenario: &Scenario, event: Event<u8, Row>) {
        self.process.machine.handle_event(self.now, event);
        while let Some(command) = self.process.machine.poll_command() {
            self.process.todo.extend(scenario.sabotage.command(command));
        }
        self.run_ahead(scenario);
    }

    /// Carries out the next command. If its message to the server is lost, only the server does not know.
    pub fn run(&mut self, scenario: &Scenario, lost: bool) {
        if let Some(command) = self.process.todo.pop_front() {
            self.carry_out(scenario, command, lost);
        }
        self.run_ahead(scenario);
    }

    /// Carries out commands up to the next that is a step of its own. To crash before a write begins is the same as to crash
    /// after that with the write never applied; progress acks are never lost here, but pauses have the same effect.
    fn run_ahead(&mut self, scenario: &Scenario) {
        let ahead = |next: &mut Command<u8, Row>| {
            matches!(next, Command::Write(_) | Command::Rewrite { .. } | Command::Progress { .. })
        };
        while let Some(command) = self.process.todo.pop_front_if(ahead) {
            self.carry_out(scenario, command, false);
        }
        judge::after_commands(self, scenario);
    }

    fn carry_out(&mut self, scenario: &Scenario, command: Command<u8, Row>, lost: bool) {
        match command {
            Command::Ack { delivery } => self.stored(scenario, delivery, false, lost),
            Command::Term { delivery } => self.stored(scenario, delivery, true, lost),
            Command::Nak { delivery, delay } => {
                let at = self.now.saturating_add(delay);
                self.settle(delivery, State::Ready { at }, lost);
            }
            Command::Forget { delivery } => {
                self.take(delivery);
            }
            Command::Progress { delivery } => self.keep_alive(scenario, delivery),
            Command::Write(write) => {
                let rows = write.rows.into_iter().map(|row| row.payload).collect();
                let object = Object { destination: write.destination, name: write.name, rows };
                judge::object(self, scenario, &object);
                let unused = self.process.kept.insert(write.batch, object).is_none();
                self.begin(write.batch, unused);
            }
            Command::Rewrite { batch } => self.begin(batch, self.process.kept.contains_key(&batch)),
            Command::Discard { batch } => self.discard(batch),
        }
    }

    fn begin(&mut self, batch: BatchId, allowed: bool) {
        if !self.process.in_flight.insert(batch) || !allowed {
            self.breaks(Promise::Objects);
        }
    }

    fn stored(&mut self, scenario: &Scenario, delivery: DeliveryId, term: bool, lost: bool) {
        if let Some(unsettled) = self.process.unsettled.get(&delivery) {
            judge::settlement(self, scenario, unsettled.message, term);
        }
        self.settle(delivery, State::Done, lost);
    }

    fn settle(&mut self, delivery: DeliveryId, state: State, lost: bool) {
        if let Some(message) = self.take(delivery)
            && !lost
        {
            self.stream[usize::from(message)].settle(state);
        }
    }

    /// Takes a delivery out of the books, which can be done once.
    fn take(&mut self, delivery: DeliveryId) -> Option<u8> {
        let unsettled = self.process.unsettled.remove(&delivery);
        if unsettled.is_none() {
            self.breaks(Promise::SettledOnce);
        }
        unsettled.map(|unsettled| unsettled.message)
    }

    fn keep_alive(&mut self, scenario: &Scenario, delivery: DeliveryId) {
        let until = self.now.saturating_add(scenario.config.ack_wait);
        match self.process.unsettled.get_mut(&delivery) {
            Some(unsettled) => {
                unsettled.alive = self.now;
                self.stream[usize::from(unsettled.message)].settle(State::Pending { until });
            }
            None => self.breaks(Promise::SettledOnce),
        }
    }

    fn discard(&mut self, batch: BatchId) {
        let Some(object) = self.process.kept.remove(&batch) else { return self.breaks(Promise::Objects) };
        let in_flight = self.process.in_flight.remove(&batch);
        let maybe_applied = in_flight || self.process.maybe_applied.contains(&batch);
        if maybe_applied && self.process.is_past_deadline(self.now) {
            self.excused.extend(&object.rows);
        }
        if in_flight {
            self.late.insert(object);
        }
    }
}
