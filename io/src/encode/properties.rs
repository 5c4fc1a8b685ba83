//! How each column is written.
//!
//! Data pages are of version 1, which every reader takes; version 2 would make the files 2 % smaller.

use std::num::NonZeroUsize;

use parquet::basic::Encoding;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;
use warehouse_sink_core::{BatchRow, Destination};
use warehouse_sink_proto::{COLUMNS, LeafKind, Partition, Table};

use super::sort::Order;
use super::{EncodeConfig, Encodings};
use crate::schema::StreamSchema;

/// The columns of dead-letter files that event files have not, but those that are written as most are.
const DEAD_LETTER_COLUMNS: [(&str, LeafKind); 3] =
    [("nats_subject", LeafKind::Repeating), ("reason", LeafKind::Repeating), ("body", LeafKind::Opaque)];

/// How often a bloom filter may say that a value is there which isn't. It takes about 10 bits for each different value.
const BLOOM_FILTER_ERRORS: f64 = 0.01;

/// The most rows in a page of a file that is sorted.
const SORTED_PAGE_ROWS: usize = 1024;

/// How all files are written, whatever their columns.
fn common(config: &EncodeConfig) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(config.compression.into())
        .set_max_row_group_row_count(Some(config.row_group_rows.get()))
        .set_max_row_group_bytes(Some(config.row_group_bytes.get()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Page)
}

/// How the built-in files are written, but for what is known only with the rows.
pub(super) fn base(config: &EncodeConfig) -> WriterPropertiesBuilder {
    let columns = COLUMNS.iter().map(|column| (column.name, column.kind())).chain(DEAD_LETTER_COLUMNS);
    of_columns(config, columns.map(|(name, kind)| (ColumnPath::from(name), kind)))
}

/// How files of these columns are written, but for what is known only with the rows.
///
/// docs/readers.md says which readers read the compact encodings.
pub(super) fn of_columns(
    config: &EncodeConfig,
    columns: impl Iterator<Item = (ColumnPath, LeafKind)>,
) -> WriterPropertiesBuilder {
    let packed = config.compression.of_packed().into();
    let kind_of = |path: &ColumnPath, kind| match config.encodings {
        Encodings::Compact => when_sorted(config, path, kind),
        Encodings::Compatible => compatible(kind),
    };
    columns.fold(common(config), |properties, (path, kind)| match kind_of(&path, kind) {
        LeafKind::Few => {
            properties.set_column_dictionary_enabled(path.clone(), true).set_column_compression(path, packed)
        }
        LeafKind::Repeating => properties.set_column_dictionary_enabled(path, true),
        LeafKind::Rising => properties
            .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_compression(path, packed),
        LeafKind::Flag => properties.set_column_compression(path, packed),
        LeafKind::Distinct => properties.set_column_encoding(path, Encoding::DELTA_BYTE_ARRAY),
        LeafKind::Opaque => properties.set_column_statistics_enabled(path, EnabledStatistics::None),
        LeafKind::Number => properties,
    })
}

/// In a file that is sorted by a column, equal texts follow one another and are nothing but what they share. A dictionary would have to be read
/// as a whole for one page.
fn when_sorted(config: &EncodeConfig, path: &ColumnPath, kind: LeafKind) -> LeafKind {
    match kind {
        LeafKind::Repeating if path.parts().len() == 1 && config.sort_by.contains(&path.string()) => LeafKind::Distinct,
        _ => kind,
    }
}

/// What is written with encodings that came later is written as what is like it.
fn compatible(kind: LeafKind) -> LeafKind {
    match kind {
        LeafKind::Rising => LeafKind::Number,
        LeafKind::Distinct => LeafKind::Repeating,
        _ => kind,
    }
}

/// The columns of each table that get a bloom filter. A name of the settings is that of a column with those of the groups around it, and a name
/// may hold dots itself.
pub(super) fn bloom_filters(schema: &StreamSchema, config: &EncodeConfig) -> Vec<Vec<ColumnPath>> {
    let wanted = |path: &ColumnPath| config.bloom_filter_columns.contains(&path.string());
    match schema {
        StreamSchema::Events(_) => {
            vec![COLUMNS.iter().map(|column| ColumnPath::from(column.name)).filter(wanted).collect()]
        }
        StreamSchema::Tables(routes) => {
            let of_table = |table: &Table| {
                table.leaves().into_iter().map(|leaf| ColumnPath::new(leaf.path)).filter(wanted).collect()
            };
            routes.iter().map(|route| of_table(&route.table)).collect()
        }
    }
}

/// What depends on how many rows a file has: bloom filters are made for that many different values, and folded to what was needed.
pub(super) fn for_rows(
    properties: WriterPropertiesBuilder,
    bloom_filters: &[ColumnPath],
    row_group_rows: NonZeroUsize,
    rows: usize,
) -> WriterPropertiesBuilder {
    let most = rows.min(row_group_rows.get()) as u64;
    bloom_filters.iter().cloned().fold(properties, |properties, column| {
        properties
            .set_column_bloom_filter_fpp(column.clone(), BLOOM_FILTER_ERRORS)
            .set_column_bloom_filter_max_ndv(column, most)
    })
}

/// What files are besides whose rows are sorted: their metadata names the columns, and their pages are small enough that the index of pages
/// leads to few rows.
pub(super) fn sorted(properties: WriterPropertiesBuilder, order: Option<&Order>) -> WriterPropertiesBuilder {
    match order {
        None => properties,
        Some(order) => {
            properties.set_sorting_columns(Some(order.sorting())).set_data_page_row_count_limit(SORTED_PAGE_ROWS)
        }
    }
}

/// What the file says of itself, for auditing and for whoever finds it without its path.
pub(super) fn metadata<R>(
    config: &EncodeConfig,
    schema: &StreamSchema,
    destination: &Destination<Partition>,
    rows: &[BatchRow<R>],
) -> Vec<KeyValue> {
    let sequence = |row: Option<&BatchRow<R>>| row.map(|row| row.message.stream_sequence.to_string());
    let schema = match destination {
        Destination::Partition(partition) => schema.name(partition),
        Destination::DeadLetter => "dead_letter",
    };
    let pairs = [
        ("stream", Some(config.stream.clone())),
        ("consumer", Some(config.consumer.clone())),
        ("first_sequence", sequence(rows.first())),
        ("last_sequence", sequence(rows.last())),
        ("schema", Some(schema.to_owned())),
        ("version", Some(env!("CARGO_PKG_VERSION").to_owned())),
    ];
    pairs.into_iter().map(|(key, value)| KeyValue::new(format!("warehouse_sink.{key}"), value)).collect()
}
