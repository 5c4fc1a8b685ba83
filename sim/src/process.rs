//! One process: the production driver with a machine of its own, between the simulated server and the simulated store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use madsim::runtime::Handle;
use madsim::task::NodeId;
use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tokio::sync::Semaphore;
use warehouse_sink_core::{Config, Machine};
use warehouse_sink_io::driver::{self, Options, Parts};
use warehouse_sink_io::health::Health;
use warehouse_sink_io::metrics::Metrics;

use crate::event::{Breaks, SimDecoder, SimEncoder};
use crate::fault::Call;
use crate::held::Meters;
use crate::history::{Bounds, Happening, History, ProcessId};
use crate::network::Network;
use crate::sabotage::{Sabotage, SabotagedEncoder, SabotagedSource, SabotagedStore};
use crate::settings::Settings;
use crate::source::SimSource;
use crate::store::{Bucket, SimStore};

/// How a process dies: at once, wherever it is.
#[derive(Clone)]
pub(crate) struct Death {
    process: ProcessId,
    node: NodeId,
    ended: Arc<AtomicBool>,
    network: Arc<Network>,
    history: History,
}

impl Death {
    pub fn new(process: ProcessId, node: NodeId, network: Arc<Network>, history: History) -> Self {
        Death { process, node, ended: Arc::default(), network, history }
    }

    /// Whether the process is no more.
    pub fn has_come(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// The process has ended by itself. What it left running goes with it.
    fn end(&self, abandoned: u64, unsent: usize) {
        if self.comes() {
            self.history.note(Happening::Ended { process: self.process, abandoned, unsent });
        }
    }

    /// Kills it.
    pub fn kill(&self) {
        if self.comes() {
            self.history.note(Happening::Killed { process: self.process });
        }
    }

    fn comes(&self) -> bool {
        if self.ended.swap(true, Ordering::Relaxed) {
            return false;
        }
        // First the link: what the dying process does in its last turn reaches nobody.
        self.network.close(self.process);
        Handle::current().kill(self.node);
        true
    }
}

/// Kills a process within a call that it makes.
#[derive(Clone)]
pub(crate) struct Trap {
    set: Arc<Mutex<Option<(Call, u32)>>>,
    death: Death,
}

impl Trap {
    pub fn new(death: Death) -> Self {
        Trap { set: Arc::default(), death }
    }

    /// The process dies within the `nth` such call from now, from 0.
    pub fn set(&self, call: Call, nth: u32) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = Some((call, nth));
    }

    /// The process makes a call; where it is to die there, it never comes back from it.
    pub async fn step(&self, call: Call) {
        if !self.springs(call) {
            return;
        }
        // At once: what else the process did until the world's next turn would be the deeds of one that is dead already.
        self.death.kill();
        std::future::pending().await
    }

    fn springs(&self, call: Call) -> bool {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((wanted, left)) = &mut *set else { return false };
        if *wanted != call && *wanted != Call::Any {
            return false;
        }
        let springs = *left == 0;
        if springs {
            *set = None;
        } else {
            *left -= 1;
        }
        springs
    }
}

/// All that a process is made of.
pub(crate) struct Process {
    pub id: ProcessId,
    pub settings: Arc<Settings>,
    pub network: Arc<Network>,
    pub bucket: Arc<Bucket>,
    pub breaks: Breaks,
    pub history: History,
    pub trap: Trap,
    pub meters: Meters,
    pub sabotage: Sabotage,
}

impl Process {
    /// Runs until it is told to stop, as `bin` does.
    pub async fn run(self, stop: Arc<Semaphore>) {
        let Process { id, settings, network, bucket, breaks, history, trap, meters, sabotage } = self;
        let Meters { handles, rows, encoded } = meters;
        let encoder = SimEncoder { part_rows: settings.part_rows, breaks, encoded, history: history.clone() };
        let config = Config { jitter_seed: settings.seed ^ u64::from(id.0), ..settings.machine() };
        history.note(Happening::Started { process: id, bounds: bounds(&settings) });
        let config = sabotage.config(config);
        let Ok(machine) = Machine::new(config) else { return };
        let reviews = sabotage != Sabotage::IgnoreReview;
        let source = SimSource::open(id, network.clone(), &settings, handles, history.clone(), trap.clone(), reviews);
        let store = SimStore { process: id, bucket, trap: trap.clone() };
        let parts = Parts {
            source: SabotagedSource::new(source, &sabotage),
            store: SabotagedStore::new(store, &sabotage),
            encoder: Arc::new(SabotagedEncoder::new(encoder, &sabotage)),
            health: Health::new(),
            metrics: Metrics::register(&Watcher { process: id, history: history.clone() }),
        };
        let options = Options {
            worker_count: settings.workers,
            fetch_batch_size: settings.fetch_batch,
            write_timeout: settings.write_timeout,
            shutdown_timeout: sabotage.shutdown_timeout(settings.shutdown_timeout),
            jitter_seed: settings.seed ^ u64::from(id.0),
        };
        let stopped = async move {
            // It has no permits to give: all that comes is its end.
            let _ = stop.acquire().await;
        };
        let report = driver::run(machine, options, parts, || SimDecoder { rows: rows.clone() }, stopped).await;
        trap.death.end(report.abandoned_messages, report.unsent_settlements);
    }
}

/// The time that the driver gives its last settlements, and some for the tasks to end.
const LAST_SETTLEMENTS: Duration = Duration::from_secs(6);

fn bounds(settings: &Settings) -> Bounds {
    let machine = &settings.machine;
    Bounds {
        messages: machine.max_messages,
        bytes: machine.max_bytes,
        open_partitions: machine.max_open_partitions,
        writes: machine.max_concurrent_writes,
        batch_rows: machine.max_batch_rows,
        flush_interval: machine.flush_interval,
        ack_wait: machine.ack_wait,
        shutdown: settings.shutdown_timeout,
        stop: settings.shutdown_timeout + LAST_SETTLEMENTS,
        dead_letter: machine.dead_letter,
        remembers: machine.max_remembered >= 100_000,
        hold_after: machine.hold_after,
    }
}

/// Writes down each new maximum of what a process says that it holds.
struct Watcher {
    process: ProcessId,
    history: History,
}

struct Maximum {
    process: ProcessId,
    history: History,
    what: &'static str,
    most: AtomicU64,
}

impl GaugeFn for Maximum {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        let value = value as u64;
        if self.most.fetch_max(value, Ordering::Relaxed) < value {
            self.history.note(Happening::Held { process: self.process, what: self.what, value });
        }
    }
}

impl Recorder for Watcher {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let what = match key.name() {
            "warehouse_sink_buffered_messages" => "messages",
            "warehouse_sink_buffered_bytes" => "bytes",
            "warehouse_sink_open_partitions" => "open partitions",
            "warehouse_sink_writes_in_flight" => "writes",
            "warehouse_sink_holding" => "holds",
            _ => return Gauge::noop(),
        };
        let (process, history) = (self.process, self.history.clone());
        Gauge::from_arc(Arc::new(Maximum { process, history, what, most: AtomicU64::new(0) }))
    }
}
