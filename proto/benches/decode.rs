//! From bytes to columns, our way and prost's, side by side: `cargo bench -p warehouse-sink-proto`.
//!
//! 10,000 events of the generator, about 300 bytes each; the times are for all of them.

#![allow(missing_docs, reason = "criterion's macros make functions without any")]
#![allow(clippy::unwrap_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use warehouse_sink_proto::generate::{Generator, GeneratorOptions};
use warehouse_sink_proto::protobuf::Transcoder;
use warehouse_sink_proto::reference::ReferenceColumns;
use warehouse_sink_proto::wire::EventEnvelope;
use warehouse_sink_proto::{
    ColumnOptions, Columns, Decoder, EventSchema, Table, TableColumns, TableDecoder, TableOptions,
};

const EVENTS: usize = 10_000;
const PUBLISHED: i64 = 1_709_210_097_000_001_999;
fn bodies() -> Vec<Vec<u8>> {
    Generator::new(GeneratorOptions::default()).take(EVENTS).map(|made| made.body).collect()
}

/// What a fetcher does with each message: is it an event, and of which partition?
fn validate(criterion: &mut Criterion) {
    let (bodies, schema) = (bodies(), EventSchema::built_in().unwrap());
    let mut group = criterion.benchmark_group("validate");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(BenchmarkId::from_parameter("ours"), |bencher| {
        let mut decoder = Decoder::new(&schema);
        bencher.iter(|| bodies.iter().filter(|body| decoder.decode(body).is_ok()).count());
    });
    group.bench_function(BenchmarkId::from_parameter("prost"), |bencher| {
        bencher.iter(|| bodies.iter().filter(|body| EventEnvelope::decode(body.as_slice()).is_ok()).count());
    });
    group.finish();
}

/// What the encoder does with each message before Parquet.
fn columns(criterion: &mut Criterion) {
    let (bodies, schema) = (bodies(), EventSchema::built_in().unwrap());
    let mut group = criterion.benchmark_group("columns");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(BenchmarkId::from_parameter("ours"), |bencher| {
        bencher.iter(|| {
            let mut columns = Columns::new(&schema, ColumnOptions::default(), EVENTS);
            bodies.iter().for_each(|body| columns.push(body, 1, 1).unwrap());
            columns.finish().unwrap()
        });
    });
    group.bench_function(BenchmarkId::from_parameter("prost"), |bencher| {
        bencher.iter(|| {
            let mut columns = ReferenceColumns::new(ColumnOptions::default(), EVENTS);
            bodies.iter().for_each(|body| columns.push(body, 1, 1).unwrap());
            columns.finish().unwrap()
        });
    });
    group.finish();
}

/// The whole envelope as JSON, by its descriptors alone.
fn json(criterion: &mut Criterion) {
    let bodies = bodies();
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(BenchmarkId::from_parameter("ours"), |bencher| {
        let mut transcoder = Transcoder::new(EventSchema::DESCRIPTORS, EventSchema::MESSAGE).unwrap();
        let mut text = Vec::new();
        bencher.iter(|| {
            text.clear();
            bodies.iter().for_each(|body| transcoder.push_json(body, &mut text).unwrap());
            text.len()
        });
    });
    group.bench_function(BenchmarkId::from_parameter("prost-reflect"), |bencher| {
        let pool = DescriptorPool::decode(EventSchema::DESCRIPTORS).unwrap();
        let envelope = pool.get_message_by_name(EventSchema::MESSAGE).unwrap();
        let mut text = Vec::new();
        bencher.iter(|| {
            text.clear();
            for body in &bodies {
                let event = DynamicMessage::decode(envelope.clone(), body.as_slice()).unwrap();
                serde_json::to_writer(&mut text, &event).unwrap();
            }
            text.len()
        });
    });
    group.finish();
}

/// Events as JSON: what a fetcher does with each, what the encoder does, and what it takes to make a tree of each.
fn documents(criterion: &mut Criterion) {
    let columns = "id: string required, app_id: string, device_id: string, timestamp_ms: timestamp(ms), correlation_id: string, \
                   idempotency_key: string, device_context: json, screen_view: struct<screen_name: string, screen_class: string>";
    let table = Table::json(columns, &TableOptions::new("")).unwrap();
    let mut transcoder = Transcoder::new(EventSchema::DESCRIPTORS, EventSchema::MESSAGE).unwrap();
    let document = |body: &Vec<u8>| {
        let mut text = Vec::new();
        transcoder.push_json(body, &mut text).unwrap();
        text
    };
    let bodies: Vec<_> = bodies().iter().map(document).collect();
    let mut group = criterion.benchmark_group("documents");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(BenchmarkId::from_parameter("validate"), |bencher| {
        let mut decoder = TableDecoder::new(&table);
        assert!(bodies.iter().all(|body| decoder.decode(body, PUBLISHED).is_ok()));
        bencher.iter(|| bodies.iter().filter(|body| decoder.decode(body, PUBLISHED).is_ok()).count());
    });
    group.bench_function(BenchmarkId::from_parameter("columns"), |bencher| {
        bencher.iter(|| {
            let mut columns = TableColumns::new(&table, EVENTS);
            bodies.iter().for_each(|body| columns.push(body, 1, PUBLISHED).unwrap());
            columns.finish().unwrap()
        });
    });
    group.bench_function(BenchmarkId::from_parameter("serde_json::Value"), |bencher| {
        bencher.iter(|| bodies.iter().filter(|body| serde_json::from_slice::<serde_json::Value>(body).is_ok()).count());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = validate, columns, json, documents
}
criterion_main!(benches);
