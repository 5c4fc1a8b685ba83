//! What several oracles have to know: what was published, what is durable, and what is not to be expected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use warehouse_sink_core::{Destination, MessageId};
use warehouse_sink_jetstream_model::Reply;

use crate::event::{Event, EventRow};
use crate::history::{Happening, ProcessId};

#[derive(Debug, Default)]
pub(super) struct Facts {
    published: BTreeMap<MessageId, Arc<Event>>,
    durable: BTreeSet<(MessageId, u32)>,
    /// The place in the history at which a process was first handed a message.
    handed: BTreeMap<(ProcessId, MessageId), u64>,
    /// The place at which a process last settled a delivery.
    settled: BTreeMap<(ProcessId, Reply), u64>,
    sequences: BTreeSet<u64>,
    /// Sequences that the server has given to more than one message: it lost the first.
    reused: BTreeSet<u64>,
    /// The place at which the server lost a message, by itself or with the stream.
    void: BTreeMap<MessageId, u64>,
    /// The place at which a process last heard what the server has.
    looked: BTreeMap<ProcessId, u64>,
    place: u64,
    dead_letter: bool,
}

impl Facts {
    pub fn see(&mut self, happening: &Happening) {
        self.place += 1;
        match happening {
            Happening::Published { message, event } => {
                self.published.insert(*message, event.clone());
                if !self.sequences.insert(message.stream_sequence) {
                    self.reused.insert(message.stream_sequence);
                }
            }
            Happening::LostByServer { message } => {
                self.void.entry(*message).or_insert(self.place);
            }
            Happening::StreamRecreated => {
                for message in self.published.keys() {
                    self.void.entry(*message).or_insert(self.place);
                }
            }
            Happening::Looked { process } => {
                self.looked.insert(*process, self.place);
            }
            Happening::Started { bounds, .. } => {
                self.dead_letter = bounds.dead_letter;
            }
            Happening::Durable { rows, .. } => self.durable.extend(rows.iter().map(|row| (row.message, row.index))),
            Happening::Handed { process, reply, .. } => {
                self.handed.entry((*process, reply.message)).or_insert(self.place);
            }
            Happening::Settling { process, reply, .. } => {
                self.settled.insert((*process, *reply), self.place);
            }
            _ => {}
        }
    }

    pub fn event(&self, message: MessageId) -> Option<&Arc<Event>> {
        self.published.get(&message)
    }

    /// The first of a message's rows that has to be durable and is not.
    pub fn missing(&self, message: MessageId) -> Option<u32> {
        let wanted = |row: &EventRow| self.dead_letter || row.destination != Destination::DeadLetter;
        let mut rows = self.published.get(&message).into_iter().flat_map(|event| (0..).zip(&event.rows));
        rows.find(|(index, row)| wanted(row) && !self.durable.contains(&(message, *index))).map(|(index, _)| index)
    }

    /// Whether a process had already been handed a message when it settled a delivery. What it was handed only afterwards, while the
    /// settlement was on its way, it could not take into account.
    pub fn knew(&self, process: ProcessId, message: MessageId, reply: &Reply) -> bool {
        let settled = self.settled.get(&(process, *reply)).copied().unwrap_or(u64::MAX);
        self.handed.get(&(process, message)).is_some_and(|handed| *handed < settled)
    }

    /// Whether a process could not know that its settlement would settle this message: it has the sequence of one that the server lost.
    /// JetStream's settlements name no more than the sequence. A process that has heard since what the server has could know.
    pub fn excuses(&self, process: ProcessId, settled: MessageId, reply: &Reply) -> bool {
        let heard = self.looked.get(&process).copied().unwrap_or_default();
        let heard = self.void.get(&reply.message).is_some_and(|void| *void < heard);
        settled != reply.message
            && !heard
            && self.reused.contains(&settled.stream_sequence)
            && !self.knew(process, settled, reply)
    }

    pub fn messages(&self) -> impl Iterator<Item = MessageId> {
        self.published.keys().copied()
    }
}
