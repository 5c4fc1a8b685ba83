//! The sink's reader of JSON beside serde_json's.

use warehouse_sink_proto::{PartitionTime, Table, TableColumns, TableDecoder, TableOptions};

use crate::json_documents::{Of, columns, damage, declare, document};
use crate::json_reference::{comparable, is_exact, row};
use crate::support::cells::cell;
use crate::support::entropy::Entropy;

const PUBLISHED: i64 = 1_709_210_097_000_001_999;

/// What came of some documents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub rows: u32,
    pub refused: u32,
    pub unknown: u64,
}

/// Makes columns and a few documents of bytes, and reads each both ways.
pub fn agree(bytes: &[u8], is_damaged: bool) -> Seen {
    let mut entropy = Entropy::new(bytes);
    let declared = columns(&mut entropy, 3);
    let body = |_| {
        let mut body = document(&mut entropy, &declared).into_bytes();
        if is_damaged {
            damage(&mut entropy, &mut body);
        }
        body
    };
    let bodies: Vec<_> = (0..4).map(body).collect();
    read(&declared, &bodies)
}

/// Reads each body both ways.
pub fn read(declared: &[(String, Of)], bodies: &[Vec<u8>]) -> Seen {
    let options = TableOptions { partition_time: PartitionTime::None, ..TableOptions::new("") };
    let table = Table::json(&declare(declared), &options).unwrap();
    let (mut decoder, mut grown) = (TableDecoder::new(&table), TableColumns::new(&table, bodies.len()));
    let (mut expected, mut seen) = (Vec::new(), Seen::default());
    for body in bodies {
        let (decoded, pushed) = (decoder.decode(body, PUBLISHED), grown.push(body, 7, PUBLISHED));
        let shown = String::from_utf8_lossy(body);
        assert_eq!(decoded.is_ok(), pushed.is_ok(), "{decoded:?} but {pushed:?} for {shown}");
        match (decoded, row(declared, body)) {
            (Ok(_), Ok((row, unknown))) => {
                assert_eq!(decoder.unknown_fields(), unknown, "{shown}");
                expected.push(is_exact(body).then_some(row));
                seen.rows += 1;
                seen.unknown += unknown;
            }
            (Err(poison), Err(_)) => {
                assert!(poison.to_string().len() < 400, "{poison}");
                seen.refused += 1;
            }
            // serde_json reads what it can't hold as something near it.
            (decoded, _) if !is_exact(body) => expected.extend(decoded.is_ok().then_some(None)),
            (decoded, row) => {
                panic!("{decoded:?}, but of serde_json's document {row:?}: {shown} in {}", declare(declared))
            }
        }
    }
    let batch = grown.finish().unwrap();
    assert_eq!(batch.num_rows(), expected.len());
    for (at, row) in expected.into_iter().enumerate().filter_map(|(at, row)| Some((at, row?))) {
        for (index, (name, wanted)) in row.into_iter().enumerate() {
            assert_eq!(batch.schema().field(index).name(), &name);
            assert_eq!(comparable(&declared[index].1.kind, cell(batch.column(index), at)), wanted, "{name}");
        }
    }
    seen
}
