//! A stream that every login stores anew.

use std::process::Command;
use std::time::Duration;

use warehouse_sink_testkit::{NatsServer, Settings, Sink, Store, publish};

pub(crate) use crate::PROGRAM;
pub const SOON: Duration = Duration::from_secs(120);
/// All that is said when every way to log in has failed.
pub const UNTOLD: &str = "no credentials were found: set them in storage.options";
pub const FILES: &str = "warehouse_sink_files_total";

/// Variables of the sink's environment, which has no others but `PATH`.
pub type Environment<'a> = &'a [(&'a str, &'a str)];

/// A store, and a stream of a few events and one poison message.
pub struct World {
    pub nats: NatsServer,
    pub store: Store,
}

impl World {
    pub fn new(store: Store) -> Self {
        let world = Self { nats: NatsServer::start(), store };
        publish(PROGRAM, &world.nats, 40, &["--create-stream", "--poison-every", "20"]);
        world
    }

    /// Settings for a bucket, without any login. Each bucket has a consumer of its own.
    pub fn settings(&self, bucket: &str) -> Settings {
        let settings = Settings::new(&self.nats.url())
            .set("nats", "consumer", bucket)
            .set("batch", "max_events", 10)
            .set("batch", "flush_interval", "200ms")
            .set("storage", "retry_initial", "50ms");
        let settings = self.store.settings(settings, bucket);
        ["access_key_id", "secret_access_key", "token", "account_key", "account_name"]
            .into_iter()
            .fold(settings, |settings, key| settings.unset("storage.options", key))
    }

    /// The whole stream is stored with this login, in a bucket of its own, and read back exact.
    #[track_caller]
    pub fn stores_all(&self, bucket: &str, settings: &Settings, environment: Environment<'_>) {
        self.store.make_bucket(bucket);
        self.runs(bucket, settings, environment);
        self.is_exact(bucket);
    }

    /// The whole stream is acked with this login. What is stored is not looked at.
    #[track_caller]
    pub fn runs(&self, bucket: &str, settings: &Settings, environment: Environment<'_>) {
        let mut sink = start(settings, environment);
        self.nats.wait_settled_by(bucket, SOON);
        assert_eq!(sink.stop(SOON), Some(0), "{bucket}");
    }

    /// The bucket holds the whole stream.
    #[track_caller]
    pub fn is_exact(&self, bucket: &str) {
        self.store.exact(&self.nats, bucket, &["--consumer", bucket, "--expect-count", "38"]).assert_ok();
    }

    /// Nothing is stored or acked with this login, and the log has these words.
    #[track_caller]
    pub fn stores_nothing(&self, bucket: &str, settings: &Settings, environment: Environment<'_>, words: &str) {
        self.store.make_bucket(bucket);
        self.fails(bucket, settings, environment, words);
        self.is_empty(bucket);
    }

    /// Nothing is acked with this login, and the log has these words.
    #[track_caller]
    pub fn fails(&self, bucket: &str, settings: &Settings, environment: Environment<'_>, words: &str) {
        let sink = start(settings, environment);
        sink.wait_metric(SOON, FILES, &[("outcome", "failed")], 4.0);
        sink.wait_log(SOON, words);
        assert_eq!((sink.acked(), sink.written()), (0, 0), "{bucket}");
    }

    /// The bucket holds no file.
    #[track_caller]
    pub fn is_empty(&self, bucket: &str) {
        let found = self.store.exact(&self.nats, bucket, &["--allow-missing"]);
        assert_eq!(found.number(&["files"]) + found.number(&["dead_letter", "files"]), 0, "{bucket}");
    }
}

/// Starts a sink that has no variables but these.
pub fn start(settings: &Settings, environment: Environment<'_>) -> Sink {
    Sink::start_with(PROGRAM, settings, |command: &mut Command| {
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(environment.iter().copied());
    })
}
