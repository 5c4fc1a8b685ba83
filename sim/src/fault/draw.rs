//! What goes wrong under a seed.

use std::time::Duration;

use fastrand::Rng;
use warehouse_sink_jetstream_model::Forget;

use super::{Call, Crossing, Edit, Fate, Fault, Plan, Planned};
use crate::settings::{FaultSettings, Settings, StoreSettings};

/// Puts and crossings beyond these go well: the plan has an end.
const PUTS: u64 = 400;
const CROSSINGS: u64 = 2_000;

/// Draws the plan of a run.
pub fn draw(settings: &Settings) -> Plan {
    let mut rng = Rng::with_seed(settings.seed ^ 0xfa_0175);
    let rng = &mut rng;
    let mut plan = timed(rng, settings);
    for nth in 1..=PUTS {
        plan.extend(fate(rng, &settings.store).map(|fate| Planned::Put { nth, fate }));
    }
    for nth in 1..=CROSSINGS {
        plan.extend(crossing(rng, &settings.faults).map(|crossing| Planned::Crossing { nth, crossing }));
    }
    for nth in 1..=PUTS {
        let breaks = rng.u32(..100) < u32::from(settings.store.breaks);
        plan.extend(breaks.then_some(Planned::Break { nth }));
    }
    plan.extend(recreated_stream(settings));
    plan.extend(operations(settings));
    plan
}

/// From a generator of its own, so that all else is what the seed drew before.
fn recreated_stream(settings: &Settings) -> Option<Planned> {
    let mut rng = Rng::with_seed(settings.seed ^ 0x57_4ea4);
    let time = Duration::from_micros(rng.u64(..settings.faults_for.as_micros() as u64));
    (rng.u32(..8) == 0).then_some(Planned::At { time, fault: Fault::RecreateStream })
}

/// What operators do. From a generator of its own, so that all else is what the seed drew before.
fn operations(settings: &Settings) -> Plan {
    let mut rng = Rng::with_seed(settings.seed ^ 0x0b5e_2a70);
    let rng = &mut rng;
    let FaultSettings { message_deletes, consumer_edits, consumer_refusals, .. } = settings.faults;
    let deletes = (0..message_deletes).map(|_| Fault::DeleteMessage { before: rng.u64(..12) }).collect::<Vec<_>>();
    let edits = (0..consumer_edits).map(|_| {
        let edit = edit(rng, settings);
        Fault::EditConsumer { edit, lasts: millis(rng, 15_000) }
    });
    let edits = edits.collect::<Vec<_>>();
    let refusals = (0..consumer_refusals).map(|_| Fault::RefuseConsumer { lasts: millis(rng, 8_000) });
    let faults = deletes.into_iter().chain(edits).chain(refusals.collect::<Vec<_>>());
    let within = settings.faults_for.as_micros() as u64;
    faults.map(|fault| Planned::At { time: Duration::from_micros(rng.u64(..within)), fault }).collect()
}

fn edit(rng: &mut Rng, settings: &Settings) -> Edit {
    let twice = 2 * settings.machine.ack_wait.as_millis() as u64;
    match rng.u8(..5) {
        0 => Edit::AckWait(millis(rng, twice).max(Duration::from_millis(100))),
        1 => Edit::MaxAckPending(1 + rng.usize(..settings.machine.max_messages)),
        2 => Edit::MaxDeliver(1 + rng.u64(..4)),
        3 => Edit::Filter,
        _ => Edit::Pause,
    }
}

fn timed(rng: &mut Rng, settings: &Settings) -> Plan {
    let mut times = Vec::new();
    let faults = &settings.faults;
    let replicas = settings.replicas;
    let mut add = |rng: &mut Rng, count: u32, draw: &dyn Fn(&mut Rng) -> Fault| {
        for _ in 0..count {
            let at = rng.u64(..settings.faults_for.as_micros() as u64);
            times.push((Duration::from_micros(at), draw(rng)));
        }
    };
    add(rng, faults.kills, &|rng| Fault::Kill { replica: rng.usize(..replicas), down: millis(rng, 3_000) });
    add(rng, faults.kills_at_call, &|rng| Fault::KillAtCall {
        replica: rng.usize(..replicas),
        call: call(rng),
        nth: rng.u32(..8),
        down: millis(rng, 2_000),
    });
    add(rng, faults.kills_twice, &|rng| Fault::KillTwice {
        replica: rng.usize(..replicas),
        nth: rng.u32(..20),
        again: rng.u32(..12),
        down: millis(rng, 1_000),
    });
    // Longer than the ack wait as often as not.
    let long = settings.machine.ack_wait.as_millis() as u64 * 2;
    add(rng, faults.pauses, &|rng| Fault::Pause { replica: rng.usize(..replicas), pause: millis(rng, long) });
    add(rng, faults.stops, &|rng| Fault::Stop { replica: rng.usize(..replicas), down: millis(rng, 2_000) });
    add(rng, faults.second_signals, &|rng| Fault::StopTwice {
        replica: rng.usize(..replicas),
        after: millis(rng, 2_000),
        down: millis(rng, 2_000),
    });
    add(rng, faults.cuts, &|rng| Fault::Cut { replica: rng.usize(..replicas), down: millis(rng, long) });
    add(rng, faults.stalls, &|rng| Fault::Stall { replica: rng.usize(..replicas), stall: millis(rng, long) });
    add(rng, faults.store_cuts, &|rng| Fault::StoreCut { replica: rng.usize(..replicas), down: millis(rng, long) });
    let forget = match (faults.forgets, faults.loses_tail) {
        (false, _) => Forget::Nothing,
        (true, false) => Forget::Consumer,
        (true, true) => Forget::StreamAndConsumer,
    };
    add(rng, faults.server_restarts, &|rng| Fault::ServerRestart { down: millis(rng, 3_000), forget });
    add(rng, faults.clock_jumps, &|rng| Fault::ClockJump { millis: rng.i64(-20_000..20_000) });
    add(rng, faults.consumer_deletes, &|_| Fault::DeleteConsumer);
    add(rng, faults.store_outages, &|rng| Fault::StoreOutage { outage: millis(rng, long) });
    times.sort_by_key(|(at, _)| *at);
    times.into_iter().map(|(time, fault)| Planned::At { time, fault }).collect()
}

fn millis(rng: &mut Rng, most: u64) -> Duration {
    Duration::from_millis(rng.u64(..most))
}

fn call(rng: &mut Rng) -> Call {
    let calls = [
        Call::Attach,
        Call::Pull,
        Call::Deliveries,
        Call::Settle,
        Call::Settled,
        Call::Flush,
        Call::Put,
        Call::PutAnswer,
        Call::Part,
        Call::Complete,
    ];
    calls[rng.usize(..calls.len())]
}

fn fate(rng: &mut Rng, settings: &StoreSettings) -> Option<Fate> {
    let StoreSettings { refused, denied, slow, lost_before, lost_after, late, torn, silent, .. } = *settings;
    let not_now = [Fate::Refused, Fate::Throttled, Fate::OutOfSpace][rng.usize(..3)];
    let never_answered = if rng.bool() { Fate::SilentApplied } else { Fate::SilentLost };
    let fates = [
        (refused, not_now),
        (denied, Fate::Denied),
        (slow, Fate::Slow),
        (lost_before, Fate::LostBefore),
        (lost_after, Fate::LostAfter),
        (late, Fate::Late),
        (torn, Fate::Torn),
        (silent, never_answered),
    ];
    pick(rng.u32(..100), fates.map(|(share, fate)| (u32::from(share), fate)))
}

/// In tenths of a percent: there are many more crossings than puts.
fn crossing(rng: &mut Rng, settings: &FaultSettings) -> Option<Crossing> {
    let delayed = Crossing::Delayed(millis(rng, 4_000));
    let FaultSettings { lost, doubled, delays, .. } = *settings;
    pick(rng.u32(..1000), [(lost, Crossing::Lost), (doubled, Crossing::Doubled), (delays, delayed)])
}

fn pick<T, const N: usize>(mut roll: u32, shares: [(u32, T); N]) -> Option<T> {
    for (share, what) in shares {
        if roll < share {
            return Some(what);
        }
        roll -= share;
    }
    None
}
