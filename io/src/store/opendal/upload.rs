//! One attempt to write one object, which leaves nothing behind when it fails or is given up.
//!
//! The attempt runs as a task of its own. When the future that waits for it is dropped, the task hears of it and cleans up:
//! a multipart upload that nobody aborts is kept, and charged for, until somebody notices.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use opendal::Writer;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::classify::Step;

/// Objects above this many bytes are uploaded in parts of this size, one after the other. S3 takes parts from 5 MiB up and
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

/// Told when nobody waits for an attempt any more.
pub(super) struct GiveUp(oneshot::Receiver<()>);

/// Ties an attempt to whoever waits for it.
pub(super) fn tie() -> (Waiting, GiveUp) {
    let (sender, receiver) = oneshot::channel();
    (Waiting(sender), GiveUp(receiver))
}

/// Writes the whole object, and cleans up unless that succeeded.
pub(super) async fn run(mut writer: Writer, body: Bytes, mut give_up: GiveUp) -> Result<(), Ended> {
    let result = write(&mut writer, body, &mut give_up.0).await;
    if result.is_err() {
        abort(&mut writer).await;
    }
    result
}

async fn write(writer: &mut Writer, mut body: Bytes, gone: &mut oneshot::Receiver<()>) -> Result<(), Ended> {
    while !body.is_empty() {
        let part = body.split_to(body.len().min(PART_BYTES));
        step(Step::Write, writer.write(part), gone, GIVE_UP_GRACE).await?;
    }
    // The closing request is dropped at once: what it needed to clean up is known by now.
    step(Step::Close, async { writer.close().await.map(drop) }, gone, Duration::ZERO).await
}

/// Runs one step to its end, or for no longer than `grace` once the attempt is given up.
async fn step(
    step: Step,
    work: impl Future<Output = opendal::Result<()>>,
    gone: &mut oneshot::Receiver<()>,
    grace: Duration,
) -> Result<(), Ended> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done.map_err(|error| Ended::Failed(step, error)),
        _ = gone => {}
    }
    let _unfinished = timeout(grace, work).await;
    Err(Ended::GivenUp)
}

async fn abort(writer: &mut Writer) {
    match timeout(ABORT_LIMIT, writer.abort()).await {
        Ok(Ok(())) => {}
        // A file that was already renamed, or never made, has no temporary name to remove.
        Ok(Err(error)) if error.kind() == opendal::ErrorKind::NotFound => {}
        Ok(Err(error)) => tracing::warn!(%error, "an unfinished upload could not be removed from the store"),
        Err(_) => tracing::warn!("an unfinished upload could not be removed from the store in time"),
    }
}
