//! Connections that break and are made again, and the server's own restart.

use warehouse_sink_core::Timestamp;
use warehouse_sink_jetstream_model::Forget;

use super::{Arrival, RECONNECT, State};
use crate::history::{Happening, ProcessId, now};

impl State {
    /// The connection breaks: what is under way on it is lost.
    pub(super) fn disconnect(&mut self, process: ProcessId) {
        let Some(link) = self.links.get_mut(&process) else { return };
        let Some(client) = link.disconnect() else { return };
        self.arrivals.retain(|_, arrival| match arrival {
            Arrival::AtServer { client: other, .. } | Arrival::Reply(_, other, _) => *other != client,
            Arrival::AtClient { inbox, .. } => inbox.client != client,
            _ => true,
        });
        self.history.note(Happening::LinkDown { process });
        self.gone(Some(client));
        self.arrive(now().saturating_add(RECONNECT), Arrival::Reconnect(process));
    }

    /// The server hears of a client's end a little later; what it sends until then is lost.
    pub(super) fn gone(&mut self, client: Option<u64>) {
        let time = self.travel_time();
        if let Some(client) = client {
            self.arrive(now().saturating_add(time), Arrival::ClientGone(client));
        }
    }

    pub(super) fn reconnect(&mut self, process: ProcessId) {
        let Some(link) = self.links.get_mut(&process) else { return };
        if link.client.is_some() {
            return;
        }
        if link.blocked || !self.up {
            self.arrive(now().saturating_add(RECONNECT), Arrival::Reconnect(process));
            return;
        }
        self.next_client += 1;
        let outbox = link.connect(self.next_client);
        self.history.note(Happening::LinkUp { process });
        outbox.into_iter().for_each(|ask| self.send(process, ask));
    }

    pub(super) fn server_up(&mut self, now: Timestamp, forget: Forget) {
        self.up = true;
        self.restarts += 1;
        for message in self.server.restart(now, forget) {
            self.history.note(Happening::LostByServer { message });
        }
        self.history.note(Happening::ServerUp { forget });
        self.run_effects();
    }
}
