//! The events of `causality.v1` as a table, for settings that ask for more than their own decoder and columns give: folders of any
//! fields, and the payload as native columns.
//!
//! The columns of the contract come as they are in [`COLUMNS`], filled by the code that fills them anyway. The payload's columns are those
//! that any message has.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::Field as ArrowField;
use arrow::error::ArrowError;

use super::PartitionColumn;
use super::layout::{FolderField, Layout, time_names};
use super::leaves::{Leaf, nested_leaves};
use super::options::{PayloadColumns, TableOptions};
use super::path::{FieldPath, folder_value, names_a_folder};
use super::protobuf::{Time, misfit};
use super::value::{FolderValue, Values};
use crate::columns::{COLUMNS, Column, PushError, Rows};
use crate::event::EventSchema;
use crate::nested::{self, Builder, Check, Growing, Source, StructGrower, Texts, Unfit};
use crate::partition::{EventHour, check_app_id};
use crate::poison::Poison;
use crate::protobuf::{Cardinality, JsonWriter, Kind, MessageId, Record, SchemaError, Shelf, Tables};

pub(super) const NAME: &str = "causality.v1";

const APP_ID: &str = "app_id";
const DEVICE: &str = "device_context";
const PAYLOAD_JSON: &str = "payload_json";

/// The events, and what is needed of them.
#[derive(Debug)]
pub(super) struct Events {
    schema: EventSchema,
    pub envelope: MessageId,
    /// Those of the contract's columns that are in the files.
    columns: Box<[&'static Column]>,
    /// The columns of the payload, where it has its own.
    payload: Option<Payload>,
    json: bool,
    folders: Box<[Folder]>,
    time: Option<Time>,
    /// Whether the app is a folder.
    by_app: bool,
}

#[derive(Debug)]
struct Payload {
    columns: Box<[nested::Column]>,
    check: Check,
}

/// What makes a folder.
#[derive(Debug)]
enum Folder {
    Field(FieldPath, Kind),
    Category,
    Type,
}

impl Events {
    /// Lays the rows out. `added` are the names of the columns that are added. The columns that a partition makes beside those of the
    /// contract come with it.
    pub fn new(options: &TableOptions, added: &[&str]) -> Result<(Self, Layout, Box<[PartitionColumn]>), SchemaError> {
        let schema = EventSchema::built_in()?;
        let (tables, envelope) = (schema.tables(), schema.envelope());
        let folders = options.partition_by.iter().map(|field| Folder::find(tables, envelope, field));
        let (folders, fields): (Vec<_>, Vec<_>) = folders.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let by_app = fields.iter().any(|field: &FolderField| &*field.field == APP_ID);
        let layout = Layout::new(fields, false, options, added)?;
        let time = Time::new(tables, envelope, options)?;
        let in_file = options.partition_columns_in_file;
        let payload = (options.payload != PayloadColumns::Json)
            .then(|| Payload::new(tables, envelope, &layout, added, options.recursion_depth))
            .transpose()?;
        let json = options.payload != PayloadColumns::Native;
        let columns = COLUMNS.iter().filter(|column| is_in_file(column, &layout, in_file, json)).collect();
        let beside = layout.fields.iter().enumerate().filter(|(_, field)| in_file && !field.is_column);
        let beside = beside.map(|(index, _)| PartitionColumn::Field(index)).collect();
        let events = Self { envelope, columns, payload, json, folders: folders.into(), time, by_app, schema };
        Ok((events, layout, beside))
    }

    pub fn tables(&self) -> &Tables {
        self.schema.tables()
    }

    fn payload_columns(&self) -> &[nested::Column] {
        self.payload.as_ref().map_or(&[], |payload| &payload.columns)
    }

    /// The Arrow fields of the events.
    pub fn fields(&self, texts: Texts) -> Vec<ArrowField> {
        let payload = self.payload_columns().iter().map(|column| column.field(texts));
        self.columns.iter().map(|column| column.field()).chain(payload).collect()
    }

    /// The columns of the events as Parquet counts them.
    pub fn leaves(&self) -> Vec<Leaf> {
        let kept = self.columns.iter().map(|column| Leaf { path: vec![column.name.to_owned()], kind: column.kind() });
        let mut leaves: Vec<_> = kept.collect();
        nested_leaves(self.payload_columns(), &mut leaves);
        leaves
    }

    /// Reads a whole body, and sees that it can be a row, whatever its folders are.
    pub fn read<'a>(&self, record: &mut Record<'a>, body: &'a [u8]) -> Result<(), Poison> {
        self.schema.read(record, body)?;
        let (app_id, timestamp_ms) = self.schema.place(record);
        EventHour::from_timestamp_ms(timestamp_ms)?;
        if self.by_app {
            check_app_id(app_id)?;
        }
        let Some(Payload { columns, check }) = &self.payload else { return Ok(()) };
        let checked = check.record(self.tables(), columns, self.envelope, record, body.len());
        checked.map_err(|unfit| match unfit {
            Unfit::Misfit(found) => misfit(EventSchema::MESSAGE, &found),
            Unfit::Wire(source) => source.into(),
        })
    }
}

impl Payload {
    fn new(
        tables: &Tables,
        envelope: MessageId,
        layout: &Layout,
        added: &[&str],
        depth: usize,
    ) -> Result<Self, SchemaError> {
        let own = COLUMNS.iter().map(|column| column.name);
        let reserved: Vec<_> = own.chain(layout.names()).chain(added.iter().copied()).collect();
        let fields = &tables.message(envelope).fields;
        let is_payload = |column: &nested::Column| match column.source {
            Source::Which { .. } => true,
            Source::Set => false,
            Source::Field { index } => matches!(fields[index].cardinality, Cardinality::Oneof { .. }),
        };
        let columns = Builder::new(tables, depth).root(envelope, &reserved, &[])?;
        let columns: Box<[_]> = columns.into_iter().filter(is_payload).collect();
        Ok(Self { check: Check::new(&columns), columns })
    }
}

/// Whether one of the contract's columns is in the files: what makes a folder is there on request.
fn is_in_file(column: &Column, layout: &Layout, in_file: bool, json: bool) -> bool {
    let is_folder = layout.names().any(|name| name == column.name);
    match column.name {
        PAYLOAD_JSON => json,
        // A time that makes no folder is no column either.
        name if time_names(crate::PartitionTime::Hour).contains(&name) => is_folder && in_file,
        _ => !is_folder || in_file,
    }
}

impl Folder {
    /// Finds what a name of the settings stands for: a column, or a field of the envelope by its path.
    fn find(tables: &Tables, envelope: MessageId, name: &str) -> Result<(Self, FolderField), SchemaError> {
        let column = name.strip_prefix(DEVICE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
        let is_column = COLUMNS.iter().any(|known| known.name == column);
        let field = |name: &str| FolderField {
            name: name.replace('.', "_").into(),
            field: name.into(),
            is_top_level: is_column,
            is_column,
            is_in_element: false,
        };
        match column {
            "event_category" => return Ok((Self::Category, field(column))),
            "event_type" => return Ok((Self::Type, field(column))),
            "timestamp_ms" => {
                let reason = "it is a time: schema.partition_time makes its folders";
                return Err(SchemaError::Partition { field: name.to_owned(), reason });
            }
            _ => {}
        }
        let of_device = is_column && tables.message(envelope).field_named(column).is_none();
        let path = if of_device { format!("{DEVICE}.{column}") } else { name.to_owned() };
        let path = FieldPath::find(tables, envelope, &path)?;
        let kind = path.kind().filter(|kind| names_a_folder(*kind));
        let reason = "only texts, whole numbers, booleans and enums make folders";
        let kind = kind.ok_or_else(|| SchemaError::Partition { field: name.to_owned(), reason })?;
        Ok((Self::Field(path, kind), field(if is_column { column } else { name })))
    }
}

/// An event that was read.
pub(super) struct Read<'r, 'a> {
    pub of: &'r Events,
    pub record: &'r Record<'a>,
}

impl Values for Read<'_, '_> {
    fn folder(&self, index: usize) -> FolderValue<'_> {
        let Events { schema, folders, envelope, .. } = self.of;
        match folders.get(index) {
            None => FolderValue::None,
            Some(Folder::Category) => FolderValue::Text(schema.kind(self.record).0),
            Some(Folder::Type) => FolderValue::Text(schema.kind(self.record).1),
            Some(Folder::Field(path, kind)) => {
                folder_value(self.of.tables(), *kind, path.value(self.of.tables(), *envelope, self.record))
            }
        }
    }

    fn millis(&self) -> Option<i64> {
        self.of.time.as_ref()?.millis(self.of.tables(), self.of.envelope, self.record)
    }
}

/// Events that grow into columns.
#[derive(Debug)]
pub(super) struct EventRows {
    /// The memory of one event, used for each.
    pub shelf: Shelf,
    rows: Rows,
    payload: Option<StructGrower>,
    json: Vec<u8>,
}

impl EventRows {
    pub fn new(events: &Events, capacity: usize) -> Self {
        let grower =
            |payload: &Payload| StructGrower::new(events.tables(), events.envelope, &payload.columns, capacity);
        Self {
            shelf: Shelf::default(),
            rows: Rows::of(&events.columns, capacity),
            payload: events.payload.as_ref().map(grower),
            json: Vec::new(),
        }
    }

    /// Adds the row of an event that was read. `growing` is room for one text, and how many values there are in all columns.
    pub fn push(
        &mut self,
        events: &Events,
        record: &mut Record<'_>,
        row: &EventRow,
        growing: (&mut Vec<u8>, &mut usize),
    ) -> Result<(), PushError> {
        let (text, cells) = growing;
        self.json.clear();
        match events.schema.payload(record).filter(|_| events.json) {
            Some(payload) => JsonWriter::new(events.tables(), &mut self.json)
                .message(record, payload.message, payload.base)
                .map_err(Poison::from)?,
            None => self.json.extend_from_slice(b"{}"),
        }
        *cells += self.json.len() / nested::CELL_BYTES;
        let event = events.schema.event(record);
        self.rows.push(&event, row.hour, &self.json, row.bytes, row.stream_sequence, row.published_at_ns)?;
        if let Some(payload) = &mut self.payload {
            let mut growing = Growing { tables: events.tables(), text, cells };
            payload.append(&mut growing, record, Some(0)).map_err(Poison::from)?;
        }
        Ok(())
    }

    pub fn finish_columns(self) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut columns: Vec<_> = self.rows.finish()?.columns().iter().map(Arc::clone).collect();
        columns.extend(self.payload.map(StructGrower::finish_columns).transpose()?.into_iter().flatten());
        Ok(columns)
    }
}

/// What is known of a row beside its record.
pub(super) struct EventRow {
    pub hour: EventHour,
    /// Of its body.
    pub bytes: usize,
    pub stream_sequence: u64,
    pub published_at_ns: i64,
}
