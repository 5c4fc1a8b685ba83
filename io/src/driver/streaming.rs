//! Encoding off the async threads, and the upload of an object that is encoded meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use warehouse_sink_core::{Failure, Outcome};

use super::encoders::Encoders;
use crate::parts::{Feed, Part, Parts, Progress};
use crate::rows::{Batch, Encode, Encoding};
use crate::source::error_chain;
use crate::store::{Store, StoreError};

/// An object of which a part is encoded.
pub(super) struct Begun<G> {
    pub part: Part,
    /// Makes the other parts.
    pub rest: G,
    /// How long it took so far.
    pub took: Duration,
}

/// How an upload in parts ended.
pub(super) enum Streamed {
    /// The encoder failed, and nothing was stored.
    Broken(String),
    /// The store's answer, with the bytes that it took and how long they were encoded.
    Put { outcome: Outcome, error: Option<String>, bytes: u64, encoded: Option<Duration> },
}

/// Encodes the first part of an object.
pub(super) fn begin<E: Encode>(
    encoders: &Encoders,
    encoder: Arc<E>,
    batch: Arc<Batch<E::Partition, E::Payload>>,
) -> JoinHandle<Result<Begun<E::Encoding>, String>> {
    encoders.run(move || {
        let start = Instant::now();
        let mut rest = encoder.begin(batch).map_err(|error| error_chain(&error))?;
        let part = rest.next().map_err(|error| error_chain(&error))?;
        Ok(Begun { part, rest, took: start.elapsed() })
    })
}

/// What an encoder that never answered is taken for.
pub(super) fn ended_early(error: &JoinError) -> String {
    format!("the encoder ended early: {error}")
}

/// Makes one attempt to store an object of several parts. The store takes each while the next is encoded, for no longer than `timeout` without
/// progress.
pub(super) async fn stream<T: Store, G: Encoding>(
    encoders: Encoders,
    store: T,
    key: String,
    begun: Begun<G>,
    timeout: Duration,
) -> Streamed {
    let (feed, parts, progress) = Parts::new();
    let mut put = pin!(put(&store, &key, parts, &progress, timeout));
    let mut feeding = pin!(feed_all(&encoders, feed, begun));
    let mut fed = None;
    let result = loop {
        tokio::select! {
            biased;
            result = &mut put => break result,
            end = &mut feeding, if fed.is_none() => fed = Some(end),
        }
    };
    match fed {
        Some(Err(error)) => Streamed::Broken(error),
        fed => {
            let (outcome, error) = judge(result, &progress, timeout);
            let encoded = fed.and_then(Result::ok);
            Streamed::Put { outcome, error, bytes: progress.bytes(), encoded }
        }
    }
}

/// What is known of the object. Only a store that has all of it can have stored it.
fn judge(result: Result<(), Option<StoreError>>, progress: &Progress, timeout: Duration) -> (Outcome, Option<String>) {
    match result {
        Ok(()) if progress.has_ended() => (Outcome::Written, None),
        Ok(()) => (Outcome::Unknown, Some("the store did not wait for the object's end".to_owned())),
        Err(Some(error)) => (error.outcome(), Some(error_chain(&error))),
        Err(None) => {
            let nothing = Outcome::Failed(Failure::Temporary);
            let outcome = if progress.has_ended() { Outcome::Unknown } else { nothing };
            (outcome, Some(format!("no progress within {timeout:?}")))
        }
    }
}

/// Gives an object's parts to the store, as long as it takes them; how long all of them took to encode.
async fn feed_all<G: Encoding>(encoders: &Encoders, feed: Feed, begun: Begun<G>) -> Result<Duration, String> {
    let Begun { mut part, mut rest, mut took } = begun;
    loop {
        let is_last = matches!(part, Part::Last(_));
        if !feed.send(part).await || is_last {
            return Ok(took);
        }
        let next = encoders.run(move || {
            let start = Instant::now();
            let part = rest.next().map_err(|error| error_chain(&error))?;
            Ok::<_, String>(Begun { part, rest, took: start.elapsed() })
        });
        let next = next.await.map_err(|error| ended_early(&error))??;
        (part, rest, took) = (next.part, next.rest, took + next.took);
    }
}

/// The store's answer; an error without words where it made no progress for too long.
async fn put<T: Store>(
    store: &T,
    key: &str,
    parts: Parts,
    progress: &Progress,
    timeout: Duration,
) -> Result<(), Option<StoreError>> {
    let mut put = pin!(store.put_parts(key, parts));
    loop {
        tokio::select! {
            biased;
            result = &mut put => return result.map_err(Some),
            () = progress.moved() => {}
            () = tokio::time::sleep(timeout), if !progress.waits() => return Err(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::sync::Mutex;

    use bytes::Bytes;

    use super::*;
    use crate::store::Effect;

    const TIMEOUT: Duration = Duration::from_millis(50);

    /// What a store does with the parts that it gets.
    #[derive(Clone, Copy, PartialEq)]
    enum Does {
        Store,
        /// Stops after so many parts, and never answers.
        Stall(usize),
        /// Never answers once it knows the end.
        StallAtEnd,
        /// Says that it has stored the object after so many parts.
        Lie(usize),
        /// Fails after so many parts.
        Fail(usize),
    }

    #[derive(Clone)]
    struct FakeStore {
        does: Does,
        stored: Arc<Mutex<Option<Vec<u8>>>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl FakeStore {
        fn that(does: Does) -> Self {
            FakeStore { does, stored: Arc::default(), taken: Arc::default() }
        }

        fn taken(&self) -> Vec<u8> {
            self.taken.lock().unwrap().clone()
        }
    }

    impl Store for FakeStore {
        async fn put(&self, _: &str, _: Bytes) -> Result<(), StoreError> {
            unreachable!("the object has several parts")
        }

        async fn put_parts(&self, _: &str, mut parts: Parts) -> Result<(), StoreError> {
            for number in 0.. {
                match self.does {
                    Does::Stall(at) if at == number => std::future::pending().await,
                    Does::Lie(at) if at == number => return Ok(()),
                    Does::Fail(at) if at == number => {
                        return Err(StoreError::new(Effect::NotApplied(Failure::Temporary), "full"));
                    }
                    _ => {}
                }
                match parts.next().await {
                    Ok(Some(part)) => self.taken.lock().unwrap().extend_from_slice(&part),
                    Ok(None) if self.does == Does::StallAtEnd => std::future::pending().await,
                    Ok(None) => break,
                    Err(error) => {
                        return Err(StoreError::new(Effect::NotApplied(Failure::Permanent), error.to_string()));
                    }
                }
            }
            *self.stored.lock().unwrap() = Some(self.taken());
            Ok(())
        }
    }

    #[derive(Debug, Clone, Copy, thiserror::Error)]
    #[error("broken")]
    struct Broken;

    /// Parts, and whether it breaks after them.
    struct FakeEncoding(VecDeque<Part>, Duration);

    impl Encoding for FakeEncoding {
        type Error = Broken;

        fn next(&mut self) -> Result<Part, Broken> {
            std::thread::sleep(self.1);
            self.0.pop_front().ok_or(Broken)
        }
    }

    fn begun(parts: impl IntoIterator<Item = Part>, pace: Duration) -> Begun<FakeEncoding> {
        let mut rest: VecDeque<_> = parts.into_iter().collect();
        Begun { part: rest.pop_front().unwrap(), rest: FakeEncoding(rest, pace), took: Duration::ZERO }
    }

    fn parts(count: u8) -> impl Iterator<Item = Part> {
        let part = move |n| Bytes::from(vec![n; 3]);
        (1..=count).map(move |n| if n == count { Part::Last(part(n)) } else { Part::More(part(n)) })
    }

    async fn outcome(store: &FakeStore, begun: Begun<FakeEncoding>) -> Result<(Outcome, u64), String> {
        match stream(Encoders::new(), store.clone(), "key".to_owned(), begun, TIMEOUT).await {
            Streamed::Broken(error) => Err(error),
            Streamed::Put { outcome, bytes, .. } => Ok((outcome, bytes)),
        }
    }

    #[tokio::test]
    async fn all_parts_are_stored_in_their_order() {
        let store = FakeStore::that(Does::Store);
        let written = outcome(&store, begun(parts(5), Duration::ZERO)).await;
        assert_eq!(written, Ok((Outcome::Written, 15)));
        assert_eq!(store.stored.lock().unwrap().as_deref(), Some(&[1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5][..]));
    }

    #[tokio::test]
    async fn an_encoder_that_breaks_stores_nothing() {
        let store = FakeStore::that(Does::Store);
        let broken = outcome(&store, begun(parts(5).take(4), Duration::ZERO)).await;
        assert_eq!(broken, Err("broken".to_owned()));
        assert!(store.stored.lock().unwrap().is_none() && !store.taken().is_empty());
    }

    #[tokio::test]
    async fn a_store_that_fails_ends_the_encoding() {
        let store = FakeStore::that(Does::Fail(2));
        let failed = outcome(&store, begun(parts(200), Duration::ZERO)).await;
        assert_eq!(failed, Ok((Outcome::Failed(Failure::Temporary), 6)));
    }

    #[tokio::test]
    async fn a_store_without_progress_has_stored_nothing_unless_it_knows_the_end() {
        for after in [0, 3, 4] {
            let store = FakeStore::that(Does::Stall(after));
            let stalled = outcome(&store, begun(parts(4), Duration::ZERO)).await;
            assert_eq!(stalled, Ok((Outcome::Failed(Failure::Temporary), 3 * after as u64)), "after {after} parts");
        }
        let store = FakeStore::that(Does::StallAtEnd);
        assert_eq!(outcome(&store, begun(parts(4), Duration::ZERO)).await, Ok((Outcome::Unknown, 12)));
    }

    /// The time is the store's alone.
    #[tokio::test]
    async fn a_slow_encoder_is_waited_for() {
        let store = FakeStore::that(Does::Store);
        assert_eq!(outcome(&store, begun(parts(4), 2 * TIMEOUT)).await, Ok((Outcome::Written, 12)));
    }

    #[tokio::test]
    async fn what_is_stored_without_its_end_is_not_believed() {
        let store = FakeStore::that(Does::Lie(3));
        let lied = outcome(&store, begun(parts(4), Duration::ZERO)).await;
        assert_eq!(lied, Ok((Outcome::Unknown, 9)));
    }

    /// However slow the store is, the encoder is only a few parts ahead of it.
    #[tokio::test]
    async fn the_encoder_is_not_far_ahead() {
        let made = Arc::new(Mutex::new(0));
        struct Counted(Arc<Mutex<usize>>);
        impl Encoding for Counted {
            type Error = Infallible;

            fn next(&mut self) -> Result<Part, Infallible> {
                *self.0.lock().unwrap() += 1;
                Ok(Part::More(Bytes::from_static(b"x")))
            }
        }
        let begun = Begun { part: Part::More(Bytes::new()), rest: Counted(made.clone()), took: Duration::ZERO };
        let store = FakeStore::that(Does::Stall(2));
        assert!(matches!(stream(Encoders::new(), store, String::new(), begun, TIMEOUT).await, Streamed::Put { .. }));
        let made = *made.lock().unwrap();
        assert!((2..=4).contains(&made), "{made} parts beside the first, and the store took two");
    }
}
