//! One attempt to write one object, which leaves nothing behind when it fails or is given up.
//!
//! The attempt runs as a task of its own. When the future that waits for it is dropped, the task hears of it and cleans up:
//! a multipart upload that nobody aborts is kept, and charged for, until somebody notices.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use opendal::{Buffer, Operator, Writer};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::classify::Step;
use crate::parts::{Parts, Unfinished};

/// How long a given-up attempt may take to learn the id of the multipart upload that it has just asked for; without the
/// id the upload cannot be aborted.
const GIVE_UP_GRACE: Duration = Duration::from_secs(5);

/// How long cleaning up may take. It is not worth more: the store is most likely not answering.
const ABORT_LIMIT: Duration = Duration::from_secs(5);

/// How an attempt ended that did not succeed.
#[derive(Debug)]
pub(super) enum Ended {
    /// This step failed.
    Failed(Step, opendal::Error),
    /// Nobody waits for the attempt any more.
    GivenUp,
    /// The object has no end.
    Unfinished(Unfinished),
}

/// An object that is to be written.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Bytes),
    /// Still in the making.
    Parts(Parts),
}

impl Body {
    /// What is to be sent next, of a whole object at most so many bytes.
    async fn next(&mut self, most: usize, give_up: &mut GiveUp) -> Result<Option<Bytes>, Ended> {
        match self {
            Body::Whole(body) if body.is_empty() => Ok(None),
            Body::Whole(body) => Ok(Some(body.split_to(body.len().min(most)))),
            Body::Parts(parts) => tokio::select! {
                biased;
                part = parts.next() => part.map_err(Ended::Unfinished),
                () = give_up.told() => Err(Ended::GivenUp),
            },
        }
    }

    /// All of it, for one request: that has a length, which is known only with the last part.
    pub(super) async fn all(&mut self, give_up: &mut GiveUp) -> Result<Buffer, Ended> {
        let mut parts = Vec::new();
        while let Some(part) = self.next(usize::MAX, give_up).await? {
            parts.push(part);
        }
        Ok(Buffer::from(parts))
    }
}

/// Held by whoever waits for an attempt; dropping it gives the attempt up.
pub(super) struct Waiting(#[expect(dead_code, reason = "its drop is the message")] oneshot::Sender<()>);

/// Told when nobody waits for an attempt any more, or the store is closed. While it is there, so is the attempt.
pub(super) struct GiveUp {
    waiting: oneshot::Receiver<()>,
    closing: watch::Receiver<bool>,
}

/// Ties an attempt to whoever waits for it, and to the store.
pub(super) fn tie(closing: &watch::Sender<bool>) -> (Waiting, GiveUp) {
    let (sender, waiting) = oneshot::channel();
    (Waiting(sender), GiveUp { waiting, closing: closing.subscribe() })
}

impl GiveUp {
    async fn told(&mut self) {
        tokio::select! {
            biased;
            _ = &mut self.waiting => {}
            _ = self.closing.wait_for(|closing| *closing) => {}
        }
    }
}

/// Gives up all attempts and waits until they have cleaned up. `false`: there was no time for that.
pub(super) async fn close(closing: &watch::Sender<bool>) -> bool {
    closing.send_replace(true);
    timeout(GIVE_UP_GRACE + ABORT_LIMIT, closing.closed()).await.is_ok()
}

/// Writes the whole object, and cleans up unless that succeeded.
pub(super) async fn run(
    operator: &Operator,
    key: &str,
    mut body: Body,
    part_bytes: Option<usize>,
    mut give_up: GiveUp,
) -> Result<(), Ended> {
    let mut writer = operator.writer(key).await.map_err(|error| Ended::Failed(Step::Write, error))?;
    let result = write(&mut writer, &mut body, part_bytes, &mut give_up).await;
    if result.is_err() {
        abort(&mut writer).await;
    }
    result
}

async fn write(
    writer: &mut Writer,
    body: &mut Body,
    part_bytes: Option<usize>,
    give_up: &mut GiveUp,
) -> Result<(), Ended> {
    match part_bytes {
        Some(most) => {
            while let Some(part) = body.next(most, give_up).await? {
                step(Step::Write, writer.write(part), give_up, GIVE_UP_GRACE).await?;
            }
        }
        None => {
            let all = body.all(give_up).await?;
            step(Step::Write, writer.write(all), give_up, GIVE_UP_GRACE).await?;
        }
    }
    // The closing request is dropped at once: what it needed to clean up is known by now.
    step(Step::Close, async { writer.close().await.map(drop) }, give_up, Duration::ZERO).await
}

/// Runs one step to its end, or for no longer than `grace` once the attempt is given up.
pub(super) async fn step(
    step: Step,
    work: impl Future<Output = opendal::Result<()>>,
    give_up: &mut GiveUp,
    grace: Duration,
) -> Result<(), Ended> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done.map_err(|error| Ended::Failed(step, error)),
        () = give_up.told() => {}
    }
    let _unfinished = timeout(grace, work).await;
    Err(Ended::GivenUp)
}

async fn abort(writer: &mut Writer) {
    clean_up(writer.abort()).await;
}

/// Takes back what an attempt has left, if that works in time.
pub(super) async fn clean_up(work: impl Future<Output = opendal::Result<()>>) {
    match timeout(ABORT_LIMIT, work).await {
        Ok(Ok(())) => {}
        // A file that was already renamed, or never made, has no temporary name to remove.
        Ok(Err(error)) if error.kind() == opendal::ErrorKind::NotFound => {}
        Ok(Err(error)) => tracing::warn!(%error, "an unfinished upload could not be removed from the store"),
        Err(_) => tracing::warn!("an unfinished upload could not be removed from the store in time"),
    }
}
