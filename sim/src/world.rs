//! One run: everything is started, faults come by the plan, then nothing fails any more and everything must come to rest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use madsim::runtime::{Handle, NodeHandle, Runtime};
use tokio::sync::Semaphore;
use warehouse_sink_core::{Destination, Timestamp};

use crate::ends::Ends;
use crate::event::{Breaks, Event, EventRow};
use crate::fault::{Call, Fault, Plan, Sorted};
use crate::held::Meters;
use crate::history::{Entry, Happening, History, ProcessId, now};
use crate::hold;
use crate::network::Network;
use crate::process::{Death, Process, Trap};
use crate::sabotage::Sabotage;
use crate::settings::Settings;
use crate::store::Bucket;

/// Runs a world on a thread of its own; gives what happened.
///
/// # Panics
///
/// When the code under test panics.
pub fn run(settings: &Settings, plan: &Plan, sabotage: &Sabotage) -> Vec<Entry> {
    let (settings, plan, sabotage) = (settings.clone(), plan.clone(), *sabotage);
    let thread = std::thread::spawn(move || {
        let runtime = Runtime::with_seed_and_config(settings.seed, madsim::Config::default());
        runtime.block_on(async move {
            let ends = Ends::default();
            let history = World::new(settings, sabotage, plan, ends.clone()).run().await;
            ends.end_all().await;
            history
        })
    });
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

struct World {
    settings: Arc<Settings>,
    /// The faults that come at a time, in order.
    faults: VecDeque<(Timestamp, Fault)>,
    sabotage: Sabotage,
    history: History,
    ends: Ends,
    network: Arc<Network>,
    bucket: Arc<Bucket>,
    breaks: Breaks,
    replicas: Vec<Replica>,
    next_process: u32,
    /// Things that are to be done later: a start, a wake-up, a link that heals.
    later: BTreeMap<(Timestamp, u64), Later>,
    next_later: u64,
}

/// A place that a process runs in, one after another.
#[derive(Default)]
struct Replica {
    running: Option<Running>,
    /// The call within which the next process dies.
    next_trap: Option<(Call, u32)>,
}

struct Running {
    id: ProcessId,
    node: NodeHandle,
    /// Closed when the process is told to stop.
    stop: Arc<Semaphore>,
    trap: Trap,
    death: Death,
    meters: Meters,
    paused: bool,
    /// How long the replica stays down once the process has ended.
    down: Duration,
}

enum Later {
    Start(usize),
    Resume(ProcessId),
    Uncut(ProcessId),
    /// A second signal.
    End(ProcessId),
}

/// How often the world looks for processes that ended and a server that has something to sync.
const TURN: Duration = Duration::from_millis(50);

impl World {
    fn new(settings: Settings, sabotage: Sabotage, plan: Plan, ends: Ends) -> Self {
        let history = History::default();
        let Sorted { faults, fates, breaks, crossings } = plan.into_iter().collect();
        let network = Network::new(&settings, crossings, history.clone());
        let (bucket, work) = Bucket::new(fates, settings.seed, history.clone());
        ends.spawn(network.clone().carry());
        ends.spawn(work.work(ends.clone()));
        let replicas = (0..settings.replicas).map(|_| Replica::default()).collect();
        World {
            settings: Arc::new(settings),
            faults,
            sabotage,
            history,
            ends,
            network,
            bucket,
            breaks: Breaks::new(breaks),
            replicas,
            next_process: 0,
            later: BTreeMap::new(),
            next_later: 0,
        }
    }

    async fn run(mut self) -> Vec<Entry> {
        (0..self.replicas.len()).for_each(|replica| self.start(replica));
        let publisher = tokio::spawn(publish(self.network.clone(), self.settings.clone()));
        let end = Timestamp::ZERO.saturating_add(self.settings.faults_for);
        let mut rng = Rng::with_seed(self.settings.seed ^ 0x5_1c);
        while now() < end {
            self.bury();
            while let Some((_, fault)) = self.faults.pop_front_if(|(at, _)| *at <= now()) {
                self.inflict(fault);
            }
            if rng.u8(..60) == 0 {
                self.network.sync();
            }
            self.turn();
            tokio::time::sleep(TURN).await;
        }
        let _ = publisher.await;
        self.heal();
        self.come_to_rest().await;
        self.let_go().await;
        self.stop_all().await;
        self.history.take()
    }

    /// Does what is due, and notices what has ended.
    fn turn(&mut self) {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now()) {
            match first.remove() {
                Later::Start(replica) => self.start(replica),
                Later::Resume(process) => self.resume(process),
                Later::Uncut(process) => self.network.uncut(process),
                Later::End(process) => self.kill_process(process),
            }
        }
        self.bury();
    }

    /// Lets go of the processes that are no more.
    fn bury(&mut self) {
        for place in 0..self.replicas.len() {
            let ended = self.replicas[place].running.take_if(|running| running.death.has_come());
            if let Some(running) = ended {
                self.after(running.down, Later::Start(place));
            }
        }
    }

    fn after(&mut self, delay: Duration, later: Later) {
        self.later.insert((now().saturating_add(delay), self.next_later), later);
        self.next_later += 1;
    }

    fn start(&mut self, place: usize) {
        if self.replicas[place].running.is_some() {
            return;
        }
        let id = ProcessId(self.next_process);
        self.next_process += 1;
        let node = Handle::current().create_node().build();
        self.ends.add_node(node.id());
        let death = Death::new(id, node.id(), self.network.clone(), self.history.clone());
        let trap = Trap::new(death.clone());
        let meters = Meters::new(id, &self.history);
        let process = Process {
            id,
            settings: self.settings.clone(),
            network: self.network.clone(),
            bucket: self.bucket.clone(),
            breaks: self.breaks.clone(),
            history: self.history.clone(),
            trap: trap.clone(),
            meters: meters.clone(),
            sabotage: self.sabotage,
        };
        if let Some((call, nth)) = self.replicas[place].next_trap.take() {
            trap.set(call, nth);
        }
        let stop = Arc::new(Semaphore::new(0));
        node.spawn(process.run(stop.clone()));
        self.replicas[place].running =
            Some(Running { id, node, stop, trap, death, meters, paused: false, down: Duration::ZERO });
    }

    fn kill_process(&mut self, process: ProcessId) {
        if let Some(place) = self.replicas.iter().position(|replica| replica.id() == Some(process)) {
            self.kill(place, self.replicas[place].running.as_ref().map_or(Duration::ZERO, |running| running.down));
        }
    }

    fn kill(&mut self, place: usize, down: Duration) {
        let Some(running) = self.replicas[place].running.take() else { return };
        running.death.kill();
        self.after(down, Later::Start(place));
    }

    fn resume(&mut self, process: ProcessId) {
        let running = self.replicas.iter_mut().filter_map(|replica| replica.running.as_mut());
        if let Some(running) = running.into_iter().find(|running| running.id == process && running.paused) {
            running.paused = false;
            self.history.note(Happening::Resumed { process });
            Handle::current().resume(running.node.id());
        }
    }

    fn inflict(&mut self, fault: Fault) {
        self.history.note(Happening::Inflicted { fault: fault.name() });
        match fault {
            Fault::Kill { replica, down } => self.kill(replica, down),
            Fault::KillAtCall { replica, call, nth, down } => self.set_trap(replica, call, nth, down),
            Fault::KillTwice { replica, nth, again, down } => {
                self.set_trap(replica, Call::Any, nth, down);
                self.replicas[replica].next_trap = Some((Call::Any, again));
            }
            Fault::Pause { replica, pause } => self.pause(replica, pause),
            Fault::Stop { replica, down } => self.ask_to_stop(replica, down),
            Fault::StopTwice { replica, after, down } => {
                self.ask_to_stop(replica, down);
                if let Some(id) = self.replicas[replica].id() {
                    self.after(after, Later::End(id));
                }
            }
            Fault::Cut { replica, down } => {
                if let Some(id) = self.replicas[replica].id() {
                    self.network.cut(id);
                    self.after(down, Later::Uncut(id));
                }
            }
            Fault::Stall { replica, stall } => {
                if let Some(id) = self.replicas[replica].id() {
                    self.network.stall(id, stall);
                }
            }
            Fault::StoreCut { replica, down } => {
                if let Some(id) = self.replicas[replica].id() {
                    self.bucket.cut(id, down);
                }
            }
            Fault::ServerRestart { down, forget } => self.network.restart_server(down, forget),
            Fault::ClockJump { millis } => self.network.jump_clock(millis),
            Fault::DeleteConsumer => self.network.delete_consumer(),
            Fault::RecreateStream => self.network.recreate_stream(),
            Fault::DeleteMessage { before } => self.network.delete_message(before),
            Fault::EditConsumer { edit, lasts } => self.network.edit_consumer(edit, lasts),
            Fault::RefuseConsumer { lasts } => self.network.refuse_consumers(lasts),
            Fault::StoreOutage { outage } => self.bucket.outage(outage),
        }
    }

    fn set_trap(&mut self, replica: usize, call: Call, nth: u32, down: Duration) {
        if let Some(running) = &mut self.replicas[replica].running {
            running.down = down;
            running.trap.set(call, nth);
        }
    }

    fn ask_to_stop(&mut self, replica: usize, down: Duration) {
        if let Some(running) = self.replicas[replica].running.as_mut().filter(|running| !running.stop.is_closed()) {
            running.down = down;
            self.history.note(Happening::StopAsked { process: running.id });
            running.stop.close();
        }
    }

    fn pause(&mut self, replica: usize, pause: Duration) {
        if let Some(running) = self.replicas[replica].running.as_mut().filter(|running| !running.paused) {
            running.paused = true;
            let id = running.id;
            self.history.note(Happening::Paused { process: id });
            Handle::current().pause(running.node.id());
            self.after(pause, Later::Resume(id));
        }
    }

    fn heal(&mut self) {
        self.history.note(Happening::Healed);
        self.bucket.heal();
        self.breaks.heal();
        self.network.heal();
        for place in 0..self.replicas.len() {
            if let Some(id) = self.replicas[place].id() {
                self.network.uncut(id);
                self.resume(id);
            }
        }
    }

    /// Waits until everything is settled, as long as that may take.
    async fn come_to_rest(&mut self) {
        let end = now().saturating_add(time_to_rest(&self.settings));
        let (mut mend_at, mut number) = (now(), self.settings.messages + 1);
        loop {
            if mend_at <= now() {
                number = self.mend(number).await;
                mend_at = now().saturating_add(hold::round(&self.settings));
            }
            self.turn();
            tokio::time::sleep(TURN).await;
            let unsettled = self.network.unsettled();
            if unsettled == 0 {
                return self.history.note(Happening::AtRest);
            }
            if now() > end {
                return self.history.note(Happening::Stuck { unsettled });
            }
        }
    }

    /// Waits until no process holds anything, as long as everything could take: what others have settled is written all the same.
    async fn let_go(&mut self) {
        let end = now().saturating_add(time_to_rest(&self.settings));
        while let Some((process, (what, value))) = self.kept() {
            if now() > end {
                return self.history.note(Happening::Kept { process, what, value });
            }
            self.turn();
            tokio::time::sleep(TURN).await;
        }
    }

    fn kept(&self) -> Option<(ProcessId, (&'static str, u64))> {
        let running = self.replicas.iter().filter_map(|replica| replica.running.as_ref());
        running.into_iter().find_map(|running| running.meters.left().map(|left| (running.id, left)))
    }

    /// The producer is mended, and goes on until all is settled. Gives the number of its next message.
    async fn mend(&mut self, mut number: u64) -> u64 {
        for event in hold::mended(&self.settings, number) {
            number += 1;
            self.network.publish(event);
            self.turn();
            tokio::time::sleep(TURN).await;
        }
        number
    }

    async fn stop_all(&mut self) {
        self.later.clear();
        (0..self.replicas.len()).for_each(|replica| self.ask_to_stop(replica, Duration::from_secs(3600)));
        let end = now().saturating_add(self.settings.shutdown_timeout + Duration::from_secs(10));
        while now() < end && self.replicas.iter().any(|replica| replica.running.is_some()) {
            self.turn();
            tokio::time::sleep(TURN).await;
        }
    }
}

impl Replica {
    fn id(&self) -> Option<ProcessId> {
        self.running.as_ref().map(|running| running.id)
    }
}

/// The longest that a message may take once nothing fails: all that waits ends, then it is fetched, held, and written, and
/// with little room that takes many rounds: one pull may bring a message or two, and take up the room until the flush.
fn time_to_rest(settings: &Settings) -> Duration {
    let machine = &settings.machine;
    let round = machine.flush_interval + machine.nak.max + machine.retry.max + machine.ack_wait * 2;
    let waits = round + settings.write_timeout + settings.shutdown_timeout + Duration::from_secs(30);
    let rounds = 2 + settings.messages as u32 / settings.fetch_batch.min(2) as u32;
    let mended = if machine.hold_after > 0 { hold::round(settings) * hold::ROUNDS } else { Duration::ZERO };
    waits + mended + (machine.flush_interval + Duration::from_secs(1)) * rounds
}

async fn publish(network: Arc<Network>, settings: Arc<Settings>) {
    let mut rng = Rng::with_seed(settings.seed ^ 0x0b11_5e55);
    let pace = settings.faults_for.as_micros() as u64 / settings.messages;
    for number in 1..=settings.messages {
        network.publish(draw_event(&mut rng, number, &settings));
        // In bursts as often as evenly.
        if rng.u8(..4) > 0 {
            tokio::time::sleep(Duration::from_micros(rng.u64(..pace))).await;
        }
    }
}

fn draw_event(rng: &mut Rng, number: u64, settings: &Settings) -> Event {
    let rows = if rng.u8(..100) < settings.many_rows { rng.usize(..4) } else { 1 };
    let rows = (0..rows).map(|_| {
        let poison = rng.u8(..100) < settings.poison;
        let partition = Destination::Partition(rng.u8(..settings.partitions));
        EventRow { destination: if poison { Destination::DeadLetter } else { partition }, padding: rng.u8(..120) }
    });
    let mut event = Event { number, rows: rows.collect() };
    hold::spoil(&mut event, settings);
    event
}
