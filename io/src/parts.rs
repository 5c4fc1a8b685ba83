//! An object in parts, on its way from the encoder into a store.
//!
//! ```text
//! Encoding ─next─▶ Part ─▶ Cutter, if it writes bytes      feed ─▶ channel ─▶ Parts ─▶ Store::put_parts
//! ```
//!
//! **Architecture Invariant:** a store learns of the end of an object from [`Parts::next`] alone, and hears it only after the encoder has come
//! to its own. So nothing that the encoder left unfinished is ever completed.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

/// How many bytes a part has, unless it is the last. S3 takes parts from 5 MiB up and at most 10,000 of them; these allow 78 GiB, and little
/// is lost when an upload has to begin anew.
pub const PART_BYTES: usize = 8 * 1024 * 1024;

/// How many parts may wait for the store.
const WAITING: usize = 1;

/// A part of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// More follows.
    More(Bytes),
    /// The object ends with it.
    Last(Bytes),
}

/// Cuts what is written into parts.
#[derive(Debug)]
pub struct Cutter {
    bytes: usize,
    full: VecDeque<Bytes>,
    /// Cut only when more comes: the last part is never empty.
    filling: Vec<u8>,
}

impl Cutter {
    /// Cuts parts of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Cutter { bytes: bytes.max(1), full: VecDeque::new(), filling: Vec::new() }
    }

    /// The next part that is full and that something follows.
    pub fn pop(&mut self) -> Option<Bytes> {
        self.full.pop_front()
    }

    /// What is left once nothing is written any more.
    pub fn rest(&mut self) -> Part {
        match self.pop() {
            Some(part) => Part::More(part),
            None => Part::Last(take(&mut self.filling)),
        }
    }
}

impl io::Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filling.len() == self.bytes && !bytes.is_empty() {
            self.full.push_back(take(&mut self.filling));
        }
        let taken = bytes.len().min(self.bytes - self.filling.len());
        self.filling.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part may be kept for long; what the vector grew beyond it would be kept too.
fn take(filling: &mut Vec<u8>) -> Bytes {
    let mut part = std::mem::take(filling);
    part.shrink_to_fit();
    part.into()
}

/// The encoder did not come to its end: the object must not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object was not encoded to its end")]
pub struct Unfinished;

/// The parts of an object, as a store takes them.
#[derive(Debug)]
pub struct Parts {
    parts: mpsc::Receiver<Part>,
    had_last: bool,
    progress: Arc<Progress>,
}

/// Where the encoder's parts go.
#[derive(Debug)]
pub struct Feed(mpsc::Sender<Part>);

/// How far a store is with an object.
#[derive(Debug, Default)]
pub struct Progress {
    /// Told when a part is asked for, and when it is handed over.
    moved: Notify,
    /// The store waits for the encoder.
    waits: AtomicBool,
    /// The store knows the end.
    ended: AtomicBool,
    bytes: AtomicU64,
}

impl Parts {
    /// Parts that come from the feed, and how far the store is with them.
    pub fn new() -> (Feed, Parts, Arc<Progress>) {
        let (sender, parts) = mpsc::channel(WAITING);
        let progress = Arc::new(Progress::default());
        (Feed(sender), Parts { parts, had_last: false, progress: progress.clone() }, progress)
    }

    /// The next part; none after the last.
    ///
    /// # Errors
    ///
    /// [`Unfinished`], when the encoder ended before the object did. What was sent has to be taken back.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Unfinished> {
        if self.had_last {
            self.progress.ended.store(true, Ordering::Relaxed);
            self.progress.wait(false);
            return Ok(None);
        }
        self.progress.wait(true);
        let part = self.parts.recv().await;
        self.progress.wait(false);
        let part = match part.ok_or(Unfinished)? {
            Part::More(part) => part,
            Part::Last(part) => {
                self.had_last = true;
                part
            }
        };
        self.progress.bytes.fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok(Some(part))
    }
}

impl Feed {
    /// Hands a part to the store, once it has taken those before; whether it still takes any.
    pub async fn send(&self, part: Part) -> bool {
        self.0.send(part).await.is_ok()
    }
}

impl Progress {
    /// Waits until the store asks for a part, or gets one.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Whether the store waits for the encoder, and not the other way round.
    pub fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Whether the store knows that nothing more comes: before, it can't have completed the object.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// The bytes that the store has taken.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn wait(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
        self.moved.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn parts(cutter: &mut Cutter) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut more = Vec::new();
        loop {
            match cutter.rest() {
                Part::More(part) => more.push(part.to_vec()),
                Part::Last(part) => return (more, part.to_vec()),
            }
        }
    }

    #[test]
    fn what_is_written_is_cut_and_the_last_part_is_never_empty() {
        for (bytes, more, last) in [(0, 0, 0), (1, 0, 1), (9, 0, 9), (10, 0, 10), (11, 1, 1), (20, 1, 10), (35, 3, 5)] {
            for piece in [1, 3, 10, 100] {
                let all: Vec<u8> = (0..bytes).collect();
                let mut cutter = Cutter::new(10);
                all.chunks(piece).for_each(|piece| cutter.write_all(piece).unwrap());
                let found = parts(&mut cutter);
                assert_eq!((found.0.len(), found.1.len()), (more, last), "{bytes} bytes by {piece}");
                assert!(found.0.iter().all(|part| part.len() == 10));
                assert_eq!([found.0.concat(), found.1].concat(), all);
            }
        }
    }

    #[tokio::test]
    async fn the_end_comes_after_the_last_part_alone() {
        let (feed, mut parts, progress) = Parts::new();
        assert!(feed.send(Part::More(Bytes::from_static(b"ab"))).await);
        assert_eq!(parts.next().await, Ok(Some(Bytes::from_static(b"ab"))));
        assert!(!progress.has_ended());
        assert!(feed.send(Part::Last(Bytes::from_static(b"c"))).await);
        drop(feed);
        assert_eq!(parts.next().await, Ok(Some(Bytes::from_static(b"c"))));
        assert!(!progress.has_ended());
        assert_eq!((parts.next().await, parts.next().await), (Ok(None), Ok(None)));
        assert!(progress.has_ended());
        assert_eq!(progress.bytes(), 3);
    }

    #[tokio::test]
    async fn an_encoder_that_breaks_off_makes_no_end() {
        let (feed, mut parts, progress) = Parts::new();
        assert!(feed.send(Part::More(Bytes::new())).await);
        drop(feed);
        assert_eq!(parts.next().await, Ok(Some(Bytes::new())));
        assert_eq!((parts.next().await, parts.next().await), (Err(Unfinished), Err(Unfinished)));
        assert!(!progress.has_ended());
    }

    #[tokio::test]
    async fn the_encoder_waits_for_the_store() {
        let (feed, parts, _) = Parts::new();
        for _ in 0..WAITING {
            assert!(feed.send(Part::More(Bytes::new())).await);
        }
        let mut next = tokio_test_poll(feed.send(Part::More(Bytes::new())));
        assert!(next(), "there is no room for another part");
        drop(parts);
        assert!(!feed.send(Part::More(Bytes::new())).await, "nobody takes it");
    }

    /// Whether a future is not ready when it is polled once.
    fn tokio_test_poll<F: Future<Output = bool>>(future: F) -> impl FnMut() -> bool {
        let mut future = Box::pin(future);
        move || {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            future.as_mut().poll(&mut context).is_pending()
        }
    }
}
