//! From bytes to slots, in one pass.

use super::{Node, PACKED, Record, Value};
use crate::protobuf::error::{Fault, WireError};
use crate::protobuf::reader::{Key, Reader, WireType};
use crate::protobuf::skip::MAX_DEPTH;
use crate::protobuf::table::{Cardinality, Field, Kind, MessageId, Tables};

impl<'a> Record<'a> {
    /// Reads fields into the slots from `base`: up to the reader's end, or to the end of the group of the given number.
    ///
    /// With `CHECK`, the messages in lists are read too, only to see that they can be; without, they were before. `left` is how
    /// many levels of nesting are left.
    pub(super) fn message<const CHECK: bool>(
        &mut self,
        tables: &Tables,
        id: MessageId,
        reader: &mut Reader<'a>,
        base: u32,
        left: u32,
        group: Option<u32>,
    ) -> Result<(), WireError> {
        let table = tables.message(id);
        let mut expected = 0;
        loop {
            if group.is_none() && reader.is_empty() {
                return Ok(());
            }
            let start = reader.at();
            let sent = reader.varint()?;
            // Nearly all fields of nearly all messages.
            if let Some((index, plain)) = table.plain(sent, expected) {
                match scalar(plain.kind, reader) {
                    Ok(value) => self.slots[(base + plain.slot) as usize] = value,
                    Err(error) => return Err(error.within(&table.fields[index].name)),
                }
                expected = index + 1;
                continue;
            }
            let key = Key::new(sent, start)?;
            if let (Some(number), WireType::GroupEnd) = (group, key.wire_type) {
                return if key.number == number { Ok(()) } else { Err(WireError::new(Fault::GroupEnd, start)) };
            }
            if let Some((index, field)) = table.field(key.number, expected) {
                let place = Place { base, index, left, start };
                self.field::<CHECK>(tables, field, key, reader, place).map_err(|error| error.within(&field.name))?;
                expected = index + 1;
            } else {
                reader.skip(key, left).map_err(|error| error.within(&format!("field {}", key.number)))?;
                self.unknown += u64::from(CHECK);
            }
        }
    }

    #[inline]
    fn field<const CHECK: bool>(
        &mut self,
        tables: &Tables,
        field: &Field,
        key: Key,
        reader: &mut Reader<'a>,
        place: Place,
    ) -> Result<(), WireError> {
        let slot = (place.base + field.slot) as usize;
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Explicit => {}
            Cardinality::Oneof { which } => {
                let which = (place.base + which) as usize;
                let chosen = Value::Number(place.index as u64 + 1);
                if self.slots[which] != chosen {
                    self.slots[which] = chosen;
                    let replaced = std::mem::replace(&mut self.slots[slot], Value::Absent);
                    self.forget(tables, replaced);
                }
            }
            Cardinality::Repeated | Cardinality::Map => {
                return self.list::<CHECK>(tables, field, key, reader, slot, place);
            }
        }
        place.check_form(field.kind.wire_type(), key)?;
        match field.kind {
            Kind::Message(id) | Kind::Group(id) => {
                reader.check_depth(place.left)?;
                let base = match self.slots[slot].message() {
                    Some(base) => base,
                    None => self.make_room(tables, id, place.start)?,
                };
                self.slots[slot] = Value::Message { base, id };
                self.nested::<CHECK>(tables, field.kind, key.number, reader, base, place.left - 1)
            }
            kind => {
                self.slots[slot] = scalar(kind, reader)?;
                Ok(())
            }
        }
    }

    fn nested<const CHECK: bool>(
        &mut self,
        tables: &Tables,
        kind: Kind,
        number: u32,
        reader: &mut Reader<'a>,
        base: u32,
        left: u32,
    ) -> Result<(), WireError> {
        match kind {
            Kind::Message(id) => {
                let mut inner = reader.delimited()?;
                self.message::<CHECK>(tables, id, &mut inner, base, left, None)
            }
            Kind::Group(id) => self.message::<CHECK>(tables, id, reader, base, left, Some(number)),
            _ => Ok(()),
        }
    }

    /// Checks one element, or many that are packed, and notes where it is.
    fn list<const CHECK: bool>(
        &mut self,
        tables: &Tables,
        field: &Field,
        key: Key,
        reader: &mut Reader<'a>,
        slot: usize,
        place: Place,
    ) -> Result<(), WireError> {
        let mut at = reader.at() as u32;
        if field.kind.is_packable() && key.wire_type == WireType::Delimited {
            at |= PACKED;
            let mut many = reader.delimited()?;
            if many.is_empty() {
                return Ok(());
            }
            while CHECK && !many.is_empty() {
                scalar(field.kind, &mut many)?;
            }
        } else {
            place.check_form(field.kind.wire_type(), key)?;
            match field.kind {
                Kind::Message(id) | Kind::Group(id) if CHECK => {
                    reader.check_depth(place.left)?;
                    self.passing(tables, id, place.start, |record, base| {
                        record.nested::<CHECK>(tables, field.kind, key.number, reader, base, place.left - 1)
                    })?;
                }
                Kind::Message(_) | Kind::Group(_) => reader.skip(key, MAX_DEPTH)?,
                kind => drop(scalar(kind, reader)?),
            }
        }
        self.append(slot, at);
        Ok(())
    }

    fn append(&mut self, slot: usize, at: u32) {
        let node = self.nodes.len() as u32;
        self.nodes.push(Node { at, next: 0 });
        self.slots[slot] = match self.slots[slot] {
            Value::List { head, tail } => {
                self.nodes[tail as usize].next = node;
                Value::List { head, tail: node }
            }
            _ => Value::List { head: node, tail: node },
        };
    }

    /// Reads a message of a list that was checked before, calls `use_it` with its slots, and forgets it.
    pub fn with_element<T>(
        &mut self,
        tables: &Tables,
        field: &Field,
        reader: &mut Reader<'a>,
        use_it: impl FnOnce(&mut Self, u32) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        let (Kind::Message(id) | Kind::Group(id)) = field.kind else { return Ok(None) };
        let at = reader.at();
        let used = self.passing(tables, id, at, |record, base| {
            record.nested::<false>(tables, field.kind, field.number, reader, base, MAX_DEPTH)?;
            use_it(record, base)
        });
        used.map(Some)
    }

    /// Calls `use_it` with the slots of a message of which nothing is set, and forgets it.
    pub fn with_empty<T>(
        &mut self,
        tables: &Tables,
        id: MessageId,
        use_it: impl FnOnce(&mut Self, u32) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        self.passing(tables, id, 0, use_it)
    }

    /// Gives slots to a message for the time of one call.
    fn passing<T>(
        &mut self,
        tables: &Tables,
        id: MessageId,
        at: usize,
        use_it: impl FnOnce(&mut Self, u32) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        // Slots that were free are put aside, so that what is cut off below is all that was given out since.
        let free = std::mem::take(&mut self.free);
        let marks = (self.slots.len(), self.nodes.len());
        let used = self.make_room(tables, id, at).and_then(|base| use_it(self, base));
        self.slots.truncate(marks.0);
        self.nodes.truncate(marks.1);
        self.free = free;
        used
    }
}

/// Where a field was found.
#[derive(Clone, Copy)]
struct Place {
    /// The first slot of its message.
    base: u32,
    /// Its index in its message.
    index: usize,
    /// How many levels of nesting are left.
    left: u32,
    /// Where its key starts in the body.
    start: usize,
}

impl Place {
    #[inline]
    fn check_form(self, expected: WireType, key: Key) -> Result<(), WireError> {
        if expected != key.wire_type {
            return Err(WireError::new(Fault::Form { expected, found: key.wire_type }, self.start));
        }
        Ok(())
    }
}

/// Reads a value that is no message. Numbers of more bits than their kind has lose the upper ones, as in every protobuf
/// implementation.
// The loop over fields is where an event is read: a call for each of its fields cost as much as many of them.
#[inline(always)]
pub(crate) fn scalar<'a>(kind: Kind, reader: &mut Reader<'a>) -> Result<Value<'a>, WireError> {
    let signed = |number: i32| i64::from(number).cast_unsigned();
    Ok(Value::Number(match kind {
        Kind::Text => return reader.text().map(Value::Text),
        Kind::Bytes => return reader.bytes().map(Value::Bytes),
        Kind::Message(_) | Kind::Group(_) => return Ok(Value::Absent),
        Kind::Int64 | Kind::Uint64 => reader.varint()?,
        Kind::Int32 | Kind::Enum(_) => signed(reader.varint()? as i32),
        Kind::Uint32 => u64::from(reader.varint()? as u32),
        Kind::Sint32 => signed(unzigzag(u64::from(reader.varint()? as u32)) as i32),
        Kind::Sint64 => unzigzag(reader.varint()?).cast_unsigned(),
        Kind::Bool => u64::from(reader.varint()? != 0),
        Kind::Float | Kind::Fixed32 => u64::from(reader.fixed32()?),
        Kind::Sfixed32 => signed(reader.fixed32()?.cast_signed()),
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => reader.fixed64()?,
    }))
}

/// The number that sint32 and sint64 send as 0, 1, 2, 3 for 0, -1, 1, -2.
fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
