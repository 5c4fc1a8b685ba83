//! The built program, run as an operator runs it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use crate::http;
use crate::metrics::Metrics;
use crate::ports::free_ports;
use crate::process::{Process, Signal};
use crate::settings::Settings;
use crate::wait::{wait_for, wait_until};

/// A running `warehouse-sink run`. Dropping it kills it (SIGKILL).
#[derive(Debug)]
pub struct Sink {
    // Dropped before the folder that its log is in.
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Sink {
    /// Starts the program, given as `env!("CARGO_BIN_EXE_warehouse-sink")`, with these settings and a free port for its
    /// metrics. It doesn't wait until the sink is ready.
    ///
    /// # Panics
    ///
    /// When the program can't be started.
    #[must_use]
    #[track_caller]
    pub fn start(program: impl AsRef<Path>, settings: &Settings) -> Self {
        Self::start_with(program, settings, |_| ())
    }

    /// As [`Self::start`], with a chance to change the command: its environment, its limits.
    #[must_use]
    #[track_caller]
    pub fn start_with(program: impl AsRef<Path>, settings: &Settings, change: impl FnOnce(&mut Command)) -> Self {
        let [port] = free_ports();
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let file = folder.path().join("sink.toml");
        let settings = settings.clone().set("observability", "metrics_addr", format!("127.0.0.1:{port}"));
        fs::write(&file, settings.to_toml()).unwrap_or_else(|error| panic!("cannot write the settings: {error}"));

        let mut command = Command::new(program.as_ref());
        command.arg("run").arg("--config").arg(&file);
        change(&mut command);
        let process = Process::start("warehouse-sink", &mut command, &folder.path().join("sink.log"));
        Self { process, port, _folder: folder }
    }

    /// The address of `/metrics`, `/health` and `/ready`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// What `/ready` answers: the status code and the reason; `None` when nothing answers.
    #[must_use]
    pub fn ready(&self) -> Option<(u16, String)> {
        http::get(self.address(), "/ready").ok().map(|response| (response.status, response.body))
    }

    /// Waits until `/ready` says yes.
    ///
    /// # Panics
    ///
    /// When it doesn't by the deadline, or the program ends.
    #[track_caller]
    pub fn wait_ready(&mut self, deadline: Duration) {
        wait_for(deadline, "the sink to be ready", || {
            if let Some(status) = self.process.exited() {
                panic!("the sink ended with {status}");
            }
            match self.ready() {
                Some((200, _)) => Ok(()),
                Some((status, reason)) => Err(format!("{status} {reason}")),
                None => Err("no answer".to_owned()),
            }
        });
    }

    /// What `/metrics` says now; `None` when nothing answers.
    #[must_use]
    pub fn metrics(&self) -> Option<Metrics> {
        let response = http::get(self.address(), "/metrics").ok()?;
        (response.status == 200).then(|| Metrics::parse(&response.body))
    }

    /// The sum of a metric over the label sets that hold these labels; 0 when there is none or nothing answers.
    #[must_use]
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.metrics().map_or(0.0, |metrics| metrics.sum(name, labels))
    }

    /// Sends a signal to the program.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// How it ended; `None` while it runs.
    #[track_caller]
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.exited()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// When it still runs at the deadline.
    #[track_caller]
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        self.process.wait_exit(deadline)
    }

    /// Asks it to stop (SIGTERM) and returns its exit code; `None` when a signal ended it.
    ///
    /// It asks once the program answers over HTTP: before it has taken the signals over, the first moment of its life, SIGTERM
    /// ends it as it ends any program.
    ///
    /// # Panics
    ///
    /// When it doesn't answer by the deadline, or still runs then.
    #[track_caller]
    pub fn stop(&mut self, deadline: Duration) -> Option<i32> {
        wait_until(deadline, "the sink to answer", || self.ready().is_some() || self.exited().is_some());
        self.signal(Signal::Terminate);
        self.wait_exit(deadline).code()
    }

    /// All that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until the log holds a text.
    ///
    /// # Panics
    ///
    /// When it doesn't by the deadline.
    #[track_caller]
    pub fn wait_log(&self, deadline: Duration, text: &str) {
        wait_for(deadline, &format!("{text:?} in the sink's log"), || {
            if self.log().contains(text) { Ok(()) } else { Err("not there".to_owned()) }
        });
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The most memory that the process has held at once, in bytes; `None` when the system doesn't tell.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes * 1024)
    }
}
