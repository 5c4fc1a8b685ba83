//! The rows of protobuf messages of one type.

use arrow::datatypes::Field as ArrowField;

use super::explode::Exploded;
use super::layout::{FolderField, Layout};
use super::options::{EventTime, TableOptions, TimeUnit};
use super::path::{FieldPath, Target, folder_value, names_a_folder};
use super::value::{FolderValue, Values};
use crate::nested::{Builder, Check, Column, Misfit, Source, Texts, Unfit};
use crate::poison::Poison;
use crate::protobuf::{Kind, MessageId, Record, SchemaError, Tables, Value, WireError};

/// How many names of a path are shown.
const MAX_SHOWN: usize = 8;

/// A message type, and what is needed of it.
#[derive(Debug)]
pub(super) struct Protobuf {
    pub tables: Tables,
    pub message: MessageId,
    pub columns: Box<[Column]>,
    check: Check,
    pub exploded: Option<Exploded>,
    /// The fields that make folders.
    folders: Box<[(FieldPath, Kind)]>,
    time: Option<Time>,
}

/// The field that is the event's time.
#[derive(Debug)]
pub(super) enum Time {
    Stamp(FieldPath),
    Number(FieldPath, Kind, TimeUnit),
}

impl Protobuf {
    /// Finds the message of a descriptor set, and lays its rows out. `added` are the names of the columns that are added to it.
    pub fn new(descriptor_set: &[u8], options: &TableOptions, added: &[&str]) -> Result<(Self, Layout), SchemaError> {
        let mut tables = Tables::decode(descriptor_set)?;
        let name = &options.message;
        let message = tables.find(name).ok_or_else(|| SchemaError::NoMessage { name: name.clone() })?;
        let exploded = options.explode.as_ref().map(|field| Exploded::find(&mut tables, message, field)).transpose()?;
        let in_element =
            |path: &FieldPath| exploded.is_some_and(|exploded: Exploded| path.first() == Some(exploded.index));
        let folders = options.partition_by.iter().map(|field| folder(&tables, message, field));
        let folders = folders.collect::<Result<Box<[_]>, _>>()?;
        let time = Time::new(&tables, message, options)?;
        let fields = folders.iter().map(|(path, _)| folder_field(path, in_element(path))).collect();
        let layout = Layout::new(fields, time.as_ref().is_some_and(|time| in_element(time.path())), options, added)?;
        let in_path: Vec<usize> = folders.iter().filter_map(|(path, _)| path.top_level()).collect();
        let columns = Builder::new(&tables, options.recursion_depth);
        let columns = columns.root(message, &layout.reserved(added.iter().copied()), &in_path)?;
        let in_file = |column: &Column| match column.source {
            Source::Field { index } => options.partition_columns_in_file || !in_path.contains(&index),
            Source::Which { .. } | Source::Set => true,
        };
        let columns: Box<[Column]> = columns.into_iter().filter(in_file).collect();
        let check = Check::new(&columns);
        Ok((Self { tables, message, columns, check, exploded, folders, time }, layout))
    }

    /// The full name of the message type.
    pub fn name(&self) -> &str {
        &self.tables.message(self.message).name
    }

    /// The Arrow fields of the message.
    pub fn fields(&self, texts: Texts) -> Vec<ArrowField> {
        self.columns.iter().map(|column| column.field(texts)).collect()
    }

    /// Reads a whole body, and sees that it can be a row.
    pub fn read<'a>(&self, record: &mut Record<'a>, body: &'a [u8]) -> Result<(), Poison> {
        let Self { tables, message, columns, check, .. } = self;
        record.read(tables, *message, body).map_err(|source| self.not_a_message(source))?;
        let checked = check.record(tables, columns, *message, record, body.len());
        checked.map_err(|unfit| match unfit {
            Unfit::Misfit(found) => misfit(self.name(), &found),
            Unfit::Wire(source) => self.not_a_message(source),
        })
    }

    #[cold]
    pub fn not_a_message(&self, source: WireError) -> Poison {
        Poison::NotMessage { message: self.name().into(), source }
    }
}

/// Why a message of this type can't be a row.
#[cold]
pub(super) fn misfit(message: &str, misfit: &Misfit) -> Poison {
    let mut names: Vec<&str> = misfit.path.iter().rev().map(|name| &**name).collect();
    if names.len() > MAX_SHOWN {
        names.splice(MAX_SHOWN - 1..names.len() - 1, ["…"]);
    }
    Poison::Misfit { message: message.into(), field: names.join(".").into(), fault: misfit.fault }
}

fn folder(tables: &Tables, message: MessageId, field: &str) -> Result<(FieldPath, Kind), SchemaError> {
    let path = FieldPath::find(tables, message, field)?;
    let kind = path.kind().filter(|kind| names_a_folder(*kind));
    let reason = "only texts, whole numbers, booleans and enums make folders";
    let kind = kind.ok_or_else(|| SchemaError::Partition { field: field.to_owned(), reason })?;
    Ok((path, kind))
}

/// The folder has the path, with underscores for its dots.
fn folder_field(path: &FieldPath, is_in_element: bool) -> FolderField {
    let is_top_level = path.top_level().is_some();
    let name = path.text.replace('.', "_").into();
    FolderField { name, field: path.text.clone(), is_top_level, is_column: is_top_level, is_in_element }
}

impl Time {
    pub fn new(tables: &Tables, root: MessageId, options: &TableOptions) -> Result<Option<Self>, SchemaError> {
        let EventTime::Field { field, unit } = &options.event_time else { return Ok(None) };
        let path = FieldPath::find(tables, root, field)?;
        match (path.target, path.kind()) {
            (Target::Timestamp(_), _) => Ok(Some(Self::Stamp(path))),
            (_, Some(kind)) if is_whole(kind) => Ok(Some(Self::Number(path, kind, *unit))),
            _ => Err(SchemaError::EventTime { field: field.clone() }),
        }
    }

    fn path(&self) -> &FieldPath {
        match self {
            Self::Stamp(path) | Self::Number(path, ..) => path,
        }
    }

    /// The time in milliseconds; none where the record has none, or one that is too large.
    pub fn millis(&self, tables: &Tables, root: MessageId, record: &Record<'_>) -> Option<i64> {
        match self {
            Self::Stamp(path) => {
                let base = path.value(tables, root, record).message()?;
                let Target::Timestamp(at) = path.target else { return None };
                TimeUnit::Micros.millis(at.timestamp_micros(record, base)?)
            }
            Self::Number(path, kind, unit) => match path.value(tables, root, record) {
                Value::Number(number) => unit.millis(whole(*kind, number)?),
                _ => None,
            },
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

/// A record that was read.
pub(super) struct Read<'r, 'a> {
    pub of: &'r Protobuf,
    pub record: &'r Record<'a>,
}

impl Values for Read<'_, '_> {
    fn folder(&self, index: usize) -> FolderValue<'_> {
        let Protobuf { tables, message, folders, .. } = self.of;
        let Some((path, kind)) = folders.get(index) else { return FolderValue::None };
        folder_value(tables, *kind, path.value(tables, *message, self.record))
    }

    fn millis(&self) -> Option<i64> {
        let Protobuf { tables, message, time, .. } = self.of;
        time.as_ref()?.millis(tables, *message, self.record)
    }
}
