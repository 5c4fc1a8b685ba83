//! The sink is killed (SIGKILL) again and again while events keep coming: every event is stored, and repeated are at most those
//! that were not acked when it died.

use crate::PROGRAM;
use std::env;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use warehouse_sink_testkit::{NatsServer, Publisher, Settings, Sink, verify};

const SOON: Duration = Duration::from_secs(60);
const KILLS: u32 = 20;
const LONGEST_LIFE: Duration = Duration::from_millis(1000);
const EVENTS: u64 = 15_000;
const SEED: &str = "E2E_SEED";

/// SplitMix64: the lives' lengths are a function of the seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        most.mul_f64((mixed >> 32) as f64 / f64::from(u32::MAX))
    }
}

/// From the environment, to replay a run, or from the clock.
fn seed() -> u64 {
    let chance = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = env::var(SEED).map_or(chance, |seed| seed.parse().unwrap());
    eprintln!("the same lives again: {SEED}={seed}");
    seed
}

#[test]
fn twenty_kills_lose_nothing_and_repeat_at_most_what_was_not_acked() {
    let mut dice = Dice(seed());
    let nats = NatsServer::start();
    let files = tempfile::tempdir().unwrap();
    nats.create_stream(Settings::STREAM);
    let settings = Settings::new(&nats.url())
        .local(files.path())
        .set("nats", "ack_wait", "1s")
        .set("batch", "max_events", 50)
        .set("batch", "max_buffered_events", 500)
        .set("batch", "flush_interval", "100ms");
    let publisher = Publisher::start(PROGRAM, &nats, EVENTS, &["--rate", "1500", "--poison-every", "1000"]);

    let (mut unacked, mut idle_lives) = (0, 0);
    for _ in 0..KILLS {
        let mut sink = Sink::start(PROGRAM, &settings);
        thread::sleep(dice.roll(LONGEST_LIFE));
        idle_lives += u32::from(sink.written() == 0);
        sink.kill();
        unacked += nats.consumer(Settings::STREAM, Settings::CONSUMER).map_or(0, |state| state.ack_pending);
    }
    assert!(idle_lives < KILLS * 3 / 4, "{idle_lives} of {KILLS} lives were too short to write anything");

    let mut sink = Sink::start(PROGRAM, &settings);
    publisher.finish();
    nats.wait_settled(SOON);
    assert_eq!(sink.stop(SOON), Some(0));
    let allowed = unacked.to_string();
    let found = verify::exact(
        &nats,
        files.path(),
        &["--expect-count", "14985", "--consumer", Settings::CONSUMER, "--allow-duplicates", &allowed],
    );
    found.assert_ok();
    let duplicates = found.number(&["duckdb", "duplicates"]) + found.number(&["dead_letter", "duplicates"]);
    eprintln!("{duplicates} duplicates, {unacked} messages not acked at {KILLS} kills, {idle_lives} idle lives");
    assert!(duplicates <= unacked);
}
