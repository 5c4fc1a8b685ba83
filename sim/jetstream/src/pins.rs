//! The one client that is served, where a consumer pins one.

use std::time::Duration;

use warehouse_sink_core::Timestamp;

use crate::Pin;

#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    /// The pinned client, and when it has not pulled for too long.
    current: Option<(Pin, Timestamp)>,
    made: u64,
}

/// Who alone is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned {
    /// None where it is whoever does not claim to be pinned.
    pub current: Option<Pin>,
    /// What such a client is known by once it is served.
    pub next: Pin,
}

impl Pins {
    pub fn pinned(&self) -> Pinned {
        Pinned { current: self.current(), next: Pin(self.made + 1) }
    }

    pub fn current(&self) -> Option<Pin> {
        self.current.map(|(pin, _)| pin)
    }

    /// The pinned client pulls.
    pub fn keep(&mut self, now: Timestamp, ttl: Duration) {
        if let Some((_, until)) = &mut self.current {
            *until = now.saturating_add(ttl);
        }
    }

    /// Pins the client that is served first.
    pub fn pin(&mut self, now: Timestamp, ttl: Duration) -> Pin {
        self.made += 1;
        let pin = Pin(self.made);
        self.current = Some((pin, now.saturating_add(ttl)));
        pin
    }

    pub fn unpin(&mut self) {
        self.current = None;
    }

    pub fn expiry(&self) -> Option<Timestamp> {
        self.current.map(|(_, until)| until)
    }

    pub fn expire(&mut self, now: Timestamp) {
        self.current = self.current.filter(|(_, until)| *until > now);
    }
}
