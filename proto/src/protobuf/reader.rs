//! The wire format, read from a slice: no allocation, no copy, and no panic whatever the bytes are.

use std::fmt;

use super::error::{Fault, WireError};
use super::text::Text;

/// The longest varint, in bytes: 64 bits, seven to a byte.
const MAX_VARINT: usize = 10;

/// How a value is sent; the low three bits of a field's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum WireType {
    Varint,
    Fixed64,
    Delimited,
    GroupStart,
    GroupEnd,
    Fixed32,
}

impl fmt::Display for WireType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Varint => "a varint",
            Self::Fixed64 => "8 bytes",
            Self::Delimited => "bytes with a length",
            Self::GroupStart => "the start of a group",
            Self::GroupEnd => "the end of a group",
            Self::Fixed32 => "4 bytes",
        })
    }
}

/// What stands before each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The field's number, 1 to 2^29 - 1.
    pub number: u32,
    pub wire_type: WireType,
}

/// A place in the bytes of a message, and the end of what may be read from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Where the rest ends, in bytes from the start of the whole body.
    end: usize,
}

impl<'a> Reader<'a> {
    /// Reads a body from its start.
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, end: body.len() }
    }

    /// Reads a body from a place within it; nothing where it is too short for that.
    pub fn from(body: &'a [u8], at: usize) -> Self {
        Self { rest: body.get(at..).unwrap_or_default(), end: body.len() }
    }

    /// How far into the body it is, in bytes.
    #[inline]
    pub fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A number of up to 64 bits. Zeros at its end are fine, a 65th bit is not.
    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*low & 0x7F) | u64::from(*high) << 7)
            }
            _ => {
                let (value, rest) = self.long_varint()?;
                self.rest = rest;
                Ok(value)
            }
        }
    }

    /// The number, and what comes after it. It takes no reference, for that would keep the reader out of the registers.
    fn long_varint(self) -> Result<(u64, &'a [u8]), WireError> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(MAX_VARINT).enumerate() {
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte < 0x80 {
                if index == MAX_VARINT - 1 && byte > 1 {
                    break;
                }
                return Ok((value, self.rest.get(index + 1..).unwrap_or_default()));
            }
        }
        let fault = if self.rest.len() < MAX_VARINT { Fault::CutOffNumber } else { Fault::LongNumber };
        Err(WireError::new(fault, self.at()))
    }

    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else { return Err(self.cut_off(N as u64)) };
        self.rest = rest;
        Ok(*bytes)
    }

    /// Bytes with their length before them.
    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.varint()?;
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let Some((bytes, rest)) = split else { return Err(self.cut_off(length)) };
        self.rest = rest;
        Ok(bytes)
    }

    /// Text with its length before it.
    #[inline(always)]
    pub fn text(&mut self) -> Result<Text<'a>, WireError> {
        let bytes = self.bytes()?;
        Text::check(bytes).map_err(|valid| WireError::new(Fault::Text, self.at() - bytes.len() + valid))
    }

    /// A reader of just the bytes whose length stands before them.
    #[inline]
    pub fn delimited(&mut self) -> Result<Self, WireError> {
        let rest = self.bytes()?;
        Ok(Self { rest, end: self.at() })
    }

    /// The key of the next value.
    #[inline]
    pub fn key(&mut self) -> Result<Key, WireError> {
        let start = self.at();
        let key = self.varint()?;
        Key::new(key, start)
    }

    #[cold]
    fn cut_off(self, needed: u64) -> WireError {
        let missing = needed.saturating_sub(self.rest.len() as u64);
        WireError::new(Fault::CutOff { missing }, self.at())
    }
}

impl Key {
    /// The key that is sent as this number, which stands at a place of the body.
    pub fn new(key: u64, start: usize) -> Result<Self, WireError> {
        let wire_type = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Delimited,
            3 => WireType::GroupStart,
            4 => WireType::GroupEnd,
            5 => WireType::Fixed32,
            other => return Err(WireError::new(Fault::WireType { wire_type: other as u8 }, start)),
        };
        match u32::try_from(key >> 3) {
            Ok(number) if number != 0 && key <= u64::from(u32::MAX) => Ok(Key { number, wire_type }),
            _ => Err(WireError::new(Fault::Key { key }, start)),
        }
    }

    /// The number that it is sent as.
    pub fn sent(self) -> u32 {
        let wire_type = match self.wire_type {
            WireType::Varint => 0,
            WireType::Fixed64 => 1,
            WireType::Delimited => 2,
            WireType::GroupStart => 3,
            WireType::GroupEnd => 4,
            WireType::Fixed32 => 5,
        };
        self.number << 3 | wire_type
    }
}
