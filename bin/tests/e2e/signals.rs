//! A signal ends the program well, at any time.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Ends the process with the test, however that ends.
struct Sink(Child);

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Sink {
    /// A sink whose NATS server is not there, so that it waits; and the rest of what it logs.
    fn waiting(folder: &Path) -> (Self, BufReader<ChildStderr>) {
        let mut command = Command::new(crate::PROGRAM);
        command
            .arg("run")
            .env_clear()
            .env("NATS_URL", "nats://127.0.0.1:1")
            .env("METRICS_ADDR", "127.0.0.1:0")
            .env("WAREHOUSE_SINK__STORAGE__SERVICE", "fs")
            .env("WAREHOUSE_SINK__STORAGE__OPTIONS__ROOT", folder)
            .stderr(Stdio::piped());
        let mut sink = Sink(command.spawn().unwrap());
        let mut log = BufReader::new(sink.0.stderr.take().unwrap());
        // It takes signals over before it says anything, and says what it waits for.
        let waits = log.by_ref().lines().map_while(Result::ok).any(|line| line.contains("could not connect to NATS"));
        assert!(waits, "it ended before it was told to");
        (sink, log)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {}", self.0.id())]).status().unwrap();
        assert!(sent.success());
    }

    fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < limit, "it still runs after {limit:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Also while it starts, signals that ask for nothing that there is change nothing, and a doubled one is no second wish.
#[test]
fn a_sink_that_holds_nothing_stops_clean_on_each_signal() {
    for (ignored, signal) in [("HUP", "TERM"), ("USR1", "INT"), ("USR2", "QUIT")] {
        let folder = tempfile::tempdir().unwrap();
        let (mut sink, mut log) = Sink::waiting(folder.path());
        sink.signal(ignored);
        let is_said = |line: String| line.contains("ignored") && line.contains(&format!("SIG{ignored}"));
        assert!(log.by_ref().lines().map_while(Result::ok).any(is_said), "SIG{ignored} ended it");
        sink.signal(signal);
        sink.signal(signal);
        assert_eq!(sink.ended_within(Duration::from_secs(10)).code(), Some(0), "{signal}");
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        assert!(rest.contains(&format!("SIG{signal}")), "{rest}");
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_keeps_it_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut sink, log) = Sink::waiting(folder.path());
    drop(log);
    sink.signal("TERM");
    assert_eq!(sink.ended_within(Duration::from_secs(10)).code(), Some(0));
}
