//! The plan of faults: a value of its own, so that it can be printed, shrunk and kept.

use std::time::Duration;

use fastrand::Rng;
use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::Forget;

use crate::settings::Settings;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the words of the sentence that the variant's text begins")]
pub enum Fault {
    /// A replica is killed and starts again.
    Kill { replica: usize, down: Duration },
    /// A replica is killed within one of its next calls to the source or the store, and starts again.
    KillAtCall { replica: usize, call: Call, nth: u32, down: Duration },
    /// A replica is frozen for a while.
    Pause { replica: usize, pause: Duration },
    /// A replica is told to stop, and starts again once it has.
    Stop { replica: usize, down: Duration },
    /// A replica's connection breaks.
    Cut { replica: usize, down: Duration },
    /// A replica's connection stands still, and loses nothing.
    Stall { replica: usize, stall: Duration },
    /// The server dies and comes back.
    ServerRestart { down: Duration, forget: Forget },
    /// The consumer is deleted.
    DeleteConsumer,
    /// The store takes nothing for a while.
    StoreOutage { outage: Duration },
}

/// A call that a process makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A pull request.
    Pull,
    /// A settlement.
    Settle,
    /// A put, before the store hears of it.
    Put,
    /// A put that the store has answered, before the driver hears of it.
    PutAnswer,
}

/// Faults by the time at which they come.
pub type Plan = Vec<(Timestamp, Fault)>;

/// Draws the plan of a run.
pub fn draw(settings: &Settings) -> Plan {
    let mut rng = Rng::with_seed(settings.seed ^ 0xfa_0175);
    let rng = &mut rng;
    let mut plan = Plan::new();
    let faults = &settings.faults;
    let replicas = settings.replicas;
    let mut add = |rng: &mut Rng, count: u32, draw: &dyn Fn(&mut Rng) -> Fault| {
        for _ in 0..count {
            let at = rng.u64(..settings.faults_for.as_micros() as u64);
            plan.push((Timestamp::from_micros(at), draw(rng)));
        }
    };
    add(rng, faults.kills, &|rng| Fault::Kill { replica: rng.usize(..replicas), down: millis(rng, 3_000) });
    add(rng, faults.kills_at_call, &|rng| Fault::KillAtCall {
        replica: rng.usize(..replicas),
        call: [Call::Pull, Call::Settle, Call::Put, Call::PutAnswer][rng.usize(..4)],
        nth: rng.u32(..8),
        down: millis(rng, 2_000),
    });
    // Longer than the ack wait as often as not.
    let long = settings.consumer.ack_wait.as_millis() as u64 * 2;
    add(rng, faults.pauses, &|rng| Fault::Pause { replica: rng.usize(..replicas), pause: millis(rng, long) });
    add(rng, faults.stops, &|rng| Fault::Stop { replica: rng.usize(..replicas), down: millis(rng, 2_000) });
    add(rng, faults.cuts, &|rng| Fault::Cut { replica: rng.usize(..replicas), down: millis(rng, long) });
    add(rng, faults.stalls, &|rng| Fault::Stall { replica: rng.usize(..replicas), stall: millis(rng, long) });
    let forget = match (faults.forgets, faults.loses_tail) {
        (false, _) => Forget::Nothing,
        (true, false) => Forget::Consumer,
        (true, true) => Forget::StreamAndConsumer,
    };
    add(rng, faults.server_restarts, &|rng| Fault::ServerRestart { down: millis(rng, 3_000), forget });
    add(rng, faults.consumer_deletes, &|_| Fault::DeleteConsumer);
    add(rng, faults.store_outages, &|rng| Fault::StoreOutage { outage: millis(rng, long) });
    plan.sort_by_key(|(at, _)| *at);
    plan
}

fn millis(rng: &mut Rng, most: u64) -> Duration {
    Duration::from_millis(rng.u64(..most))
}

impl Fault {
    /// Its kind, in a few words.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Kill { .. } => "replica killed",
            Fault::KillAtCall { .. } => "replica killed within a call",
            Fault::Pause { .. } => "replica frozen",
            Fault::Stop { .. } => "replica stopped",
            Fault::Cut { .. } => "connection broken",
            Fault::Stall { .. } => "connection stalled",
            Fault::ServerRestart { .. } => "server restarted",
            Fault::DeleteConsumer => "consumer deleted",
            Fault::StoreOutage { .. } => "store outage",
        }
    }
}
