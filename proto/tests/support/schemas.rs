//! Our JSON beside that of prost-reflect's values, with messages of any schema.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use warehouse_sink_proto::protobuf::Transcoder;

use super::entropy::Entropy;
use super::{json, messages};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/protos");

/// A message type, read both ways.
pub struct Schema {
    message: MessageDescriptor,
    transcoder: Transcoder,
}

impl Schema {
    pub fn proto3() -> Self {
        Self::compile("kinds3.proto", "kinds3.Kinds")
    }

    pub fn proto2() -> Self {
        Self::compile("kinds2.proto", "kinds2.Kinds")
    }

    /// With the messages of `google.protobuf` that JSON has forms of their own for.
    pub fn well_known() -> Self {
        Self::compile("table3.proto", "table3.Row")
    }

    /// The message of a document, where prost-reflect reads one.
    pub fn body(&self, json: &str) -> Vec<u8> {
        let read = DynamicMessage::deserialize(self.message.clone(), &mut serde_json::Deserializer::from_str(json));
        read.unwrap().encode_to_vec()
    }

    /// Our JSON of a body.
    pub fn json(&mut self, body: &[u8]) -> String {
        let mut out = Vec::new();
        self.transcoder.push_json(body, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn compile(file: &str, name: &str) -> Self {
        let set = protox::compile([file], [FOLDER]).unwrap().encode_to_vec();
        let pool = DescriptorPool::decode(set.as_slice()).unwrap();
        Self { message: pool.get_message_by_name(name).unwrap(), transcoder: Transcoder::new(&set, name).unwrap() }
    }

    /// A message made of some bytes.
    pub fn message(&self, bytes: &[u8], faults: bool) -> Vec<u8> {
        messages::message(&mut Entropy::new(bytes), &self.message, faults)
    }

    /// Reads a body both ways; whether it is taken.
    ///
    /// # Panics
    ///
    /// Where the two disagree.
    pub fn agree(&mut self, body: &[u8]) -> bool {
        let mut ours = b"before ".to_vec();
        let pushed = self.transcoder.push_json(body, &mut ours);
        let ours = String::from_utf8(ours).unwrap();
        let expected = DynamicMessage::decode(self.message.clone(), body);
        match (&pushed, &expected) {
            (Ok(()), Ok(expected)) => assert_eq!(ours, format!("before {}", json::text(expected))),
            (Err(error), Ok(_)) if is_laxity(&error.to_string()) => assert_eq!(ours, "before "),
            (Err(_), Err(_)) => assert_eq!(ours, "before "),
            _ => panic!("{pushed:?}, but prost-reflect: {expected:?}"),
        }
        pushed.is_ok()
    }
}

/// What prost refuses, and so do we, but prost-reflect takes: it reads a map of a wrong wire type as if it were of the right one,
/// and does not count maps as levels of nesting.
fn is_laxity(error: &str) -> bool {
    let path = error.split_once(" is sent as ").map(|(path, _)| path);
    let is_map = |field: &str| field.starts_with("map_");
    path.and_then(|path| path.rsplit('.').next()).is_some_and(is_map) || error.contains(" levels deep")
}
