//! What is true of the machine's state after every event, whatever happened. The rig looks at it after each step.

use super::rig::TestMachine;

pub fn check(machine: &TestMachine) {
    every_pending_row_is_in_one_batch(machine);
    counts_agree(machine);
    limits_hold(machine);
}

fn every_pending_row_is_in_one_batch(machine: &TestMachine) {
    let pending: usize = machine.held.iter().map(|(_, held)| held.pending_rows).sum();
    assert_eq!(pending, machine.open.rows() + machine.writes.members().count(), "rows were lost or counted twice");
    for (message, held) in machine.held.iter() {
        assert!(held.pending_rows > 0, "{message:?} waits for nothing");
    }
}

fn counts_agree(machine: &TestMachine) {
    let bytes: u64 = machine.held.iter().map(|(_, held)| held.bytes).sum();
    assert_eq!(bytes, machine.held.bytes());
    assert!(machine.open.bytes() <= bytes);
    assert!(machine.writes.queues_agree());
    let empty = machine.open.is_empty() && machine.writes.is_empty();
    assert_eq!(machine.held.is_empty(), empty, "a message without a batch, or a batch without a message");
}

fn limits_hold(machine: &TestMachine) {
    assert!(machine.open.len() <= machine.config.max_open_partitions);
    assert!(machine.writes.in_flight() <= machine.config.max_concurrent_writes);
    let config = &machine.config;
    if machine.writes.has_free_slot(config) {
        let is_roomy = machine.capacity().messages >= config.max_rows_in_flight();
        assert!(is_roomy || machine.open.rows() <= config.max_messages / 2);
        assert!(machine.open.bytes() <= config.max_bytes / 2);
    }
}
