//! The program's own generator as a publisher.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::nats::NatsServer;
use crate::process::Process;
use crate::settings::Settings;

/// More than any test publishes takes.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running `warehouse-sink generate`: each message is confirmed by the stream. Dropping it kills it.
#[derive(Debug)]
pub struct Publisher {
    // Dropped before the folder that its log is in.
    process: Process,
    _folder: TempDir,
}

impl Publisher {
    /// Starts to publish so many messages. More arguments as `warehouse-sink generate --help` tells; without a `--seed` the
    /// messages are the same each time, their ids too.
    ///
    /// # Panics
    ///
    /// When the program can't be started.
    #[must_use]
    #[track_caller]
    pub fn start(program: impl AsRef<Path>, nats: &NatsServer, count: u64, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut command = Command::new(program.as_ref());
        command.args(["generate", "--url", &nats.url(), "--stream", Settings::STREAM]);
        command.args(["--count", &count.to_string()]).args(more);
        let process = Process::start("warehouse-sink generate", &mut command, &folder.path().join("generate.log"));
        Self { process, _folder: folder }
    }

    /// Waits until every message is confirmed.
    ///
    /// # Panics
    ///
    /// When one is not, or not in two minutes.
    #[track_caller]
    pub fn finish(mut self) {
        let status = self.process.wait_exit(DEADLINE);
        assert!(status.success(), "the publisher ended with {status}");
    }
}

/// Publishes and waits until every message is confirmed: see [`Publisher`].
///
/// # Panics
///
/// When one is not confirmed.
#[track_caller]
pub fn publish(program: impl AsRef<Path>, nats: &NatsServer, count: u64, more: &[&str]) {
    Publisher::start(program, nats, count, more).finish();
}
