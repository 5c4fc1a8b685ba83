//! The command line as a user meets it: exit codes, messages, help.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::process::{Command, Output};

fn sink(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warehouse-sink"));
    command.args(arguments).env_clear();
    command
}

fn ended(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A settings file in a folder that goes with it.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sink.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// It is built in by `.cargo/config.toml`, which nothing else would miss.
#[test]
fn the_allocator_has_one_arena() {
    let (_, _, said) = ended(sink(&["--version"]).env("MALLOC_CONF", "stats_print:true"));
    assert!(said.contains("opt.narenas: 1\n"), "{said}");
}

#[test]
fn version_and_help_end_well() {
    let (code, out, _) = ended(&mut sink(&["--version"]));
    assert_eq!((code, out.trim()), (0, concat!("warehouse-sink ", env!("CARGO_PKG_VERSION"))));
    let (code, out, _) = ended(&mut sink(&["--help"]));
    assert_eq!(code, 0);
    for word in ["run", "check", "inspect", "replay", "generate", "Exit codes", "docs/configuration.md"] {
        assert!(out.contains(word), "{word} is not in:\n{out}");
    }
    for command in ["run", "check", "inspect", "replay", "generate"] {
        let (code, out, _) = ended(&mut sink(&[command, "--help"]));
        assert_eq!(code, 0);
        assert!(out.contains("Example:") && out.contains(&format!("warehouse-sink {command}")), "{out}");
    }
}

#[test]
fn bad_usage_exits_with_2() {
    let cases: [&[&str]; 14] = [
        &[],
        &["fly"],
        &["run", "--confg", "x"],
        &["run", "--config"],
        &["generate", "--count", "many"],
        &["generate", "--hours", "0"],
        &["generate", "--start", "yesterday"],
        &["inspect", "--output", "yaml"],
        &["inspect", "--stream", "perhaps"],
        &["inspect", "--partition", "../elsewhere"],
        &["inspect", "--from", "-1"],
        &["inspect", "--from", "9", "--to", "5"],
        &["replay", "--sequence", "9-5"],
        &["replay", "--since", "yesterday"],
    ];
    for arguments in cases {
        let (code, out, err) = ended(&mut sink(arguments));
        assert_eq!(code, 2, "{arguments:?}");
        assert!(out.is_empty() && !err.is_empty(), "{arguments:?}: {out} {err}");
    }
}

#[test]
fn bad_settings_are_one_line_and_exit_with_2() {
    let (_folder, path) = file("[nats]\nurl = \"nats://127.0.0.1:1\"\nstrem = \"S\"\n");
    for command in ["run", "check", "inspect", "replay"] {
        let (code, out, err) = ended(&mut sink(&[command, "--config", &path]));
        assert_eq!(code, 2);
        assert_eq!(out, "");
        assert_eq!(err, format!("{path}:3: unknown key `strem` in [nats]: did you mean `stream`?\n"));
    }
}

#[test]
fn a_missing_file_exits_with_2() {
    let (code, _, err) = ended(&mut sink(&["run", "--config", "/no/such/sink.toml"]));
    assert_eq!(code, 2);
    assert!(err.starts_with("/no/such/sink.toml: cannot be read") && err.lines().count() == 1, "{err}");
}

#[test]
fn an_unknown_variable_exits_with_2() {
    let (code, _, err) = ended(sink(&["run"]).env("WAREHOUSE_SINK__BATCH__MAX_EVENT", "5"));
    assert_eq!(code, 2);
    assert!(err.contains("did you mean WAREHOUSE_SINK__BATCH__MAX_EVENTS?"), "{err}");
}

#[test]
fn a_variable_can_mend_the_file() {
    let (_folder, path) = file("[batch]\nflush_interval = \"soon\"\n[storage]\nservice = \"none-such\"\n");
    let mended = ("WAREHOUSE_SINK__BATCH__FLUSH_INTERVAL", "5m");
    let address = ("WAREHOUSE_SINK__OBSERVABILITY__METRICS_ADDR", "127.0.0.1:0");
    let (code, _, err) = ended(sink(&["run", "--config", &path]).env(mended.0, mended.1).env(address.0, address.1));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("none-such") && !err.contains("soon"), "{err}");
}

#[test]
fn a_storage_without_its_options_exits_with_2_and_names_them() {
    let address = ("WAREHOUSE_SINK__OBSERVABILITY__METRICS_ADDR", "127.0.0.1:0");
    let (code, _, err) = ended(sink(&["run"]).env(address.0, address.1));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("bucket"), "{err}");
}

#[test]
fn an_address_in_use_exits_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = ended(sink(&["run"]).env("METRICS_ADDR", &address));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("cannot listen on") && err.contains("observability.metrics_addr"), "{err}");
}

#[test]
fn a_server_that_is_not_there_exits_with_1() {
    let (code, _, err) = ended(&mut sink(&["generate", "--url", "nats://user:hunter2@127.0.0.1:1"]));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("cannot connect to nats://127.0.0.1:1") && !err.contains("hunter2"), "{err}");
}

#[test]
fn run_says_in_one_line_that_a_server_is_not_there_and_exits_with_1() {
    let mut sink = sink(&["run"]);
    sink.env("NATS_URL", "nats://127.0.0.1:1").env("METRICS_ADDR", "127.0.0.1:0").env("LOG_LEVEL", "error");
    sink.env("WAREHOUSE_SINK__NATS__STARTUP_TIMEOUT", "500ms");
    let folder = tempfile::tempdir().unwrap();
    sink.env("WAREHOUSE_SINK__STORAGE__SERVICE", "fs").env("WAREHOUSE_SINK__STORAGE__OPTIONS__ROOT", folder.path());
    let (code, _, err) = ended(&mut sink);
    assert_eq!(code, 1, "{err}");
    assert_eq!(err.trim_end().lines().count(), 1, "{err}");
    assert!(err.contains("could not connect to NATS: nats://127.0.0.1:1") && err.contains("refused"), "{err}");
}
