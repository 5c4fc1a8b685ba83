//! What operators do to the stream and the consumer.

use std::time::Duration;

use warehouse_sink_jetstream_model::ConsumerConfig;

use super::{Arrival, Network, RECONNECT, State};
use crate::fault::Edit;
use crate::history::{Happening, now};

impl Network {
    /// Runs `change` on a server that is up.
    fn operate(&self, change: impl FnOnce(&mut State)) {
        self.change(|state| {
            if state.up {
                change(state);
                state.run_effects();
            }
        });
    }

    pub fn delete_consumer(&self) {
        self.operate(|state| {
            if state.server.consumer().is_some() {
                state.server.delete_consumer();
                state.history.note(Happening::ConsumerDeleted);
            }
        });
    }

    pub fn recreate_stream(&self) {
        self.operate(|state| {
            state.server.recreate_stream();
            state.streams += 1;
            state.history.note(Happening::StreamRecreated);
        });
    }

    /// Deletes the how many-eth message before the newest.
    pub fn delete_message(&self, before: u64) {
        self.operate(|state| {
            if let Some(sequence) = state.server.last_sequence().checked_sub(before) {
                state.server.delete_message(now(), sequence);
            }
        });
    }

    /// Edits the consumer for a while.
    pub fn edit_consumer(&self, edit: Edit, lasts: Duration) {
        self.operate(|state| {
            let mut config = state.consumer.clone();
            match edit {
                Edit::AckWait(ack_wait) => config.ack_wait = ack_wait,
                Edit::MaxAckPending(most) => config.max_ack_pending = Some(most),
                Edit::MaxDeliver(most) => config.max_deliver = Some(most),
                Edit::Filter => config.filter = Some("events.none".into()),
                Edit::Pause => return state.server.pause_consumer(now(), Some(now().saturating_add(lasts))),
            }
            state.edit(config);
            state.arrive(now().saturating_add(lasts), Arrival::ConsumerRestored);
        });
    }

    /// Has the consumer's creation refused for a while.
    pub fn refuse_consumers(&self, lasts: Duration) {
        self.operate(|state| {
            state.server.refuse_consumers(true);
            state.arrive(now().saturating_add(lasts), Arrival::ConsumersAllowed);
        });
    }

    pub fn jump_clock(&self, millis: i64) {
        self.change(|state| state.server.move_wall_clock(millis * 1_000_000));
    }
}

impl State {
    fn edit(&mut self, config: ConsumerConfig) {
        let edited = |current: &&ConsumerConfig| ConsumerConfig { start: current.start, ..config.clone() } != **current;
        if self.server.consumer_config().filter(edited).is_none() {
            return;
        }
        let loses = config.max_deliver.is_some() || config.filter.is_some();
        self.history.note(Happening::ConsumerEdited { ack_wait: config.ack_wait, loses });
        self.server.update_consumer(now(), config);
    }

    /// The consumer goes on as it was created, once there is a server to be told so.
    pub(super) fn restore_consumer(&mut self) {
        if !self.up {
            return self.arrive(now().saturating_add(RECONNECT), Arrival::ConsumerRestored);
        }
        self.server.pause_consumer(now(), None);
        self.edit(self.consumer.clone());
        self.run_effects();
    }
}
