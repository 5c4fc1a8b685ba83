//! The turn of the one replica that is served, where an ack settles all before it.
//!
//! The server pins a client: it alone is served, until it has not pulled for some time. What that client was delivered says nothing of what
//! others hold, or of what was lost on its way. So whoever is pinned has the consumer go back to its ack floor first, which
//! takes back all deliveries that are not settled and counts anew, and then holds every delivery against the one before.

use std::sync::{MutexGuard, PoisonError};

use async_nats::{Message, StatusCode};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::consumer::GROUP;
use super::message::{Handle, PIN};
use super::pull::{EXPIRES, PATIENCE, Request};
use super::reply::Delivered;
use super::{Acks, Inner};
use crate::source::{Order, Settlement, SourceError};

/// What a replica that is served alone knows.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// What the server knows it by.
    pin: Option<String>,
    epoch: Option<Epoch>,
    /// How many epochs have begun.
    epochs: u64,
}

#[derive(Debug)]
struct Epoch {
    number: u64,
    /// What was on its way on an earlier connection is lost.
    connection: u64,
    order: Order,
}

/// An epoch that goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Current {
    pub number: u64,
    pub pin: Option<String>,
}

impl Inner {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_floor(&self) -> bool {
        matches!(self.config.acks, Acks::Floor { .. })
    }

    /// The epoch that goes on. Without a floor there is one for ever.
    pub(super) fn epoch(&self) -> Option<Current> {
        if !self.has_floor() {
            return Some(Current::default());
        }
        let connection = self.connection();
        let turn = self.turn();
        let epoch = turn.epoch.as_ref().filter(|epoch| epoch.connection == connection)?;
        Some(Current { number: epoch.number, pin: turn.pin.clone() })
    }

    fn end_epoch(&self, reason: impl std::fmt::Display) {
        if let Some(epoch) = self.turn().epoch.take() {
            tracing::warn!(epoch = epoch.number, %reason, "what was delivered is not trusted any more; beginning anew at the ack floor");
        }
    }

    /// Another replica is served.
    pub(super) fn lose_turn(&self) {
        self.end_epoch("another replica is served");
        self.turn().pin = None;
    }

    /// Waits for its turn, and has the consumer go back to its floor; gives the number of the epoch that begins. None where another replica
    /// is served.
    pub(super) async fn begin(&self) -> Result<Option<u64>, SourceError> {
        self.end_epoch("the connection was lost");
        if self.turn().pin.is_none() {
            let pin = self.wait_for_pin().await?;
            self.turn().pin = pin;
        }
        if self.turn().pin.is_none() {
            return Ok(None);
        }
        // One that is lost meanwhile takes what was delivered with it.
        let connection = self.connection();
        let reset = self.stream().await?.reset_consumer(&self.config.consumer, None).await;
        let floor = reset.map_err(|error| self.failed("reset", error))?.info.ack_floor.stream_sequence;
        let mut turn = self.turn();
        turn.epochs += 1;
        let number = turn.epochs;
        turn.epoch = Some(Epoch { number, connection, order: Order::above(floor) });
        tracing::info!(epoch = number, floor, "this replica is served");
        Ok(Some(number))
    }

    /// Waits for a message, which shows that this replica is served. The message comes again once the consumer is reset.
    async fn wait_for_pin(&self) -> Result<Option<String>, SourceError> {
        let request =
            Request { batch: 1, expires: EXPIRES.as_nanos() as u64, group: Some(GROUP), ..Request::default() };
        let Some(answer) = self.ask(&request).await? else { return Ok(None) };
        match answer.status {
            None | Some(StatusCode::OK | StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => Ok(pin(&answer)),
            Some(StatusCode::NO_RESPONDERS) => Err(self.gone()),
            Some(status) => Err(SourceError::new(format!(
                "the server ended the pull request of a replica that stands by: {} {}",
                status.as_u16(),
                answer.description.as_deref().unwrap_or_default()
            ))),
        }
    }

    /// Tells the server that this replica goes on, and hears whether it may.
    pub(super) async fn keep_turn(&self) {
        let Some(Current { pin, .. }) = self.epoch() else { return };
        // No message is as small: nothing is delivered.
        let request = Request {
            batch: 1,
            max_bytes: Some(1),
            expires: EXPIRES.as_nanos() as u64,
            group: Some(GROUP),
            id: pin.as_deref(),
        };
        if let Ok(Some(answer)) = self.ask(&request).await
            && answer.status.is_some_and(is_pin_mismatch)
        {
            self.lose_turn();
        }
    }

    /// Sends a pull request and waits for its first answer.
    async fn ask(&self, request: &Request<'_>) -> Result<Option<Message>, SourceError> {
        let mut answers = request.send(self).await?;
        Ok(timeout(EXPIRES + PATIENCE, answers.next()).await.ok().flatten())
    }

    /// Holds a delivery against those before; whether it is of the epoch that goes on.
    pub(super) fn admit(&self, number: u64, delivered: &Delivered) -> Result<bool, SourceError> {
        if !self.has_floor() {
            return Ok(true);
        }
        let connection = self.connection();
        let admitted = {
            let mut turn = self.turn();
            let epoch = turn.epoch.as_mut().filter(|epoch| epoch.number == number && epoch.connection == connection);
            let Some(epoch) = epoch else { return Ok(false) };
            epoch.order.admit(delivered.consumer_sequence, delivered.message.stream_sequence, delivered.count)
        };
        admitted.map(|()| true).map_err(|disorder| {
            self.end_epoch(disorder);
            SourceError::caused_by("the consumer has to be reset", disorder)
        })
    }

    /// Whether a settlement still counts.
    pub(super) fn settles(&self, handle: &Handle, settlement: Settlement) -> bool {
        let connection = self.connection();
        let mut turn = self.turn();
        let epoch = turn.epoch.as_mut().filter(|epoch| epoch.number == handle.epoch && epoch.connection == connection);
        let Some(epoch) = epoch else { return false };
        if settlement == Settlement::Ack {
            epoch.order.ack(handle.stream_sequence);
        }
        true
    }

    /// Takes in what the server says of the floor.
    pub(super) fn check_floor(&self, floor: u64) {
        let checked = self.turn().epoch.as_ref().map_or(Ok(()), |epoch| epoch.order.check_floor(floor));
        if let Err(disorder) = checked {
            self.end_epoch(disorder);
        }
    }

    /// Lets another replica be served at once.
    pub(super) async fn give_up_turn(&self) {
        if !self.has_floor() || self.epoch().is_none() {
            return;
        }
        self.turn().epoch = None;
        let Ok(stream) = self.stream().await else { return };
        if let Err(error) = stream.unpin_consumer(&self.config.consumer, GROUP).await {
            tracing::debug!(%error, "another replica is served once this one is missed");
        }
    }
}

/// Whether a pull request ended because another replica is served, or none yet.
pub(super) fn is_pin_mismatch(status: StatusCode) -> bool {
    status.as_u16() == 423
}

/// What the server knows the replica by that it serves.
fn pin(message: &Message) -> Option<String> {
    message.headers.as_ref()?.get(PIN).map(|pin| pin.as_str().to_owned())
}
