//! `check`: tries what `run` would need, once, and changes nothing that stays.

use warehouse_sink_core::{ConfigError, Machine};
use warehouse_sink_io::health::Health;
use warehouse_sink_io::metrics::Metrics;
use warehouse_sink_io::sample::{Sample, Undecodable, sample};
use warehouse_sink_io::schema::StreamSchema;
use warehouse_sink_io::source::SourceError;
use warehouse_sink_io::source::error_chain;
use warehouse_sink_io::source::nats::{AttachError, Found, NatsSource, Trial};
use warehouse_sink_io::store::opendal::ProbeError;
use warehouse_sink_proto::ColumnOptions;

use crate::exit::{Exit, complain, say};
use crate::http::{self, BindError};
use crate::pipeline::{PipelineError, open_store, prefixes};
use crate::schema::{self, LoadError};
use crate::settings::Settings;

/// What `run` would stumble over.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("settings: {0}")]
    Machine(#[from] ConfigError),
    #[error("schema: {0}")]
    Schema(#[from] LoadError),
    #[error("nats: {0}")]
    Connection(#[from] SourceError),
    #[error("nats: {0}")]
    Consumer(#[from] AttachError),
    #[error("nats: the user may not {}; the sink needs that: allow it in the server's configuration", .0.join(", nor "))]
    Denied(Vec<String>),
    #[error(
        "nats: {} of {} messages that wait in the stream can't be decoded with this schema; with it they would become dead letters. \
         The first is sequence {} ({}): {}", sample.poison, sample.messages, first.sequence, first.subject, first.reason
    )]
    Poison { sample: Sample, first: Box<Undecodable> },
    #[error(transparent)]
    Address(#[from] BindError),
    #[error(transparent)]
    Store(#[from] PipelineError),
    #[error("storage: {0}")]
    Probe(#[from] ProbeError),
}

impl CheckError {
    fn exit(&self) -> Exit {
        match self {
            CheckError::Machine(_) | CheckError::Schema(_) => Exit::Usage,
            CheckError::Store(error) => error.exit(),
            _ => Exit::Error,
        }
    }
}

/// Checks the settings between each other, NATS and the store, each even if another fails, and says what it found: what
/// is fine on standard output, what isn't on standard error.
pub async fn check(settings: &Settings) -> Exit {
    let schema = schema::load(settings);
    let nats = check_nats(settings, schema.as_ref().ok()).await;
    let schema = schema.map(|schema| columns(settings, &schema)).map_err(CheckError::from);
    let (machine, address) = (check_machine(settings), check_address(settings).await);
    let found = [machine, schema, address, nats, check_store(settings).await];
    found.into_iter().fold(Exit::Clean, |worst, found| match found {
        Ok(lines) => {
            say(lines);
            worst
        }
        Err(error) => {
            complain(error_chain(&error));
            // Bad settings weigh more than a bad world: trying again is of no use.
            if worst == Exit::Usage { worst } else { error.exit() }
        }
    })
}

fn check_machine(settings: &Settings) -> Result<String, CheckError> {
    Machine::<(), ()>::new(settings.machine_config(0))?;
    Ok("settings: fine".to_owned())
}

fn columns(settings: &Settings, schema: &StreamSchema) -> String {
    if settings.parquet.partition_columns_in_file {
        complain(
            "schema: warning: parquet.partition_columns_in_file: pyarrow refuses the files where it guesses another type from the \
             folders' names than the column has; leave it out, or tell pyarrow the types: see docs/readers.md",
        );
    }
    let options = ColumnOptions { partition_columns_in_file: settings.parquet.partition_columns_in_file };
    let said = |(name, columns)| format!("schema: {name} makes {columns} columns");
    schema.columns(&options).into_iter().map(said).collect::<Vec<_>>().join("\n")
}

/// Whether the address of the metrics can be had. A sink that runs on it already is no reason to fail.
async fn check_address(settings: &Settings) -> Result<String, CheckError> {
    let address = &settings.observability.metrics_addr;
    match http::bind(address).await {
        Ok(_) => Ok(format!("observability: {address} is free")),
        Err(error) if error.is_in_use() && http::is_ours(address).await => {
            Ok(format!("observability: a warehouse-sink runs on {address}; another one can't"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn check_nats(settings: &Settings, schema: Option<&StreamSchema>) -> Result<String, CheckError> {
    let config = schema.map_or_else(|| settings.nats_config(), |schema| settings.sink_config(schema));
    let source = NatsSource::connect(config, Health::new()).await?;
    let (stream, consumer) = (settings.nats.stream.as_str(), settings.nats.consumer.as_str());
    let Trial { needed, to_create } = source.try_permissions().await;
    if !needed.is_empty() {
        return Err(CheckError::Denied(needed));
    }
    let (warnings, mut said) = match source.look().await? {
        Found::Missing { .. } if !to_create.is_empty() => return Err(CheckError::Denied(to_create)),
        Found::Missing { warnings } => {
            (warnings, format!("nats: stream {stream} is there; consumer {consumer} is not and will be created"))
        }
        Found::Fit(attached) => {
            let mut warnings = attached.warnings;
            warnings.extend((!to_create.is_empty()).then(|| {
                format!(
                    "the user may not {}: if the consumer is deleted, the sink can't create it",
                    to_create.join(", nor ")
                )
            }));
            (warnings, format!("nats: consumer {consumer} of stream {stream} can be used"))
        }
    };
    warnings.iter().for_each(|warning| complain(format_args!("nats: warning: {warning}")));
    if let Some(schema) = schema {
        said.push_str(&check_sample(&source, schema).await?);
    }
    Ok(said)
}

/// Decodes some of the messages that wait.
async fn check_sample(source: &NatsSource, schema: &StreamSchema) -> Result<String, CheckError> {
    let sample = match sample(source, &mut schema.decoder(&Metrics::noop())).await {
        Ok(sample) => sample,
        Err(error) => {
            complain(format_args!(
                "nats: warning: whether messages can be decoded was not found out: {}",
                error.chain()
            ));
            return Ok(String::new());
        }
    };
    match sample.first.clone() {
        Some(first) if sample.is_mostly_poison() => Err(CheckError::Poison { sample, first: Box::new(first) }),
        Some(Undecodable { sequence, subject, reason }) => {
            complain(format_args!(
                "nats: warning: {} of {} messages that wait in the stream can't be decoded and will become dead letters; the first is \
                 sequence {sequence} ({subject}): {reason}",
                sample.poison, sample.messages
            ));
            Ok(String::new())
        }
        None if sample.messages == 0 => Ok("\nnats: no message waits in the stream".to_owned()),
        None => Ok(format!("\nnats: {} messages that wait in the stream were decoded", sample.messages)),
    }
}

async fn check_store(settings: &Settings) -> Result<String, CheckError> {
    let store = open_store(settings).await?;
    for prefix in prefixes(settings) {
        store.probe(&prefix).await?;
    }
    Ok(format!("storage: {} takes writes", settings.storage.service.as_str()))
}
