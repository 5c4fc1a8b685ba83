//! One attempt to write one object, which leaves nothing behind when it fails or is given up.
//!
//! The attempt runs as a task of its own. When the future that waits for it is dropped, the task hears of it and cleans up:
//! a multipart upload that nobody aborts is kept, and charged for, until somebody notices.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use opendal::{Operator, Writer};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::classify::Step;

/// Where objects are uploaded in parts, those above this many bytes are, one part after the other. S3 takes parts from 5 MiB up and
/// at most 10,000 of them; this one allows 78 GiB, and keeps the loss small when a part has to be sent again.
pub(super) const PART_BYTES: usize = 8 * 1024 * 1024;

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
    body: Bytes,
    part_bytes: Option<usize>,
    mut give_up: GiveUp,
) -> Result<(), Ended> {
    let writer = match part_bytes {
        Some(bytes) => operator.writer_with(key).chunk(bytes).await,
        None => operator.writer(key).await,
    };
    let mut writer = writer.map_err(|error| Ended::Failed(Step::Write, error))?;
    let result = write(&mut writer, body, part_bytes.unwrap_or(usize::MAX), &mut give_up).await;
    if result.is_err() {
        abort(&mut writer).await;
    }
    result
}

async fn write(writer: &mut Writer, mut body: Bytes, part_bytes: usize, give_up: &mut GiveUp) -> Result<(), Ended> {
    while !body.is_empty() {
        let part = body.split_to(body.len().min(part_bytes));
        step(Step::Write, writer.write(part), give_up, GIVE_UP_GRACE).await?;
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
