//! From the bytes of a message to the partition of its row.

use std::collections::HashSet;
use std::sync::Arc;

use crate::event::EventSchema;
use crate::partition::{EventHour, Partition, check_app_id};
use crate::poison::Poison;
use crate::protobuf::{Record, Shelf};

/// How many app ids a decoder remembers. More than a deployment has apps, and at most 240 KiB of text.
const MAX_INTERNED: usize = 1024;

/// Validates messages and finds their partitions. One per fetching task: it is not shared and takes no lock.
#[derive(Debug)]
pub struct Decoder {
    events: EventSchema,
    /// The memory of one message, used for each.
    shelf: Shelf,
    unknown_fields: u64,
    /// Looked up, never iterated, so its order shows nowhere.
    app_ids: HashSet<Arc<str>>,
}

impl Decoder {
    /// A decoder that has seen no app yet.
    #[must_use]
    pub fn new(events: &EventSchema) -> Self {
        Self { events: events.clone(), shelf: Shelf::default(), unknown_fields: 0, app_ids: HashSet::new() }
    }

    /// Decodes the whole body, and finds the partition of its row, without an allocation once it is warm.
    ///
    /// A body that passes is taken by [`Columns::push`](crate::Columns::push) too. Unknown fields are skipped, and
    /// unknown enum values kept as numbers: an event from a newer client is neither poison nor lost.
    ///
    /// # Errors
    ///
    /// The reason why the message is [`Poison`]; an empty body is a message without a timestamp.
    pub fn decode(&mut self, body: &[u8]) -> Result<Partition, Poison> {
        let mut record = self.shelf.take();
        let partition = self.decode_record(&mut record, body);
        self.unknown_fields = record.unknown();
        self.shelf.put(record);
        partition
    }

    /// How many fields of the last message the schema does not know.
    #[must_use]
    pub fn unknown_fields(&self) -> u64 {
        self.unknown_fields
    }

    fn decode_record<'a>(&mut self, record: &mut Record<'a>, body: &'a [u8]) -> Result<Partition, Poison> {
        self.events.read(record, body)?;
        let (app_id, timestamp_ms) = self.events.place(record);
        let hour = EventHour::from_timestamp_ms(timestamp_ms)?;
        Ok(Partition::from_checked(self.intern(app_id)?, hour))
    }

    /// One shared copy of each app id, however many rows have it.
    fn intern(&mut self, app_id: &str) -> Result<Arc<str>, Poison> {
        if let Some(known) = self.app_ids.get(app_id) {
            return Ok(Arc::clone(known));
        }
        // Checked before it is remembered: ids that are too long must not fill the set.
        check_app_id(app_id)?;
        if self.app_ids.len() >= MAX_INTERNED {
            // Starting over costs the apps in use one copy each; hostile ids can do no more than that.
            self.app_ids.clear();
        }
        let new: Arc<str> = app_id.into();
        self.app_ids.insert(Arc::clone(&new));
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::wire::EventEnvelope;

    fn decoder() -> Decoder {
        Decoder::new(&EventSchema::built_in().unwrap())
    }

    fn event(app_id: &str, timestamp_ms: i64) -> Vec<u8> {
        EventEnvelope { app_id: app_id.into(), timestamp_ms, ..Default::default() }.encode_to_vec()
    }

    #[test]
    fn finds_the_partition() {
        let partition = decoder().decode(&event("com.example", 1_709_208_000_000)).unwrap();
        assert_eq!(partition.path(), "app_id=com.example/year=2024/month=02/day=29/hour=12");
    }

    #[test]
    fn an_app_id_is_stored_once() {
        let mut decoder = decoder();
        let first = decoder.intern("a").unwrap();
        let second = decoder.intern("a").unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn ten_thousand_app_ids_are_not_all_remembered() {
        let mut decoder = decoder();
        for number in 0..10_000 {
            let app_id = format!("app-{number}");
            let partition = decoder.decode(&event(&app_id, 1)).unwrap();
            assert!(partition.path().starts_with(&format!("app_id={app_id}/")));
            assert!(decoder.app_ids.len() <= MAX_INTERNED);
        }
    }

    #[test]
    fn a_long_app_id_is_poison_and_is_not_remembered_or_repeated() {
        let mut decoder = decoder();
        let poison = decoder.decode(&event(&"x".repeat(10_000), 1)).unwrap_err();
        assert!(matches!(poison, Poison::AppIdTooLong { bytes: 10_000 }));
        assert!(poison.to_string().len() < 200, "{poison}");
        assert!(decoder.app_ids.is_empty());
    }

    #[test]
    fn an_empty_body_has_no_time() {
        let poison = decoder().decode(b"").unwrap_err();
        assert!(matches!(poison, Poison::NoTimestamp { timestamp_ms: 0 }));
    }

    #[test]
    fn broken_bodies_are_poison_with_a_short_reason() {
        let mut invalid_text = event("aa", 1);
        let at = invalid_text.iter().position(|byte| *byte == b'a').unwrap();
        invalid_text[at] = 0xFF;
        let good = event("aa", 1);
        // The last: an unknown group that opens two hundred others.
        let cases = [invalid_text, good[..good.len() - 1].to_vec(), vec![0xFF; 1_000_000], [0xA3, 0x06].repeat(200)];
        for body in cases {
            let poison = decoder().decode(&body).unwrap_err();
            assert!(matches!(poison, Poison::Undecodable { .. }), "{poison:?}");
            assert!(poison.to_string().len() < 300, "{poison}");
        }
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let mut body = event("a", 1);
        body.extend([0xF8, 0x3F, 0x2A]); // field 1023, varint 42
        body.extend([0xFA, 0x3F, 0x03, b'n', b'e', b'w']); // field 1023, three bytes
        assert!(decoder().decode(&body).unwrap().path().starts_with("app_id=a/"));
    }
}
