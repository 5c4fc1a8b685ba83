//! The driver: one task that owns the machine and carries out its commands. There is no lock.
//!
//! Each turn drains the machine's commands, then waits for whatever comes first, looking in a fixed order, so that traffic can't
//! starve a flush: the shutdown, a write that ended, the machine's deadline, fetched deliveries.
//!
//! **Architecture Invariant:** nothing is decided here. The driver turns events of the world into the machine's, and the
//! machine's commands into deeds.

mod clock;
mod encoders;
mod fetcher;
mod grants;
mod handles;
mod poison;
mod settler;
mod stop;
mod streaming;
mod writer;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use warehouse_sink_core::{Command, DeliveryId, Event, Machine, Stats, Timestamp};

use crate::health::Health;
use crate::metrics::Metrics;
use crate::rows::{Decode, Encode};
use crate::source::{Settlement, Source};
use crate::store::Store;
use clock::{Clock, sleep_until};
use fetcher::{Fetcher, FromFetcher};
use grants::Grants;
use handles::Handles;
use poison::{Holding, Seen};
use settler::{Settlements, Settler};
use stop::Stop;
use writer::Writer;

/// What a driver needs to know beside the machine's own configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many fetchers pull in parallel.
    pub worker_count: usize,
    /// How many messages a pull request asks for at most.
    pub fetch_batch_size: usize,
    /// How long one attempt to write an object may take before its outcome counts as unknown.
    pub write_timeout: Duration,
    /// How long a shutdown waits for writes before it gives back what is left.
    pub shutdown_timeout: Duration,
    /// Seeds the jitter of the fetchers' backoff.
    pub jitter_seed: u64,
}

/// The parts of a pipeline.
#[derive(Clone)]
pub struct Parts<S, T, E> {
    /// Where deliveries come from.
    pub source: S,
    /// Where objects go.
    pub store: T,
    /// Makes objects of rows.
    pub encoder: Arc<E>,
    /// Learns whether the pipeline works.
    pub health: Health,
    /// Learns what it does.
    pub metrics: Metrics,
}

/// How a pipeline came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages given back because the shutdown's deadline came before they were written.
    pub abandoned_messages: u64,
    /// Messages that were given back because their write failed or poison was held, at any time, and that nobody is known to have stored since.
    pub unstored_messages: usize,
    /// Poison was held when it ended.
    pub holding: bool,
    /// Acks, naks and terms that the server did not confirm in time. Their messages may be delivered again, though their rows may be
    /// stored.
    pub unsent_settlements: usize,
    /// Fetched messages could not be taken in in time: they will be delivered again.
    pub cut_short: bool,
    /// A fetcher ended by itself, which is a bug: the pipeline shut down because of it.
    pub fetcher_died: bool,
}

/// After the deadline, naks and acks still have to leave. This is what they get where the deadline leaves less.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Messages from fetchers that may wait for the driver, for each fetcher. Small: what waits here is not yet known to the
/// machine, which keeps deliveries alive.
const QUEUE_PER_FETCHER: usize = 2;

/// Runs a pipeline until `shutdown` is ready, then writes what is held, gives back what is left, and returns.
///
/// `decoder` is called once for each fetcher.
pub async fn run<S, T, E, D>(
    machine: Machine<D::Partition, D::Payload>,
    options: Options,
    parts: Parts<S, T, E>,
    decoder: impl Fn() -> D,
    shutdown: impl Future<Output = ()>,
) -> Report
where
    S: Source,
    T: Store,
    D: Decode,
    E: Encode<Partition = D::Partition, Payload = D::Payload>,
{
    let (stop, stopped) = Stop::new();
    let (sender, receiver) = mpsc::channel(options.worker_count.max(1) * QUEUE_PER_FETCHER);
    let seen = Seen::default();
    let fetchers = (0..options.worker_count.max(1)).map(|worker| {
        let fetcher = Fetcher {
            worker,
            source: parts.source.clone(),
            decoder: decoder(),
            driver: sender.clone(),
            stop: stopped.clone(),
            health: parts.health.clone(),
            metrics: parts.metrics.clone(),
            seen: seen.clone(),
            jitter_seed: options.jitter_seed ^ worker as u64,
        };
        tokio::spawn(fetcher.run())
    });
    let fetchers: FuturesUnordered<JoinHandle<()>> = fetchers.collect();
    // The driver's own sender would keep the channel open after the last fetcher has ended.
    drop(sender);

    let (settlements, queue) = Settlements::new();
    let (source, health, metrics) = (parts.source.clone(), parts.health.clone(), parts.metrics.clone());
    let settler = tokio::spawn(Settler { source, queue, health, metrics }.run());
    let grants = Grants::new(options.fetch_batch_size, options.worker_count);
    let writer = Writer::new(
        parts.store.clone(),
        parts.encoder.clone(),
        options.write_timeout,
        parts.health.clone(),
        parts.metrics.clone(),
    );
    let clock = Clock(Instant::now());
    let mut driver = Driver {
        machine,
        clock,
        handles: Handles::new(),
        grants,
        source: parts.source.clone(),
        settlements,
        writer,
        stop,
        stopping: None,
        fetcher_died: false,
        holding: Holding::new(seen, parts.health.clone(), parts.metrics.holding.clone()),
        metrics: parts.metrics.clone(),
        shutdown_timeout: options.shutdown_timeout,
    };
    let fetchers_ended = driver.run(receiver, fetchers, shutdown).await;
    driver.finish(parts, settler, fetchers_ended).await
}

struct Driver<S: Source, T, E: Encode> {
    machine: Machine<E::Partition, E::Payload>,
    clock: Clock,
    /// What settles the deliveries that the machine holds.
    handles: Handles<S::Handle>,
    grants: Grants,
    source: S,
    settlements: Settlements<S::Handle>,
    writer: Writer<T, E>,
    /// Tells the fetchers to stop.
    stop: Stop,
    /// None until the shutdown begins.
    stopping: Option<Stopping>,
    fetcher_died: bool,
    /// Shows whether poison is held.
    holding: Holding,
    metrics: Metrics,
    shutdown_timeout: Duration,
}

/// A shutdown under way.
#[derive(Clone, Copy)]
struct Stopping {
    /// When nothing is waited for any more, a fetcher that can't reach the server included.
    deadline: Timestamp,
}

type Inbox<S, E> = mpsc::Receiver<FromFetcher<<S as Source>::Handle, <E as Encode>::Partition, <E as Encode>::Payload>>;

impl<S: Source, T: Store, E: Encode> Driver<S, T, E>
where
    E::Partition: Clone + Ord,
{
    /// Runs until all is drained; whether every fetcher had ended by then.
    async fn run(
        &mut self,
        mut inbox: Inbox<S, E>,
        mut fetchers: FuturesUnordered<JoinHandle<()>>,
        shutdown: impl Future<Output = ()>,
    ) -> bool {
        tokio::pin!(shutdown);
        let source = self.source.clone();
        let exhausted = source.exhausted();
        tokio::pin!(exhausted);
        let waiting = self.settlements.waiting().clone();
        let mut inbox_open = true;
        loop {
            self.carry_out();
            let clock = self.clock;
            let out_of_time = self.stopping.is_some_and(|stopping| stopping.deadline <= clock.now());
            if self.machine.is_drained() && (!inbox_open || out_of_time) {
                return !inbox_open;
            }
            let stopping = self.stopping.is_some();
            let give_up = self.stopping.map(|stopping| stopping.deadline);
            let timeouts = [self.machine.poll_timeout(), give_up];
            let deadline = timeouts.into_iter().flatten().min().map(|at| clock.instant(at));
            tokio::select! {
                biased;
                () = &mut shutdown, if !stopping => self.begin_shutdown(),
                (batch, outcome) = self.writer.next_result(|| clock.now()), if !self.writer.is_idle() => {
                    self.handle(Event::UploadResult { batch, outcome });
                }
                () = sleep_until(deadline) => self.handle(Event::FlushTick),
                () = &mut exhausted, if !stopping => {
                    exhausted.set(source.exhausted());
                    self.handle(Event::Exhausted);
                }
                // A turn hands out capacity that settlements had taken.
                () = waiting.shorter.notified(), if self.grants.is_waiting() => {}
                Some(ended) = fetchers.next(), if !stopping => {
                    tracing::error!(?ended, "a fetcher ended by itself; shutting down");
                    self.fetcher_died = true;
                    self.begin_shutdown();
                }
                message = inbox.recv(), if inbox_open => match message {
                    Some(message) => self.take(message),
                    None => inbox_open = false,
                },
            }
        }
    }

    fn handle(&mut self, event: Event<E::Partition, E::Payload>) {
        self.machine.handle_event(self.clock.now(), event);
    }

    fn take(&mut self, message: FromFetcher<S::Handle, E::Partition, E::Payload>) {
        match message {
            FromFetcher::Ask(answer) => self.grants.ask(answer),
            FromFetcher::Ended { unused } => self.grants.settle(unused),
            FromFetcher::Deliveries { mut deliveries, handles, used, taken } => {
                self.grants.settle(used);
                for (delivery, handle) in deliveries.iter_mut().zip(handles) {
                    delivery.id = self.handles.insert(handle);
                }
                self.handle(Event::Fetched(deliveries));
                // A fetcher that waits may go on.
                drop(taken);
            }
        }
    }

    fn begin_shutdown(&mut self) {
        let Stats { messages, .. } = self.machine.stats();
        tracing::info!(held_messages = messages, timeout = ?self.shutdown_timeout, "shutting down: fetching has stopped, flushing");
        let deadline = self.clock.now().saturating_add(self.shutdown_timeout);
        self.stopping = Some(Stopping { deadline });
        self.stop.tell();
        self.handle(Event::Shutdown { deadline });
    }

    /// Carries out all that the machine wants done, and gives leave to fetch.
    fn carry_out(&mut self) {
        while let Some(command) = self.machine.poll_command() {
            match command {
                Command::Ack { delivery } => self.settle(delivery, Settlement::Ack),
                Command::Nak { delivery, delay } => self.settle(delivery, Settlement::Nak(delay)),
                Command::Term { delivery } => self.settle(delivery, Settlement::Term),
                Command::Progress { delivery } => {
                    let handle = self.handles.get(delivery);
                    if let Some(handle) = handle.filter(|_| self.settlements.takes_progress(self.handles.len())) {
                        self.settlements.push(handle.clone(), Settlement::Progress);
                    }
                }
                Command::Forget { delivery } => {
                    self.handles.remove(delivery);
                    self.metrics.superseded.increment(1);
                }
                Command::Write(write) => self.writer.write(*write),
                Command::Rewrite { batch } => self.writer.rewrite(batch),
                Command::Discard { batch } => self.writer.discard(batch),
            }
        }
        self.settlements.send();
        let mut capacity = self.machine.capacity();
        capacity.messages = capacity.messages.saturating_sub(self.settlements.waiting().settled());
        let stats = self.machine.stats();
        self.grants.share_out(capacity, self.source.least_bytes(), stats.messages == 0);
        self.show(stats);
    }

    fn settle(&mut self, delivery: DeliveryId, settlement: Settlement) {
        if let Some(handle) = self.handles.remove(delivery) {
            self.settlements.push(handle, settlement);
        }
    }

    fn show(&mut self, stats: Stats) {
        self.holding.show(stats.hold);
        self.metrics.buffered_messages.set(stats.messages as f64);
        self.metrics.buffered_bytes.set(stats.bytes as f64);
        self.metrics.open_partitions.set(stats.open_partitions as f64);
        self.metrics.writes_in_flight.set(stats.writes_in_flight as f64);
        self.metrics.writes_waiting.set(stats.writes_waiting as f64);
        self.metrics.unconfirmed.set(self.settlements.waiting().settled() as f64);
    }

    /// Waits until the server has confirmed what was settled.
    async fn finish(self, parts: Parts<S, T, E>, settler: JoinHandle<()>, fetchers_ended: bool) -> Report {
        let waiting = self.settlements.waiting().clone();
        // The settler ends once this sender is gone and everything is confirmed.
        drop(self.settlements);
        let start = Instant::now();
        let confirmed = tokio::time::timeout(SETTLE_TIMEOUT, settler).await;
        if confirmed.is_err() {
            tracing::warn!(timeout = ?SETTLE_TIMEOUT, "the last settlements were not confirmed in time");
        }
        Report {
            abandoned_messages: self.machine.stats().abandoned_messages,
            holding: self.machine.stats().hold.is_some(),
            unstored_messages: unstored(&self.machine, &parts.source, SETTLE_TIMEOUT.saturating_sub(start.elapsed()))
                .await,
            unsent_settlements: waiting.settled(),
            cut_short: !fetchers_ended,
            fetcher_died: self.fetcher_died,
        }
    }
}

/// Messages that were given back because their write failed or poison was held, less those that the server knows to be settled: another replica has stored them.
async fn unstored<P: Clone + Ord, R, S: Source>(machine: &Machine<P, R>, source: &S, patience: Duration) -> usize {
    if machine.unstored_above(0) == 0 {
        return 0;
    }
    match tokio::time::timeout(patience, source.ack_floor()).await {
        Ok(Ok(floor)) => machine.unstored_above(floor),
        Ok(Err(_)) | Err(_) => machine.unstored_above(0),
    }
}
