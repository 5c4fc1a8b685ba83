//! What is wrong with bytes that are no message.

use std::fmt;

use super::reader::WireType;

/// How many names of a path are shown; a message may be nested a hundred levels deep.
const MAX_SHOWN: usize = 8;

/// Why bytes are not a message of their schema: what is wrong, in which field, and at which byte.
///
/// The text is for a person. It never repeats what the message holds.
#[derive(Clone, PartialEq, Eq)]
pub struct WireError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    fault: Fault,
    at: usize,
    /// The field and those that hold it, from the inside out.
    path: Vec<Box<str>>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes end before the value does.
    CutOff { missing: u64 },
    /// The bytes end within a varint.
    CutOffNumber,
    /// A varint of more than 64 bits.
    LongNumber,
    /// A varint in the place of a field's key that can be none.
    Key { key: u64 },
    /// A wire type that does not exist.
    WireType { wire_type: u8 },
    /// A field in another form than its type has.
    Form { expected: WireType, found: WireType },
    /// Text that is not UTF-8.
    Text,
    /// The end of a group that is not open.
    GroupEnd,
    /// Messages or groups within each other beyond the limit.
    Depth { limit: u32 },
    /// More bytes than a record can point into.
    Size { bytes: usize },
    /// Messages that are not in lists, with more fields than are kept.
    Slots { limit: usize },
}

impl WireError {
    #[cold]
    pub(crate) fn new(fault: Fault, at: usize) -> Self {
        Self(Box::new(Inner { fault, at, path: Vec::new() }))
    }

    /// Text that is more than a column can hold.
    #[cold]
    pub(crate) fn too_large(bytes: usize) -> Self {
        Self::new(Fault::Size { bytes }, 0)
    }

    /// The same, found within a field.
    #[cold]
    pub(crate) fn within(mut self, field: &str) -> Self {
        self.0.path.push(field.into());
        self
    }

    /// Where in the body it is, in bytes from its start.
    #[must_use]
    pub fn at(&self) -> usize {
        self.0.at
    }

    #[cfg(test)]
    pub(crate) fn fault(&self) -> Fault {
        self.0.fault
    }

    fn write_path(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.0.path;
        let Some((innermost, outer)) = path.split_first() else { return f.write_str("the message") };
        for field in outer.iter().rev().take(MAX_SHOWN - 1) {
            write!(f, "{field}.")?;
        }
        if path.len() > MAX_SHOWN {
            f.write_str("…")?;
        }
        f.write_str(innermost)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_path(f)?;
        write!(f, " {} (at byte {})", self.0.fault, self.0.at)
    }
}

impl fmt::Debug for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { fault, at, path } = &*self.0;
        f.debug_struct("WireError").field("fault", fault).field("at", at).field("path", path).finish()
    }
}

impl std::error::Error for WireError {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { missing } => write!(f, "is cut off: {missing} more bytes are announced than there are"),
            Self::CutOffNumber => f.write_str("is cut off within a number"),
            Self::LongNumber => f.write_str("holds a number of more than 64 bits"),
            Self::Key { key } => write!(f, "holds a field with the key {key}, which protobuf does not have"),
            Self::WireType { wire_type } => write!(f, "holds wire type {wire_type}, which protobuf does not have"),
            Self::Form { expected, found } => write!(f, "is sent as {found}, but its type is sent as {expected}"),
            Self::Text => f.write_str("is not UTF-8 text"),
            Self::GroupEnd => f.write_str("ends a group that is not open"),
            Self::Depth { limit } => write!(f, "is nested more than {limit} levels deep"),
            Self::Size { bytes } => write!(f, "is too large: {bytes} bytes"),
            Self::Slots { limit } => {
                write!(f, "holds too many messages within each other: all their fields together are more than {limit}")
            }
        }
    }
}
