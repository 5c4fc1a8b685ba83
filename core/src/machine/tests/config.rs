//! Settings that the machine refuses, and how it names them.

use std::time::Duration;

use super::rig::{TestMachine, config};
use crate::{Backoff, Config, ConfigError, Machine};

fn refusal(config: Config) -> ConfigError {
    let machine: Result<TestMachine, ConfigError> = Machine::new(config);
    machine.unwrap_err()
}

#[test]
fn every_limit_and_delay_must_be_more_than_zero() {
    let none = Backoff { initial: Duration::ZERO, max: Duration::from_secs(1) };
    let capped = Backoff { initial: Duration::from_secs(1), max: Duration::ZERO };
    for (setting, broken) in [
        ("max_batch_rows", Config { max_batch_rows: 0, ..config() }),
        ("max_batch_bytes", Config { max_batch_bytes: 0, ..config() }),
        ("flush_interval", Config { flush_interval: Duration::ZERO, ..config() }),
        ("max_open_partitions", Config { max_open_partitions: 0, ..config() }),
        ("max_concurrent_writes", Config { max_concurrent_writes: 0, ..config() }),
        ("max_ack_pending", Config { max_ack_pending: 0, ..config() }),
        ("max_write_attempts", Config { max_write_attempts: 0, ..config() }),
        ("retry.initial", Config { retry: none, ..config() }),
        ("retry.max", Config { retry: capped, ..config() }),
        ("nak.initial", Config { nak: none, ..config() }),
        ("nak.max", Config { nak: capped, ..config() }),
    ] {
        assert_eq!(refusal(broken).to_string(), format!("{setting} must be more than zero"));
    }
}

#[test]
fn a_batch_may_have_half_of_the_budget() {
    let machine: Result<TestMachine, ConfigError> =
        Machine::new(Config { max_batch_rows: 5, max_messages: 10, max_batch_bytes: 50, max_bytes: 100, ..config() });
    assert!(machine.is_ok());
    let rows = refusal(Config { max_batch_rows: 6, max_messages: 11, ..config() });
    assert_eq!(rows.to_string(), "max_batch_rows (6) must be at most half of max_messages (11)");
    let bytes = refusal(Config { max_batch_bytes: 51, max_bytes: 101, ..config() });
    assert_eq!(bytes.to_string(), "max_batch_bytes (51) must be at most half of max_bytes (101)");
    refusal(Config { max_messages: 0, ..config() });
    refusal(Config { max_bytes: 0, ..config() });
}

#[test]
fn an_ack_wait_that_progress_cannot_serve_is_refused() {
    let ack_wait = Config::MIN_ACK_WAIT;
    let machine: Result<TestMachine, ConfigError> = Machine::new(Config { ack_wait, ..config() });
    assert!(machine.is_ok());
    let refusal = refusal(Config { ack_wait: ack_wait - Duration::from_micros(1), ..config() });
    assert!(refusal.to_string().contains("must be at least 1s"), "{refusal}");
}
