//! Drives a machine as the driver does, with a clock that a test moves.

use std::time::Duration;

use super::invariants::check;
use crate::{
    Backoff, BatchId, Command, Config, Delivery, DeliveryId, Destination, Event, Failure, Machine, MessageId, Outcome,
    Row, Rows, Timestamp,
};

pub type TestMachine = Machine<&'static str, String>;
pub type TestCommand = Command<&'static str, String>;
pub type TestDelivery = Delivery<&'static str, String>;

pub const TEMPORARY: Outcome = Outcome::Failed(Failure::Temporary);
pub const PERMANENT: Outcome = Outcome::Failed(Failure::Permanent);
pub const FLUSH: Duration = Duration::from_secs(60);
/// The dead letter, as a destination in [`row`] and in the text of a command.
pub const DEAD: &str = "dead";

/// Limits that no test meets by accident.
pub fn config() -> Config {
    Config {
        stream: "EVENTS".to_owned(),
        max_batch_rows: 100,
        max_batch_bytes: 100_000,
        flush_interval: FLUSH,
        max_messages: 10_000,
        max_bytes: 10_000_000,
        max_ack_pending: 100_000,
        max_open_partitions: 50,
        max_concurrent_writes: 10,
        max_write_attempts: 3,
        retry: Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(8) },
        nak: Backoff { initial: Duration::from_secs(5), max: Duration::from_secs(300) },
        ack_wait: Duration::from_secs(3600),
        dead_letter: true,
        hold_after: 0,
        hold_share: None,
        max_remembered: 10_000,
        jitter_seed: 7,
    }
}

pub fn message(stream_sequence: u64, published_at: i64) -> MessageId {
    MessageId { stream_sequence, published_at }
}

pub fn row(destination: &'static str, bytes: u64) -> Row<&'static str, String> {
    let destination = if destination == DEAD { Destination::DeadLetter } else { Destination::Partition(destination) };
    Row { destination, payload: String::new(), bytes }
}

/// Delivery number `id` of a message of these rows, each of one byte.
pub fn many(id: u64, stream_sequence: u64, destinations: &[&'static str]) -> TestDelivery {
    let rows = destinations.iter().enumerate().map(|(index, destination)| {
        let payload = format!("{stream_sequence}.{index}");
        Row { payload, ..row(destination, 1) }
    });
    let message = message(stream_sequence, 1000 * stream_sequence as i64);
    Delivery { id: DeliveryId(id), message, delivery_count: 1, rows: Rows::Many(rows.collect()) }
}

/// Delivery number `id` of a message of one row of one byte.
pub fn one(id: u64, stream_sequence: u64, destination: &'static str) -> TestDelivery {
    sized(id, stream_sequence, destination, 1)
}

/// Delivery number `id` of a message of one row.
pub fn sized(id: u64, stream_sequence: u64, destination: &'static str, bytes: u64) -> TestDelivery {
    let row = Row { payload: format!("{stream_sequence}.0"), ..row(destination, bytes) };
    Delivery { rows: Rows::One(row), ..many(id, stream_sequence, &[]) }
}

/// The first deliveries of messages `first..=last`, numbered as the messages are.
pub fn range(first: u64, last: u64, destination: &'static str) -> Vec<TestDelivery> {
    (first..=last).map(|number| one(number, number, destination)).collect()
}

pub struct Rig {
    pub machine: TestMachine,
    pub now: Timestamp,
    /// The commands of the last step, as they were.
    pub last: Vec<TestCommand>,
}

impl Rig {
    pub fn new(config: Config) -> Self {
        let now = Timestamp::from_micros(1_000_000_000);
        Rig { machine: Machine::new(config).unwrap(), now, last: Vec::new() }
    }

    fn event(&mut self, event: Event<&'static str, String>) {
        self.machine.handle_event(self.now, event);
        while let Some(command) = self.machine.poll_command() {
            self.last.push(command);
        }
        check(&self.machine);
    }

    fn step(&mut self, event: Event<&'static str, String>) -> Vec<String> {
        self.last.clear();
        self.event(event);
        self.text()
    }

    fn text(&self) -> Vec<String> {
        self.last.iter().map(show).collect()
    }

    pub fn fetch(&mut self, deliveries: impl IntoIterator<Item = TestDelivery>) -> Vec<String> {
        self.step(Event::Fetched(deliveries.into_iter().collect()))
    }

    pub fn exhausted(&mut self) -> Vec<String> {
        self.step(Event::Exhausted)
    }

    pub fn finish(&mut self, batch: u64, outcome: Outcome) -> Vec<String> {
        self.step(Event::UploadResult { batch: BatchId(batch), outcome })
    }

    pub fn written(&mut self, batch: u64) -> Vec<String> {
        self.finish(batch, Outcome::Written)
    }

    /// Begins a shutdown with this much time left.
    pub fn shut_down(&mut self, left: Duration) -> Vec<String> {
        self.step(Event::Shutdown { deadline: self.now.saturating_add(left) })
    }

    pub fn tick(&mut self) -> Vec<String> {
        self.step(Event::FlushTick)
    }

    /// Lets time pass as the driver does: each timeout on the way is answered by a tick at its moment.
    pub fn pass(&mut self, duration: Duration) -> Vec<String> {
        self.last.clear();
        let end = self.now.saturating_add(duration);
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            assert!(due > self.now, "a timeout that is over already would have the driver spin");
            self.now = due;
            self.event(Event::FlushTick);
        }
        self.now = end;
        self.text()
    }

    /// Lets time pass while the process is busy or suspended: no tick on the way, one at the end.
    pub fn jump(&mut self, duration: Duration) -> Vec<String> {
        self.now = self.now.saturating_add(duration);
        self.tick()
    }

    /// The delays of the naks among the last commands.
    pub fn nak_delays(&self) -> Vec<Duration> {
        let delay = |command: &TestCommand| match command {
            Command::Nak { delay, .. } => Some(*delay),
            _ => None,
        };
        self.last.iter().filter_map(delay).collect()
    }

    /// How far away the next timeout is.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.machine.poll_timeout().map(|due| due.since(self.now))
    }
}

fn show(command: &TestCommand) -> String {
    match command {
        Command::Ack { delivery } => format!("ack {}", delivery.0),
        Command::Nak { delivery, delay } if delay.is_zero() => format!("nak {} now", delivery.0),
        Command::Nak { delivery, .. } => format!("nak {} later", delivery.0),
        Command::Term { delivery } => format!("term {}", delivery.0),
        Command::Progress { delivery } => format!("progress {}", delivery.0),
        Command::Forget { delivery } => format!("forget {}", delivery.0),
        Command::Rewrite { batch } => format!("rewrite {}", batch.0),
        Command::Discard { batch } => format!("discard {}", batch.0),
        Command::Write(write) => {
            let rows: Vec<&str> = write.rows.iter().map(|row| row.payload.as_str()).collect();
            let destination = match write.destination {
                Destination::Partition(partition) => partition,
                Destination::DeadLetter => DEAD,
            };
            format!("write {} {destination} [{}]", write.batch.0, rows.join(" "))
        }
    }
}
