//! Running the Python that verifies what the sink stored, and that publishes what another protobuf implementation made.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::nats::NatsServer;
use crate::s3::S3Server;
use crate::settings::Settings;
use crate::tools::{project_root, tool};

/// What a script found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it found everything as it should be.
    pub ok: bool,
    /// The JSON that it printed.
    pub report: Value,
}

impl Outcome {
    /// A number of the report, by its path: `["duckdb", "rows"]`.
    ///
    /// # Panics
    ///
    /// When the report has no number there.
    #[must_use]
    #[track_caller]
    pub fn number(&self, path: &[&str]) -> u64 {
        let value = path.iter().fold(&self.report, |value, key| &value[key]);
        value.as_u64().unwrap_or_else(|| panic!("no number at {path:?} in {:#}", self.report))
    }

    /// Fails the test with the whole report unless all is well.
    ///
    /// # Panics
    ///
    /// When the script found something wrong.
    #[track_caller]
    pub fn assert_ok(&self) {
        assert!(self.ok, "the stored files are not what was published: {:#}", self.report);
    }
}

/// Runs a script of `verify/`.
///
/// # Panics
///
/// When the tools are missing, or the script prints something else than JSON.
#[must_use]
#[track_caller]
pub fn run(script: &str, arguments: &[&str]) -> Outcome {
    let output = Command::new(tool("python"))
        .arg(project_root().join("verify").join(script))
        .args(arguments)
        // Compiled modules stay out of the source folder.
        .env("PYTHONPYCACHEPREFIX", project_root().join(".tools/pycache"))
        .output()
        .unwrap_or_else(|error| panic!("cannot run {script}: {error}"));
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("{script} {arguments:?} ended with {} and no JSON ({error}): {errors}", output.status)
    });
    Outcome { ok: output.status.success(), report }
}

/// Compares the files below a local folder with all that the stream holds, `events` and `events-dead-letter` being the
/// sink's prefixes. More arguments as `verify/exact.py --help` tells.
#[must_use]
#[track_caller]
pub fn exact(nats: &NatsServer, root: &Path, more: &[&str]) -> Outcome {
    let [files, letters] = ["events", "events-dead-letter"].map(|prefix| root.join(prefix));
    let url = nats.url();
    let mut arguments = vec!["--url", &url, "--stream", Settings::STREAM];
    let (files, letters) = (files.to_string_lossy(), letters.to_string_lossy());
    arguments.extend(["--files", &files, "--dead-letter", &letters]);
    arguments.extend(more);
    run("exact.py", &arguments)
}

/// A bucket on a server, and a login to read it with.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// The kind of server, by the sink's name for its service.
    pub service: &'a str,
    /// Where it listens.
    pub address: SocketAddr,
    /// The bucket, or container.
    pub bucket: &'a str,
    /// The access key's id, or the account's name.
    pub key: &'a str,
    /// The key that belongs to it.
    pub secret: &'a str,
}

/// As [`exact`], for the files in a bucket.
#[must_use]
#[track_caller]
pub fn exact_remote(nats: &NatsServer, remote: Remote<'_>, more: &[&str]) -> Outcome {
    let (url, endpoint) = (nats.url(), remote.address.to_string());
    let mut arguments = vec!["--url", &url, "--stream", Settings::STREAM];
    arguments.extend(["--files", "events", "--dead-letter", "events-dead-letter"]);
    arguments.extend(["--store", remote.service, "--endpoint", &endpoint, "--bucket", remote.bucket]);
    arguments.extend(["--key", remote.key, "--secret", remote.secret]);
    arguments.extend(more);
    run("exact.py", &arguments)
}

/// As [`exact`], for the files on an S3 server.
#[must_use]
#[track_caller]
pub fn exact_s3(nats: &NatsServer, s3: &S3Server, more: &[&str]) -> Outcome {
    let (address, bucket) = (s3.address(), S3Server::BUCKET);
    let (key, secret) = (S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
    exact_remote(nats, Remote { service: "s3", address, bucket, key, secret }, more)
}

/// Publishes the events that Python's protobuf makes: every payload kind at its edges, and poison. The stream must be there.
/// The report has `events` and `poison`.
#[must_use]
#[track_caller]
pub fn publish_python(nats: &NatsServer, more: &[&str]) -> Outcome {
    let url = nats.url();
    let mut arguments = vec!["--url", &url, "--stream", Settings::STREAM];
    arguments.extend(more);
    run("publish_python.py", &arguments)
}
