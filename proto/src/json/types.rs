//! What the columns are: the tree of their types, and its Arrow types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit as ArrowUnit};

use crate::table::TimeUnit;

/// The time zone of all times.
const UTC: &str = "UTC";

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Float32,
    Float64,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Text,
    /// Base64.
    Bytes,
    /// `2026-11-23`.
    Date,
    /// A number of this unit since the Unix epoch, or text as RFC 3339 has it.
    Timestamp(Option<TimeUnit>),
    /// Any value, kept as the text that it is.
    Json,
    List(Box<Element>),
    /// From texts to values.
    Map(Box<Element>),
    Struct(Struct),
}

/// What lists and maps hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub of: Type,
    pub required: bool,
    /// How many values one takes at most, those within it included, but for what is in lists and maps.
    pub width: usize,
}

/// The columns of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Struct {
    pub columns: Box<[Column]>,
    /// The indices of the columns, by their keys.
    by_key: Box<[usize]>,
    /// Those that every object must have.
    pub required: Box<[usize]>,
}

/// One column of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// The key in the document.
    pub key: Box<str>,
    /// The name in the file.
    pub name: Box<str>,
    pub of: Type,
    pub required: bool,
}

impl Struct {
    pub fn new(columns: Vec<Column>) -> Self {
        let mut by_key: Box<[usize]> = (0..columns.len()).collect();
        by_key.sort_by_key(|index| &columns[*index].key);
        let required = columns.iter().enumerate().filter(|(_, column)| column.required);
        Self { required: required.map(|(index, _)| index).collect(), by_key, columns: columns.into() }
    }

    /// The column of a key, where `expected` is its index in a document whose keys come in order.
    #[inline]
    pub fn find(&self, key: &str, expected: usize) -> Option<usize> {
        match self.columns.get(expected) {
            Some(column) if *column.key == *key => Some(expected),
            _ => {
                let found = self.by_key.binary_search_by(|index| (*self.columns[*index].key).cmp(key));
                found.ok().map(|place| self.by_key[place])
            }
        }
    }

    /// The Arrow fields.
    pub fn fields(&self) -> Fields {
        self.columns.iter().map(Column::field).collect()
    }

    /// How many columns of a file it takes.
    pub fn leaves(&self) -> usize {
        self.columns.iter().map(|column| column.of.leaves()).sum()
    }
}

impl Column {
    /// The Arrow field.
    pub fn field(&self) -> Field {
        Field::new(&*self.name, self.of.data_type(), !self.required)
    }
}

impl Element {
    pub fn new(of: Type, required: bool) -> Self {
        Self { width: of.width(), of, required }
    }

    /// The element of a list, named as the Parquet format names it.
    pub fn list_field(&self) -> Arc<Field> {
        Arc::new(Field::new("element", self.of.data_type(), !self.required))
    }

    /// The entry of a map, named as the Parquet format names it.
    pub fn entries_field(&self) -> Arc<Field> {
        let key = Field::new("key", DataType::Utf8, false);
        let value = Field::new("value", self.of.data_type(), !self.required);
        Arc::new(Field::new("key_value", DataType::Struct(Fields::from(vec![key, value])), false))
    }
}

impl Type {
    /// The Arrow type.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Uint32 => DataType::UInt32,
            Self::Uint64 => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, scale.cast_signed()),
            Self::Text | Self::Json => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp(_) => DataType::Timestamp(ArrowUnit::Microsecond, Some(UTC.into())),
            Self::List(element) => DataType::List(element.list_field()),
            Self::Map(element) => DataType::Map(element.entries_field(), false),
            Self::Struct(columns) => DataType::Struct(columns.fields()),
        }
    }

    /// How many columns of a file it takes.
    pub fn leaves(&self) -> usize {
        match self {
            Self::Struct(columns) => columns.leaves(),
            Self::List(element) => element.of.leaves(),
            Self::Map(element) => element.of.leaves() + 1,
            _ => 1,
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Struct(columns) => 1 + columns.columns.iter().map(|column| column.of.width()).sum::<usize>(),
            _ => 1,
        }
    }

    /// What is expected of a value, for a person.
    pub fn expected(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int32 => "an int32",
            Self::Int64 => "an int64",
            Self::Uint32 => "a uint32",
            Self::Uint64 => "a uint64",
            Self::Float32 | Self::Float64 => "a number",
            Self::Decimal { .. } => "a decimal",
            Self::Text => "a string",
            Self::Bytes => "bytes in base64",
            Self::Date => "a date such as 2026-11-23",
            Self::Timestamp(None) => "a time such as 2026-11-23T14:05:00Z",
            Self::Timestamp(Some(_)) => "a time as a number",
            Self::Json => "a value",
            Self::List(_) => "an array",
            Self::Map(_) | Self::Struct(_) => "an object",
        }
    }
}
