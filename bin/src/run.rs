//! `run` and `check`: everything around the pipeline, started in the order in which it can fail.

use std::future::Future;
use std::num::NonZeroUsize;
use std::time::Duration;
use std::{env, io, thread};

use tokio::runtime::Runtime;
use warehouse_sink_io::health::Health;
use warehouse_sink_io::source::error_chain;

use crate::exit::{Exit, complain};
use crate::inspect::{self, Inspect};
use crate::replay::{self, Replay};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{check, http, logging, pipeline, recorder};

/// How long tasks that block, such as a write to a disk that hangs, may hold up the end of the process.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// Why the process ends before its work began.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Logging(#[from] logging::LoggingError),
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot take over signals: {0}")]
    Signals(#[source] io::Error),
    #[error("cannot record metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error(transparent)]
    Http(#[from] http::BindError),
    #[error(transparent)]
    Pipeline(#[from] pipeline::PipelineError),
}

impl StartError {
    fn exit(&self) -> Exit {
        match self {
            StartError::Pipeline(error) => error.exit(),
            _ => Exit::Error,
        }
    }
}

/// Runs the sink until it is told to stop.
pub fn run(settings: &Settings) -> Exit {
    let ran = logging::start(&settings.observability).map_err(StartError::from);
    concluded(ran.and_then(|()| in_runtime(serve(settings))?))
}

/// Tries everything that `run` would need, once. It doesn't log: what it has to say is its output.
pub fn check(settings: &Settings) -> Exit {
    concluded(in_runtime(check::check(settings)))
}

/// Audits what is stored. It doesn't log either.
pub fn inspect(settings: &Settings, arguments: &Inspect) -> Exit {
    concluded(in_runtime(inspect::inspect(settings, arguments)))
}

/// Puts dead letters back into the stream. It doesn't log either.
pub fn replay(settings: &Settings, arguments: &Replay) -> Exit {
    concluded(in_runtime(replay::replay(settings, arguments)))
}

fn in_runtime<T>(work: impl Future<Output = T>) -> Result<T, StartError> {
    let runtime = runtime().map_err(StartError::Runtime)?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_TASKS);
    Ok(done)
}

/// A thread for every two processors, unless the environment has another number: encoding is half of the work, and has threads of its own.
/// More of them hand each other what one does alone (docs/benchmarks.md).
fn runtime() -> io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        builder.worker_threads(processors.div_ceil(2));
    }
    builder.enable_all().build()
}

fn concluded(ended: Result<Exit, StartError>) -> Exit {
    ended.unwrap_or_else(|error| {
        complain(error_chain(&error));
        error.exit()
    })
}

async fn serve(settings: &Settings) -> Result<Exit, StartError> {
    let shutdown = Signals::listen().map_err(StartError::Signals)?.watch();
    let recorder = recorder::recorder()?;
    let listener = http::bind(&settings.observability.metrics_addr).await?;
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), http = address, "starting");
    tracing::debug!(?settings, "settings");
    let health = Health::new();
    let asked = health.clone();
    let endpoints = tokio::spawn(http::serve(listener, recorder.handle(), move || asked.ready()));
    let ended = pipeline::run(settings, &recorder, health, shutdown.requested()).await;
    endpoints.abort();
    Ok(ended?)
}
