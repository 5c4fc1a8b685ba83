//! A Parquet file on a store: its footer, and the columns that are asked for, by reads of ranges.
//!
//! The parquet crate says which bytes it needs next; here they are fetched. So no more is read than the footer and the pages of
//! the columns, and no more is held than one row group's.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::statistics::Statistics;

use crate::store::opendal::{Object, ObjectReader, ReadError};

/// The end of a file that is read at once. It holds the footer, and in most files the sequences too, which are among the last
/// columns: one request is enough for them.
const TAIL_BYTES: u64 = 64 * 1024;
/// The most that is fetched at once. The sink's own files need some megabytes at most; a torn one may ask for anything.
const MAX_RANGE_BYTES: u64 = 256 * 1024 * 1024;

/// What of a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("not a whole Parquet file: {0}")]
    Parquet(#[from] ParquetError),
    #[error("{0}")]
    Foreign(&'static str),
    #[error("{0}")]
    Wrong(String),
    #[error("reading it broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// An open file: its footer was read.
pub(crate) struct ParquetFile<'a> {
    reader: &'a ObjectReader,
    object: &'a Object,
    metadata: Arc<ParquetMetaData>,
    /// The end of the file, and where it begins.
    tail: (u64, Bytes),
}

impl<'a> ParquetFile<'a> {
    pub async fn open(reader: &'a ObjectReader, object: &'a Object) -> Result<Self, FileError> {
        let mut decoder = ParquetMetaDataPushDecoder::try_new(object.size)?;
        let start = object.size.saturating_sub(TAIL_BYTES);
        let tail = reader.read(&object.key, start..object.size).await?;
        decoder.push_range(start..object.size, tail.clone())?;
        let metadata = loop {
            match decoder.try_decode()? {
                DecodeResult::Data(metadata) => break Arc::new(metadata),
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        let bytes = fetch(reader, &object.key, &range).await?;
                        decoder.push_range(range, bytes)?;
                    }
                }
                DecodeResult::Finished => return Err(FileError::Wrong("the footer is empty".to_owned())),
            }
        };
        Ok(ParquetFile { reader, object, metadata, tail: (start, tail) })
    }

    /// What the file says of itself under a key.
    pub fn property(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// The names of its columns, groups among them, in their order.
    pub fn columns(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.metadata.file_metadata().schema_descr().root_schema().get_fields().iter().map(|field| field.name())
    }

    /// How many rows the footer promises.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or(0)
    }

    /// Whether its rows are sorted by some columns, by what it says of itself.
    pub fn is_sorted(&self) -> bool {
        self.metadata.row_groups().iter().any(|group| group.sorting_columns().is_some())
    }

    /// The least and greatest value of an integer column, if every row group tells.
    pub fn extent(&self, column: &str) -> Option<(i64, i64)> {
        let mut extent: Option<(i64, i64)> = None;
        for group in self.metadata.row_groups() {
            let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
            let Some(Statistics::Int64(statistics)) = chunk.statistics() else { return None };
            let (least, greatest) = (*statistics.min_opt()?, *statistics.max_opt()?);
            extent = Some(extent.map_or((least, greatest), |(min, max)| (min.min(least), max.max(greatest))));
        }
        extent
    }

    /// The rows of some columns, at most so many at a time.
    pub fn batches(&self, columns: &[&str], rows: usize) -> Result<Batches<'_>, FileError> {
        let schema = self.metadata.file_metadata().schema_descr();
        let builder = ParquetPushDecoderBuilder::try_new_decoder(Arc::clone(&self.metadata))?;
        let mask = ProjectionMask::columns(schema, columns.iter().copied());
        let decoder = builder.with_projection(mask).with_batch_size(rows).build()?;
        Ok(Batches { file: self, decoder })
    }

    async fn range(&self, range: &Range<u64>) -> Result<Bytes, FileError> {
        let (start, tail) = &self.tail;
        let place = range.start.checked_sub(*start).zip(range.end.checked_sub(*start));
        let place = place.and_then(|(from, to)| Some((usize::try_from(from).ok()?, usize::try_from(to).ok()?)));
        match place {
            Some((from, to)) if from <= to && to <= tail.len() => Ok(tail.slice(from..to)),
            _ => fetch(self.reader, &self.object.key, range).await,
        }
    }
}

/// The rows of a file, as they come.
pub(crate) struct Batches<'a> {
    file: &'a ParquetFile<'a>,
    decoder: ParquetPushDecoder,
}

impl Batches<'_> {
    /// The next rows; none after the last.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, FileError> {
        loop {
            match self.decoder.try_decode()? {
                DecodeResult::Data(batch) => return Ok(Some(batch)),
                DecodeResult::Finished => return Ok(None),
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        let bytes = self.file.range(&range).await?;
                        self.decoder.push_range(range, bytes)?;
                    }
                }
            }
        }
    }
}

async fn fetch(reader: &ObjectReader, key: &str, range: &Range<u64>) -> Result<Bytes, FileError> {
    let bytes = range.end.saturating_sub(range.start);
    if bytes > MAX_RANGE_BYTES {
        return Err(FileError::Wrong(format!("{bytes} bytes would have to be read at once")));
    }
    Ok(reader.read(key, range.clone()).await?)
}
