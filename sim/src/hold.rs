//! Worlds in which poison is held: nothing, or too little, of what is published can be decoded. Later the producer is mended.

use std::time::Duration;

use fastrand::Rng;
use warehouse_sink_core::Destination;

use crate::event::{Event, EventRow};
use crate::settings::Settings;

/// One seed in so many has a hold.
const SEEDS: u8 = 8;
/// The shortest longest delay of a nak in such a world.
const LEAST_NAK_MAX: Duration = Duration::from_secs(30);
/// The most times that good messages are sent once nothing fails any more.
pub(crate) const ROUNDS: u32 = 6;

/// Draws a hold, by a generator of its own: what else a seed draws is as it was before there were holds.
pub(crate) fn draw(settings: &mut Settings) {
    let mut rng = Rng::with_seed(settings.seed ^ 0x0401_d0ff);
    if rng.u8(..SEEDS) > 0 {
        return;
    }
    // What is given back counts against it: once it is used up, only an operator ends the hold.
    settings.max_ack_pending = None;
    // The server delivers what comes again before what is new: a process that fetches one by one would never see that the producer is mended.
    settings.machine.nak.max = settings.machine.nak.max.max(LEAST_NAK_MAX);
    settings.machine.hold_after = 1 + rng.usize(..8);
    if rng.u8(..4) > 0 {
        settings.poison_first = 1 + rng.u64(..settings.messages);
    }
    // A share is judged by new messages, which a process has to remember.
    if settings.machine.max_remembered >= 100_000 && rng.u8(..3) == 0 {
        settings.machine.hold_share = Some(rng.u8(..100));
    }
}

/// What a message is while the schema is wrong: every row that it has is poison.
pub(crate) fn spoil(event: &mut Event, settings: &Settings) {
    if event.number <= settings.poison_first {
        event.rows.iter_mut().for_each(|row| row.destination = Destination::DeadLetter);
    }
}

/// Good messages with which every process can see that something can be decoded, from this number on; none where nothing can be held.
pub(crate) fn mended(settings: &Settings, number: u64) -> impl Iterator<Item = Event> + use<> {
    let messages = match settings.machine.hold_after {
        0 => 0,
        // Of so many messages, however they are shared out, one process has a whole window, whatever it counted before.
        most => 2 * (most + 1) * settings.replicas,
    };
    (number..).take(messages).map(|number| {
        let row = EventRow { destination: Destination::Partition(0), padding: 1 };
        Event { number, rows: vec![row] }
    })
}

/// How long what was given back takes to come again and be settled: then good messages are sent once more.
pub(crate) fn round(settings: &Settings) -> Duration {
    let machine = &settings.machine;
    machine.flush_interval * 2 + machine.nak.max + machine.retry.max + machine.ack_wait + Duration::from_secs(5)
}
