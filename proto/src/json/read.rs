//! From bytes to cells, in one pass, with all that is to be checked.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::document::{Cell, Document, Entry, Span};
use super::error::{Fault, JsonError, NoJson, Step};
use super::lexer::{Found, Kind, Lexer, number_len};
use super::number::{Scaled, scaled};
use super::time::{self, NoTime};
use super::types::{Element, Struct, Type};
use crate::table::TimeUnit;

/// The most values of one document: a cell takes 16 bytes, an entry of a map 40 until it is sorted, and a value in a column 8.
const MAX_VALUES: usize = 1 << 20;

/// The longest document. Places in it are 32 bits.
const MAX_BYTES: usize = i32::MAX as usize;

const STANDARD_BASE64: GeneralPurpose = base64_of(&STANDARD);
const URL_SAFE_BASE64: GeneralPurpose = base64_of(&URL_SAFE);

const fn base64_of(alphabet: &Alphabet) -> GeneralPurpose {
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, padding)
}

/// Which part of a row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// All of it; the column of this number is an array of one element or none.
    OneOf {
        index: usize,
        /// Whether the element may not be null.
        is_required: bool,
    },
    /// What stands around the column of this number.
    Around {
        index: usize,
        /// Whether there must be an array.
        is_required: bool,
    },
}

impl Document {
    /// Reads a whole body into the cells of the columns; gives it back as the text that it is.
    ///
    /// # Errors
    ///
    /// The body is no JSON object, or one that can't be a row.
    pub fn read<'a>(&mut self, columns: &Struct, part: Part, body: &'a [u8]) -> Result<&'a str, JsonError> {
        self.clear(MAX_VALUES);
        if body.len() > MAX_BYTES {
            return Err(JsonError::no_json(NoJson::Size { bytes: body.len() }, 0));
        }
        let text = std::str::from_utf8(body).map_err(|error| JsonError::no_json(NoJson::Utf8, error.valid_up_to()))?;
        let mut lexer = Lexer::new(text);
        let (kind, at) = lexer.value()?;
        if kind != Kind::Object {
            lexer.skip_seen(kind, 0, &mut self.text)?;
            lexer.end()?;
            return Err(form("an object", kind, at));
        }
        self.object(columns, part, &mut lexer, 0)?;
        lexer.end()?;
        Ok(text)
    }

    /// Reads the object that the lexer saw; its first cell.
    fn object(&mut self, columns: &Struct, part: Part, lexer: &mut Lexer<'_>, depth: u32) -> Result<u32, JsonError> {
        let at = lexer.at();
        self.take(columns.columns.len(), at)?;
        let base = self.cells.len();
        self.cells.resize(base + columns.columns.len(), Cell::Null);
        lexer.open(depth)?;
        let (mut expected, mut is_first) = (0, true);
        let mut null_at = None;
        loop {
            let kept = self.text.len();
            let Some(key) = lexer.member(is_first, &mut self.text)? else { break };
            let index = columns.find(found(key, lexer, &self.text), expected);
            self.text.truncate(kept);
            is_first = false;
            let Some(index) = index else {
                self.unknown += 1;
                lexer.skip(depth + 1, &mut self.text)?;
                continue;
            };
            let column = &columns.columns[index];
            let value_at = lexer.at();
            let value = match part {
                Part::OneOf { index: one, is_required } if one == index => {
                    self.one(&column.of, is_required, lexer, depth + 1)
                }
                Part::Around { index: one, .. } if one == index => self.around(lexer, depth + 1),
                _ => self.value(&column.of, lexer, depth + 1),
            };
            let value = value.map_err(|error| error.within(Step::Key(column.key.clone())))?;
            let is_around = matches!(part, Part::Around { index: one, .. } if one == index);
            if value == Cell::Null && (column.required || is_around) {
                null_at = Some((index, value_at));
            }
            self.cells[base + index] = value;
            expected = index + 1;
        }
        let around = match part {
            Part::Around { index, is_required } => Some((index, is_required)),
            _ => None,
        };
        let required =
            columns.required.iter().copied().filter(|index| around.is_none_or(|(around, _)| around != *index));
        for index in required.chain(around.filter(|(_, is_required)| *is_required).map(|(index, _)| index)) {
            if self.cells[base + index] == Cell::Null {
                let (fault, at) = match null_at {
                    Some((null, at)) if null == index => (Fault::Null, at),
                    _ => (Fault::Missing, at),
                };
                return Err(JsonError::new(fault, at).within(Step::Key(columns.columns[index].key.clone())));
            }
        }
        Ok(base as u32)
    }

    /// Passes over the array around whose elements a document is read: null where there is none.
    fn around(&mut self, lexer: &mut Lexer<'_>, depth: u32) -> Result<Cell, JsonError> {
        let (kind, _) = lexer.value()?;
        lexer.skip_seen(kind, depth, &mut self.text)?;
        Ok(if kind == Kind::Null { Cell::Null } else { Cell::Bool(true) })
    }

    /// Reads an array of one element or none.
    fn one(&mut self, of: &Type, is_required: bool, lexer: &mut Lexer<'_>, depth: u32) -> Result<Cell, JsonError> {
        let (kind, at) = lexer.value()?;
        let fault = || form("an array of one element", kind, at);
        if kind != Kind::Array {
            lexer.skip_seen(kind, depth, &mut self.text)?;
            return if kind == Kind::Null { Ok(Cell::Null) } else { Err(fault()) };
        }
        lexer.open(depth)?;
        if !lexer.element(true)? {
            return Ok(Cell::Null);
        }
        let element_at = lexer.at();
        let value = self.value(of, lexer, depth + 1).map_err(|error| error.within(Step::Element(0)))?;
        if value == Cell::Null && is_required {
            return Err(JsonError::new(Fault::Null, element_at).within(Step::Element(0)));
        }
        if lexer.element(false)? { Err(fault()) } else { Ok(value) }
    }

    /// Reads a value into the form of its column.
    fn value(&mut self, of: &Type, lexer: &mut Lexer<'_>, depth: u32) -> Result<Cell, JsonError> {
        let (kind, at) = lexer.value()?;
        match (of, kind) {
            (Type::Json, kind) => {
                lexer.skip_seen(kind, depth, &mut self.text)?;
                Ok(if kind == Kind::Null { Cell::Null } else { Cell::Plain(Span::new(at, lexer.at())) })
            }
            (_, Kind::Null) => Ok(Cell::Null),
            (Type::Bool, Kind::Bool(value)) => Ok(Cell::Bool(value)),
            (Type::Text, Kind::Text) => Ok(match lexer.text(&mut self.text)? {
                Found::Plain { start, end } => Cell::Plain(Span::new(start, end)),
                Found::Unescaped { start } => Cell::Unescaped(Span::new(start, self.text.len())),
            }),
            (Type::Struct(columns), Kind::Object) => self.object(columns, Part::Whole, lexer, depth).map(Cell::Struct),
            (Type::List(element), Kind::Array) => self.array(element, lexer, depth),
            (Type::Map(element), Kind::Object) => self.map(element, lexer, depth),
            (_, Kind::Number) if is_number(of) => {
                let number = lexer.number()?;
                self.number(of, number).map_err(|fault| JsonError::new(fault, at))
            }
            (_, Kind::Text) if is_number(of) || matches!(of, Type::Bytes | Type::Date | Type::Timestamp(None)) => {
                let kept = self.text.len();
                let found = lexer.text(&mut self.text)?;
                // What is made of it is no text, so that its memory can be put aside for a moment.
                let unescaped = std::mem::take(&mut self.text);
                let cell = self.said(of, self::found(found, lexer, &unescaped));
                self.text = unescaped;
                self.text.truncate(kept);
                cell.map_err(|fault| JsonError::new(fault, at))
            }
            (_, kind) => {
                // What is no JSON at all is told first.
                lexer.skip_seen(kind, depth, &mut self.text)?;
                Err(form(of.expected(), kind, at))
            }
        }
    }

    fn number(&mut self, of: &Type, number: &str) -> Result<Cell, Fault> {
        let expected = of.expected();
        let range = Fault::Range { expected };
        let whole = || {
            let scaled = scaled(number, 0).ok_or(range)?;
            if scaled.exact { scaled.signed().ok_or(range) } else { Err(Fault::Fraction { expected }) }
        };
        match of {
            Type::Int32 => i32::try_from(whole()?).map(|number| Cell::Int(number.into())).map_err(|_| range),
            Type::Int64 => i64::try_from(whole()?).map(Cell::Int).map_err(|_| range),
            Type::Uint32 => u32::try_from(whole()?).map(|number| Cell::Uint(number.into())).map_err(|_| range),
            Type::Uint64 => u64::try_from(whole()?).map(Cell::Uint).map_err(|_| range),
            Type::Float32 => match number.parse::<f32>() {
                Ok(number) if number.is_finite() => Ok(Cell::Float(number.into())),
                _ => Err(range),
            },
            Type::Decimal { precision, scale } => {
                let scaled = scaled(number, *scale).ok_or(range)?;
                if !scaled.exact {
                    return Err(Fault::Fraction { expected });
                }
                let wide = scaled.signed().ok_or(range)?;
                let limit = 10_u128.checked_pow((*precision).into()).unwrap_or(u128::MAX);
                if wide.unsigned_abs() >= limit {
                    return Err(range);
                }
                self.wide.push(wide);
                Ok(Cell::Wide(self.wide.len() as u32 - 1))
            }
            Type::Timestamp(Some(unit)) => {
                let places = match unit {
                    TimeUnit::Seconds => 6,
                    TimeUnit::Millis => 3,
                    TimeUnit::Micros | TimeUnit::Nanos => 0,
                };
                let micros = scaled(number, places).and_then(Scaled::floor);
                let thousands = if *unit == TimeUnit::Nanos { 1000 } else { 1 };
                let micros = micros.and_then(|micros| time::in_years(micros.div_euclid(thousands)));
                micros.map(Cell::Int).ok_or(Fault::Time)
            }
            _ => match number.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Cell::Float(number)),
                _ => Err(range),
            },
        }
    }

    /// What a text stands for.
    fn said(&mut self, of: &Type, text: &str) -> Result<Cell, Fault> {
        let other = Fault::Text { expected: of.expected() };
        match of {
            Type::Date => time::date(text).map(|days| Cell::Int(days.into())).ok_or(other),
            Type::Timestamp(None) => match time::timestamp(text) {
                Ok(micros) => time::in_years(micros.into()).map(Cell::Int).ok_or(Fault::Time),
                Err(NoTime::Zone) => Err(Fault::Zone),
                Err(NoTime::Other) => Err(other),
            },
            Type::Bytes => {
                let engine = if text.contains(['-', '_']) { &URL_SAFE_BASE64 } else { &STANDARD_BASE64 };
                let start = self.bytes.len();
                engine.decode_vec(text, &mut self.bytes).map_err(|_| other)?;
                Ok(Cell::Bytes(Span::new(start, self.bytes.len())))
            }
            _ if number_len(text.as_bytes()) == Some(text.len()) => self.number(of, text),
            Type::Float32 | Type::Float64 => match text {
                "NaN" => Ok(Cell::Float(f64::NAN)),
                "Infinity" => Ok(Cell::Float(f64::INFINITY)),
                "-Infinity" => Ok(Cell::Float(f64::NEG_INFINITY)),
                _ => Err(other),
            },
            _ => Err(other),
        }
    }

    fn array(&mut self, element: &Element, lexer: &mut Lexer<'_>, depth: u32) -> Result<Cell, JsonError> {
        lexer.open(depth)?;
        let (mark, mut index) = (self.open.len(), 0);
        while lexer.element(index == 0)? {
            let value = self.element(element, lexer, depth + 1).map_err(|error| error.within(Step::Element(index)))?;
            self.open.push(value);
            index += 1;
        }
        let first = self.cells.len();
        self.cells.extend(self.open.drain(mark..));
        Ok(Cell::Many(Span::new(first, self.cells.len())))
    }

    /// Reads the entries of a map: in the order of their keys, and of those with the same key the last.
    fn map(&mut self, element: &Element, lexer: &mut Lexer<'_>, depth: u32) -> Result<Cell, JsonError> {
        lexer.open(depth)?;
        let (mark, mut place) = (self.entries.len(), 0);
        while let Some(key) = lexer.member(place == 0, &mut self.text)? {
            let key = match key {
                Found::Plain { start, end } => Cell::Plain(Span::new(start, end)),
                Found::Unescaped { start } => Cell::Unescaped(Span::new(start, self.text.len())),
            };
            self.take(1, lexer.at())?;
            let value = self.element(element, lexer, depth + 1).map_err(|error| error.within(Step::Entry))?;
            self.entries.push(Entry { key, value, place });
            place += 1;
        }
        self.sort_entries(mark, lexer);
        Ok(self.close_map(mark, lexer))
    }

    fn sort_entries(&mut self, mark: usize, lexer: &Lexer<'_>) {
        let (text, body) = (&self.text, lexer.since(0));
        let key = |entry: &Entry| key_of(entry, text, body);
        let added = self.entries.get_mut(mark..).unwrap_or_default();
        added.sort_unstable_by(|one, other| key(one).cmp(key(other)).then(one.place.cmp(&other.place)));
    }

    fn close_map(&mut self, mark: usize, lexer: &Lexer<'_>) -> Cell {
        let (text, body, first) = (&self.text, lexer.since(0), self.cells.len());
        let mut entries = self.entries.get(mark..).unwrap_or_default().iter().peekable();
        while let Some(entry) = entries.next() {
            let is_last = entries.peek().is_none_or(|next| key_of(next, text, body) != key_of(entry, text, body));
            if is_last {
                self.cells.extend([entry.key, entry.value]);
            }
        }
        self.entries.truncate(mark);
        Cell::Many(Span::new(first, self.cells.len()))
    }

    fn element(&mut self, element: &Element, lexer: &mut Lexer<'_>, depth: u32) -> Result<Cell, JsonError> {
        let at = lexer.at();
        self.take(element.width, at)?;
        match self.value(&element.of, lexer, depth)? {
            Cell::Null if element.required => Err(JsonError::new(Fault::Null, at)),
            value => Ok(value),
        }
    }

    fn take(&mut self, values: usize, at: usize) -> Result<(), JsonError> {
        let left = self.left.checked_sub(values);
        self.left = left.ok_or_else(|| JsonError::new(Fault::Values { limit: MAX_VALUES }, at))?;
        Ok(())
    }
}

fn key_of<'t>(entry: &Entry, text: &'t str, body: &'t str) -> &'t str {
    let found = match entry.key {
        Cell::Plain(span) => body.get(span.range()),
        Cell::Unescaped(span) => text.get(span.range()),
        _ => None,
    };
    found.unwrap_or_default()
}

fn is_number(of: &Type) -> bool {
    matches!(
        of,
        Type::Int32
            | Type::Int64
            | Type::Uint32
            | Type::Uint64
            | Type::Float32
            | Type::Float64
            | Type::Decimal { .. }
            | Type::Timestamp(Some(_))
    )
}

fn found<'t>(found: Found, lexer: &Lexer<'t>, unescaped: &'t str) -> &'t str {
    match found {
        Found::Plain { start, end } => lexer.since(0).get(start..end).unwrap_or_default(),
        Found::Unescaped { start } => unescaped.get(start..).unwrap_or_default(),
    }
}

fn form(expected: &'static str, found: Kind, at: usize) -> JsonError {
    JsonError::new(Fault::Form { expected, found: found.name() }, at)
}
