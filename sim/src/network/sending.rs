//! What goes over a link, and what the plan of faults makes of it on its way.

use std::time::Duration;

use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::Inbox;

use super::{Answer, Arrival, Ask, Link, State};
use crate::fault::Crossing;
use crate::history::{Happening, ProcessId, now};

impl State {
    pub(super) fn send_to_client(&mut self, process: ProcessId, inbox: Inbox, answer: Answer) {
        self.cross(process, Link::reach_client, Arrival::AtClient { process, inbox, answer });
    }

    pub(super) fn reply(&mut self, process: ProcessId, client: u64, reply: Box<dyn FnOnce() + Send>) {
        self.cross(process, Link::reach_client, Arrival::Reply(process, client, reply));
    }

    /// A reply that nothing befalls but what befalls its whole connection. TCP carries what comes before an answer or loses it with the answer.
    pub(super) fn reply_surely(&mut self, process: ProcessId, client: u64, reply: Box<dyn FnOnce() + Send>) {
        self.carry(process, Link::reach_client, Arrival::Reply(process, client, reply));
    }

    pub(super) fn send(&mut self, process: ProcessId, ask: Ask) {
        let Some(link) = self.links.get_mut(&process) else { return };
        let Some(client) = link.client else {
            link.outbox.push(ask);
            return;
        };
        let sure = matches!(ask, Ask::Look(..) | Ask::Ping(_));
        let arrival = Arrival::AtServer { process, client, ask };
        if sure {
            self.carry(process, Link::reach_server, arrival);
        } else {
            self.cross(process, Link::reach_server, arrival);
        }
    }

    fn carry(&mut self, process: ProcessId, reach: fn(&mut Link, Timestamp) -> Timestamp, arrival: Arrival) {
        let time = self.travel_time();
        if let Some(link) = self.links.get_mut(&process) {
            let until = reach(link, now().saturating_add(time));
            self.arrive(until, arrival);
        }
    }

    /// Something goes over a link, in one direction.
    fn cross(&mut self, process: ProcessId, reach: fn(&mut Link, Timestamp) -> Timestamp, arrival: Arrival) {
        self.crossed += 1;
        let crossing = self.crossings.get(&self.crossed).copied();
        let again = if crossing == Some(Crossing::Doubled) { arrival.again() } else { None };
        // What can't be doubled arrives once.
        let crossing = crossing.filter(|crossing| again.is_some() || *crossing != Crossing::Doubled);
        let delay = if let Some(Crossing::Delayed(delay)) = crossing { delay } else { Duration::ZERO };
        let time = self.travel_time() + delay;
        let Some(link) = self.links.get_mut(&process) else { return };
        let until = reach(link, now().saturating_add(time));
        if let Some(crossing) = crossing {
            self.history.note(Happening::Inflicted { fault: crossing.name() });
            self.history.note(Happening::Crossed { process, crossing, until });
        }
        if crossing == Some(Crossing::Lost) {
            return self.lost.push(arrival);
        }
        again.into_iter().for_each(|again| self.arrive(until, again));
        self.arrive(until, arrival);
    }
}

impl Arrival {
    /// The same once more. What waits for an answer can't be doubled: there is one to wait.
    fn again(&self) -> Option<Arrival> {
        match self {
            Arrival::AtClient { process, inbox, answer } => {
                Some(Arrival::AtClient { process: *process, inbox: *inbox, answer: answer.clone() })
            }
            Arrival::AtServer { process, client, ask } => {
                let ask = match ask {
                    Ask::Pull(number, request) => Ask::Pull(*number, *request),
                    Ask::Unsubscribe(number) => Ask::Unsubscribe(*number),
                    Ask::Settle(reply, verdict) => Ask::Settle(*reply, *verdict),
                    Ask::Attach(..) | Ask::Look(..) | Ask::Ping(_) => return None,
                };
                Some(Arrival::AtServer { process: *process, client: *client, ask })
            }
            _ => None,
        }
    }
}
