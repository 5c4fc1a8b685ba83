//! An object on a server of files, where a reader sees one that is still being written: it is written under a name that no reader
//! looks at, and renamed once it is whole.

use std::time::Duration;

use opendal::Operator;

use super::classify::Step;
use super::local::TEMPORARY;
use super::upload::{Body, Ended, GiveUp, clean_up, step};

/// How long after an upload broke off it is removed once more.
const NOTICED: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1200)];

/// Writes the whole object and renames it. What is left under the other name is removed unless that succeeded.
pub(super) async fn run(operator: &Operator, key: &str, mut body: Body, mut give_up: GiveUp) -> Result<(), Ended> {
    let temporary = format!("{TEMPORARY}/{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let result = write(operator, &temporary, key, &mut body, &mut give_up).await;
    match &result {
        Ok(()) => {}
        // Nothing was written yet.
        Err(Ended::Unfinished(_)) => {}
        Err(Ended::Failed(..)) => clean_up(operator.delete(&temporary)).await,
        Err(Ended::GivenUp) => clean_up(delete_for_good(operator, &temporary)).await,
    }
    result
}

/// Removes what a server may still be writing: it may hold it locked until it notices that nothing more comes, and keep what it has then.
async fn delete_for_good(operator: &Operator, temporary: &str) -> opendal::Result<()> {
    for pause in NOTICED {
        // Only the last one counts.
        let _early = operator.delete(temporary).await;
        tokio::time::sleep(pause).await;
    }
    operator.delete(temporary).await
}

async fn write(
    operator: &Operator,
    temporary: &str,
    key: &str,
    body: &mut Body,
    give_up: &mut GiveUp,
) -> Result<(), Ended> {
    let body = body.all(give_up).await?;
    let whole = async { operator.write(temporary, body).await.map(drop) };
    step(Step::Write, whole, give_up, Duration::ZERO).await?;
    step(Step::Close, operator.rename(temporary, key), give_up, Duration::ZERO).await
}
