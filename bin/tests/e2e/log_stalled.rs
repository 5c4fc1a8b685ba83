//! A reader of the log that stalls costs log lines, and nothing else.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify, wait_until};

use crate::PROGRAM;

const DEADLINE: Duration = Duration::from_secs(60);

/// Linux's number for a file that is never waited for.
const O_NONBLOCK: i32 = 0o4000;

/// A pipe that is full, and the program with its standard error in it.
struct Stalled {
    /// Nobody reads it, and it stays open.
    _pipe: File,
    program: PathBuf,
}

impl Stalled {
    fn new(folder: &Path) -> Self {
        let (fifo, program) = (folder.join("stderr"), folder.join("sink.sh"));
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        fs::write(&program, format!("#!/bin/sh\nexec '{PROGRAM}' \"$@\" 2>'{}'\n", fifo.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut pipe = File::options().read(true).write(true).custom_flags(O_NONBLOCK).open(&fifo).unwrap();
        for size in [4096, 1] {
            while pipe.write(&vec![b'\n'; size]).is_ok() {}
        }
        Stalled { _pipe: pipe, program }
    }
}

#[test]
fn a_full_pipe_on_standard_error_holds_nothing_up() {
    let (nats, folder) = (NatsServer::start(), tempfile::tempdir().unwrap());
    let stalled = Stalled::new(folder.path());
    let store = folder.path().join("store");
    publish(PROGRAM, &nats, 5000, &["--create-stream"]);
    let settings = Settings::new(&nats.url()).local(&store).set("observability", "log_level", "trace");
    let mut sink = Sink::start(&stalled.program, &settings);
    nats.wait_settled(DEADLINE);
    sink.wait_ready(DEADLINE);
    assert_eq!(sink.stop(DEADLINE), Some(0));
    verify::exact(&nats, &store, &[]).assert_ok();
}

/// The last words of a process that can't start.
#[test]
fn a_full_pipe_on_standard_error_does_not_hold_up_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let stalled = Stalled::new(folder.path());
    let nobody = Settings::new("nats://127.0.0.1:1").local(folder.path()).set("nats", "startup_timeout", "10ms");
    let mut unreachable = Sink::start(&stalled.program, &nobody);
    assert_eq!(unreachable.wait_exit(DEADLINE).code(), Some(1));
    let mut wrong = Sink::start(&stalled.program, &nobody.set("batch", "no_such_key", 1));
    assert_eq!(wrong.wait_exit(DEADLINE).code(), Some(2));
    for command in ["check", "inspect", "replay"] {
        let mut child =
            Command::new(&stalled.program).args([command, "--config", "/nonexistent/sink.toml"]).spawn().unwrap();
        let mut ended = None;
        wait_until(DEADLINE, "a command to end", || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        assert_eq!(ended.and_then(|status| status.code()), Some(2), "{command}");
    }
}
