//! What becomes of each field: the tree of columns, and its Arrow types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use crate::protobuf::{EnumId, Kind, MessageId, Seconds};

/// The time zone of all times.
const UTC: &str = "UTC";

/// One column of a message: its name, where its value comes from, and what it looks like.
#[derive(Debug)]
pub(crate) struct Column {
    pub name: Box<str>,
    pub source: Source,
    pub shape: Shape,
    /// Whether every row has a value.
    pub required: bool,
    /// Whether there is something in it to check before the message is a row.
    pub is_checked: bool,
}

/// Where the value of a column comes from, within its message.
#[derive(Debug)]
pub(crate) enum Source {
    /// A field, by its index.
    Field { index: usize },
    /// Which field of a oneof has a value, by the slot that says it.
    Which { slot: u32 },
    /// That there is a message: true wherever there is one.
    Set,
}

/// What the values of a column look like.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A number, a boolean, a text or bytes.
    Scalar(Kind),
    /// The name of an enum's value.
    Enum(EnumId),
    /// The name of a field of a oneof, by the index of the field in its message.
    Which(Arc<[Option<Box<str>>]>),
    /// A point in time, in microseconds.
    Timestamp(Seconds),
    /// A span of time, in microseconds.
    Duration(Seconds),
    /// The one field of a message, by its slot.
    Wrapper { slot: u32, kind: Kind },
    /// A message as a JSON text.
    Json(MessageId),
    /// A message, with a column for each of its fields.
    Struct { id: MessageId, columns: Box<[Column]> },
    /// A repeated field of a message.
    List { field: FieldOf, elements: Elements },
    /// A map field of a message.
    Map { field: FieldOf, key: Kind, values: Elements },
}

/// What a list or a map holds.
#[derive(Debug)]
pub(crate) struct Elements {
    pub shape: Box<Shape>,
    /// How many columns of a file an element takes; a key included.
    pub leaves: usize,
    /// Whether there is more to check in an element than that it is there.
    pub is_checked: bool,
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldOf {
    pub message: MessageId,
    pub index: usize,
}

/// How texts of few different values are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    /// As texts: so a file is read.
    Plain,
    /// As Arrow dictionaries: so columns are filled, each value taking 4 bytes. Parquet's writer takes one for the other.
    Dictionary,
}

impl Column {
    /// The Arrow field.
    pub fn field(&self, texts: Texts) -> Field {
        Field::new(&*self.name, self.shape.data_type(texts), !self.required)
    }
}

impl Elements {
    pub fn new(shape: Shape, keys: usize) -> Self {
        Self { leaves: shape.leaves() + keys, is_checked: shape.is_checked(), shape: Box::new(shape) }
    }
}

impl Shape {
    /// Whether its values are to be checked: times have a range, and lists a length.
    pub fn is_checked(&self) -> bool {
        match self {
            Self::Timestamp(_) | Self::Duration(_) | Self::List { .. } | Self::Map { .. } => true,
            Self::Struct { columns, .. } => columns.iter().any(|column| column.is_checked),
            _ => false,
        }
    }

    /// The Arrow type.
    pub fn data_type(&self, texts: Texts) -> DataType {
        match self {
            Self::Scalar(kind) | Self::Wrapper { kind, .. } => scalar_type(*kind),
            Self::Enum(_) | Self::Which(_) if texts == Texts::Dictionary => dictionary_type(),
            Self::Enum(_) | Self::Which(_) | Self::Json(_) => DataType::Utf8,
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Self::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
            Self::Struct { columns, .. } => DataType::Struct(fields(columns, texts)),
            Self::List { elements, .. } => DataType::List(element_field(&elements.shape, texts)),
            Self::Map { key, values, .. } => DataType::Map(entries_field(*key, &values.shape, texts), false),
        }
    }

    /// How many columns of a file it takes.
    pub fn leaves(&self) -> usize {
        match self {
            Self::Struct { columns, .. } => columns.iter().map(|column| column.shape.leaves()).sum(),
            Self::List { elements, .. } | Self::Map { values: elements, .. } => elements.leaves,
            _ => 1,
        }
    }
}

pub(super) fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

pub(super) fn fields(columns: &[Column], texts: Texts) -> Fields {
    columns.iter().map(|column| column.field(texts)).collect()
}

/// The element of a list, named as the Parquet format names it.
pub(super) fn element_field(element: &Shape, texts: Texts) -> Arc<Field> {
    Arc::new(Field::new("element", element.data_type(texts), false))
}

/// The entry of a map, named as the Parquet format names it.
pub(super) fn entries_field(key: Kind, value: &Shape, texts: Texts) -> Arc<Field> {
    let key = Field::new("key", scalar_type(key), false);
    let value = Field::new("value", value.data_type(texts), false);
    Arc::new(Field::new("key_value", DataType::Struct(Fields::from(vec![key, value])), false))
}

fn scalar_type(kind: Kind) -> DataType {
    match kind {
        Kind::Double => DataType::Float64,
        Kind::Float => DataType::Float32,
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => DataType::Int32,
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => DataType::Int64,
        Kind::Uint32 | Kind::Fixed32 => DataType::UInt32,
        Kind::Uint64 | Kind::Fixed64 => DataType::UInt64,
        Kind::Bool => DataType::Boolean,
        Kind::Bytes => DataType::Binary,
        Kind::Text | Kind::Enum(_) | Kind::Message(_) | Kind::Group(_) => DataType::Utf8,
    }
}
