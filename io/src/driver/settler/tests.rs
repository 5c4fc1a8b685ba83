//! The settler between a driver and a source that takes some rounds and not others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use metrics::Counter;
use warehouse_sink_core::{Capacity, MessageId};

use super::*;
use crate::source::{Incoming, Pull};

/// What becomes of a round.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Confirmed,
    /// Its first settlement is for something that is no more.
    FirstIsVoid,
    NotSent,
    SentAndLost,
}

/// A source that has nothing, and takes rounds as it was told to; all that come after that.
#[derive(Clone, Default)]
struct FakeSource {
    fates: Arc<Mutex<VecDeque<Fate>>>,
    rounds: Arc<Mutex<Vec<Round<FakeSource>>>>,
}

enum Nothing {}

impl Source for FakeSource {
    type Message = Nothing;
    type Handle = u32;
    type Pull = Nothing;

    async fn pull(&self, _: Capacity) -> Result<Nothing, SourceError> {
        Err(SourceError::new("there is nothing"))
    }
    async fn settle(&self, round: &mut Round<Self>) -> Result<(), Unsettled> {
        self.rounds.lock().unwrap().push(round.clone());
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Confirmed);
        let sent = match fate {
            Fate::Confirmed => return Ok(()),
            Fate::FirstIsVoid => {
                round.remove(0);
                return Ok(());
            }
            Fate::NotSent => false,
            Fate::SentAndLost => true,
        };
        Err(Unsettled { sent, error: SourceError::new("refused") })
    }
    async fn ack_floor(&self) -> Result<u64, SourceError> {
        Ok(0)
    }
    fn least_bytes(&self) -> u64 {
        0
    }
}

impl Pull for Nothing {
    type Message = Nothing;

    async fn next(&mut self) -> Option<Result<Vec<Nothing>, SourceError>> {
        match *self {}
    }
    async fn cancel(&mut self) {}
}

impl Incoming for Nothing {
    type Handle = u32;

    fn id(&self) -> MessageId {
        match *self {}
    }
    fn delivery_count(&self) -> u64 {
        match *self {}
    }
    fn subject(&self) -> &str {
        match *self {}
    }
    fn body(&self) -> &[u8] {
        match *self {}
    }
    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        match *self {}
    }
    fn into_handle(self) -> u32 {
        match self {}
    }
}

/// What was counted: acked, nacked, terminated, void, lost naks.
type Counted = [u64; 5];

struct Rig {
    source: FakeSource,
    health: Health,
    counters: [Arc<AtomicU64>; 5],
    settlements: Settlements<u32>,
    settler: Settler<FakeSource>,
}

fn rig(fates: impl IntoIterator<Item = Fate>) -> Rig {
    let source = FakeSource { fates: Arc::new(Mutex::new(fates.into_iter().collect())), ..FakeSource::default() };
    let counters: [Arc<AtomicU64>; 5] = Default::default();
    let [acked, nacked, terminated, void, settle_errors] = counters.clone().map(Counter::from_arc);
    let metrics = Metrics { acked, nacked, terminated, void, settle_errors, ..Metrics::noop() };
    let (settlements, queue) = Settlements::new();
    let health = Health::new();
    let settler = Settler { source: source.clone(), queue, health: health.clone(), metrics };
    Rig { source, health, counters, settlements, settler }
}

impl Rig {
    fn push(&mut self, settlements: &[(u32, Settlement)]) {
        settlements.iter().for_each(|(handle, settlement)| self.settlements.push(*handle, *settlement));
        self.settlements.send();
    }

    /// The rounds that the source was told, what was counted, and what still waits.
    async fn run(self) -> (Vec<Vec<(u32, Settlement)>>, Counted, usize) {
        let waiting = self.settlements.waiting().clone();
        drop(self.settlements);
        self.settler.run().await;
        let rounds = self.source.rounds.lock().unwrap().clone();
        (rounds, self.counters.map(|counter| counter.load(Ordering::Relaxed)), waiting.settled())
    }
}

const NAK: Settlement = Settlement::Nak(Duration::ZERO);
const ALL: [(u32, Settlement); 4] = [(1, Settlement::Ack), (2, NAK), (3, Settlement::Progress), (4, Settlement::Term)];

#[tokio::test(start_paused = true)]
async fn all_that_waits_is_one_round_and_counts_once_it_is_confirmed() {
    let mut rig = rig([]);
    rig.push(&ALL[..2]);
    rig.push(&ALL[2..]);
    assert_eq!(rig.run().await, (vec![ALL.to_vec()], [1, 1, 1, 0, 0], 0));
}

/// An ack that is sent twice does no harm. A nak could take the message from who has it by then.
#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_is_sent_again_but_for_naks() {
    let mut rig = rig([Fate::SentAndLost, Fate::NotSent]);
    rig.push(&ALL);
    let again = vec![ALL[0], ALL[3]];
    assert_eq!(rig.run().await, (vec![ALL.to_vec(), again.clone(), again], [1, 0, 1, 0, 1], 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_sent_whole() {
    let mut rig = rig([Fate::NotSent]);
    rig.push(&ALL);
    assert_eq!(rig.run().await, (vec![ALL.to_vec(), ALL.to_vec()], [1, 1, 1, 0, 0], 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_void_is_not_said_to_be_acked() {
    let mut rig = rig([Fate::FirstIsVoid]);
    rig.push(&ALL);
    assert_eq!(rig.run().await, (vec![ALL.to_vec()], [0, 1, 1, 1, 0], 0));
}

/// A round that fails once is no news; one that goes on failing is, and counts against what may be fetched all the while.
#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_acks_is_told_of() {
    let mut rig = rig([Fate::SentAndLost; 20]);
    rig.push(&ALL);
    let (health, source, waiting) = (rig.health.clone(), rig.source.clone(), rig.settlements.waiting().clone());
    let running = tokio::spawn(rig.run());
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!health.is_failing(Part::Acks));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(health.ready().unwrap_err().contains("acks: refused"));
    assert_eq!(waiting.settled(), 2, "what is not confirmed waits");
    source.fates.lock().unwrap().clear();
    running.await.unwrap();
    assert!(!health.is_failing(Part::Acks));
}
