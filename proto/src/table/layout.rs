//! From a message to the folder of its row.

use std::collections::HashSet;

use super::options::{EventTime, TableOptions, TimeUnit};
use super::path::{FieldPath, Target, names_a_folder, push_folder_value};
use crate::partition::{EventHour, PartitionTime};
use crate::poison::Poison;
use crate::protobuf::{Kind, MessageId, Record, SchemaError, Tables, Value};

/// The longest name of a folder, in bytes, on the usual file systems.
const MAX_NAME: usize = 255;

/// The longest folder, in bytes. Stores take keys of 1,024, and a prefix and the file's name need the rest.
const MAX_FOLDER: usize = 640;

/// How rows are spread over folders.
#[derive(Debug)]
pub(super) struct Layout {
    pub fields: Box<[FolderField]>,
    time: Time,
    pub down_to: PartitionTime,
}

/// A field that makes a folder.
#[derive(Debug)]
pub(super) struct FolderField {
    /// The folder's name before the `=`: the path, with underscores for its dots.
    pub name: Box<str>,
    pub path: FieldPath,
    pub kind: Kind,
}

#[derive(Debug)]
enum Time {
    Published,
    Stamp(FieldPath),
    Number(FieldPath, Kind, TimeUnit),
}

impl Layout {
    pub fn new(tables: &Tables, root: MessageId, options: &TableOptions) -> Result<Self, SchemaError> {
        let mut names: HashSet<String> = time_names(options.partition_time).iter().map(ToString::to_string).collect();
        let mut fields = Vec::with_capacity(options.partition_by.len());
        for text in &options.partition_by {
            let refuse = |reason| SchemaError::Partition { field: text.clone(), reason };
            let path = FieldPath::find(tables, root, text)?;
            let kind = path.kind().filter(|kind| names_a_folder(*kind));
            let kind = kind.ok_or_else(|| refuse("only texts, whole numbers, booleans and enums make folders"))?;
            let name = text.replace('.', "_");
            if !names.insert(name.to_lowercase()) {
                return Err(refuse("two folders would have the same name"));
            }
            fields.push(FolderField { name: name.into(), path, kind });
        }
        Ok(Self { fields: fields.into(), time: Time::new(tables, root, options)?, down_to: options.partition_time })
    }

    /// The names of the columns that are in the path.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name).chain(time_names(self.down_to).iter().copied())
    }

    /// The hour of the event.
    pub fn hour(
        &self,
        tables: &Tables,
        root: MessageId,
        record: &Record<'_>,
        published_at_ns: i64,
    ) -> Result<EventHour, Poison> {
        let (millis, field) = match &self.time {
            Time::Published => (TimeUnit::Nanos.millis(published_at_ns), "the time of publishing"),
            Time::Stamp(path) => {
                let seconds = match (path.target, path.value(tables, root, record).message()) {
                    (Target::Timestamp(at), Some(base)) => at.timestamp_micros(record, base),
                    _ => None,
                };
                (seconds.and_then(|micros| TimeUnit::Micros.millis(micros)), &*path.text)
            }
            Time::Number(path, kind, unit) => {
                let number = match path.value(tables, root, record) {
                    Value::Number(number) => whole(*kind, number),
                    _ => None,
                };
                (number.and_then(|number| unit.millis(number)), &*path.text)
            }
        };
        let hour = millis.and_then(|millis| EventHour::from_timestamp_ms(millis).ok());
        hour.ok_or_else(|| Poison::NoTime { field: field.into() })
    }

    /// Appends the row's folder.
    pub fn push_folder(
        &self,
        folder: &mut String,
        tables: &Tables,
        root: MessageId,
        record: &Record<'_>,
        hour: EventHour,
    ) -> Result<(), Poison> {
        for field in &self.fields {
            let start = folder.len();
            folder.push_str(&field.name);
            folder.push('=');
            push_folder_value(folder, tables, field.kind, field.path.value(tables, root, record));
            check_length(&field.path.text, folder.len() - start, MAX_NAME)?;
            folder.push('/');
        }
        hour.push_path(folder, self.down_to);
        folder.truncate(folder.trim_end_matches('/').len());
        check_length("all fields together", folder.len(), MAX_FOLDER)
    }
}

fn check_length(field: &str, bytes: usize, limit: usize) -> Result<(), Poison> {
    if bytes > limit {
        return Err(Poison::FolderTooLong { field: field.into(), bytes, limit });
    }
    Ok(())
}

impl Time {
    fn new(tables: &Tables, root: MessageId, options: &TableOptions) -> Result<Self, SchemaError> {
        let EventTime::Field { field, unit } = &options.event_time else { return Ok(Self::Published) };
        let path = FieldPath::find(tables, root, field)?;
        match (path.target, path.kind()) {
            (Target::Timestamp(_), _) => Ok(Self::Stamp(path)),
            (_, Some(kind)) if is_whole(kind) => Ok(Self::Number(path, kind, *unit)),
            _ => Err(SchemaError::EventTime { field: field.clone() }),
        }
    }
}

fn is_whole(kind: Kind) -> bool {
    !matches!(kind, Kind::Bool | Kind::Enum(_)) && kind != Kind::Text && names_a_folder(kind)
}

/// The number of a time; none where it is too large for one.
fn whole(kind: Kind, number: u64) -> Option<i64> {
    match kind {
        Kind::Uint64 | Kind::Fixed64 => i64::try_from(number).ok(),
        _ => Some(number.cast_signed()),
    }
}

/// The names of the folders of time.
pub(super) fn time_names(down_to: PartitionTime) -> &'static [&'static str] {
    const NAMES: [&str; 4] = ["year", "month", "day", "hour"];
    match down_to {
        PartitionTime::Hour => &NAMES,
        PartitionTime::Day => &NAMES[..3],
        PartitionTime::Month => &NAMES[..2],
        PartitionTime::None => &[],
    }
}
