//! What a person is shown of a run that breaks a promise.

use std::path::Path;

use crate::case::Case;
use crate::history::Entry;
use crate::oracle::{Violation, first_violation, judge};
use crate::sabotage::Sabotage;
use crate::shrink::shrink;

/// The runs that shrinking may take: some seconds.
const TRIES: usize = 1_500;

/// The first promise that a run breaks.
pub fn violation(history: &[Entry]) -> Option<Violation> {
    first_violation(&judge(history)).cloned()
}

/// Shrinks a run that broke a promise, writes the smallest into this folder, and tells how to play it again.
pub fn report(case: &Case, violation: &Violation, folder: &Path) -> String {
    let seed = case.settings.seed;
    let mut small = shrink(case, TRIES, |case| {
        let judgements = judge(&case.run(Sabotage::None));
        judgements.iter().any(|judgement| judgement.oracle == violation.oracle && judgement.violation.is_some())
    });
    small.story = format!("Seed {seed}, shrunk: \"{}\" is broken: {}", violation.oracle, violation.text);
    let file = folder.join(format!("seed-{seed}.toml"));
    let written = small.to_toml().map_err(|error| error.to_string()).and_then(|text| {
        std::fs::write(&file, &text).map_err(|error| error.to_string())?;
        Ok(text)
    });
    let plan = match written {
        Ok(text) => format!(
            "The smallest plan that still breaks it, with its settings:\n\n{text}\nplay it again, with a timeline:\n\n    PLAN={0} cargo sim --test replay -- --nocapture\n\nkeep it as a regression, with a story that says what it shows:\n\n    mv {0} sim/regressions/\n",
            file.display()
        ),
        Err(error) => format!("The smallest plan could not be written to {}: {error}\n{small:#?}\n", file.display()),
    };
    format!(
        "seed {seed} breaks the promise \"{}\" at {:.6} s: {}\n\n{plan}\nthe whole of it: SEED={seed} cargo sim --test replay -- --nocapture",
        violation.oracle,
        violation.at.as_micros() as f64 / 1e6,
        violation.text
    )
}
