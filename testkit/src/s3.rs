//! A real S3 server: SeaweedFS, all its parts in one process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::http;
use crate::ports::free_ports;
use crate::process::{Process, Signal};
use crate::settings::Settings;
use crate::tools::tool;
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// The parts of the server, each with a port for HTTP and one for gRPC. The admin's worker needs a port to look at, although the
/// admin itself is left out.
const PARTS: [&str; 5] = ["s3", "master", "volume", "filer", "admin"];

/// One identity for the sink, whose signatures are checked, and one without a name for this harness. An administrator's write
/// to a bucket that is missing would make the bucket, so the sink is none.
const IDENTITIES: &str = r#"{"identities": [
  {"name": "sink", "credentials": [{"accessKey": "testkit-key", "secretKey": "testkit-secret"}],
   "actions": ["Read", "Write", "List", "Tagging"]},
  {"name": "anonymous", "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
]}"#;

/// An S3 server with one bucket, on loopback ports of its own, its data in a temporary folder. It is up after
/// one or two seconds.
#[derive(Debug)]
pub struct S3Server {
    folder: TempDir,
    ports: [u16; 2 * PARTS.len()],
    /// What is told the server beyond the usual.
    more: Vec<String>,
    process: Option<Process>,
}

impl S3Server {
    /// The bucket that is there from the start.
    pub const BUCKET: &str = "causality-events";
    /// The access key id that the server knows.
    pub const ACCESS_KEY: &str = "testkit-key";
    /// The secret key that belongs to it.
    pub const SECRET_KEY: &str = "testkit-secret";

    /// Starts a server, makes the bucket and waits until it takes an object.
    ///
    /// # Panics
    ///
    /// When the tools are missing or the server doesn't come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Self::start`], with more arguments as `weed mini -h` tells.
    #[must_use]
    #[track_caller]
    pub fn start_with(more: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        for (name, text) in [("s3.json", IDENTITIES), ("data/.keep", "")] {
            let path = folder.path().join(name);
            let parent = path.parent().unwrap_or(folder.path());
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, text))
                .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        }
        let mut server = Self { folder, ports: free_ports(), more: more.to_vec(), process: None };
        server.start_again();
        server
    }

    /// Starts the server on the same ports with the same data, after [`Self::stop`] or [`Self::kill`].
    #[track_caller]
    pub fn start_again(&mut self) {
        let mut command = self.command();
        let log = self.folder.path().join("weed.log");
        let process = self.process.insert(Process::start("SeaweedFS", &mut command, &log));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[0]));
        wait_for(START, "SeaweedFS to take an object", || {
            if let Some(status) = process.exited() {
                panic!("SeaweedFS ended with {status}");
            }
            take_an_object(address)
        });
    }

    fn command(&self) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(tool("weed"));
        command.arg("mini").arg(format!("-dir={}", folder.join("data").display()));
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]);
        // What a test of S3 has no use for; and nothing balances requests here that would have to be told before a stop.
        command.args(["-webdav=false", "-admin.ui=false", "-s3.iam=false", "-volume.preStopSeconds=0"]);
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0"]);
        let names = PARTS.iter().flat_map(|part| [format!("{part}.port"), format!("{part}.port.grpc")]);
        command.args(names.zip(self.ports).map(|(name, port)| format!("-{name}={port}")));
        let files = [("s3.config", "s3.json"), ("filer.localSocket", "filer.sock"), ("s3.localSocket", "s3.sock")];
        command.args(files.map(|(name, file)| format!("-{name}={}", folder.join(file).display())));
        command.args(&self.more).current_dir(folder);
        command
    }

    /// Makes another bucket.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[track_caller]
    pub fn make_bucket(&self, name: &str) {
        let made = http::request(self.address(), "PUT", &format!("/{name}"), b"");
        assert!(made.as_ref().is_ok_and(|made| made.status == 200), "{made:?}");
    }

    /// The server's list of multipart uploads that were begun and neither completed nor aborted, as it words it; empty when
    /// there are none.
    ///
    /// # Panics
    ///
    /// When the server doesn't tell.
    #[must_use]
    #[track_caller]
    pub fn unfinished_uploads(&self) -> String {
        let list = http::get(self.address(), &format!("/{}?uploads", Self::BUCKET));
        let list = list.unwrap_or_else(|error| panic!("no list of uploads: {error}"));
        assert!(list.status == 200 && list.body.contains("ListMultipartUploadsResult"), "{list:?}");
        if list.body.contains("<UploadId>") { list.body } else { String::new() }
    }

    /// The address of the S3 endpoint.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[0]))
    }

    /// The URL of the S3 endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Points the sink's settings at this server, or at a proxy before it.
    #[must_use]
    pub fn settings(&self, settings: Settings, endpoint: &str) -> Settings {
        settings
            .set("storage", "service", "s3")
            .set("storage.options", "endpoint", endpoint)
            .set("storage.options", "bucket", Self::BUCKET)
            .set("storage.options", "region", "us-east-1")
            .set("storage.options", "access_key_id", Self::ACCESS_KEY)
            .set("storage.options", "secret_access_key", Self::SECRET_KEY)
    }

    /// Stops the server as an operator would.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::Terminate);
            process.wait_exit(STOP);
        }
    }

    /// Kills the server (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.kill();
        // SeaweedFS puts a socket for each gRPC port there, whatever it is told, and leaves them behind.
        for (part, ports) in PARTS.iter().zip(self.ports.chunks(2)) {
            for port in ports {
                // Most of these were never made.
                let _ = fs::remove_file(format!("/tmp/seaweedfs-{part}-grpc-{port}.sock"));
            }
        }
    }
}

/// Makes the bucket and writes and removes an object: only then are all parts of the server up.
fn take_an_object(address: SocketAddr) -> Result<(), String> {
    let bucket = format!("/{}", S3Server::BUCKET);
    let object = format!("{bucket}/testkit-probe");
    // 409: the bucket is there already.
    for (method, path, body, fine) in
        [("PUT", &bucket, "", [200, 409]), ("PUT", &object, "probe", [200, 200]), ("DELETE", &object, "", [200, 204])]
    {
        let response = http::request(address, method, path, body.as_bytes()).map_err(|error| error.to_string())?;
        if !fine.contains(&response.status) {
            return Err(format!("{method} {path}: {} {}", response.status, response.body));
        }
    }
    Ok(())
}
