//! Descriptor sets: what an operator gives may be anything.

use warehouse_sink_proto::protobuf::Transcoder;
use warehouse_sink_proto::{Table, TableColumns, TableDecoder, TableOptions};

/// Compiles a descriptor set in every way that the sink does; whether a table came of it. The first byte says how long the message's
/// name is, which comes next; the set is the rest. What compiles reads a message, too.
///
/// # Panics
///
/// When anything in it panics.
pub fn descriptors(data: &[u8]) -> bool {
    let Some((length, rest)) = data.split_first() else { return false };
    let (name, set) = rest.split_at(usize::from(*length).min(rest.len()));
    let name = String::from_utf8_lossy(name).into_owned();
    // A message of every wire type, and an empty one.
    let bodies = [&b"\x08\x01\x12\x02\x08\x01\x1D1234\x2112345678"[..], b""];
    if let Ok(mut transcoder) = Transcoder::new(set, &name) {
        let _ = bodies.map(|body| transcoder.push_json(body, &mut Vec::new()));
    }
    let options = TableOptions { keep_unknown_fields: true, recursion_depth: 1, ..TableOptions::new(name) };
    let Ok(table) = Table::new(set, &options) else { return false };
    let (mut decoder, mut columns) = (TableDecoder::new(&table), TableColumns::new(&table, 2));
    for body in bodies {
        let decoded = decoder.decode(body, 1_709_210_097_000_001_999);
        let pushed = columns.push(body, 7, 1_709_210_097_000_001_999);
        assert_eq!(decoded.is_ok(), pushed.is_ok(), "{decoded:?}, but {pushed:?}");
    }
    let batch = columns.finish().unwrap();
    assert_eq!(batch.num_columns(), table.schema().fields().len());
    true
}
