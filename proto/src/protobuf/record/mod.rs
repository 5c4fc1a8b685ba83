//! A message that was read once: its values by field, pointing into its bytes.
//!
//! Each message has a row of slots, one to a field and two to a oneof, and a later value takes the place of an earlier one
//! as the wire format has it. What a list holds is checked, but not kept: only where each element stands.
//!
//! So a record is bounded by the body: 8 bytes for each element of a list, and slots for the messages that are not in lists;
//! those of a message that another of its oneof has replaced are used again, and a body that needs a million is refused. Nothing is allocated once the vectors have
//! grown to what the events need.

mod decode;
mod map;
mod seconds;
mod shelf;
mod slots;

use super::reader::Reader;
use super::skip::MAX_DEPTH;
use super::table::{Field, MessageId, Tables};
use super::{Text, WireError, error::Fault};
pub(crate) use decode::scalar;
use map::Entry;
pub(crate) use shelf::Shelf;

/// Bodies are pointed into with 31 bits.
const MAX_BODY: usize = 1 << 31;

/// Set in a list's node that points to many values together.
const PACKED: u32 = 1 << 31;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Absent,
    /// A number of any kind: sign-extended to 64 bits, or a floating point number's bits. Every kind's default is 0.
    Number(u64),
    Text(Text<'a>),
    Bytes(&'a [u8]),
    /// A message, by the first of its slots.
    Message {
        base: u32,
        id: MessageId,
    },
    /// The first and the last node of a repeated field or a map.
    List {
        head: u32,
        tail: u32,
    },
}

/// One element of a list, or many that were sent together.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Where it starts in the body, behind its key.
    at: u32,
    /// The next node; 0 for none, since no list has the first node as its second.
    next: u32,
}

/// A place in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// Stands before the element, or before the length of many.
    pub reader: Reader<'a>,
    pub packed: bool,
    /// Where it starts in the body.
    pub at: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    body: &'a [u8],
    slots: Vec<Value<'a>>,
    /// Of some message types, the first of slots that are not in use. Its value is the first of the next such.
    free: Vec<(MessageId, u32)>,
    nodes: Vec<Node>,
    /// The entries of the maps that are being written.
    entries: Vec<Entry<'a>>,
    /// How many fields were passed over.
    unknown: u64,
}

impl<'a> Record<'a> {
    /// Reads a whole body, whose own slots come first.
    ///
    /// # Errors
    ///
    /// The body is no message of this type.
    pub fn read(&mut self, tables: &Tables, id: MessageId, body: &'a [u8]) -> Result<(), WireError> {
        self.body = body;
        self.slots.clear();
        self.free.clear();
        self.nodes.clear();
        self.entries.clear();
        self.unknown = 0;
        if body.len() >= MAX_BODY {
            return Err(WireError::new(Fault::Size { bytes: body.len() }, 0));
        }
        self.make_room(tables, id, 0)?;
        self.message::<true>(tables, id, &mut Reader::new(body), 0, MAX_DEPTH, None)
    }

    /// A value of the message whose slots start at `base`.
    #[inline]
    pub fn value(&self, base: u32, slot: u32) -> Value<'a> {
        self.slots[(base + slot) as usize]
    }

    /// Whether a field has a value that is to be shown, by the rules of its presence.
    #[inline]
    pub fn shown(&self, base: u32, index: usize, field: &Field) -> Value<'a> {
        use super::table::Cardinality::{Explicit, Implicit, Map, Oneof, Repeated};
        let value = self.value(base, field.slot);
        match field.cardinality {
            Explicit | Map | Repeated => value,
            Implicit => value.unless_default(),
            Oneof { which } => match self.value(base, which) {
                Value::Number(chosen) if chosen == index as u64 + 1 => value,
                _ => Value::Absent,
            },
        }
    }

    /// How many fields the body has that the schema does not know, at any depth. Those within them are not counted.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// The first element of a list.
    pub fn first(&self, list: Value<'_>) -> Option<(Element<'a>, u32)> {
        match list {
            Value::List { head, .. } => Some(self.element(head)),
            _ => None,
        }
    }

    /// The element behind another, by what that one said.
    pub fn next(&self, next: u32) -> Option<(Element<'a>, u32)> {
        (next != 0).then(|| self.element(next))
    }

    /// How many slots and list nodes there are.
    #[cfg(test)]
    pub fn sizes(&self) -> (usize, usize) {
        (self.slots.len(), self.nodes.len())
    }

    fn element(&self, node: u32) -> (Element<'a>, u32) {
        let Node { at, next } = self.nodes[node as usize];
        let start = (at & !PACKED) as usize;
        (Element { reader: Reader::from(self.body, start), packed: at & PACKED != 0, at: start }, next)
    }
}

impl<'a> Value<'a> {
    /// The number; 0 where there is none.
    #[inline]
    pub fn number(self) -> u64 {
        match self {
            Value::Number(number) => number,
            _ => 0,
        }
    }

    /// The text; empty where there is none.
    #[inline]
    pub fn text(self) -> Text<'a> {
        match self {
            Value::Text(text) => text,
            _ => Text::EMPTY,
        }
    }

    /// The first slot of a message, where there is one.
    #[inline]
    pub fn message(self) -> Option<u32> {
        match self {
            Value::Message { base, .. } => Some(base),
            _ => None,
        }
    }

    #[inline]
    fn unless_default(self) -> Self {
        match self {
            Value::Number(0) | Value::Bytes([]) => Value::Absent,
            Value::Text(text) if text.is_empty() => Value::Absent,
            other => other,
        }
    }
}
