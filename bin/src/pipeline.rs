//! The pipeline of a process, put together from the settings.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;

use metrics::Recorder;
use tokio::task::{JoinError, spawn_blocking};
use warehouse_sink_core::{ConfigError, Machine};
use warehouse_sink_io::driver::{self, Parts, Report};
use warehouse_sink_io::encode::Encoder;
use warehouse_sink_io::health::{Health, Part};
use warehouse_sink_io::metrics::Metrics;
use warehouse_sink_io::schema::StreamSchema;
use warehouse_sink_io::source::nats::{AttachError, Attached, NatsSource};
use warehouse_sink_io::store::opendal::{ObjectStore, OpenError};

use crate::exit::Exit;
use crate::probing::Probing;
use crate::schema::{self, LoadError};
use crate::settings::Settings;
use crate::stderr;

/// Why there is no pipeline.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The machine can't work with its settings.
    #[error("settings: {0}")]
    Machine(#[from] ConfigError),
    /// The schema of the events can't be used.
    #[error("schema: {0}")]
    Schema(#[from] LoadError),
    /// The store can't be opened with its settings.
    #[error("storage: {0}")]
    Store(#[from] OpenError),
    /// The task that opens the store ended without an answer.
    #[error("storage: {0}")]
    Opening(#[from] JoinError),
    /// The consumer can't be used as it is.
    #[error("nats: {0}")]
    Consumer(#[from] AttachError),
}

impl PipelineError {
    /// Settings that no further try can mend are bad usage; the state of the world is an error.
    pub fn exit(&self) -> Exit {
        match self {
            PipelineError::Machine(_) | PipelineError::Schema(_) => Exit::Usage,
            PipelineError::Store(OpenError::Client(_) | OpenError::Local(_) | OpenError::NoRoot { .. }) => Exit::Error,
            PipelineError::Store(_) => Exit::Usage,
            PipelineError::Opening(_) | PipelineError::Consumer(_) => Exit::Error,
        }
    }
}

/// Opens the store, off the async threads: a local one makes and sweeps folders.
///
/// # Errors
///
/// When the settings can't work, or a local folder can't be used.
pub async fn open_store(settings: &Settings) -> Result<ObjectStore, PipelineError> {
    let service = settings.storage.service.as_str().to_owned();
    let options = settings.storage.options.expose().clone();
    let ca_file = settings.storage.tls_ca_file.clone();
    Ok(spawn_blocking(move || ObjectStore::open(&service, &options, ca_file.as_deref())).await??)
}

/// What the keys of all files begin with.
pub fn prefixes(settings: &Settings) -> Vec<String> {
    let mut prefixes: Vec<String> = settings.row_prefixes().into_iter().map(str::to_owned).collect();
    if settings.dead_letter.enabled {
        prefixes.push(settings.dead_letter_prefix().as_str().to_owned());
    }
    prefixes
}

/// Runs the pipeline until `shutdown` is ready and what it held is settled. A server or a stream that is not there yet
/// is waited for a little: replicas may well start before it.
///
/// # Errors
///
/// When the store's settings can't work, the server or the stream can't be found, or the consumer has one that would lose or duplicate data.
pub async fn run(
    settings: &Settings,
    recorder: &(dyn Recorder + Sync),
    health: Health,
    shutdown: impl Future<Output = ()>,
) -> Result<Exit, PipelineError> {
    let jitter_seed = jitter_seed();
    let schema = schema::load(settings)?;
    let store = open_store(settings).await?;
    let encoder = Arc::new(Encoder::new(&schema, settings.encode_config()));
    let metrics = Metrics::register(recorder);
    stderr::count_dropped(metrics.log_lines_dropped.clone());
    health.show_in(metrics.ready.clone());
    let probing = Probing::start(store.clone(), prefixes(settings), health.clone(), jitter_seed);
    let stopping = health.clone();
    let mut shutdown = std::pin::pin!(async move {
        shutdown.await;
        stopping.set_stopping();
    });
    let attaching = attach(settings, &schema, &health, jitter_seed);
    let (source, attached) = match unless(shutdown.as_mut(), attaching).await {
        Some(Ok(attached)) => attached,
        Some(Err(error)) => {
            probing.end().await;
            return Err(error);
        }
        None => {
            probing.end().await;
            tracing::info!("stopped before anything was fetched");
            return Ok(Exit::Clean);
        }
    };
    let mut config = settings.machine_config(jitter_seed);
    // A consumer that was there before may have an ack wait of its own, and the server goes by that.
    config.ack_wait = attached.ack_wait;
    config.max_ack_pending = attached.max_ack_pending;
    let machine = Machine::new(config)?;
    let watch = tokio::spawn({
        let (source, metrics) = (source.clone(), metrics.clone());
        async move { source.watch(metrics).await }
    });
    let (client, decoders, without_body) = (source.clone(), metrics.clone(), settings.without_body());
    let parts = Parts { source, store: store.clone(), encoder, health, metrics };
    let options = settings.driver_options(jitter_seed);
    let mut client_ended = false;
    let stop = async {
        tokio::select! {
            () = shutdown => {}
            () = client.ended() => {
                tracing::error!("the NATS client has ended by itself, which is a bug in it: stopping, for nothing can be settled any more");
                client_ended = true;
            }
        }
    };
    let report = driver::run(machine, options, parts, || schema.decoder(&decoders).with(without_body), stop).await;
    watch.abort();
    probing.end().await;
    store.close().await;
    let exit = conclude(&report);
    Ok(if client_ended { Exit::Error } else { exit })
}

/// Connects and finds the consumer. Replicas and servers that start together find each other; a wrong URL, login or stream ends the
/// process with a word.
async fn attach(
    settings: &Settings,
    schema: &StreamSchema,
    health: &Health,
    jitter_seed: u64,
) -> Result<(NatsSource, Attached), PipelineError> {
    let patience = settings.nats.startup_timeout;
    let source = NatsSource::connect_within(patience, settings.sink_config(schema), health.clone(), jitter_seed)
        .await
        .map_err(AttachError::from)?;
    let attached = source.attach_within(patience, jitter_seed).await?;
    for warning in &attached.warnings {
        tracing::warn!(consumer = settings.nats.consumer.as_str(), "{warning}");
    }
    // It goes on all the same: what can't be acked is kept, and sent once it can be.
    if let Err(error) = source.may_ack().await {
        health.set(Part::Acks, Err(error.chain()));
    }
    Ok((source, attached))
}

/// The work's result, or nothing if the shutdown comes first.
async fn unless<T>(shutdown: Pin<&mut impl Future<Output = ()>>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = shutdown => None,
        done = work => Some(done),
    }
}

/// Differs between replicas, and needs no more than that.
fn jitter_seed() -> u64 {
    RandomState::new().hash_one("warehouse-sink")
}

/// Says how it ended. Nothing is lost in any case: what was not acked is delivered again.
fn conclude(report: &Report) -> Exit {
    let Report { abandoned_messages, unstored_messages, holding, unsent_settlements, cut_short, fetcher_died } = report;
    let exit = match report {
        Report { fetcher_died: true, .. } => Exit::Error,
        Report { abandoned_messages: 1.., .. }
        | Report { unsent_settlements: 1.., .. }
        | Report { cut_short: true, .. } => Exit::OutOfTime,
        Report { unstored_messages: 1.., .. } => Exit::Error,
        _ => Exit::Clean,
    };
    if *holding && *unstored_messages > 0 {
        tracing::error!(
            unstored_messages,
            "poison is held: these messages can't be decoded with this schema, were given back, and are still in the stream"
        );
    }
    if exit == Exit::Clean {
        tracing::info!("stopped; everything is settled");
    } else {
        tracing::error!(
            abandoned_messages,
            unstored_messages,
            holding,
            unsent_settlements,
            cut_short,
            fetcher_died,
            "stopped, and not everything is settled: another replica or the next start gets the rest"
        );
    }
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_how_it_ended() {
        let clean = Report::default();
        let cases = [
            (clean.clone(), Exit::Clean),
            (Report { abandoned_messages: 1, ..clean.clone() }, Exit::OutOfTime),
            (Report { unsent_settlements: 1, ..clean.clone() }, Exit::OutOfTime),
            (Report { cut_short: true, ..clean.clone() }, Exit::OutOfTime),
            (Report { unstored_messages: 1, ..clean.clone() }, Exit::Error),
            (Report { unstored_messages: 1, holding: true, ..clean.clone() }, Exit::Error),
            (Report { holding: true, ..clean.clone() }, Exit::Clean),
            (Report { abandoned_messages: 1, unstored_messages: 1, ..clean.clone() }, Exit::OutOfTime),
            (Report { abandoned_messages: 1, fetcher_died: true, ..clean }, Exit::Error),
        ];
        for (report, exit) in cases {
            assert_eq!(conclude(&report), exit, "{report:?}");
        }
    }

    #[test]
    fn replicas_draw_different_jitter() {
        assert_ne!(jitter_seed(), jitter_seed());
    }
}
