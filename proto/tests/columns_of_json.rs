//! Columns of any declaration and documents for them: what serde_json reads and docs/json.md says of it, and what the sink makes of it, value
//! by value. Damaged documents too: what one refuses, the other does.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/json_agreement.rs"]
mod json_agreement;
#[path = "support/json_documents.rs"]
mod json_documents;
#[path = "support/json_reference.rs"]
mod json_reference;
mod support;

use std::cell::Cell;

use json_agreement::{Seen, agree};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const RUNS: u32 = 6_000;

fn run(is_damaged: bool) -> Seen {
    let config = ProptestConfig { cases: RUNS, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let all = Cell::new(Seen::default());
    let result = runner.run(&prop::collection::vec(any::<u8>(), 0..600), |bytes| {
        let (seen, mut sum) = (agree(&bytes, is_damaged), all.get());
        sum.rows += seen.rows;
        sum.refused += seen.refused;
        sum.unknown += seen.unknown;
        all.set(sum);
        Ok(())
    });
    result.unwrap();
    all.get()
}

/// The numbers are here so that the test can't come to see nothing but refusals, or none.
#[test]
fn documents_become_what_serde_json_reads() {
    let Seen { rows, refused, unknown } = run(false);
    assert!(rows > RUNS && refused > RUNS / 4 && unknown > 500, "{rows} rows, {refused} refused, {unknown} unknown");
}

#[test]
fn damaged_documents_are_refused_alike() {
    let Seen { rows, refused, .. } = run(true);
    assert!(rows > RUNS / 8 && refused > RUNS, "{rows} rows, {refused} refused");
}
