//! What an operator does to the stream and the consumer while they are used.

use warehouse_sink_core::Timestamp;

use super::Server;
use crate::ConsumerConfig;

impl Server {
    /// Deletes a message, wherever it stands: an operator does, or its time to live is over. Says whether it was there.
    pub fn delete_message(&mut self, now: Timestamp, sequence: u64) -> bool {
        let deleted = self.stream.delete(sequence);
        self.drop_messages(deleted);
        self.serve(now);
        deleted.is_some()
    }

    /// Has the creation of a consumer refused from now on, or no more: others have the stream's last places.
    pub fn refuse_consumers(&mut self, refuse: bool) {
        self.refuses_consumers = refuse;
    }

    /// Gives the consumer another configuration, but for its start.
    pub fn update_consumer(&mut self, now: Timestamp, config: ConsumerConfig) {
        for consumer in [&mut self.consumer, &mut self.synced.consumer].into_iter().flatten() {
            consumer.update(config.clone());
        }
        self.tick(now);
    }

    /// The consumer's configuration.
    pub fn consumer_config(&self) -> Option<&ConsumerConfig> {
        self.consumer.as_ref().map(|consumer| &consumer.config)
    }

    /// Pauses the consumer until then, or lets it go on. One that goes on before its time serves the pulls that wait only when something else
    /// wakes it.
    pub fn pause_consumer(&mut self, now: Timestamp, until: Option<Timestamp>) {
        for consumer in [&mut self.consumer, &mut self.synced.consumer].into_iter().flatten() {
            consumer.paused = until.filter(|until| *until > now);
        }
    }
}
