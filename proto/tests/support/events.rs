//! Our decoder beside prost's, with the events of the built-in schema.

use arrow::array::RecordBatch;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use warehouse_sink_proto::reference::ReferenceColumns;
use warehouse_sink_proto::{ColumnOptions, Columns, Decoder, EventSchema};

use super::entropy::Entropy;
use super::messages::{self, push_key, push_varint};

/// A decoder that lives through many messages, as in production.
pub struct Both {
    envelope: MessageDescriptor,
    schema: EventSchema,
    decoder: Decoder,
}

impl Default for Both {
    fn default() -> Self {
        let schema = EventSchema::built_in().unwrap();
        let pool = DescriptorPool::decode(EventSchema::DESCRIPTORS).unwrap();
        let envelope = pool.get_message_by_name("causality.v1.EventEnvelope").unwrap();
        Self { envelope, decoder: Decoder::new(&schema), schema }
    }
}

impl Both {
    /// A message made of some bytes, which mostly has a time and so is mostly an event.
    pub fn message(&self, bytes: &[u8]) -> Vec<u8> {
        let mut entropy = Entropy::new(bytes);
        let timeless = entropy.seldom(5);
        let mut body = messages::message(&mut entropy, &self.envelope, true);
        if !timeless {
            push_key(&mut body, 4, 0);
            push_varint(&mut body, 1_709_210_096_789);
        }
        body
    }

    /// Decodes a body both ways; whether it is an event.
    ///
    /// # Panics
    ///
    /// Where the two disagree.
    pub fn agree(&mut self, body: &[u8]) -> bool {
        let options = ColumnOptions { partition_columns_in_file: true };
        let mut ours = Columns::new(&self.schema, options, 2);
        let mut theirs = ReferenceColumns::new(options, 2);
        let pushed = ours.push(body, 7, 1_709_210_097_000_001_999);
        let expected = theirs.push(body, 7, 1_709_210_097_000_001_999);
        assert_eq!(pushed.is_ok(), expected.is_ok(), "{pushed:?}, but prost: {expected:?}");
        let decoded = self.decoder.decode(body);
        assert_eq!(decoded.is_ok(), expected.is_ok(), "{decoded:?}, but prost: {expected:?}");
        let expected: RecordBatch = theirs.finish().unwrap();
        assert_eq!(ours.finish().unwrap(), expected);
        if let Err(poison) = &decoded {
            assert!(poison.to_string().len() < 300, "{poison}");
        }
        decoded.is_ok()
    }
}
