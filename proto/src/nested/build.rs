//! From a message type to the tree of its columns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::shape::{Column, Elements, FieldOf, Shape, Source};
use crate::protobuf::{Cardinality, Field, Kind, MessageId, MessageTable, SchemaError, Tables, WellKnown};

/// The most columns that a file may have. Each takes memory while it is written, whether it has values or not.
pub(crate) const MAX_COLUMNS: usize = 10_000;

/// The column of a message without fields, which says that it is there.
const IS_SET: &str = "is_set";

/// Makes the columns of message types.
#[derive(Debug)]
pub(crate) struct Builder<'t> {
    tables: &'t Tables,
    /// How many levels of a message that holds itself are columns.
    recursion_depth: usize,
    /// The messages around the one whose columns are made.
    path: Vec<MessageId>,
    /// What each message holds, directly or not.
    held: HashMap<MessageId, HashSet<MessageId>>,
    columns: usize,
}

impl<'t> Builder<'t> {
    pub fn new(tables: &'t Tables, recursion_depth: usize) -> Self {
        Self { tables, recursion_depth, path: Vec::new(), held: HashMap::new(), columns: 0 }
    }

    /// The columns of a whole message. `reserved` are names that columns beside it have. `own` are the fields that keep their names whatever
    /// others are called, by their indices: those that name folders.
    ///
    /// # Errors
    ///
    /// The file would have more columns than it may.
    pub fn root(mut self, id: MessageId, reserved: &[&str], own: &[usize]) -> Result<Box<[Column]>, SchemaError> {
        self.message_columns(id, reserved, own)
    }

    fn message_columns(
        &mut self,
        id: MessageId,
        reserved: &[&str],
        own: &[usize],
    ) -> Result<Box<[Column]>, SchemaError> {
        let message = self.tables.message(id);
        let own_names = own.iter().filter_map(|index| message.fields.get(*index)).map(|field| &*field.name);
        let mut names = Names::new(own_names.chain(reserved.iter().copied()));
        let mut columns = Vec::with_capacity(message.fields.len());
        let mut oneofs = message.oneofs.iter().peekable();
        self.path.push(id);
        for (index, field) in message.fields.iter().enumerate() {
            let which = match field.cardinality {
                Cardinality::Oneof { which } => oneofs.next_if(|(slot, _)| *slot == which),
                _ => None,
            };
            if let Some((slot, name)) = which {
                self.count(id)?;
                columns.push(which_column(message, *slot, names.take(name, field.number)));
            }
            let shape = self.field_shape(id, index, field)?;
            columns.push(Column {
                name: if own.contains(&index) { field.name.clone() } else { names.take(&field.name, field.number) },
                source: Source::Field { index },
                is_checked: shape.is_checked(),
                shape,
                required: matches!(field.cardinality, Cardinality::Repeated | Cardinality::Map)
                    || (field.cardinality == Cardinality::Implicit && message_of(field.kind).is_none()),
            });
        }
        self.path.pop();
        Ok(columns.into())
    }

    fn field_shape(&mut self, message: MessageId, index: usize, field: &Field) -> Result<Shape, SchemaError> {
        let of = FieldOf { message, index };
        match field.cardinality {
            Cardinality::Repeated => {
                Ok(Shape::List { field: of, elements: Elements::new(self.shape(message, field.kind)?, 0) })
            }
            Cardinality::Map => {
                let entry = message_of(field.kind).and_then(|id| self.tables.message(id).entry_fields());
                let Some((key, value)) = entry else { return self.shape(message, field.kind) };
                self.count(message)?;
                let values = Elements::new(self.shape(message, value.kind)?, 1);
                Ok(Shape::Map { field: of, key: key.kind, values })
            }
            _ => self.shape(message, field.kind),
        }
    }

    /// The shape of one value of a field of a message.
    fn shape(&mut self, holder: MessageId, kind: Kind) -> Result<Shape, SchemaError> {
        let shape = match (kind, message_of(kind)) {
            (Kind::Enum(id), _) => Shape::Enum(id),
            (_, Some(id)) => match self.leaf(id) {
                Some(leaf) => leaf,
                // Parquet has no group without fields. With a column of its own it is a group before and after it gets its first field.
                None if self.tables.message(id).fields.is_empty() => {
                    self.count(holder)?;
                    return Ok(Shape::Struct { id, columns: [set_column()].into() });
                }
                None => return Ok(Shape::Struct { id, columns: self.message_columns(id, &[], &[])? }),
            },
            _ => Shape::Scalar(kind),
        };
        self.count(holder)?;
        Ok(shape)
    }

    /// The shape of a message that is one column.
    fn leaf(&mut self, id: MessageId) -> Option<Shape> {
        let message = self.tables.message(id);
        match message.well_known {
            Some(WellKnown::Timestamp(at)) => Some(Shape::Timestamp(at)),
            Some(WellKnown::Duration(span)) => Some(Shape::Duration(span)),
            Some(WellKnown::Wrapper { slot, kind }) => Some(Shape::Wrapper { slot, kind }),
            Some(WellKnown::Struct { .. } | WellKnown::List { .. } | WellKnown::Value) => Some(Shape::Json(id)),
            // As columns they are messages like any other.
            Some(WellKnown::FieldMask { .. } | WellKnown::Any { .. }) | None => {
                (self.levels(id) >= self.recursion_depth).then_some(Shape::Json(id))
            }
        }
    }

    /// How many messages around are of the same circle: those that this one holds again, directly or not.
    fn levels(&mut self, id: MessageId) -> usize {
        let held = self.held.entry(id).or_insert_with(|| self.tables.held_by(id));
        self.path.iter().filter(|around| held.contains(around)).count()
    }

    fn count(&mut self, holder: MessageId) -> Result<(), SchemaError> {
        self.columns += 1;
        if self.columns > MAX_COLUMNS {
            let name = self.path.first().copied().unwrap_or(holder);
            return Err(SchemaError::TooManyColumns {
                name: self.tables.message(name).name.to_string(),
                limit: MAX_COLUMNS,
            });
        }
        Ok(())
    }
}

fn message_of(kind: Kind) -> Option<MessageId> {
    match kind {
        Kind::Message(id) | Kind::Group(id) => Some(id),
        _ => None,
    }
}

fn which_column(message: &MessageTable, slot: u32, name: Box<str>) -> Column {
    let of_oneof = |field: &Field| field.cardinality == Cardinality::Oneof { which: slot };
    let names: Arc<[_]> = message.fields.iter().map(|field| of_oneof(field).then(|| field.name.clone())).collect();
    Column { name, source: Source::Which { slot }, shape: Shape::Which(names), required: false, is_checked: false }
}

/// The one column of a message without fields. It is not required, for files of a later schema may lack it.
fn set_column() -> Column {
    let shape = Shape::Scalar(Kind::Bool);
    Column { name: IS_SET.into(), source: Source::Set, shape, required: false, is_checked: false }
}

/// The names within one message. Readers of SQL take `Id` and `id` for the same.
struct Names(HashSet<String>);

impl Names {
    fn new<'n>(reserved: impl Iterator<Item = &'n str>) -> Self {
        Self(reserved.map(str::to_lowercase).collect())
    }

    /// The name, with the field's number after it where the name is taken.
    fn take(&mut self, name: &str, number: u32) -> Box<str> {
        let mut free = name.to_owned();
        while !self.0.insert(free.to_lowercase()) {
            free = format!("{free}_{number}");
        }
        free.into()
    }
}
