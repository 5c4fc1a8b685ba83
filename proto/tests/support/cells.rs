//! The values of a row, made of prost-reflect's values as docs/schemas.md says, and read from Arrow arrays: they must be the same.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, UInt32Type, UInt64Type,
};
use prost_reflect::{
    Cardinality, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage,
    Value,
};

use super::json;

/// One value, whatever it holds. Floating point numbers are compared by their bits.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Uint32(u32),
    Uint64(u64),
    Float(u32),
    Double(u64),
    Text(String),
    Bytes(Vec<u8>),
    /// Microseconds.
    Time(i64),
    Span(i64),
    /// Days.
    Date(i32),
    /// Without its point.
    Decimal(i128),
    Struct(Vec<(String, Cell)>),
    List(Vec<Cell>),
    Map(Vec<(Cell, Cell)>),
}

/// Why a message is no row.
#[derive(Debug, PartialEq)]
pub struct NoTime;

/// Makes the cells of messages.
pub struct Expected {
    /// How many levels of messages that hold themselves are columns.
    pub depth: usize,
    around: Vec<MessageDescriptor>,
}

impl Expected {
    pub fn new(depth: usize) -> Self {
        Self { depth, around: Vec::new() }
    }

    /// The columns of a message by name, but for the names that are changed because others have them.
    pub fn columns(&mut self, message: &DynamicMessage) -> Result<Vec<(String, Cell)>, NoTime> {
        self.around.push(message.descriptor());
        let mut fields: Vec<_> = message.descriptor().fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        let (mut columns, mut oneofs) = (Vec::new(), Vec::new());
        for field in fields {
            let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
            if let Some(oneof) = oneof.filter(|oneof| !oneofs.contains(&oneof.name().to_owned())) {
                let chosen = oneof.fields().find(|field| message.has_field(field));
                let which = chosen.map_or(Cell::Null, |field| Cell::Text(field.name().to_owned()));
                oneofs.push(oneof.name().to_owned());
                columns.push((oneof.name().to_owned(), which));
            }
            columns.push((field.name().to_owned(), self.field(message, &field)?));
        }
        self.around.pop();
        Ok(columns)
    }

    fn field(&mut self, message: &DynamicMessage, field: &FieldDescriptor) -> Result<Cell, NoTime> {
        if field.supports_presence() && !message.has_field(field) {
            return Ok(Cell::Null);
        }
        match (&*message.get_field(field), field.kind()) {
            (Value::List(values), kind) => {
                Ok(Cell::List(values.iter().map(|value| self.value(value, &kind)).collect::<Result<_, _>>()?))
            }
            (Value::Map(entries), Kind::Message(entry)) => {
                let kind = entry.map_entry_value_field().kind();
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by(|a, b| a.0.cmp(b.0));
                let cells = entries.into_iter().map(|(key, value)| Ok((key_cell(key), self.value(value, &kind)?)));
                Ok(Cell::Map(cells.collect::<Result<_, _>>()?))
            }
            (value, kind) => self.value(value, &kind),
        }
    }

    fn value(&mut self, value: &Value, kind: &Kind) -> Result<Cell, NoTime> {
        Ok(match value {
            Value::Bool(value) => Cell::Bool(*value),
            Value::I32(value) => Cell::Int32(*value),
            Value::I64(value) => Cell::Int64(*value),
            Value::U32(value) => Cell::Uint32(*value),
            Value::U64(value) => Cell::Uint64(*value),
            // All that are no numbers are the same.
            Value::F32(value) => Cell::Float(if value.is_nan() { f32::NAN } else { *value }.to_bits()),
            Value::F64(value) => Cell::Double(if value.is_nan() { f64::NAN } else { *value }.to_bits()),
            Value::String(value) => Cell::Text(value.clone()),
            Value::Bytes(value) => Cell::Bytes(value.to_vec()),
            Value::EnumNumber(number) => Cell::Text(enum_name(kind.as_enum().unwrap(), *number)),
            Value::Message(message) => self.message(message)?,
            Value::List(_) | Value::Map(_) => panic!("a list in a list"),
        })
    }

    fn message(&mut self, message: &DynamicMessage) -> Result<Cell, NoTime> {
        let number = |name| match message.get_field_by_name(name).as_deref() {
            Some(Value::I64(number)) => *number,
            Some(Value::I32(number)) => i64::from(*number),
            other => panic!("{name} is {other:?}"),
        };
        let descriptor = message.descriptor();
        match descriptor.full_name().strip_prefix("google.protobuf.") {
            Some("Timestamp") => return timestamp(number("seconds"), number("nanos")).map(Cell::Time),
            Some("Duration") => return span(number("seconds"), number("nanos")).map(Cell::Span),
            Some("Struct" | "Value" | "ListValue") => return Ok(Cell::Text(json::text(message))),
            Some(name) if name.ends_with("Value") => {
                let field = descriptor.get_field_by_name("value").unwrap();
                return self.value(&message.get_field(&field), &field.kind());
            }
            _ => {}
        }
        let levels = self.around.iter().filter(|around| holds(&descriptor, around)).count();
        if descriptor.fields().len() == 0 {
            return Ok(Cell::Struct(vec![("is_set".to_owned(), Cell::Bool(true))]));
        }
        if levels >= self.depth {
            return Ok(Cell::Text(json::text(message)));
        }
        self.columns(message).map(Cell::Struct)
    }
}

/// Whether a message holds another, directly or not.
fn holds(holder: &MessageDescriptor, held: &MessageDescriptor) -> bool {
    let (mut seen, mut open) = (Vec::new(), vec![holder.clone()]);
    while let Some(next) = open.pop() {
        for field in next.fields() {
            if let Kind::Message(message) = field.kind()
                && !seen.contains(&message)
            {
                seen.push(message.clone());
                open.push(message);
            }
        }
    }
    seen.contains(held)
}

fn enum_name(each: &EnumDescriptor, number: i32) -> String {
    let values = &each.enum_descriptor_proto().value;
    let found = values.iter().find(|value| value.number() == number);
    found.map_or_else(|| number.to_string(), |value| value.name().to_owned())
}

/// From 0001-01-01 to the end of 9999.
pub fn timestamp(seconds: i64, nanos: i64) -> Result<i64, NoTime> {
    let taken = (-62_135_596_800..=253_402_300_799).contains(&seconds) && (0..1_000_000_000).contains(&nanos);
    if taken { Ok(seconds * 1_000_000 + nanos / 1_000) } else { Err(NoTime) }
}

pub fn span(seconds: i64, nanos: i64) -> Result<i64, NoTime> {
    let (mixed, long) = (seconds.signum() * nanos.signum() < 0, nanos.abs() >= 1_000_000_000);
    let taken = !mixed && !long && (-315_576_000_000..=315_576_000_000).contains(&seconds);
    if taken { Ok(seconds * 1_000_000 + nanos / 1_000) } else { Err(NoTime) }
}

fn key_cell(key: &MapKey) -> Cell {
    match key {
        MapKey::Bool(key) => Cell::Bool(*key),
        MapKey::I32(key) => Cell::Int32(*key),
        MapKey::I64(key) => Cell::Int64(*key),
        MapKey::U32(key) => Cell::Uint32(*key),
        MapKey::U64(key) => Cell::Uint64(*key),
        MapKey::String(key) => Cell::Text(key.clone()),
    }
}

/// The value of an array at a row.
pub fn cell(array: &dyn Array, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int32 => Cell::Int32(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => Cell::Int64(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt32 => Cell::Uint32(array.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => Cell::Uint64(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(row).to_bits()),
        DataType::Float64 => Cell::Double(array.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::Dictionary(..) => {
            let names = array.as_dictionary::<Int32Type>();
            cell(&**names.values(), names.keys().value(row) as usize)
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => {
            Cell::Time(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            Cell::Span(array.as_primitive::<DurationMicrosecondType>().value(row))
        }
        DataType::Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Decimal128(..) => Cell::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let named = fields.iter().zip(columns).map(|(field, column)| (field.name().clone(), cell(column, row)));
            Cell::Struct(named.collect())
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            Cell::List((0..list.len()).map(|at| cell(&list, at)).collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let entry = |at| (cell(entries.column(0), at), cell(entries.column(1), at));
            Cell::Map((0..entries.len()).map(entry).collect())
        }
        other => panic!("a column of type {other}"),
    }
}

/// Used for its meaning alone: lists and maps are required, all else by its presence.
pub fn is_required(field: &FieldDescriptor) -> bool {
    field.cardinality() == Cardinality::Repeated || !field.supports_presence()
}
