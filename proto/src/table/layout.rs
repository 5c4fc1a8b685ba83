//! From a message to the folder of its row.

use std::collections::HashSet;

use super::options::{EventTime, TableOptions, TimeUnit};
use super::value::Values;
use crate::partition::{EventHour, PartitionTime};
use crate::poison::Poison;
use crate::protobuf::SchemaError;

/// The longest name of a folder, in bytes, on the usual file systems.
const MAX_NAME: usize = 255;

/// The longest folder, in bytes. Stores take keys of 1,024, and a prefix and the file's name need the rest.
const MAX_FOLDER: usize = 640;

/// How rows are spread over folders.
#[derive(Debug)]
pub(super) struct Layout {
    pub fields: Box<[FolderField]>,
    /// The field that is the event's time, if one is.
    time: Option<Box<str>>,
    /// Whether that lies in the elements of a batch.
    is_time_in_element: bool,
    pub down_to: PartitionTime,
}

/// A field that makes a folder.
#[derive(Debug)]
pub(super) struct FolderField {
    /// The folder's name before the `=`.
    pub name: Box<str>,
    /// The field, as the settings name it.
    pub field: Box<str>,
    /// Whether it is a field of the message itself.
    pub is_top_level: bool,
    /// Whether the message itself has a column of the folder's name with the same values.
    pub is_column: bool,
    /// Whether it lies in the elements of a batch.
    pub is_in_element: bool,
}

impl Layout {
    /// `added` are the names of the columns that are added to those of the message.
    pub fn new(
        fields: Vec<FolderField>,
        is_time_in_element: bool,
        options: &TableOptions,
        added: &[&str],
    ) -> Result<Self, SchemaError> {
        let mut names: HashSet<String> = time_names(options.partition_time).iter().map(ToString::to_string).collect();
        for FolderField { name, field, .. } in &fields {
            if !names.insert(name.to_lowercase()) {
                let reason = "two folders would have the same name";
                return Err(SchemaError::Partition { field: field.to_string(), reason });
            }
            if added.iter().any(|added| added.to_lowercase() == name.to_lowercase()) {
                let reason = "a column that is added to each file has the folder's name";
                return Err(SchemaError::Partition { field: field.to_string(), reason });
            }
        }
        let time = match &options.event_time {
            EventTime::Published => None,
            EventTime::Field { field, .. } => Some(field.as_str().into()),
        };
        Ok(Self { fields: fields.into(), time, is_time_in_element, down_to: options.partition_time })
    }

    /// The names of the columns that are in the path.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name).chain(time_names(self.down_to).iter().copied())
    }

    /// The names that no column of the message may have: those of folders that it is not itself, and of added columns. A column that is one of
    /// its folders comes first to its name: see `Builder::root`.
    pub fn reserved<'n>(&'n self, added: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
        let own = |name: &&str| self.fields.iter().any(|field| &*field.name == *name && field.is_column);
        self.names().filter(|name| !own(name)).chain(added).collect()
    }

    /// The hour of the event.
    pub fn hour(&self, values: &impl Values, published_at_ns: i64) -> Result<EventHour, Poison> {
        let (millis, field) = match &self.time {
            None => (TimeUnit::Nanos.millis(published_at_ns), "the time of publishing"),
            Some(field) => (values.millis(), &**field),
        };
        let hour = millis.and_then(|millis| EventHour::from_timestamp_ms(millis).ok());
        hour.ok_or_else(|| Poison::NoTime { field: field.into() })
    }

    /// Appends the row's folder.
    pub fn push_folder(&self, folder: &mut String, values: &impl Values, hour: EventHour) -> Result<(), Poison> {
        self.push_of(folder, values, Some(hour), |_| true)
    }

    /// Whether rows can have a folder, by what stands around the elements of a batch: it is in each of them.
    pub fn check_around(&self, values: &impl Values, published_at_ns: i64) -> Result<(), Poison> {
        let hour = (!self.is_time_in_element).then(|| self.hour(values, published_at_ns)).transpose()?;
        self.push_of(&mut String::new(), values, hour, |field| !field.is_in_element)
    }

    /// Appends the folders of some of the fields, and of the hour.
    fn push_of(
        &self,
        folder: &mut String,
        values: &impl Values,
        hour: Option<EventHour>,
        is_wanted: impl Fn(&FolderField) -> bool,
    ) -> Result<(), Poison> {
        for (index, field) in self.fields.iter().enumerate().filter(|(_, field)| is_wanted(field)) {
            let start = folder.len();
            folder.push_str(&field.name);
            folder.push('=');
            values.folder(index).push_folder(folder);
            check_length(&field.field, folder.len() - start, MAX_NAME)?;
            folder.push('/');
        }
        if let Some(hour) = hour {
            hour.push_path(folder, self.down_to);
        }
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
