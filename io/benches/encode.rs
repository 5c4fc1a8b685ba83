//! From rows to a Parquet file: `cargo bench -p warehouse-sink-io`.
//!
//! 10,000 events of the generator, about 300 bytes each, in one file as the default settings make it; the times are for all of them.
//! What comes before Parquet is measured alone by `cargo bench -p warehouse-sink-proto`.

#![allow(missing_docs, reason = "criterion's macros make functions without any")]
#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use warehouse_sink_core::{BatchRow, Destination, MessageId};
use warehouse_sink_io::encode::{EncodeConfig, Encoder};
use warehouse_sink_io::parts::PART_BYTES;
use warehouse_sink_io::payload::Payload;
use warehouse_sink_io::schema::StreamSchema;
use warehouse_sink_proto::generate::{Generator, GeneratorOptions};
use warehouse_sink_proto::{Decoder, EventSchema, Partition};

const EVENTS: usize = 10_000;
const PUBLISHED: i64 = 1_709_210_097_000_001_999;

fn encoder(compression: &str) -> Encoder {
    let config = EncodeConfig {
        compression: compression.parse().unwrap(),
        row_group_rows: NonZeroUsize::new(100_000).unwrap(),
        row_group_bytes: NonZeroUsize::new(1 << 24).unwrap(),
        part_bytes: PART_BYTES,
        partition_columns_in_file: false,
        encodings: warehouse_sink_io::encode::Encodings::Compact,
        bloom_filter_columns: Vec::new(),
        sort_by: Vec::new(),
        stream: "EVENTS".to_owned(),
        consumer: "warehouse-sink".to_owned(),
        prefix: "events".to_owned(),
        dead_letter_prefix: "dead-letters".to_owned(),
    };
    Encoder::new(&StreamSchema::built_in().unwrap(), config)
}

/// Events of one partition, a millisecond apart.
fn rows() -> (Destination<Partition>, Vec<BatchRow<Payload>>) {
    let options = GeneratorOptions { apps: vec!["com.example".to_owned()], hours: 1, ..GeneratorOptions::default() };
    let bodies = Generator::new(options).take(EVENTS).map(|made| made.body);
    let row = |(sequence, body): (u64, Vec<u8>)| {
        let published_at = PUBLISHED + sequence as i64 * 1_000_000;
        let message = MessageId { stream_sequence: sequence, published_at };
        BatchRow { message, index: 0, payload: Payload::Event(body.into()) }
    };
    let rows: Vec<_> = (1..).zip(bodies).map(row).collect();
    let Payload::Event(first) = &rows[0].payload else { unreachable!("made above") };
    let partition = Decoder::new(&EventSchema::built_in().unwrap()).decode(first).unwrap();
    (Destination::Partition(partition), rows)
}

fn encode(criterion: &mut Criterion) {
    let (destination, rows) = rows();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for compression in ["none", "snappy", "lz4", "zstd:1", "zstd:3", "zstd:6", "zstd:9", "gzip"] {
        let encoder = encoder(compression);
        let bytes = encoder.encode(&destination, &rows).unwrap().len();
        let name = BenchmarkId::new(compression, format!("{bytes} bytes"));
        group.bench_function(name, |bencher| bencher.iter(|| encoder.encode(&destination, &rows).unwrap()));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = encode
}
criterion_main!(benches);
