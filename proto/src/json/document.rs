//! One document that was read: its values, in the form of their columns.

use super::types::Type;

/// What is kept of the memory at most: room for the largest of usual documents. What one huge document needed is given back.
const MAX_KEPT: usize = 4096;

/// The same for texts, in bytes.
const MAX_KEPT_BYTES: usize = 65_536;

/// The values of one document. Its memory is used for the next.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The cells of each object lie together, in the order of its columns; so do the elements of each array.
    pub(super) cells: Vec<Cell>,
    /// The elements of arrays that are not at their end.
    pub(super) open: Vec<Cell>,
    /// The entries of maps that are not at their end.
    pub(super) entries: Vec<Entry>,
    /// Texts that were escaped.
    pub(super) text: String,
    /// Bytes that were base64.
    pub(super) bytes: Vec<u8>,
    /// Decimals, which are too large for a cell.
    pub(super) wide: Vec<i128>,
    /// How many members of objects have no column.
    pub(super) unknown: u64,
    /// How many values there may still be.
    pub(super) left: usize,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    /// A signed number, a date in days, a time in microseconds.
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A decimal, by its place among them.
    Wide(u32),
    /// A text in the document.
    Plain(Span),
    /// A text that was escaped.
    Unescaped(Span),
    /// Bytes that were base64.
    Bytes(Span),
    /// An object, by its first cell.
    Struct(u32),
    /// The elements of an array, or the keys and values of a map in turn, by the first cell and their number.
    Many(Span),
}

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u32,
    pub len: u32,
}

/// An entry of a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub key: Cell,
    pub value: Cell,
    /// Which it is in its map, in the order of the document.
    pub place: u32,
}

impl Span {
    /// A document has fewer than 2^31 bytes, and so of everything fewer.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, len: end.saturating_sub(start) as u32 }
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

impl Document {
    /// Forgets the document before.
    pub(super) fn clear(&mut self, limit: usize) {
        self.cells.clear();
        self.open.clear();
        self.entries.clear();
        self.text.clear();
        self.bytes.clear();
        self.wide.clear();
        (self.unknown, self.left) = (0, limit);
    }

    /// Gives back what only a huge document needs.
    pub fn shrink(&mut self) {
        let Self { cells, open, entries, text, bytes, wide, .. } = self;
        let (texts, values) = (text.capacity().max(bytes.capacity()), cells.capacity().max(open.capacity()));
        if values.max(entries.capacity()).max(wide.capacity()) > MAX_KEPT || texts > MAX_KEPT_BYTES {
            *self = Self { unknown: self.unknown, ..Self::default() };
        }
    }

    /// How many members of objects have no column.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }
}

/// A document that was read, and the bytes that it was read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'r> {
    pub document: &'r Document,
    pub body: &'r str,
}

impl<'r> Row<'r> {
    /// A cell by its number.
    #[inline]
    pub fn cell(self, index: usize) -> Cell {
        self.document.cells.get(index).copied().unwrap_or(Cell::Null)
    }

    /// The text of a cell, if it has one.
    pub fn text(self, cell: Cell) -> Option<&'r str> {
        match cell {
            Cell::Plain(span) => self.body.get(span.range()),
            Cell::Unescaped(span) => self.document.text.get(span.range()),
            _ => None,
        }
    }

    /// The bytes of a cell, if it has some.
    pub fn bytes(self, cell: Cell) -> Option<&'r [u8]> {
        match cell {
            Cell::Bytes(span) => self.document.bytes.get(span.range()),
            _ => None,
        }
    }

    /// The decimal of a cell, if it has one.
    pub fn wide(self, cell: Cell) -> Option<i128> {
        match cell {
            Cell::Wide(index) => self.document.wide.get(index as usize).copied(),
            _ => None,
        }
    }

    /// The value at the end of a path of columns; null where an object on the way is not there.
    pub fn at(self, steps: &[usize]) -> Cell {
        let mut found = Cell::Struct(0);
        for step in steps {
            let Cell::Struct(base) = found else { return Cell::Null };
            found = self.cell(base as usize + step);
        }
        found
    }
}

/// Whether a value of this type is a whole number.
pub(crate) fn is_whole(of: &Type) -> bool {
    matches!(of, Type::Int32 | Type::Int64 | Type::Uint32 | Type::Uint64)
}
