//! `inspect`: io's audit of what is stored, and its report as text or JSON.

mod text;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::task::{JoinError, spawn_blocking};
use warehouse_sink_io::audit::{self, Asked, AuditError, Options, Report, Span, Verdict};
use warehouse_sink_io::health::Health;
use warehouse_sink_io::source::nats::{NatsSource, StreamFacts};
use warehouse_sink_io::source::{SourceError, error_chain};
use warehouse_sink_io::store::opendal::{ObjectReader, OpenError};

use crate::cli::Config;
use crate::exit::{Exit, complain, say};
use crate::pipeline::PipelineError;
use crate::progress::Progress;
use crate::settings::Settings;

/// What `inspect` is told.
#[derive(Args, Clone, Debug)]
pub struct Inspect {
    #[command(flatten)]
    pub(crate) config: Config,
    /// How the report is written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Look at one folder below the prefix, such as app_id=shop/year=2026; gaps can't be judged then, so 0 is never the exit code
    #[arg(long, value_name = "FOLDER", value_parser = folder)]
    partition: Option<String>,
    /// Whether the stream is asked what should be stored
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    stream: When,
    /// Judge no sequence before this one, and every one from it on
    #[arg(long, value_name = "SEQUENCE")]
    from: Option<u64>,
    /// Judge no sequence after this one
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<u64>,
    /// Exit with 4 also for what is not settled yet, and for objects that the sink has not written
    #[arg(long)]
    strict: bool,
    /// Leave out the single files
    #[arg(long)]
    summary: bool,
    /// Show progress on standard error also where that is no terminal
    #[arg(long)]
    progress: bool,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Whether the stream is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum When {
    /// If it can be reached.
    #[default]
    Auto,
    /// It is an error if it can't.
    Always,
    /// Not at all.
    Never,
}

fn folder(text: &str) -> Result<String, String> {
    let folder = text.trim_matches('/');
    if folder.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err("expected a folder below the prefix, such as app_id=shop/year=2026".to_owned());
    }
    Ok(folder.to_owned())
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
enum InspectError {
    #[error(transparent)]
    Open(#[from] OpenReaderError),
    #[error("storage: {0}")]
    Audit(#[from] AuditError),
    #[error("nats: {0}")]
    Stream(#[from] SourceError),
    #[error("--from {from} comes after --to {to}")]
    Limits { from: u64, to: u64 },
}

impl InspectError {
    fn exit(self) -> Exit {
        match self {
            InspectError::Open(error) => error.exit(),
            InspectError::Limits { .. } => Exit::Usage,
            _ => Exit::Error,
        }
    }
}

/// The store can't be opened to read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenReaderError {
    /// With its settings.
    #[error("storage: {0}")]
    Open(#[from] OpenError),
    /// The task that opens it ended without an answer.
    #[error("storage: {0}")]
    Opening(#[from] JoinError),
}

impl OpenReaderError {
    pub(crate) fn exit(self) -> Exit {
        match self {
            OpenReaderError::Open(error) => PipelineError::from(error).exit(),
            OpenReaderError::Opening(_) => Exit::Error,
        }
    }
}

/// Audits what is stored, and says what it found on standard output.
pub async fn inspect(settings: &Settings, arguments: &Inspect) -> Exit {
    match audit(settings, arguments).await {
        Ok(report) => {
            match arguments.output {
                Output::Text => text::write(&report),
                Output::Json => write_json(&report),
            }
            match report.verdict {
                Verdict::Complete => Exit::Clean,
                Verdict::Incomplete => Exit::Error,
                Verdict::Unknown => Exit::Unknown,
            }
        }
        Err(error) => {
            complain(error_chain(&error));
            error.exit()
        }
    }
}

async fn audit(settings: &Settings, arguments: &Inspect) -> Result<Report, InspectError> {
    let options = options(settings, arguments)?;
    let reader = open_reader(settings).await?;
    let (asked, unasked) = match ask(settings, arguments.stream).await {
        Ok(asked) => (asked, None),
        Err(error) if arguments.stream == When::Always => return Err(error.into()),
        Err(error) => (None, Some(format!("the stream was not asked: {}", error.chain()))),
    };
    let asked = asked.as_ref().map(|(source, facts)| Asked { source, facts });
    let mut progress = Progress::new(arguments.progress);
    let report = audit::inspect(&reader, asked, &options, |so_far| progress.tell(|| text::progress(so_far))).await;
    progress.end();
    let mut report = report?;
    report.notes.extend(unasked);
    if !settings.dead_letter.enabled {
        report.notes.push("dead letters are off: poison is not stored and leaves gaps".to_owned());
    }
    if arguments.summary {
        report.partitions.iter_mut().for_each(|partition| partition.files.clear());
        report.dead_letters.clear();
    }
    Ok(report)
}

fn options(settings: &Settings, arguments: &Inspect) -> Result<Options, InspectError> {
    let limits = match (arguments.from, arguments.to) {
        (None, None) => None,
        (from, to) => {
            let (from, to) = (from.unwrap_or(0), to.unwrap_or(u64::MAX));
            Some(Span::new(from, to).ok_or(InspectError::Limits { from, to })?)
        }
    };
    let (prefix, letters) = (&settings.storage.prefix, settings.dead_letter_prefix());
    Ok(Options {
        stream: settings.nats.stream.as_str().to_owned(),
        prefixes: settings.row_prefixes().into_iter().map(str::to_owned).collect(),
        // The same only where dead letters are off.
        dead_letter_prefix: (*prefix != letters).then(|| letters.as_str().to_owned()),
        partition: arguments.partition.clone(),
        limits,
        explodes: settings.explodes(),
        strict: arguments.strict,
    })
}

/// Opens the store to read, off the async threads: a local one looks for its folder.
pub(crate) async fn open_reader(settings: &Settings) -> Result<ObjectReader, OpenReaderError> {
    let service = settings.storage.service.as_str().to_owned();
    let options: BTreeMap<String, String> = settings.storage.options.expose().clone();
    let ca_file = settings.storage.tls_ca_file.clone();
    Ok(spawn_blocking(move || ObjectReader::open(&service, &options, ca_file.as_deref())).await??)
}

/// How the stream is before a file is looked at; none where it is not to be asked.
async fn ask(settings: &Settings, when: When) -> Result<Option<(NatsSource, StreamFacts)>, SourceError> {
    if when == When::Never {
        return Ok(None);
    }
    let source = NatsSource::connect(settings.nats_config(), Health::new()).await?;
    let facts = source.facts().await?;
    Ok(Some((source, facts)))
}

/// Writes a report to standard output as one JSON object.
pub(crate) fn write_json(report: &impl Serialize) {
    match serde_json::to_string_pretty(report) {
        Ok(text) => say(text),
        Err(error) => complain(format_args!("the report can't be written as JSON: {error}")),
    }
}
