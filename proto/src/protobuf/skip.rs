//! Passing over values that the schema does not know.

use super::error::{Fault, WireError};
use super::reader::{Key, Reader, WireType};

/// How many messages and groups may be within each other. prost has the same limit.
pub(crate) const MAX_DEPTH: u32 = 100;

impl Reader<'_> {
    /// Passes over the value of a key that was just read, in a message that is in no other.
    pub fn pass(&mut self, key: Key) -> Result<(), WireError> {
        self.skip(key, MAX_DEPTH)
    }

    /// Passes over the value of a key that was just read. `left` is how many levels of nesting are left, and with none even
    /// a number is refused, as prost does it.
    pub fn skip(&mut self, key: Key, left: u32) -> Result<(), WireError> {
        self.check_depth(left)?;
        match key.wire_type {
            WireType::GroupStart => self.skip_group(key.number, left),
            _ => self.skip_value(key.wire_type),
        }
    }

    /// Refuses to go deeper with no level of nesting left.
    pub fn check_depth(&self, left: u32) -> Result<(), WireError> {
        if left == 0 {
            return Err(WireError::new(Fault::Depth { limit: MAX_DEPTH }, self.at()));
        }
        Ok(())
    }

    fn skip_value(&mut self, wire_type: WireType) -> Result<(), WireError> {
        match wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Delimited => self.bytes().map(drop),
            WireType::GroupStart | WireType::GroupEnd => Err(WireError::new(Fault::GroupEnd, self.at())),
        }
    }

    /// Passes over a group to its end, with a stack of numbers in the place of recursion.
    #[cold]
    fn skip_group(&mut self, number: u32, left: u32) -> Result<(), WireError> {
        let mut open = [0; MAX_DEPTH as usize];
        let mut depth = 0;
        let mut innermost = number;
        loop {
            let at = self.at();
            let key = self.key()?;
            match key.wire_type {
                WireType::GroupEnd if key.number != innermost => return Err(WireError::new(Fault::GroupEnd, at)),
                WireType::GroupEnd if depth == 0 => return Ok(()),
                WireType::GroupEnd => {
                    depth -= 1;
                    innermost = open[depth];
                }
                _ => {
                    // A group that was opened takes a level, and so does what is in it.
                    self.check_depth(left.saturating_sub(depth as u32 + 1))?;
                    if key.wire_type == WireType::GroupStart {
                        open[depth] = innermost;
                        depth += 1;
                        innermost = key.number;
                    } else {
                        self.skip_value(key.wire_type)?;
                    }
                }
            }
        }
    }
}
