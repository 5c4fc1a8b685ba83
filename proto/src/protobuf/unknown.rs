//! What a message holds beyond its type.

use super::WireError;
use super::reader::{Key, Reader, WireType};
use super::skip::MAX_DEPTH;
use super::table::{Kind, MessageId, Tables};

/// Appends the fields that are not known, as they came, within the messages that hold them: what is appended is a message of the same type
/// with nothing else in it, which a newer schema reads.
///
/// # Errors
///
/// None for a body that was read.
pub(crate) fn push_unknown(tables: &Tables, id: MessageId, body: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    Copy { tables, body, out }.message(id, &mut Reader::new(body), None)
}

struct Copy<'c> {
    tables: &'c Tables,
    body: &'c [u8],
    out: &'c mut Vec<u8>,
}

impl Copy<'_> {
    fn message(&mut self, id: MessageId, reader: &mut Reader<'_>, group: Option<u32>) -> Result<(), WireError> {
        let table = self.tables.message(id);
        while group.is_some() || !reader.is_empty() {
            let start = reader.at();
            let key = reader.key()?;
            if group == Some(key.number) && key.wire_type == WireType::GroupEnd {
                return Ok(());
            }
            match table.field(key.number, 0) {
                Some((_, field)) => self.known(field.kind, key, reader, start)?,
                None => {
                    reader.skip(key, MAX_DEPTH)?;
                    self.out.extend_from_slice(self.body.get(start..reader.at()).unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    /// Passes over a known field, but for what is unknown within it.
    fn known(&mut self, kind: Kind, key: Key, reader: &mut Reader<'_>, start: usize) -> Result<(), WireError> {
        let mark = self.out.len();
        let mut around = Vec::new();
        match (kind, key.wire_type) {
            (Kind::Message(id), WireType::Delimited) => {
                around.extend_from_slice(self.body.get(start..reader.at()).unwrap_or_default());
                self.message(id, &mut reader.delimited()?, None)?;
                prost::encoding::encode_varint((self.out.len() - mark) as u64, &mut around);
            }
            (Kind::Group(id), WireType::GroupStart) => {
                around.extend_from_slice(self.body.get(start..reader.at()).unwrap_or_default());
                self.message(id, reader, Some(key.number))?;
                if self.out.len() > mark {
                    prost::encoding::encode_key(key.number, prost::encoding::WireType::EndGroup, self.out);
                }
            }
            _ => return reader.skip(key, MAX_DEPTH),
        }
        if self.out.len() > mark {
            self.out.splice(mark..mark, around);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_reflect::DescriptorPool;

    use super::*;

    /// What is unknown to a type that lacks some fields of another, read by that other, is what those fields held.
    #[test]
    fn a_newer_schema_reads_what_was_unknown() {
        let old = "syntax = \"proto2\"; message M { optional M m = 1; repeated M list = 2; map<string, M> map = 3;
            optional group G = 4 { optional int32 n = 1; } repeated int32 numbers = 5; }";
        let tables = tables(old);
        let id = tables.find("M").unwrap();
        // Fields 9 of each message are new: a text, a number, a group.
        let body = [
            &b"\x4A\x02hi"[..],                   // at the top
            b"\x0A\x04\x48\x07\x28\x01",          // in m, beside a number
            b"\x12\x00\x12\x02\x48\x08",          // in the second of the list
            b"\x1A\x07\x0A\x01k\x12\x02\x48\x09", // in a map's value
            b"\x23\x08\x05\x4B\x08\x01\x4C\x24",  // in a group: a group
            b"\x2A\x02\x01\x02\x28\x03",          // nothing
        ];
        let mut out = vec![0xFF];
        push_unknown(&tables, id, &body.concat(), &mut out).unwrap();
        let expected = [
            &b"\xFF\x4A\x02hi"[..],
            b"\x0A\x02\x48\x07",
            b"\x12\x02\x48\x08",
            b"\x1A\x04\x12\x02\x48\x09",
            b"\x23\x4B\x08\x01\x4C\x24",
        ];
        assert_eq!(out, expected.concat());
        let mut nothing = Vec::new();
        push_unknown(&tables, id, b"\x0A\x02\x28\x01\x23\x08\x05\x24", &mut nothing).unwrap();
        assert!(nothing.is_empty());
    }

    fn tables(text: &str) -> Tables {
        let folder = std::env::temp_dir().join(format!("warehouse-sink-unknown-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("m.proto"), text).unwrap();
        let set = protox::compile(["m.proto"], [&folder]).unwrap().encode_to_vec();
        std::fs::remove_dir_all(&folder).unwrap();
        Tables::new(&DescriptorPool::decode(set.as_slice()).unwrap()).unwrap()
    }
}
