//! Makes events as a real app would send them, for demonstrations, load tests and tests.
//!
//! The same options give the same messages, byte for byte.

mod device;
mod payload;
mod poison;
mod random;
mod subject;

use fastrand::Rng;
use prost::Message;

use crate::wire::EventEnvelope;
use device::Device;

const MS_PER_HOUR: u64 = 3_600_000;

/// How many devices send events; a device belongs to one app.
const DEVICES: usize = 2_000;

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorOptions {
    /// The same seed gives the same messages.
    pub seed: u64,
    /// The ids of the apps that send events. An empty list means those of the default.
    pub apps: Vec<String>,
    /// The start of the time that the events happen in, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// For how many hours after the start events happen, at least 1. They come in no order of time.
    pub hours: u32,
    /// Every how many messages one is poison; None or 0 for no poison.
    pub poison_every: Option<u64>,
}

impl Default for GeneratorOptions {
    /// Four apps, three hours from 2025-01-01T00:00Z, no poison.
    fn default() -> Self {
        Self { seed: 0, apps: default_apps(), start_ms: 1_735_689_600_000, hours: 3, poison_every: None }
    }
}

fn default_apps() -> Vec<String> {
    ["com.example.shop", "com.example.news.ios", "de.example.bank", "games"].map(String::from).to_vec()
}

/// Whether a generated message is an event or can never become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A valid event.
    Event,
    /// A message that the decoder refuses.
    Poison,
}

/// One message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The subject to publish to, `events.{app}.{category}.{type}`.
    pub subject: String,
    /// The body.
    pub body: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

/// An endless iterator of messages; take as many as needed.
///
/// The first messages hold every kind of payload once, so that even a small number covers them all; after that the
/// kinds are as frequent as in an app: screens and interactions most.
#[derive(Clone, Debug)]
pub struct Generator {
    rng: Rng,
    devices: Vec<Device>,
    start_ms: i64,
    span_ms: u64,
    poison_every: Option<u64>,
    /// How many messages were made.
    made: u64,
    /// How many of them were events.
    events: usize,
}

impl Generator {
    /// A generator at its first message.
    #[must_use]
    pub fn new(options: GeneratorOptions) -> Self {
        let mut rng = Rng::with_seed(options.seed);
        let apps = if options.apps.is_empty() { default_apps() } else { options.apps };
        let devices = apps.iter().cycle().take(DEVICES.max(apps.len()));
        let devices = devices.map(|app| Device::new(&mut rng, app)).collect();
        Self {
            rng,
            devices,
            start_ms: options.start_ms,
            span_ms: u64::from(options.hours.max(1)) * MS_PER_HOUR,
            poison_every: options.poison_every.filter(|every| *every > 0),
            made: 0,
            events: 0,
        }
    }

    fn event(&mut self) -> EventEnvelope {
        let rng = &mut self.rng;
        let device = random::pick(rng, &self.devices);
        let payload = payload::make(rng, self.events);
        // A span is at most 2^32 hours, which is far from the sign bit.
        let offset_ms = rng.u64(0..self.span_ms).cast_signed();
        self.events = self.events.saturating_add(1);
        let Some(device) = device else {
            return EventEnvelope::default();
        };
        EventEnvelope {
            id: random::uuid(rng),
            app_id: device.app_id.clone(),
            device_id: device.id.clone(),
            timestamp_ms: self.start_ms.saturating_add(offset_ms),
            correlation_id: random::sometimes(rng, 90, random::uuid),
            device_context: random::chance(rng, 97).then(|| device.context(rng)),
            idempotency_key: random::sometimes(rng, 90, random::uuid),
            payload,
        }
    }
}

impl Iterator for Generator {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        self.made = self.made.wrapping_add(1);
        let poison = self.poison_every.filter(|every| self.made.is_multiple_of(*every));
        let event = self.event();
        let subject = subject::of(&event);
        Some(match poison {
            None => Generated { subject, body: event.encode_to_vec(), kind: Kind::Event },
            Some(every) => {
                let body = poison::make(&mut self.rng, event, self.made / every);
                Generated { subject, body, kind: Kind::Poison }
            }
        })
    }
}

#[cfg(test)]
mod tests;
