//! A WebDAV server: SeaweedFS's own, before the folders that are buckets at its S3 endpoint.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tempfile::TempDir;

use crate::http;
use crate::ports::free_ports;
use crate::s3::S3Server;
use crate::settings::Settings;
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(60);
/// Where the buckets are.
const BUCKETS: &str = "/buckets";

/// A WebDAV server that looks at no login. What is written to it can be read by S3.
#[derive(Debug)]
pub struct WebDavServer {
    s3: S3Server,
    port: u16,
    /// Pieces of files, as the server keeps them for readers.
    _cache: TempDir,
}

impl WebDavServer {
    /// Whom the sink says to be.
    pub const USER: &str = "sink";
    /// Its password.
    pub const PASSWORD: &str = "testkit-password";

    /// Starts a server, makes the bucket and waits until it is there.
    ///
    /// # Panics
    ///
    /// When the tools are missing or the server doesn't come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let cache = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let [port] = free_ports();
        let more = [
            "-webdav=true".to_owned(),
            format!("-webdav.port={port}"),
            format!("-webdav.cacheDir={}", cache.path().display()),
        ];
        let server = Self { s3: S3Server::start_with(&more), port, _cache: cache };
        server.wait();
        server
    }

    /// Starts the server on the same ports with the same data, after [`Self::kill`].
    #[track_caller]
    pub fn start_again(&mut self) {
        self.s3.start_again();
        self.wait();
    }

    #[track_caller]
    fn wait(&self) {
        let bucket = format!("{BUCKETS}/{}/", S3Server::BUCKET);
        wait_for(START, "SeaweedFS to show the bucket by WebDAV", || {
            match http::request(self.address(), "PROPFIND", &bucket, b"") {
                Ok(answer) if answer.status == 207 => Ok(()),
                answer => Err(format!("{answer:?}")),
            }
        });
    }

    /// Where it listens for WebDAV.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The S3 endpoint before the same files.
    #[must_use]
    pub fn s3(&self) -> &S3Server {
        &self.s3
    }

    /// Points the sink's settings at a bucket of this server, or at a proxy before it.
    #[must_use]
    pub fn settings(&self, settings: Settings, endpoint: &str, bucket: &str) -> Settings {
        settings
            .set("storage", "service", "webdav")
            .set("storage.options", "endpoint", endpoint)
            .set("storage.options", "root", format!("{BUCKETS}/{bucket}"))
            .set("storage.options", "username", Self::USER)
            .set("storage.options", "password", Self::PASSWORD)
    }

    /// Kills the server (SIGKILL).
    pub fn kill(&mut self) {
        self.s3.kill();
    }
}
