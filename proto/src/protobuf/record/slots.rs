//! Who has which slots.

use super::{Record, Value};
use crate::protobuf::error::{Fault, WireError};
use crate::protobuf::table::{MessageId, Tables};

/// How many slots a body may take: 24 MiB of them. A message takes a slot for each field that its type has, and two bytes can be a
/// message: a body of 1 MB could take 1 GB where a type with many fields holds itself in single fields. Those that are in lists
/// take theirs for a moment only, so no schema that ends comes near.
pub(super) const MAX_SLOTS: usize = 1 << 20;

/// The last of the slots that are not in use.
const NONE: u64 = u64::MAX;

impl Record<'_> {
    /// Gives empty slots to a message that stands at a place of the body; the first of them.
    #[inline]
    pub(super) fn make_room(&mut self, tables: &Tables, id: MessageId, at: usize) -> Result<u32, WireError> {
        let count = tables.message(id).slots as usize;
        if let Some(base) = self.reuse(id, count) {
            return Ok(base);
        }
        let base = self.slots.len();
        if base + count > MAX_SLOTS {
            return Err(WireError::new(Fault::Slots { limit: MAX_SLOTS }, at));
        }
        self.slots.resize(base + count, Value::Absent);
        Ok(base as u32)
    }

    fn reuse(&mut self, id: MessageId, count: usize) -> Option<u32> {
        let at = self.free.iter().position(|(other, _)| *other == id)?;
        let base = self.free[at].1;
        match u32::try_from(self.slots[base as usize].number()) {
            Ok(next) => self.free[at].1 = next,
            Err(_) => drop(self.free.swap_remove(at)),
        }
        self.slots[base as usize..][..count].fill(Value::Absent);
        Some(base)
    }

    /// Takes the slots back from a message that another of its oneof has replaced, and from those within it.
    pub(super) fn forget(&mut self, tables: &Tables, value: Value<'_>) {
        let Value::Message { base, id } = value else { return };
        let count = tables.message(id).slots;
        for slot in base..base + count {
            let inner = self.slots[slot as usize];
            self.forget(tables, inner);
        }
        if count == 0 {
            return;
        }
        let known = self.free.iter_mut().find(|(other, _)| *other == id);
        let next = known.as_ref().map_or(NONE, |(_, first)| u64::from(*first));
        match known {
            Some((_, first)) => *first = base,
            None => self.free.push((id, base)),
        }
        self.slots[base as usize] = Value::Number(next);
    }
}
