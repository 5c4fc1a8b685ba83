//! A login that stops being valid while the sink runs: it says so, tries on, and goes on by itself once it has a valid one.

use std::fs;

use warehouse_sink_testkit::{Settings, Sink, publish, verify, wait_until};

use super::{Door, MESSAGES, PROGRAM, SOON, wait_settled};

/// Lets the harness in as well, which doesn't say a name.
fn users(password: &str) -> String {
    format!(
        "accounts {{ A {{ jetstream: enabled, users: [\
           {{ user: sink, password: {password} }}, {{ user: harness, password: harness }}] }} }}\nno_auth_user: harness"
    )
}

#[test]
fn a_replaced_password_is_taken_up_from_its_file_without_a_restart() {
    let mut door = Door::filled(&users("first"));
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("password");
    fs::write(&file, "first\n").unwrap();
    let settings = door.settings().set("nats", "username", "sink").set("nats", "password_file", file.to_string_lossy());
    let mut sink = Sink::start(PROGRAM, &settings);
    wait_settled(&sink, MESSAGES);

    door.nats.reload_with(&users("second"));
    let reason = format!("{} refused the user `sink` or its password", door.nats.url());
    wait_until(SOON, "the refusal at /ready", || {
        sink.ready()
            .is_some_and(|(status, said)| status == 503 && said.contains(&reason) && said.contains("password_file"))
    });
    publish(PROGRAM, &door.nats, MESSAGES, &["--seed", "1"]);
    assert_eq!(sink.exited(), None);
    assert!(sink.log().contains(&reason), "{}", sink.log());

    fs::write(&file, "second\n").unwrap();
    sink.wait_ready(SOON);
    wait_settled(&sink, 2 * MESSAGES);
    assert_eq!(sink.stop(SOON), Some(0));
    let more = ["--expect-count", "995", "--consumer", Settings::CONSUMER];
    verify::exact(&door.nats, door.files.path(), &more).assert_ok();
}
