//! `generate`: the generator's messages into the publisher, with progress on standard error.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use warehouse_sink_io::publish::{PublishError, PublishOptions, Published, publish};
use warehouse_sink_proto::EventSchema;
use warehouse_sink_proto::generate::{Generator, GeneratorOptions, Kind};
use warehouse_sink_proto::protobuf::{SchemaError, Transcoder};

use crate::exit::{Exit, complain};
use crate::progress::Progress;
use crate::settings::NatsUrls;

/// How an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As a message of `causality.v1`
    Protobuf,
    /// As the same event's JSON document, with the field names of the .proto file
    Json,
}

/// What `generate` is told.
#[derive(Args, Clone, Debug)]
pub struct Generate {
    /// The NATS server; a login can stand in the URL: nats://user:password@host, or nats://token@host
    #[arg(long, default_value = "nats://127.0.0.1:4222")]
    url: String,
    /// The stream that must confirm every event
    #[arg(long, default_value = "CAUSALITY_EVENTS")]
    stream: String,
    /// Create the stream, for the subjects `events.>`, if it does not exist
    #[arg(long)]
    create_stream: bool,
    /// How many messages to publish, poison included; 0 with --create-stream makes just the stream
    #[arg(long, short = 'n', value_name = "N", default_value = "1000")]
    count: u64,
    /// The same seed gives the same messages
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// The app ids, with commas between them [default: four made-up ones]
    #[arg(long, value_name = "IDS", value_delimiter = ',', hide_default_value = true)]
    apps: Vec<String>,
    /// What the events are written as; poison is the same in both
    #[arg(long, value_enum, default_value = "protobuf")]
    format: Format,
    /// Hours over which the events are spread
    #[arg(long, value_name = "N", default_value = "3")]
    hours: NonZeroU32,
    /// When the first of those hours begins
    #[arg(long, value_name = "TIME", default_value = "2025-01-01T00:00:00Z", value_parser = start)]
    start: i64,
    /// Make every Nth message one that can't be decoded
    #[arg(long, value_name = "N")]
    poison_every: Option<NonZeroU64>,
    /// Messages per second at most [default: as fast as the server confirms them]
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
}

/// Milliseconds since the epoch.
fn start(text: &str) -> Result<i64, String> {
    let expected = || "expected a time from 1970 on such as 2025-01-01T00:00:00Z".to_owned();
    let time = humantime::parse_rfc3339_weak(text).map_err(|_| expected())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| expected())?;
    i64::try_from(since.as_millis()).map_err(|_| expected())
}

/// Publishes the messages and says on standard error what became of them.
pub fn generate(arguments: &Generate) -> Exit {
    // Not left to clap, which repeats what it refuses: there may be a password in it.
    let Some(urls) = NatsUrls::parse(&arguments.url) else {
        complain("--url: expected the URL of a NATS server, such as nats://127.0.0.1:4222");
        return Exit::Usage;
    };
    // One thread is enough: the server is what takes the time.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    let mut poison = 0u64;
    let started = Instant::now();
    let writer = match Writer::new(arguments.format) {
        Ok(writer) => writer,
        Err(error) => return failed(&format!("cannot write events as JSON: {error}")),
    };
    match runtime.block_on(run(arguments, &urls, writer, &mut poison)) {
        Ok(published) => {
            complain(summary(published, poison, started.elapsed()));
            Exit::Clean
        }
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(what: &str) -> Exit {
    complain(what);
    Exit::Error
}

async fn run(
    arguments: &Generate,
    urls: &NatsUrls,
    mut writer: Writer,
    poison: &mut u64,
) -> Result<Published, PublishError> {
    let generator = Generator::new(GeneratorOptions {
        seed: arguments.seed,
        apps: arguments.apps.clone(),
        start_ms: arguments.start,
        hours: arguments.hours.get(),
        poison_every: arguments.poison_every.map(NonZeroU64::get),
    });
    let options = PublishOptions {
        urls: urls.addresses(),
        login: urls.login(),
        stream: arguments.stream.clone(),
        create_with_subjects: arguments.create_stream.then(|| vec!["events.>".to_owned()]),
        rate: arguments.rate.map(NonZeroU32::get),
    };
    let wanted = arguments.count;
    let messages = (0..wanted).zip(generator).map(|(_, message)| {
        *poison += u64::from(message.kind == Kind::Poison);
        (message.subject, writer.body(message.kind, message.body).into())
    });
    let mut progress = Progress::new(true);
    let tell = |so_far: Published| progress.tell(|| format!("{} of {wanted} confirmed", so_far.confirmed));
    let published = publish(&options, messages, tell).await;
    progress.end();
    published
}

/// Turns what the generator makes into bodies of the format.
struct Writer {
    json: Option<Transcoder>,
}

impl Writer {
    fn new(format: Format) -> Result<Self, SchemaError> {
        let json = (format == Format::Json).then(|| Transcoder::new(EventSchema::DESCRIPTORS, EventSchema::MESSAGE));
        Ok(Self { json: json.transpose()? })
    }

    fn body(&mut self, kind: Kind, body: Vec<u8>) -> Vec<u8> {
        let (Some(transcoder), Kind::Event) = (&mut self.json, kind) else { return body };
        let mut text = Vec::new();
        match transcoder.push_json(&body, &mut text) {
            Ok(()) => text,
            // No event of the generator comes here: it would be seen as poison.
            Err(_) => body,
        }
    }
}

fn summary(published: Published, poison: u64, took: Duration) -> String {
    if published.confirmed == 0 {
        return "published no messages; the stream is there".to_owned();
    }
    let seconds = took.as_secs_f64().max(0.001);
    format!(
        "published {} messages, {poison} of them poison, as sequences {} to {} in {seconds:.1} s: {:.0} per second",
        published.confirmed,
        published.first_sequence,
        published.last_sequence,
        published.confirmed as f64 / seconds,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_time_since_1970() {
        assert_eq!(start("2025-01-01T00:00:00Z"), Ok(1_735_689_600_000));
        assert_eq!(start("2025-01-01 00:00:00"), Ok(1_735_689_600_000));
        for wrong in ["", "yesterday", "1969-01-01T00:00:00Z", "2025-13-01T00:00:00Z"] {
            assert!(start(wrong).is_err(), "{wrong:?}");
        }
    }
}
