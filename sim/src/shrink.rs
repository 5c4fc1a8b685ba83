//! From a run that breaks a promise to the smallest that still does: every fault that it does without is a fault less to understand.

use crate::case::Case;
use crate::settings::Settings;

/// Takes away what can be taken away so that `fails` still says yes, with at most this many tries.
pub fn shrink(case: &Case, tries: usize, fails: impl Fn(&Case) -> bool) -> Case {
    let mut search = Search { best: case.clone(), left: tries, fails };
    let mut before = usize::MAX;
    // What could not be taken away at first sometimes can once other things are gone.
    while search.size() < before && search.left > 0 {
        before = search.size();
        search.take_faults();
        search.simplify_settings();
    }
    search.best
}

struct Search<F> {
    best: Case,
    left: usize,
    fails: F,
}

impl<F: Fn(&Case) -> bool> Search<F> {
    fn size(&self) -> usize {
        self.best.plan.len()
    }

    /// Whether this is worth keeping. Keeps it if so.
    fn keep(&mut self, case: Case) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let fails = (self.fails)(&case);
        if fails {
            self.best = case;
        }
        fails
    }

    /// Takes faults out of the plan, half of them at first, then less and less.
    fn take_faults(&mut self) {
        let mut chunk = self.size().div_ceil(2);
        while chunk > 0 && self.left > 0 {
            let mut at = 0;
            while at < self.size() {
                let mut case = self.best.clone();
                case.plan.drain(at..(at + chunk).min(self.size()));
                if !self.keep(case) {
                    at += chunk;
                }
            }
            chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
        }
    }

    fn simplify_settings(&mut self) {
        let simpler: [fn(&mut Settings); 10] = [
            |settings| settings.replicas = 1,
            |settings| settings.workers = 1,
            |settings| settings.poison = 0,
            |settings| settings.poison_first = 0,
            |settings| settings.machine.hold_after = 0,
            |settings| settings.many_rows = 0,
            |settings| settings.partitions = 1,
            |settings| settings.stream_max_messages = None,
            |settings| settings.stream_max_per_subject = None,
            |settings| settings.part_rows = None,
        ];
        for change in simpler {
            let mut case = self.best.clone();
            change(&mut case.settings);
            let same = format!("{:?}", case.settings) == format!("{:?}", self.best.settings);
            let fits = case.plan.iter().all(|planned| planned.replica().is_none_or(|at| at < case.settings.replicas));
            if !same && fits {
                self.keep(case);
            }
        }
        while self.best.settings.messages > 1 {
            let mut case = self.best.clone();
            case.settings.messages /= 2;
            if !self.keep(case) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fate, Planned};

    fn has(case: &Case, wanted: u64) -> bool {
        case.plan.iter().any(|planned| matches!(planned, Planned::Put { nth, .. } if *nth == wanted))
    }

    fn case() -> Case {
        let plan = (1..=100).map(|nth| Planned::Put { nth, fate: Fate::Slow }).collect();
        Case { plan, ..Case::of_seed(3) }
    }

    #[test]
    fn what_is_needed_stays_and_nothing_else() {
        let shrunk = shrink(&case(), 2_000, |case| has(case, 17) && has(case, 83) && case.settings.messages > 7);
        let wanted = [17, 83].map(|nth| Planned::Put { nth, fate: Fate::Slow });
        assert_eq!(shrunk.plan, wanted);
        assert!((8..16).contains(&shrunk.settings.messages), "{}", shrunk.settings.messages);
        assert_eq!(shrunk.settings.replicas, 1);
    }

    #[test]
    fn it_ends_when_its_tries_are_used_up() {
        let tries = std::cell::Cell::new(0);
        let shrunk = shrink(&case(), 10, |case| {
            tries.set(tries.get() + 1);
            has(case, 17)
        });
        assert_eq!(tries.get(), 10);
        assert!(has(&shrunk, 17));
    }
}
