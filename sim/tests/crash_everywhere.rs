//! A process is killed at every await at which it touches the world, one run each; and then once more while it recovers.
//!
//! What a process does between two calls to the source or the store leaves no trace outside of it, so a crash at an await in the driver is
//! the same crash as one within the next call. The calls are therefore all the awaits that there are to crash at: before a pull,
//! after deliveries have come out of it, before and after a settlement, before a put and after its answer, in the look for the consumer and
//! in the last flush.

#![allow(missing_docs, reason = "a test has no users")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![cfg(madsim)]

use std::time::Duration;

use warehouse_sink_sim::case::Case;
use warehouse_sink_sim::fault::{Call, Fault, Plan, Planned};
use warehouse_sink_sim::history::{Entry, Happening};
use warehouse_sink_sim::report::violation;
use warehouse_sink_sim::sabotage::Sabotage;
use warehouse_sink_sim::settings::Settings;

/// Worlds in which nothing else goes wrong but some puts, by their seeds.
const WORLDS: [u64; 8] = [3, 5, 8, 13, 21, 34, 55, 89];
/// In these, a second crash follows at each of the first calls of the process that comes after.
const WORLDS_OF_TWO: [u64; 3] = [5, 21, 34];
const SECOND_CALLS: u32 = 12;
const DOWN: Duration = Duration::from_millis(300);

fn world(seed: u64, crash: Fault) -> Case {
    let drawn = Case::of_seed(seed);
    let puts = drawn.plan.into_iter().filter(|planned| matches!(planned, Planned::Put { .. }));
    let mut plan: Plan = puts.collect();
    plan.push(Planned::At { time: Duration::ZERO, fault: crash });
    let settings = Settings { messages: 24, faults_for: Duration::from_secs(9), ..drawn.settings };
    Case { plan, settings, ..drawn }
}

fn run(case: &Case) -> Vec<Entry> {
    let history = case.run(Sabotage::None);
    if let Some(violation) = violation(&history) {
        panic!("\"{}\" is broken: {}\n\n{}", violation.oracle, violation.text, case.to_toml().unwrap());
    }
    history
}

fn kills(history: &[Entry]) -> usize {
    history.iter().filter(|(_, happening)| matches!(happening, Happening::Killed { .. })).count()
}

#[test]
fn a_crash_at_any_await_breaks_no_promise() {
    let crashes = WORLDS.map(|seed| {
        let crash = |nth| Fault::KillAtCall { replica: 0, call: Call::Any, nth, down: DOWN };
        // Once there is no such call any more, no process dies.
        (0..).take_while(|nth| kills(&run(&world(seed, crash(*nth)))) > 0).count()
    });
    println!("crashed at each of {} calls: {crashes:?}", crashes.iter().sum::<usize>());
    assert!(crashes.iter().all(|crashes| *crashes > 40), "{crashes:?}");
}

#[test]
fn a_crash_at_any_await_of_a_recovery_breaks_no_promise() {
    let mut twice = 0;
    for seed in WORLDS_OF_TWO {
        for nth in 0.. {
            let crash = |again| world(seed, Fault::KillTwice { replica: 0, nth, again, down: DOWN });
            let counts: Vec<usize> = (0..SECOND_CALLS).map(|again| kills(&run(&crash(again)))).collect();
            twice += counts.iter().filter(|kills| **kills == 2).count();
            if counts.contains(&0) {
                break;
            }
        }
    }
    println!("crashed, and again while recovering, in {twice} runs");
    assert!(twice > 500, "{twice}");
}
