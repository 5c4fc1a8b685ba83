//! Messages of any schema as columns: each value is that which prost-reflect reads.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::cell::{Cell as Counter, RefCell};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use support::cells::{Cell, Expected, cell, is_required};
use support::entropy::Entropy;
use support::messages;
use warehouse_sink_proto::{PartitionTime, Table, TableColumns, TableDecoder, TableOptions};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/protos");
const RUNS: u32 = 1_500;
const PUBLISHED: i64 = 1_709_210_097_000_001_999;

/// A message type, read both ways. Rows are gathered, so that batches have many.
struct Both {
    message: MessageDescriptor,
    table: Table,
    decoder: TableDecoder,
    depth: usize,
    columns: Option<TableColumns>,
    expected: Vec<Vec<(String, Cell)>>,
}

impl Both {
    fn new(file: &str, name: &str, depth: usize) -> Self {
        let set = protox::compile([file], [FOLDER]).unwrap().encode_to_vec();
        let pool = DescriptorPool::decode(set.as_slice()).unwrap();
        let table = Table::new(&set, &options(name, depth)).unwrap();
        Self {
            message: pool.get_message_by_name(name).unwrap(),
            decoder: TableDecoder::new(&table),
            table,
            depth,
            columns: None,
            expected: Vec::new(),
        }
    }

    /// Reads a body both ways; whether it is a row.
    fn agree(&mut self, body: &[u8]) -> bool {
        let expected = DynamicMessage::decode(self.message.clone(), body);
        let expected = expected.ok().and_then(|message| Expected::new(self.depth).columns(&message).ok());
        let decoded = self.decoder.decode(body, PUBLISHED);
        let columns = self.columns.get_or_insert_with(|| TableColumns::new(&self.table, 8));
        let pushed = columns.push(body, 7, PUBLISHED);
        assert_eq!(decoded.is_ok(), pushed.is_ok(), "{decoded:?} but {pushed:?}");
        match (&decoded, expected) {
            (Ok(_), Some(row)) => self.expected.push(row),
            (Err(poison), None) => assert!(poison.to_string().len() < 400, "{poison}"),
            (Err(poison), Some(_)) if is_laxity(&poison.to_string()) => {}
            (_, expected) => panic!("{decoded:?}, but prost-reflect: {expected:?}"),
        }
        if self.expected.len() == 32 {
            self.compare();
        }
        decoded.is_ok()
    }

    /// Compares the rows that were gathered, and begins again.
    fn compare(&mut self) {
        let Some(columns) = self.columns.take() else { return };
        let batch = columns.finish().unwrap();
        assert_eq!(batch.num_rows(), self.expected.len());
        let file: Vec<_> = self.table.schema().fields().iter().map(|field| field.name().clone()).collect();
        for (row, expected) in std::mem::take(&mut self.expected).into_iter().enumerate() {
            assert_eq!(expected.len() + 2, batch.num_columns());
            for (at, (name, expected)) in expected.iter().enumerate() {
                let found = cell(batch.column(at), row);
                assert!(file[at] == *name || file[at].starts_with(&format!("{name}_")), "{} for {name}", file[at]);
                assert_eq!(&found, expected, "{name}");
            }
        }
    }
}

fn options(name: &str, depth: usize) -> TableOptions {
    TableOptions { recursion_depth: depth, partition_time: PartitionTime::None, ..TableOptions::new(name) }
}

/// What prost refuses, and so do we, but prost-reflect takes.
fn is_laxity(error: &str) -> bool {
    let path = error.split_once(" is sent as ").map(|(path, _)| path);
    let is_map = |field: &str| field.starts_with("map_");
    path.and_then(|path| path.rsplit(['.', ' ']).next()).is_some_and(is_map) || error.contains(" levels deep")
}

/// How many messages were rows: else the test could see nothing but refusals.
fn rows(both: Both, faults: bool) -> u32 {
    let config = ProptestConfig { cases: RUNS, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (both, rows) = (RefCell::new(both), Counter::new(0));
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    let result = runner.run(&bytes, |bytes| {
        let mut both = both.borrow_mut();
        let body = messages::message(&mut Entropy::new(&bytes), &both.message, faults);
        rows.set(rows.get() + u32::from(both.agree(&body)));
        Ok(())
    });
    result.unwrap();
    both.borrow_mut().compare();
    rows.get()
}

#[test]
fn every_kind_of_proto3() {
    for depth in 1..=3 {
        assert_eq!(rows(Both::new("kinds3.proto", "kinds3.Kinds", depth), false), RUNS);
    }
    let rows = rows(Both::new("kinds3.proto", "kinds3.Kinds", 2), true);
    assert!((150..RUNS - 50).contains(&rows), "{rows} of {RUNS}");
}

#[test]
fn every_kind_of_proto2() {
    for depth in 1..=3 {
        assert_eq!(rows(Both::new("kinds2.proto", "kinds2.Kinds", depth), false), RUNS);
    }
}

#[test]
fn well_known_types_and_circles() {
    for depth in 1..=3 {
        let rows = rows(Both::new("table3.proto", "table3.Row", depth), false);
        assert!((150..RUNS - 50).contains(&rows), "{rows} of {RUNS}");
    }
}

/// Only what every row has is required.
#[test]
fn presence_is_in_the_schema() {
    for (file, name) in [("kinds3.proto", "kinds3.Kinds"), ("kinds2.proto", "kinds2.Kinds")] {
        let both = Both::new(file, name, 1);
        let schema = both.table.schema();
        for field in both.message.fields() {
            let column = schema.field_with_name(field.name()).unwrap();
            assert_eq!(!column.is_nullable(), is_required(&field), "{name}.{}", field.name());
        }
    }
}
