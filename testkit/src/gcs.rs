//! A server that speaks Google Cloud Storage's JSON API: fake-gcs-server.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::http;
use crate::ports::free_ports;
use crate::process::{Process, Signal};
use crate::settings::Settings;
use crate::tools::tool;
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// A server with one bucket, on loopback ports of its own, its data in a temporary folder. It looks at no login.
#[derive(Debug)]
pub struct GcsServer {
    folder: TempDir,
    ports: [u16; 2],
    tls: Option<Certificate>,
    process: Option<Process>,
}

impl GcsServer {
    /// The bucket that is there from the start.
    pub const BUCKET: &str = "causality-events";
    /// The token that the sink logs in with.
    pub const TOKEN: &str = "testkit-token";

    /// Starts a server, makes the bucket and waits until it takes an object.
    ///
    /// # Panics
    ///
    /// When the tools are missing or the server doesn't come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::launch(None)
    }

    /// As [`Self::start`], with a port for HTTPS beside the one for HTTP.
    #[must_use]
    #[track_caller]
    pub fn start_with_tls(certificate: Certificate) -> Self {
        Self::launch(Some(certificate))
    }

    #[track_caller]
    fn launch(tls: Option<Certificate>) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut server = Self { folder, ports: free_ports(), tls, process: None };
        server.start_again();
        server
    }

    /// Starts the server on the same ports with the same data, after [`Self::stop`] or [`Self::kill`].
    #[track_caller]
    pub fn start_again(&mut self) {
        let mut command = self.command();
        let log = self.folder.path().join("gcs.log");
        let address = self.address();
        let process = self.process.insert(Process::start("fake-gcs-server", &mut command, &log));
        wait_for(START, "fake-gcs-server to take an object", || {
            if let Some(status) = process.exited() {
                panic!("fake-gcs-server ended with {status}");
            }
            take_an_object(address)
        });
    }

    /// Makes another bucket.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[track_caller]
    pub fn make_bucket(&self, name: &str) {
        make_bucket(self.address(), name).unwrap_or_else(|error| panic!("{error}"));
    }

    fn command(&self) -> Command {
        let [http, https] = self.ports.map(|port| port.to_string());
        let mut command = Command::new(tool("fake-gcs-server"));
        command.args(["-host", "127.0.0.1", "-public-host", &self.address().to_string()]);
        command.arg("-backend").arg("filesystem").arg("-filesystem-root").arg(self.folder.path().join("data"));
        match &self.tls {
            None => command.args(["-scheme", "http", "-port", &http]),
            Some(tls) => command
                .args(["-scheme", "both", "-port-http", &http, "-port", &https])
                .arg("-cert-location")
                .arg(&tls.certificate)
                .arg("-private-key-location")
                .arg(&tls.key),
        };
        command
    }

    /// The address for HTTP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[0]))
    }

    /// The address for HTTPS, where nothing listens unless the server was started with a certificate.
    #[must_use]
    pub fn tls_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[1]))
    }

    /// Points the sink's settings at this server, or at a proxy before it.
    #[must_use]
    pub fn settings(&self, settings: Settings, endpoint: &str) -> Settings {
        settings
            .set("storage", "service", "gcs")
            .set("storage.options", "endpoint", endpoint)
            .set("storage.options", "bucket", Self::BUCKET)
            .set("storage.options", "token", Self::TOKEN)
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

fn ask(address: SocketAddr, method: &str, path: &str, body: &str, fine: [u16; 2]) -> Result<(), String> {
    let response = http::request(address, method, path, body.as_bytes()).map_err(|error| error.to_string())?;
    match fine.contains(&response.status) {
        true => Ok(()),
        false => Err(format!("{method} {path}: {} {}", response.status, response.body)),
    }
}

fn make_bucket(address: SocketAddr, name: &str) -> Result<(), String> {
    // 409: the bucket is there already.
    ask(address, "POST", "/storage/v1/b?project=testkit", &format!(r#"{{"name": "{name}"}}"#), [200, 409])
}

/// Makes the bucket and writes and removes an object.
fn take_an_object(address: SocketAddr) -> Result<(), String> {
    let bucket = GcsServer::BUCKET;
    make_bucket(address, bucket)?;
    let object = format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name=testkit-probe");
    ask(address, "POST", &object, "probe", [200, 200])?;
    ask(address, "DELETE", &format!("/storage/v1/b/{bucket}/o/testkit-probe"), "", [200, 204])
}
