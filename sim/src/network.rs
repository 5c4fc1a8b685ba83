//! The server behind links that break.
//!
//! One task carries everything: it sleeps until the next thing arrives or the server's next timer, and runs it. A link keeps the
//! order of what it carries, as TCP does. What is under way when it breaks is lost; what a client sends while it is down waits
//! in the client, as in async-nats, and goes out when it is connected again.

mod connections;
mod edits;
mod link;
mod sending;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{Notify, mpsc, oneshot};
use warehouse_sink_core::{MessageId, Timestamp};
use warehouse_sink_jetstream_model::{
    ConsumerConfig, Creation, Delivered, Effect, End, Forget, Inbox, Note, PullRequest, Reply, Server, Start, Verdict,
};

use crate::event::Event;
use crate::fault::Crossing;
use crate::history::{Happening, History, ProcessId, now};
use crate::settings::Settings;
use link::Link;

/// What a client sends.
#[derive(Debug)]
pub enum Ask {
    /// A pull request of this subscription.
    Pull(u64, PullRequest),
    /// A subscription's end.
    Unsubscribe(u64),
    /// What became of a delivery.
    Settle(Reply, Verdict),
    /// The consumer is looked for, and created where it starts if it is missing.
    Attach(Option<Floor>, ConsumerConfig, oneshot::Sender<Attached>),
    /// Which consumer is there, and which of these messages the stream still has.
    Look(Vec<MessageId>, oneshot::Sender<Look>),
    /// An answer is all that is asked for.
    Ping(oneshot::Sender<u64>),
}

/// The consumer that was found, or created.
#[derive(Clone, Debug)]
pub struct Attached {
    /// How far it has settled everything.
    pub floor: Floor,
    /// Its configuration. None where it is missing and its creation is refused.
    pub config: Option<ConsumerConfig>,
}

/// How far a consumer had settled everything, in which life of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Which consumer of the name it is.
    pub incarnation: u64,
    /// Which stream of the name it is of.
    pub stream: u64,
    /// The server's restarts until then: one that lost its tail counts from there again.
    pub restarts: u64,
    /// The sequence.
    pub sequence: u64,
}

/// What a process hears of the server before it settles.
#[derive(Clone, Debug)]
pub struct Look {
    /// Which consumer of the name it is, if there is one.
    pub incarnation: Option<u64>,
    /// Those of the messages that the stream has.
    pub messages: BTreeSet<MessageId>,
}

/// What a subscription gets.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A message.
    Message(Delivered),
    /// The request's end.
    End(End),
}

/// What arrives when its time has come.
enum Arrival {
    AtServer {
        process: ProcessId,
        client: u64,
        ask: Ask,
    },
    AtClient {
        process: ProcessId,
        inbox: Inbox,
        answer: Answer,
    },
    /// The answer to a ping or an attachment.
    Reply(ProcessId, u64, Box<dyn FnOnce() + Send>),
    /// The server hears that a client is gone.
    ClientGone(u64),
    Reconnect(ProcessId),
    ServerUp(Forget),
    /// An edit of the consumer is taken back.
    ConsumerRestored,
    ConsumersAllowed,
}

pub(crate) struct Network {
    state: Mutex<State>,
    wake: Notify,
}

struct State {
    server: Server,
    up: bool,
    restarts: u64,
    /// Counts the streams.
    streams: u64,
    /// Counts the consumers.
    incarnation: u64,
    links: BTreeMap<ProcessId, Link>,
    arrivals: BTreeMap<(Timestamp, u64), Arrival>,
    next_arrival: u64,
    next_client: u64,
    latency: Duration,
    rng: Rng,
    /// What becomes of some of the things that cross a link, by their number.
    crossings: BTreeMap<u64, Crossing>,
    crossed: u64,
    /// What was lost on its way. Who waits for an answer to it waits on: a dropped question would answer itself with an error.
    lost: Vec<Arrival>,
    /// The consumer as it is created.
    consumer: ConsumerConfig,
    history: History,
}

/// How often a client that is not connected tries again.
const RECONNECT: Duration = Duration::from_millis(200);

impl Network {
    /// A server without messages. What is not among the crossings arrives, once and in time.
    pub fn new(settings: &Settings, crossings: BTreeMap<u64, Crossing>, history: History) -> Arc<Self> {
        let state = State {
            server: Server::new(settings.stream(), "EVENTS", "sink"),
            up: true,
            restarts: 0,
            streams: 0,
            incarnation: 0,
            links: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            next_arrival: 0,
            next_client: 0,
            latency: settings.latency,
            rng: Rng::with_seed(settings.seed ^ 0x0e17_0777),
            crossings,
            crossed: 0,
            lost: Vec::new(),
            consumer: settings.consumer(),
            history,
        };
        Arc::new(Network { state: Mutex::new(state), wake: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `change`, then wakes the carrier.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.wake.notify_one();
        result
    }

    /// Carries, for ever.
    pub async fn carry(self: Arc<Self>) {
        loop {
            let next = {
                let mut state = self.lock();
                state.run_due(now());
                state.next_due()
            };
            let sleep = async {
                match next {
                    Some(at) => tokio::time::sleep(at.since(now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = sleep => {}
            }
        }
    }

    pub fn publish(&self, event: Event) {
        self.change(|state| {
            let body = event.body();
            let message = state.server.publish(now(), event.subject().into(), body);
            state.history.note(Happening::Published { message, event: Arc::new(event) });
            state.run_effects();
        });
    }

    /// A process opens its connection.
    pub fn open(&self, process: ProcessId) {
        self.change(|state| {
            state.links.insert(process, Link::new());
            state.reconnect(process);
        });
    }

    /// A process is no more. What it had sent still arrives.
    pub fn close(&self, process: ProcessId) {
        self.change(|state| {
            if let Some(link) = state.links.remove(&process) {
                state.gone(link.client);
            }
        });
    }

    /// Subscribes; answers come until the process is connected anew.
    pub fn subscribe(&self, process: ProcessId) -> (u64, mpsc::UnboundedReceiver<Answer>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let number = self.lock().links.get_mut(&process).map_or(0, |link| link.subscribe(sender));
        (number, receiver)
    }

    /// The connection's number; 0 while there is none.
    pub fn connection(&self, process: ProcessId) -> u64 {
        self.lock().links.get(&process).and_then(|link| link.client).unwrap_or(0)
    }

    /// Whether the server delivers nothing new until something is settled, as a process hears that can reach it. (The answer takes no time:
    /// what crosses a link is numbered, and saved plans name the numbers.)
    pub fn is_exhausted(&self, process: ProcessId) -> bool {
        let state = self.lock();
        let connected = state.links.get(&process).is_some_and(|link| link.client.is_some());
        connected && state.up && state.server.is_exhausted()
    }

    /// Ends a subscription on the client's side.
    pub fn forget(&self, process: ProcessId, number: u64) {
        if let Some(link) = self.lock().links.get_mut(&process) {
            link.subscriptions.remove(&number);
        }
    }

    /// Sends, now or when the process is connected again.
    pub fn send(&self, process: ProcessId, ask: Ask) {
        self.change(|state| state.send(process, ask));
    }

    pub fn cut(&self, process: ProcessId) {
        self.change(|state| {
            if let Some(link) = state.links.get_mut(&process) {
                link.blocked = true;
            }
            state.disconnect(process);
        });
    }

    pub fn uncut(&self, process: ProcessId) {
        self.change(|state| {
            if let Some(link) = state.links.get_mut(&process) {
                link.blocked = false;
            }
        });
    }

    pub fn stall(&self, process: ProcessId, stall: Duration) {
        self.change(|state| {
            let until = now().saturating_add(stall);
            if let Some(link) = state.links.get_mut(&process) {
                link.stall(until);
                state.history.note(Happening::LinkStalled { process, until });
            }
        });
    }

    pub fn restart_server(&self, down: Duration, forget: Forget) {
        self.change(|state| {
            if !state.up {
                return;
            }
            state.up = false;
            state.history.note(Happening::ServerDown);
            let processes: Vec<_> = state.links.keys().copied().collect();
            processes.into_iter().for_each(|process| state.disconnect(process));
            state.arrive(now().saturating_add(down), Arrival::ServerUp(forget));
        });
    }

    /// From here on everything arrives once and in time, and the consumer is as it was created.
    pub fn heal(&self) {
        self.change(|state| {
            state.crossings.clear();
            state.server.refuse_consumers(false);
            state.restore_consumer();
        });
    }

    pub fn sync(&self) {
        self.change(|state| state.server.sync());
    }

    /// How many messages are not settled.
    pub fn unsettled(&self) -> usize {
        self.lock().server.unsettled().count()
    }
}

impl State {
    fn next_due(&self) -> Option<Timestamp> {
        let arrival = self.arrivals.first_key_value().map(|((at, _), _)| *at);
        let timer = self.server.next_timer().filter(|_| self.up);
        [arrival, timer].into_iter().flatten().min()
    }

    fn run_due(&mut self, now: Timestamp) {
        while let Some(arrival) = self.arrivals.first_entry().filter(|first| first.key().0 <= now) {
            let arrival = arrival.remove();
            self.run(now, arrival);
        }
        if self.up && self.server.next_timer().is_some_and(|at| at <= now) {
            self.server.tick(now);
            self.run_effects();
        }
    }

    fn arrive(&mut self, at: Timestamp, arrival: Arrival) {
        self.arrivals.insert((at, self.next_arrival), arrival);
        self.next_arrival += 1;
    }

    fn travel_time(&mut self) -> Duration {
        let micros = self.latency.as_micros() as u64;
        Duration::from_micros(micros / 2 + self.rng.u64(..=micros / 2))
    }

    fn run(&mut self, now: Timestamp, arrival: Arrival) {
        match arrival {
            Arrival::AtServer { process, client, ask } => self.ask(now, process, client, ask),
            Arrival::AtClient { process, inbox, answer } => {
                if let Some(link) = self.links.get_mut(&process).filter(|link| link.is(inbox.client)) {
                    link.answer(inbox.number, answer);
                }
            }
            Arrival::Reply(process, client, reply) => {
                if self.links.get(&process).is_some_and(|link| link.is(client)) {
                    reply();
                }
            }
            Arrival::ClientGone(client) => self.server.lose_interest(|inbox| inbox.client == client),
            Arrival::Reconnect(process) => self.reconnect(process),
            Arrival::ServerUp(forget) => self.server_up(now, forget),
            Arrival::ConsumerRestored => self.restore_consumer(),
            Arrival::ConsumersAllowed => self.server.refuse_consumers(false),
        }
    }

    fn ask(&mut self, now: Timestamp, process: ProcessId, client: u64, ask: Ask) {
        if !self.up {
            return;
        }
        match ask {
            Ask::Pull(number, request) => self.server.pull(now, Inbox { client, number }, request),
            Ask::Unsubscribe(number) => {
                let inbox = Inbox { client, number };
                self.server.lose_interest(|other| other == inbox);
            }
            Ask::Settle(reply, verdict) => {
                let settled = self.server.settle(now, &reply, verdict);
                self.history.note(Happening::Received { process, reply, verdict, settled });
            }
            Ask::Attach(floor, config, answer) => {
                let floor = self.attach(process, floor, config);
                let attached = Attached { floor, config: self.server.consumer_config().cloned() };
                self.reply(process, client, Box::new(move || _ = answer.send(attached)));
            }
            Ask::Look(messages, answer) => {
                let messages = messages.into_iter().filter(|message| self.server.has(*message)).collect();
                let incarnation = self.server.consumer().map(|_| self.incarnation);
                let look = Look { incarnation, messages };
                self.history.note(Happening::Looked { process });
                self.reply_surely(process, client, Box::new(move || _ = answer.send(look)));
            }
            Ask::Ping(answer) => {
                let floor = self.server.consumer().map_or(0, |info| info.ack_floor);
                self.reply_surely(process, client, Box::new(move || _ = answer.send(floor)));
            }
        }
        self.run_effects();
    }

    fn attach(&mut self, process: ProcessId, floor: Option<Floor>, mut config: ConsumerConfig) -> Floor {
        if let Some(floor) = floor.filter(|floor| floor.restarts == self.restarts && floor.stream == self.streams) {
            config.start = Start::Sequence(floor.sequence + 1);
        }
        if self.server.create_consumer(config) == Creation::Created {
            self.incarnation += 1;
            self.history.note(Happening::ConsumerCreated { process });
        }
        Floor {
            incarnation: self.incarnation,
            stream: self.streams,
            restarts: self.restarts,
            sequence: self.server.consumer().map_or(0, |info| info.ack_floor),
        }
    }

    fn run_effects(&mut self) {
        while let Some(effect) = self.server.poll_effect() {
            match effect {
                Effect::Deliver(inbox, delivered) => self.send_to_inbox(inbox, Answer::Message(delivered)),
                Effect::Ended(inbox, end) => self.send_to_inbox(inbox, Answer::End(end)),
                Effect::Note(Note::AckWaitOver(message)) => self.history.note(Happening::AckWaitOver { message }),
                Effect::Note(Note::Dropped(message)) => self.history.note(Happening::Dropped { message }),
                Effect::Note(Note::Exhausted(message) | Note::PassedOver(message)) => {
                    self.history.note(Happening::NotDelivered { message });
                }
            }
        }
    }

    fn send_to_inbox(&mut self, inbox: Inbox, answer: Answer) {
        let process = self.links.iter().find(|(_, link)| link.is(inbox.client)).map(|(process, _)| *process);
        if let Some(process) = process {
            self.send_to_client(process, inbox, answer);
        }
    }
}
