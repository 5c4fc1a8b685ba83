//! One process's connection.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use warehouse_sink_core::Timestamp;

use super::{Answer, Ask};

pub(super) struct Link {
    /// The connection's number on the server; None while there is none.
    pub client: Option<u64>,
    /// No connection can be made.
    pub blocked: bool,
    /// What waits for the connection.
    pub outbox: Vec<Ask>,
    pub subscriptions: BTreeMap<u64, mpsc::UnboundedSender<Answer>>,
    next_subscription: u64,
    /// When the last thing that was sent arrives, either way: nothing overtakes it.
    last_to_server: Timestamp,
    last_to_client: Timestamp,
}

impl Link {
    pub fn new() -> Self {
        Link {
            client: None,
            blocked: false,
            outbox: Vec::new(),
            subscriptions: BTreeMap::new(),
            next_subscription: 0,
            last_to_server: Timestamp::ZERO,
            last_to_client: Timestamp::ZERO,
        }
    }

    pub fn is(&self, client: u64) -> bool {
        self.client == Some(client)
    }

    pub fn subscribe(&mut self, sender: mpsc::UnboundedSender<Answer>) -> u64 {
        self.next_subscription += 1;
        self.subscriptions.insert(self.next_subscription, sender);
        self.next_subscription
    }

    pub fn answer(&mut self, subscription: u64, answer: Answer) {
        if let Some(sender) = self.subscriptions.get(&subscription) {
            // A receiver that is gone wanted no more answers.
            let _ = sender.send(answer);
        }
    }

    pub fn reach_server(&mut self, at: Timestamp) -> Timestamp {
        self.last_to_server = self.last_to_server.max(at);
        self.last_to_server
    }

    pub fn reach_client(&mut self, at: Timestamp) -> Timestamp {
        self.last_to_client = self.last_to_client.max(at);
        self.last_to_client
    }

    /// Nothing that is sent from now on arrives before then.
    pub fn stall(&mut self, until: Timestamp) {
        self.reach_server(until);
        self.reach_client(until);
    }

    pub fn connect(&mut self, client: u64) -> Vec<Ask> {
        self.client = Some(client);
        (self.last_to_server, self.last_to_client) = (Timestamp::ZERO, Timestamp::ZERO);
        // What was asked on an earlier connection gets no more answers.
        self.subscriptions.clear();
        std::mem::take(&mut self.outbox)
    }

    pub fn disconnect(&mut self) -> Option<u64> {
        self.client.take()
    }
}
