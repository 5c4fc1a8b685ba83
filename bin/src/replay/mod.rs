//! `replay`: io's replay of dead letters, and its report as text or JSON.

mod text;

use std::time::UNIX_EPOCH;

use clap::Args;
use warehouse_sink_io::health::Health;
use warehouse_sink_io::replay::{self, Options, ReplayError, Report, Span};
use warehouse_sink_io::source::nats::NatsSource;
use warehouse_sink_io::source::{SourceError, error_chain};

use crate::cli::Config;
use crate::exit::{Exit, complain};
use crate::inspect::{OpenReaderError, Output, open_reader, write_json};
use crate::progress::Progress;
use crate::schema::{self, LoadError};
use crate::settings::Settings;

/// What `replay` is told.
#[derive(Args, Clone, Debug)]
pub struct Replay {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Publish nothing; say what would be published
    #[arg(long)]
    dry_run: bool,
    /// Also replay what the decoder still refuses, which becomes a dead letter again
    #[arg(long)]
    all: bool,
    /// Only dead letters of these stream sequences, such as 17 or 100-200; may be given more than once
    #[arg(long = "sequence", value_name = "SEQUENCES", value_parser = span, value_delimiter = ',')]
    sequences: Vec<Span>,
    /// Only messages that were published at this time or later, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only messages that were published before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// Only dead letters whose reason has this text in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// How the report is written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Show progress on standard error also where that is no terminal
    #[arg(long)]
    progress: bool,
}

fn span(text: &str) -> Result<Span, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let span = number(first).zip(number(last)).and_then(|(first, last)| Span::new(first, last));
    span.ok_or_else(|| "expected a stream sequence such as 17, or the first and last of a range: 100-200".to_owned())
}

/// Microseconds since the epoch.
fn time(text: &str) -> Result<i64, String> {
    let expected = || "expected a time from 1970 on such as 2026-01-31T12:00:00Z".to_owned();
    let time = humantime::parse_rfc3339_weak(text).map_err(|_| expected())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| expected())?;
    i64::try_from(since.as_micros()).map_err(|_| expected())
}

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Open(#[from] OpenReaderError),
    #[error("nats: {0}")]
    Connection(#[from] SourceError),
    #[error("schema: {0}")]
    Schema(#[from] LoadError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Replays dead letters, and says what became of them on standard output.
pub async fn replay(settings: &Settings, arguments: &Replay) -> Exit {
    match put_back(settings, arguments).await {
        Ok(report) => {
            match arguments.output {
                Output::Text => text::write(&report),
                Output::Json => write_json(&report),
            }
            if report.complete { Exit::Clean } else { Exit::Error }
        }
        Err(error) => {
            complain(error_chain(&error));
            match error {
                Failure::Open(error) => error.exit(),
                Failure::Schema(_) => Exit::Usage,
                _ => Exit::Error,
            }
        }
    }
}

async fn put_back(settings: &Settings, arguments: &Replay) -> Result<Report, Failure> {
    let mut progress = Progress::new(arguments.progress);
    let reader = open_reader(settings).await?;
    let schema = schema::load(settings)?;
    let source = NatsSource::connect(settings.nats_config(), Health::new()).await?;
    let options = options(settings, arguments);
    let tell = |so_far| progress.tell(|| text::progress(so_far));
    let report = replay::replay(&reader, &source, &schema, &options, tell).await;
    progress.end();
    Ok(report?)
}

fn options(settings: &Settings, arguments: &Replay) -> Options {
    Options {
        stream: settings.nats.stream.as_str().to_owned(),
        prefix: settings.dead_letter_prefix().as_str().to_owned(),
        sequences: arguments.sequences.iter().copied().collect(),
        since: arguments.since,
        until: arguments.until,
        reason: arguments.reason.clone(),
        all: arguments.all,
        without_body: settings.without_body(),
        dry_run: arguments.dry_run,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_one_or_a_range() {
        assert_eq!(span("17"), Ok(Span { first: 17, last: 17 }));
        assert_eq!(span("100-200"), Ok(Span { first: 100, last: 200 }));
        for wrong in ["", "-", "5-", "9-5", "a", "1-2-3"] {
            assert!(span(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_time_is_since_1970() {
        assert_eq!(time("2025-01-01T00:00:00.000001Z"), Ok(1_735_689_600_000_001));
        for wrong in ["", "yesterday", "1969-01-01T00:00:00Z"] {
            assert!(time(wrong).is_err(), "{wrong:?}");
        }
    }
}
