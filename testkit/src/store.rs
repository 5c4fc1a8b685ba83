//! Any of the stores that the sink writes to, so that one test runs against them all.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::azure::AzureServer;
use crate::gcs::GcsServer;
use crate::nats::NatsServer;
use crate::s3::S3Server;
use crate::settings::Settings;
use crate::verify::{self, Outcome, Remote};
use crate::webdav::WebDavServer;

/// A store of one kind, with a bucket (a container, a folder) that is there from the start.
#[derive(Debug)]
pub enum Store {
    /// A local folder.
    Folder(TempDir),
    /// SeaweedFS, which speaks S3.
    S3(S3Server),
    /// fake-gcs-server, which speaks Google Cloud Storage's JSON API.
    Gcs(GcsServer),
    /// Azurite, which speaks Azure Blob Storage.
    Azure(AzureServer),
    /// SeaweedFS, which speaks WebDAV as well.
    WebDav(WebDavServer),
}

impl Store {
    /// The bucket that is there.
    pub const BUCKET: &str = "causality-events";

    /// Starts the store of a service, by the sink's name for it.
    ///
    /// # Panics
    ///
    /// When there is none of this name, or it doesn't come up.
    #[must_use]
    #[track_caller]
    pub fn start(service: &str) -> Self {
        match service {
            "fs" => Self::Folder(tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"))),
            "s3" => Self::S3(S3Server::start()),
            "gcs" => Self::Gcs(GcsServer::start()),
            "azblob" => Self::Azure(AzureServer::start()),
            "webdav" => Self::WebDav(WebDavServer::start()),
            other => panic!("there is no server for {other}"),
        }
    }

    /// Where the server listens.
    ///
    /// # Panics
    ///
    /// For a folder, before which no proxy can stand.
    #[must_use]
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Folder(_) => panic!("a folder has no address"),
            Self::S3(server) => server.address(),
            Self::Gcs(server) => server.address(),
            Self::Azure(server) => server.address(),
            Self::WebDav(server) => server.address(),
        }
    }

    /// Points the sink's settings at a bucket of this store.
    #[must_use]
    pub fn settings(&self, settings: Settings, bucket: &str) -> Settings {
        match self {
            Self::Folder(_) => settings.local(&self.folder(bucket)),
            _ => self.settings_at(settings, bucket, self.address()),
        }
    }

    /// As [`Self::settings`], with a proxy before the server.
    #[must_use]
    #[track_caller]
    pub fn settings_at(&self, settings: Settings, bucket: &str, proxy: SocketAddr) -> Settings {
        let endpoint = format!("http://{proxy}");
        let (settings, key) = match self {
            Self::Folder(_) => panic!("no proxy can stand before a folder"),
            Self::S3(server) => (server.settings(settings, &endpoint), "bucket"),
            Self::Gcs(server) => (server.settings(settings, &endpoint), "bucket"),
            Self::Azure(server) => (server.settings(settings, &endpoint), "container"),
            Self::WebDav(server) => return server.settings(settings, &endpoint, bucket),
        };
        settings.set("storage.options", key, bucket)
    }

    /// The storage option that holds the login, and one that is well-formed and wrong.
    ///
    /// # Panics
    ///
    /// For a folder, which takes none.
    #[must_use]
    #[track_caller]
    pub fn wrong_login(&self) -> (&'static str, &'static str) {
        match self {
            Self::Folder(_) => panic!("a folder takes no login"),
            Self::S3(_) => ("secret_access_key", "hunter2hunter2"),
            Self::Gcs(_) => ("token", "hunter2hunter2"),
            Self::Azure(_) => ("account_key", "aHVudGVyMmh1bnRlcjI="),
            Self::WebDav(_) => ("password", "hunter2hunter2"),
        }
    }

    /// Whether the sink makes a bucket that is missing: a folder, here or on a server.
    #[must_use]
    pub fn makes_buckets(&self) -> bool {
        matches!(self, Self::Folder(_) | Self::WebDav(_))
    }

    /// Makes a bucket, unless the sink does so itself.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    #[track_caller]
    pub fn make_bucket(&self, name: &str) {
        match self {
            Self::Folder(_) | Self::WebDav(_) => {}
            Self::S3(server) => server.make_bucket(name),
            Self::Gcs(server) => server.make_bucket(name),
            Self::Azure(server) => server.make_container(name),
        }
    }

    /// Takes the store away: the server is killed, or stopped where it keeps nothing otherwise; a folder's files are moved elsewhere
    /// and nothing can be made in their place, as when a disk is no longer mounted and what it was mounted on is no folder.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[track_caller]
    pub fn go_down(&mut self) {
        match self {
            Self::Folder(_) => {
                let events = self.folder(Self::BUCKET).join("events");
                let moved = fs::rename(&events, self.away()).and_then(|()| fs::write(&events, "not a folder"));
                moved.unwrap_or_else(|error| panic!("cannot take {} away: {error}", events.display()));
            }
            Self::S3(server) => server.kill(),
            Self::Gcs(server) => server.kill(),
            Self::Azure(server) => server.stop(),
            Self::WebDav(server) => server.kill(),
        }
    }

    /// Brings it back with all that it held.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[track_caller]
    pub fn come_back(&mut self) {
        match self {
            Self::Folder(_) => {
                let events = self.folder(Self::BUCKET).join("events");
                let moved = fs::remove_file(&events).and_then(|()| fs::rename(self.away(), &events));
                moved.unwrap_or_else(|error| panic!("cannot bring {} back: {error}", events.display()));
            }
            Self::S3(server) => server.start_again(),
            Self::Gcs(server) => server.start_again(),
            Self::Azure(server) => server.start_again(),
            Self::WebDav(server) => server.start_again(),
        }
    }

    /// Compares what is in a bucket with all that the stream holds: see [`verify::exact`].
    #[must_use]
    #[track_caller]
    pub fn exact(&self, nats: &NatsServer, bucket: &str, more: &[&str]) -> Outcome {
        let s3 = |server: &S3Server| ("s3", server.address(), S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
        let (service, address, key, secret) = match self {
            Self::Folder(_) => return verify::exact(nats, &self.folder(bucket), more),
            Self::S3(server) => s3(server),
            Self::WebDav(server) => s3(server.s3()),
            Self::Gcs(server) => ("gcs", server.address(), "none", "none"),
            Self::Azure(server) => ("azblob", server.address(), AzureServer::ACCOUNT, AzureServer::KEY),
        };
        verify::exact_remote(nats, Remote { service, address, bucket, key, secret }, more)
    }

    fn folder(&self, bucket: &str) -> PathBuf {
        self.root().join(bucket)
    }

    fn away(&self) -> PathBuf {
        self.root().join("away")
    }

    #[track_caller]
    fn root(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder.path(),
            _ => panic!("a server has no folder to look into"),
        }
    }
}
