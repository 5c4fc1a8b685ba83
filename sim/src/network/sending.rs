//! What goes over a link, and what the plan of faults makes of it on its way.

use std::time::Duration;

use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::Inbox;

use super::{Answer, Arrival, Ask, Link, State};
use crate::fault::Crossing;
use crate::history::{Happening, ProcessId, now};

impl State {
    pub(super) fn send_to_client(&mut self, process: ProcessId, inbox: Inbox, answer: Answer) {
        let arrival = |answer| Arrival::AtClient { process, inbox, answer };
        self.cross(process, Link::reach_client, Some(arrival(answer.clone())), arrival(answer));
    }

    pub(super) fn reply(&mut self, process: ProcessId, client: u64, reply: Box<dyn FnOnce() + Send>) {
        self.cross(process, Link::reach_client, None, Arrival::Reply(process, client, reply));
    }

    pub(super) fn send(&mut self, process: ProcessId, ask: Ask) {
        let Some(link) = self.links.get_mut(&process) else { return };
        let Some(client) = link.client else {
            link.outbox.push(ask);
            return;
        };
        let arrival = |ask| Arrival::AtServer { process, client, ask };
        self.cross(process, Link::reach_server, ask.again().map(arrival), arrival(ask));
    }

    /// Something goes over a link, in one direction. Where the plan doubles it and it can be, `again` goes as well.
    fn cross(
        &mut self,
        process: ProcessId,
        reach: fn(&mut Link, Timestamp) -> Timestamp,
        again: Option<Arrival>,
        arrival: Arrival,
    ) {
        self.crossed += 1;
        let doubles = again.is_some();
        let crossing = self.crossings.get(&self.crossed).copied();
        let crossing = crossing.filter(|crossing| doubles || *crossing != Crossing::Doubled);
        let delay = if let Some(Crossing::Delayed(delay)) = crossing { delay } else { Duration::ZERO };
        let time = self.travel_time() + delay;
        let Some(link) = self.links.get_mut(&process) else { return };
        let until = reach(link, now().saturating_add(time));
        if let Some(crossing) = crossing {
            self.history.note(Happening::Inflicted { fault: crossing.name() });
            self.history.note(Happening::Crossed { process, crossing, until });
        }
        match crossing {
            Some(Crossing::Lost) => return self.lost.push(arrival),
            Some(Crossing::Doubled) => again.into_iter().for_each(|again| self.arrive(until, again)),
            Some(Crossing::Delayed(_)) | None => {}
        }
        self.arrive(until, arrival);
    }
}

impl Ask {
    /// The same once more. What waits for an answer can't be doubled: there is one to wait.
    fn again(&self) -> Option<Ask> {
        match self {
            Ask::Pull(number, request) => Some(Ask::Pull(*number, *request)),
            Ask::Unsubscribe(number) => Some(Ask::Unsubscribe(*number)),
            Ask::Settle(reply, verdict) => Some(Ask::Settle(*reply, *verdict)),
            Ask::Attach(..) | Ask::Ping(_) => None,
        }
    }
}
