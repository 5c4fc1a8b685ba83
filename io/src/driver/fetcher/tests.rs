//! A fetcher between a source that has everything at once and a driver that takes its time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use warehouse_sink_core::{MessageId, Row, Rows};

use super::super::stop::Stop;
use super::*;
use crate::source::{Settlement, Unsettled};

/// What a message has on the wire, and what its rows take.
const MESSAGE_BYTES: usize = 10;
const ROW_BYTES: u64 = 100;

struct Message;

impl Incoming for Message {
    type Handle = ();

    fn id(&self) -> MessageId {
        MessageId { stream_sequence: 1, published_at: 1 }
    }
    fn delivery_count(&self) -> u64 {
        1
    }
    fn subject(&self) -> &str {
        "s"
    }
    fn body(&self) -> &[u8] {
        &[0; MESSAGE_BYTES]
    }
    fn headers(&self) -> BTreeMap<String, Vec<String>> {
        BTreeMap::new()
    }
    fn into_handle(self) {}
}

#[derive(Clone)]
struct Everything;

struct Pulled(VecDeque<usize>);

impl Source for Everything {
    type Message = Message;
    type Handle = ();
    type Pull = Pulled;

    async fn pull(&self, limit: Capacity) -> Result<Pulled, SourceError> {
        let messages = limit.messages.min(limit.bytes as usize / MESSAGE_BYTES);
        Ok(Pulled(VecDeque::from([messages / 2, messages - messages / 2])))
    }
    async fn settle(&self, _: &mut Vec<((), Settlement)>) -> Result<(), Unsettled> {
        Ok(())
    }
    async fn ack_floor(&self) -> Result<u64, SourceError> {
        Ok(0)
    }
    fn least_bytes(&self) -> u64 {
        MESSAGE_BYTES as u64
    }
}

impl Pull for Pulled {
    type Message = Message;

    async fn next(&mut self) -> Option<Result<Vec<Message>, SourceError>> {
        self.0.pop_front().map(|messages| Ok((0..messages).map(|_| Message).collect()))
    }
    async fn cancel(&mut self) {}
}

/// Counts what it has decoded, and the deliveries to whose rows it gave memory of their own.
#[derive(Clone, Default)]
struct Counting {
    decoded: Arc<AtomicUsize>,
    kept: Arc<AtomicUsize>,
    row_bytes: u64,
}

impl Decode for Counting {
    type Partition = u8;
    type Payload = ();

    fn decode<M: Incoming>(&mut self, _: &M) -> Rows<u8, ()> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let row = |bytes| Row { destination: Destination::Partition(1), payload: (), bytes };
        Rows::Many(vec![row(self.row_bytes / 2), row(self.row_bytes - self.row_bytes / 2)])
    }

    fn keep(&mut self, deliveries: &mut [Delivery<u8, ()>]) {
        self.kept.fetch_add(deliveries.len(), Ordering::Relaxed);
    }
}

type FromTest = FromFetcher<(), u8, ()>;

fn start(decoder: &Counting) -> (mpsc::Receiver<FromTest>, Stop) {
    let (driver, inbox) = mpsc::channel(2);
    let (stop, stopped) = Stop::new();
    let metrics = Metrics::noop();
    let health = Health::new();
    let fetcher = Fetcher {
        worker: 0,
        source: Everything,
        decoder: decoder.clone(),
        driver,
        stop: stopped,
        health,
        metrics,
        seen: Seen::default(),
        jitter_seed: 0,
    };
    tokio::spawn(fetcher.run());
    (inbox, stop)
}

async fn grant(inbox: &mut mpsc::Receiver<FromTest>, messages: usize, bytes: u64) {
    let Some(FromFetcher::Ask(ask)) = inbox.recv().await else { panic!("no question") };
    ask.send(Capacity { messages, bytes }).unwrap();
}

/// The next deliveries: how many, what they used of the grant, and what the fetcher waits for.
async fn next(inbox: &mut mpsc::Receiver<FromTest>) -> (usize, u64, Option<oneshot::Sender<()>>) {
    let Some(FromFetcher::Deliveries { deliveries, used, taken, .. }) = inbox.recv().await else { panic!("no more") };
    assert_eq!(deliveries.len(), used.messages);
    (deliveries.len(), used.bytes, taken)
}

/// Lets the fetcher do all that it can.
async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Rows that hold the connection's buffer would not be bounded by what they count.
#[tokio::test]
async fn rows_have_memory_of_their_own_when_they_are_handed_in() {
    let decoder = Counting { row_bytes: ROW_BYTES, ..Counting::default() };
    let (mut inbox, _stop) = start(&decoder);
    grant(&mut inbox, 20, 1000).await;
    let mut handed_in = 0;
    while handed_in < 20 {
        let (deliveries, _, taken) = next(&mut inbox).await;
        handed_in += deliveries;
        assert!(decoder.kept.load(Ordering::Relaxed) >= handed_in, "{handed_in}");
        drop(taken);
    }
    settle_down().await;
    assert_eq!(decoder.kept.load(Ordering::Relaxed), 20, "once for each");
}

#[tokio::test]
async fn no_more_rows_are_made_than_fit_until_they_are_taken() {
    let decoder = Counting { row_bytes: ROW_BYTES, ..Counting::default() };
    let (mut inbox, _stop) = start(&decoder);
    grant(&mut inbox, 100, 1000).await;
    let (mut taken, mut bytes) = (0, 0);
    // Ten messages have rows for the grant's bytes; the eleventh exceeds it, and from then on each goes by itself.
    for expected in std::iter::once(11).chain([1; 89]) {
        settle_down().await;
        assert_eq!(decoder.decoded.load(Ordering::Relaxed), taken + expected);
        let (messages, used, waits) = next(&mut inbox).await;
        assert_eq!((messages, waits.is_some()), (expected, true));
        settle_down().await;
        taken += messages;
        bytes += used;
        assert_eq!(decoder.decoded.load(Ordering::Relaxed), taken, "it goes on before the rows are taken");
    }
    assert_eq!((taken, bytes), (100, 1000));
    let Some(FromFetcher::Ended { unused }) = inbox.recv().await else { panic!("no end") };
    assert_eq!(unused, Capacity::default());
}

#[tokio::test]
async fn rows_that_take_no_more_than_their_messages_are_handed_in_as_they_come() {
    let decoder = Counting { row_bytes: MESSAGE_BYTES as u64, ..Counting::default() };
    let (mut inbox, _stop) = start(&decoder);
    grant(&mut inbox, 100, 1000).await;
    for _ in 0..2 {
        let (messages, used, waits) = next(&mut inbox).await;
        assert_eq!((messages, used, waits.is_some()), (50, 500, false));
    }
}
