//! Every way into NATS, each at a real server that demands it: the sink moves events through it and settles them all, and with the
//! wrong key `check` and `run` say who refused what, and which setting to look at.

mod jetstream;
mod logins;
mod revoked;
mod tls;

use crate::PROGRAM;
use std::time::Duration;

use tempfile::TempDir;
use warehouse_sink_testkit::{NatsServer, Settings, Sink, publish, verify};

const SOON: Duration = Duration::from_secs(60);
/// Messages in the stream, five of them poison.
const MESSAGES: u64 = 500;

/// A secret that no message may repeat.
const WRONG: &str = "wrong-hunter2";

/// A server with a stream. It is open while the test fills and reads the stream, and demands something of the sink between.
struct Door {
    nats: NatsServer,
    open: String,
    files: TempDir,
}

impl Door {
    /// A server whose configuration, `open`, lets everybody in, with events in its stream.
    fn filled(open: &str) -> Self {
        let nats = NatsServer::with_config(open);
        nats.create_stream(Settings::STREAM);
        publish(PROGRAM, &nats, MESSAGES, &["--poison-every", "100"]);
        Door { nats, open: open.to_owned(), files: tempfile::tempdir().unwrap() }
    }

    /// The same, demanding from now on what `closed` says.
    fn closed(open: &str, closed: &str) -> Self {
        let mut door = Self::filled(open);
        door.nats.restart_with(closed);
        door
    }

    fn settings(&self) -> Settings {
        Settings::new(&self.nats.url()).local(self.files.path())
    }

    /// The sink gets in with these settings, and moves and settles everything.
    fn opens_to(mut self, settings: &Settings) {
        warehouse_sink_testkit::check(PROGRAM, settings).assert_fine();
        let mut sink = Sink::start(PROGRAM, settings);
        wait_settled(&sink, MESSAGES);
        sink.wait_ready(SOON);
        assert_eq!(sink.stop(SOON), Some(0));
        self.nats.restart_with(&self.open);
        let more = ["--expect-count", "495", "--consumer", Settings::CONSUMER];
        verify::exact(&self.nats, self.files.path(), &more).assert_ok();
    }
}

fn wait_settled(sink: &Sink, messages: u64) {
    warehouse_sink_testkit::wait_until(SOON, "the sink to settle all messages", || {
        let settled = ["acked", "terminated"].map(|how| format!("warehouse_sink_messages_{how}_total"));
        settled.iter().map(|name| sink.metric(name, &[])).sum::<f64>() >= messages as f64
    });
}

/// `check` and `run` say these words and end with 1; `/ready` and the log say them while `run` still tries.
#[track_caller]
fn refused(settings: &Settings, words: &[&str]) {
    let ended = warehouse_sink_testkit::check(PROGRAM, settings);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_says(&ended.stderr, words);
    assert!(ended.stdout.contains("storage: fs takes writes"), "{}", ended.stdout);

    let mut sink = Sink::start(PROGRAM, &settings.clone().set("nats", "startup_timeout", "500ms"));
    assert_eq!(sink.wait_exit(SOON).code(), Some(1), "{}", sink.log());
    let log = sink.log();
    assert_says(log.lines().find(|line| line.contains("not ready")).unwrap_or_default(), words);
    assert_says(log.lines().last().unwrap_or_default(), words);
    assert!(!format!("{log}{}{}", ended.stdout, ended.stderr).contains(WRONG), "{log}");
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(text.contains(word), "{word:?} is not in {text}"));
}
