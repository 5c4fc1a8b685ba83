//! Many worlds, a seed each.
//!
//! - `SEEDS=2000 cargo sim --test sweep` runs that many, from `FIRST_SEED` on.
//! - `SEED=17 cargo sim --test sweep replay -- --nocapture` runs one, and shows all that happened.

#![allow(missing_docs, reason = "a test has no users")]
#![cfg(madsim)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use warehouse_sink_sim::coverage::{self, Counters};
use warehouse_sink_sim::fault::{self, Plan};
use warehouse_sink_sim::history::{Entry, timeline};
use warehouse_sink_sim::oracle::{first_violation, judge};
use warehouse_sink_sim::sabotage::Sabotage;
use warehouse_sink_sim::settings::Settings;
use warehouse_sink_sim::world;

/// Enough for every counter of the coverage, and little enough for a test.
const SEEDS: u64 = 400;
/// With fewer seeds the rare things may well not happen.
const SEEDS_FOR_COVERAGE: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[derive(Default)]
struct Totals {
    simulated: Duration,
    happenings: u64,
    faults: Counters,
    coverage: Counters,
    oracles: Counters,
}

impl Totals {
    fn add(&mut self, plan: &Plan, history: &[Entry]) -> Option<String> {
        let judgements = judge(history);
        self.simulated += Duration::from_micros(history.last().map_or(0, |(at, _)| at.as_micros()));
        self.happenings += history.len() as u64;
        for (_, fault) in plan {
            *self.faults.entry(fault.name()).or_default() += 1;
        }
        for (what, count) in coverage::count(history) {
            *self.coverage.entry(what).or_default() += count;
        }
        for judgement in &judgements {
            *self.oracles.entry(judgement.oracle).or_default() += judgement.evaluated;
        }
        first_violation(&judgements).map(|violation| {
            format!(
                "{}: {} (at {:?})",
                violation.oracle,
                violation.text,
                Duration::from_micros(violation.at.as_micros())
            )
        })
    }

    fn show(&self, seeds: u64, took: Duration) {
        println!(
            "{seeds} seeds in {took:.1?} ({:.0} a second), {:.1} simulated hours, {} happenings",
            seeds as f64 / took.as_secs_f64(),
            self.simulated.as_secs_f64() / 3600.0,
            self.happenings
        );
        for (title, table) in
            [("faults", &self.faults), ("coverage", &self.coverage), ("oracles evaluated", &self.oracles)]
        {
            println!("{title}");
            table.iter().for_each(|(what, count)| println!("  {count:>9}  {what}"));
        }
    }
}

#[test]
fn no_seed_breaks_a_promise() {
    let first = number("FIRST_SEED").unwrap_or(0);
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(first);
    let totals = Mutex::new(Totals::default());
    let failures = Mutex::new(BTreeMap::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let settings = Settings::draw(seed);
                    let plan = fault::draw(&settings);
                    let history = world::run(&settings, &plan, &Sabotage::None);
                    if let Some(violation) = totals.lock().unwrap().add(&plan, &history) {
                        failures.lock().unwrap().insert(seed, violation);
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    totals.show(seeds, began.elapsed());
    let failures = failures.into_inner().unwrap();
    if let Some((seed, violation)) = failures.first_key_value() {
        for (seed, violation) in failures.iter().take(20) {
            println!("seed {seed}: {violation}");
        }
        panic!("{} seeds broke a promise, the first:\n{}", failures.len(), report(*seed, violation));
    }
    if seeds >= SEEDS_FOR_COVERAGE {
        let missing: Vec<_> = coverage::MUST_HAPPEN
            .iter()
            .filter(|what| totals.coverage.get(*what).is_none_or(|count| *count == 0))
            .collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

fn report(seed: u64, violation: &str) -> String {
    let settings = Settings::draw(seed);
    let plan = fault::draw(&settings);
    let mut text = format!("seed {seed}\n{violation}\n{settings:#?}\n");
    for (at, fault) in &plan {
        text.push_str(&format!("{:>10.3?}  {fault:?}\n", Duration::from_micros(at.as_micros())));
    }
    text + &format!("replay: SEED={seed} cargo sim --test sweep replay -- --nocapture")
}

#[test]
fn replay() {
    let Some(seed) = number("SEED") else { return };
    let settings = Settings::draw(seed);
    let plan = fault::draw(&settings);
    let history = world::run(&settings, &plan, &Sabotage::None);
    println!("{}", timeline(&history));
    if let Some(violation) = Totals::default().add(&plan, &history) {
        panic!("{}", report(seed, &violation));
    }
}
