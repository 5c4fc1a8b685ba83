//! `check`: tries what `run` would need, once, and changes nothing that stays.

use warehouse_sink_core::{ConfigError, Machine};
use warehouse_sink_io::health::Health;
use warehouse_sink_io::source::SourceError;
use warehouse_sink_io::source::error_chain;
use warehouse_sink_io::source::nats::{AttachError, NatsSource};
use warehouse_sink_io::store::opendal::{ObjectStore, ProbeError};
use warehouse_sink_proto::ColumnOptions;

use crate::exit::{Exit, complain, say};
use crate::pipeline::{PipelineError, open_store};
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
            CheckError::Connection(_) | CheckError::Consumer(_) | CheckError::Probe(_) => Exit::Error,
        }
    }
}

/// Checks the settings between each other, NATS and the store, each even if another fails, and says what it found: what
/// is fine on standard output, what isn't on standard error.
pub async fn check(settings: &Settings) -> Exit {
    let (machine, schema) = (check_machine(settings), check_schema(settings));
    let found = [machine, schema, check_nats(settings).await, check_store(settings).await];
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

fn check_schema(settings: &Settings) -> Result<String, CheckError> {
    let schema = schema::load(settings)?;
    if settings.parquet.partition_columns_in_file {
        complain(
            "schema: warning: parquet.partition_columns_in_file: pyarrow refuses the files where it guesses another type from the \
             folders' names than the column has; leave it out, or tell pyarrow the types: see docs/readers.md",
        );
    }
    let options = ColumnOptions { partition_columns_in_file: settings.parquet.partition_columns_in_file };
    let said = |(name, columns)| format!("schema: {name} makes {columns} columns");
    Ok(schema.columns(&options).into_iter().map(said).collect::<Vec<_>>().join("\n"))
}

async fn check_nats(settings: &Settings) -> Result<String, CheckError> {
    let source = NatsSource::connect(settings.nats_config(), Health::new()).await?;
    let (stream, consumer) = (settings.nats.stream.as_str(), settings.nats.consumer.as_str());
    Ok(match source.look().await? {
        None => format!("nats: stream {stream} is there; consumer {consumer} is not and will be created"),
        Some(attached) => {
            for warning in &attached.warnings {
                complain(format_args!("nats: warning: {warning}"));
            }
            format!("nats: consumer {consumer} of stream {stream} can be used")
        }
    })
}

async fn check_store(settings: &Settings) -> Result<String, CheckError> {
    let store = open_store(settings).await?;
    match &settings.schema.route {
        Some(routes) => {
            for route in routes.as_slice() {
                probe(&store, route.prefix.as_str()).await?;
            }
        }
        None => probe(&store, settings.storage.prefix.as_str()).await?,
    }
    if settings.dead_letter.enabled {
        probe(&store, settings.dead_letter_prefix().as_str()).await?;
    }
    Ok(format!("storage: {} takes writes", settings.storage.service.as_str()))
}

async fn probe(store: &ObjectStore, prefix: &str) -> Result<(), CheckError> {
    Ok(store.probe(prefix).await?)
}
