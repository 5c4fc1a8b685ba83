//! A server that speaks Azure Blob Storage: Azurite, Microsoft's own emulator.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::http;
use crate::ports::free_ports;
use crate::process::{Process, Signal};
use crate::settings::Settings;
use crate::tools::{project_root, tool};
use crate::wait::wait_for;

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);
/// What [`AzureServer::KEY`] is the base64 of.
const SECRET: &[u8] = b"testkit-secret-of-thirty-two-byt";

/// A server with one account and one container, on a loopback port of its own, its data in a temporary folder.
#[derive(Debug)]
pub struct AzureServer {
    folder: TempDir,
    port: u16,
    tls: Option<Certificate>,
    process: Option<Process>,
}

impl AzureServer {
    /// The container that is there from the start.
    pub const CONTAINER: &str = "causality-events";
    /// The name of the account.
    pub const ACCOUNT: &str = "testkit";
    /// The key that belongs to it.
    pub const KEY: &str = "dGVzdGtpdC1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXQ=";

    /// Starts a server, makes the container and waits until it is there.
    ///
    /// # Panics
    ///
    /// When the tools are missing or the server doesn't come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let [port] = free_ports();
        let mut server = Self { folder, port, tls: None, process: None };
        server.start_again();
        server
    }

    /// Starts the server on the same port with the same data, after [`Self::stop`].
    #[track_caller]
    pub fn start_again(&mut self) {
        let mut command = self.command();
        let log = self.folder.path().join("azurite.log");
        let (address, is_tls) = (self.address(), self.tls.is_some());
        let process = self.process.insert(Process::start("Azurite", &mut command, &log));
        wait_for(START, "Azurite to make the container", || {
            if let Some(status) = process.exited() {
                panic!("Azurite ended with {status}");
            }
            match is_tls {
                true => TcpStream::connect(address).map(drop).map_err(|error| error.to_string()),
                false => make_container(address, Self::CONTAINER),
            }
        });
    }

    /// Stops the server and starts it again with the same data: with a certificate for HTTPS alone, where it takes the tokens of Entra
    /// as well; without one for HTTP.
    #[track_caller]
    pub fn restart(&mut self, tls: Option<Certificate>) {
        self.stop();
        self.tls = tls;
        self.start_again();
    }

    /// Makes another container.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[track_caller]
    pub fn make_container(&self, name: &str) {
        make_container(self.address(), name).unwrap_or_else(|error| panic!("{error}"));
    }

    fn command(&self) -> Command {
        let mut command = Command::new(tool("node"));
        command.arg(project_root().join(".tools/azurite/node_modules/azurite/dist/src/blob/main.js"));
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &self.port.to_string(), "--disableTelemetry"]);
        // pyarrow names a version of the API that is newer than Azurite, and means nothing by it.
        command.arg("--skipApiVersionCheck").arg("--location").arg(self.folder.path().join("data"));
        command.env("AZURITE_ACCOUNTS", format!("{}:{}", Self::ACCOUNT, Self::KEY)).current_dir(self.folder.path());
        if let Some(tls) = &self.tls {
            command.args(["--oauth", "basic", "--cert"]).arg(&tls.certificate).arg("--key").arg(&tls.key);
        }
        command
    }

    /// The address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Points the sink's settings at this server, or at a proxy before it.
    #[must_use]
    pub fn settings(&self, settings: Settings, endpoint: &str) -> Settings {
        settings
            .set("storage", "service", "azblob")
            .set("storage.options", "endpoint", format!("{endpoint}/{}", Self::ACCOUNT))
            .set("storage.options", "container", Self::CONTAINER)
            .set("storage.options", "account_name", Self::ACCOUNT)
            .set("storage.options", "account_key", Self::KEY)
    }

    /// Stops the server as an operator would. There is no kill: Azurite, unlike Azure, has the names of blobs in memory alone for
    /// up to five seconds.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::Terminate);
            process.wait_exit(STOP);
        }
    }
}

fn make_container(address: SocketAddr, container: &str) -> Result<(), String> {
    let account = AzureServer::ACCOUNT;
    // Any date will do: Azurite does not look at it.
    let signed = "x-ms-date:Tue, 01 Jan 2030 00:00:00 GMT\nx-ms-version:2022-11-02";
    // The lines between stand for headers that are not sent.
    let text = format!("PUT{}{signed}\n/{account}/{account}/{container}\nrestype:container", "\n".repeat(12));
    let login = format!("SharedKey {account}:{}", BASE64.encode(&hmac_sha256(SECRET, text.as_bytes())));
    let mut headers: Vec<(&str, &str)> = signed.lines().filter_map(|line| line.split_once(':')).collect();
    headers.push(("Authorization", &login));
    let path = format!("/{account}/{container}?restype=container");
    let response = http::request_with(address, "PUT", &path, &headers, b"").map_err(|error| error.to_string())?;
    // 409: the container is there already.
    match response.status {
        201 | 409 => Ok(()),
        status => Err(format!("{status} {}", response.body)),
    }
}

/// HMAC as in RFC 2104, for keys of at most 64 bytes.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| -> [u8; 64] { std::array::from_fn(|at| key.get(at).copied().unwrap_or(0) ^ pad) };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let code = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(HEXLOWER.encode(&code), wanted);
    }

    #[test]
    fn the_key_is_the_secret() {
        assert_eq!(AzureServer::KEY, BASE64.encode(SECRET));
    }
}
