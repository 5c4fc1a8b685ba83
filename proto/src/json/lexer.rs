//! From text to JSON's tokens, as RFC 8259 has them.

use super::error::{JsonError, NoJson};

/// How many objects and arrays may lie within each other.
pub(crate) const MAX_DEPTH: u32 = 100;

/// Reads a document from its start to its end.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// What a value is, seen by its first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Bool(bool),
    Null,
}

/// A text, where it can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// In the document, as it is.
    Plain { start: usize, end: usize },
    /// At the end of the scratch text, from this byte, since it was escaped.
    Unescaped { start: usize },
}

impl Kind {
    /// What it is to a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Null => "null",
        }
    }
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where it is, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What was read from a byte on.
    pub fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn fault(&self, fault: NoJson) -> JsonError {
        JsonError::no_json(fault, self.at)
    }

    /// Sees that nothing but space is left.
    pub fn end(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        if self.peek().is_some() { Err(self.fault(NoJson::Trailing)) } else { Ok(()) }
    }

    /// What the next value is, and where it begins. Of objects, arrays, texts and numbers nothing is read yet.
    pub fn value(&mut self) -> Result<(Kind, usize), JsonError> {
        self.skip_space();
        let at = self.at;
        let kind = match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::Text,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(b'n') => self.word("null", Kind::Null)?,
            _ => return Err(self.fault(NoJson::Expected("a value"))),
        };
        Ok((kind, at))
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, JsonError> {
        if self.text.as_bytes().get(self.at..self.at + word.len()) != Some(word.as_bytes()) {
            return Err(self.fault(NoJson::Expected("a value")));
        }
        self.at += word.len();
        Ok(kind)
    }

    /// Goes into the object or array that [`Self::value`] saw.
    pub fn open(&mut self, depth: u32) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return Err(self.fault(NoJson::Depth { limit: MAX_DEPTH }));
        }
        self.at += 1;
        Ok(())
    }

    /// Whether there is one more element in the array that was opened.
    pub fn element(&mut self, is_first: bool) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.at += 1;
                Ok(true)
            }
            _ if is_first => Ok(true),
            _ => Err(self.fault(NoJson::Expected("a comma or the end of the array"))),
        }
    }

    /// The key of the next member of the object that was opened, if there is one more. Its value comes next.
    pub fn member(&mut self, is_first: bool, scratch: &mut String) -> Result<Option<Found>, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !is_first => {
                self.at += 1;
                self.skip_space();
            }
            _ if is_first => {}
            _ => return Err(self.fault(NoJson::Expected("a comma or the end of the object"))),
        }
        if self.peek() != Some(b'"') {
            return Err(self.fault(NoJson::Expected("a key in quotes")));
        }
        let key = self.text(scratch)?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.fault(NoJson::Expected("a colon")));
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// The text that [`Self::value`] saw. Escapes are undone at the end of `scratch`.
    pub fn text(&mut self, scratch: &mut String) -> Result<Found, JsonError> {
        self.at += 1;
        let start = self.at;
        self.run();
        if self.peek() == Some(b'"') {
            let end = self.at;
            self.at += 1;
            return Ok(Found::Plain { start, end });
        }
        let unescaped = scratch.len();
        let mut run = start;
        loop {
            scratch.push_str(self.since(run));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Found::Unescaped { start: unescaped });
                }
                Some(b'\\') => scratch.push(self.escape()?),
                Some(_) => return Err(self.fault(NoJson::Control)),
                None => return Err(self.fault(NoJson::Expected("the end of a string"))),
            }
            run = self.at;
            self.run();
        }
    }

    /// Passes over what stands in a text as it is.
    fn run(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let ends = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let plain = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.fault(NoJson::Escape)),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let unit = self.unit(self.at)?;
        let (code, length) = match unit {
            0xD800..0xDC00 => {
                let low = self.unit(self.at + 6).ok().filter(|low| (0xDC00..0xE000).contains(low));
                let low = low.ok_or_else(|| self.fault(NoJson::Surrogate))?;
                (0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12)
            }
            _ => (unit, 6),
        };
        let letter = char::from_u32(code).ok_or_else(|| self.fault(NoJson::Surrogate))?;
        self.at += length;
        Ok(letter)
    }

    /// The four digits of an escape that begins at a byte.
    fn unit(&self, at: usize) -> Result<u32, JsonError> {
        let bytes = self.text.as_bytes().get(at..at + 6).unwrap_or_default();
        let [b'\\', b'u', digits @ ..] = bytes else { return Err(self.fault(NoJson::Escape)) };
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or_else(|| self.fault(NoJson::Escape))?;
            Ok(unit << 4 | digit)
        })
    }

    /// The number that [`Self::value`] saw.
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        match number_len(rest) {
            Some(length) => self.at += length,
            None => return Err(self.fault(NoJson::Number)),
        }
        Ok(self.since(start))
    }

    /// Passes over one value, whatever it is.
    pub fn skip(&mut self, depth: u32, scratch: &mut String) -> Result<(), JsonError> {
        let (kind, _) = self.value()?;
        self.skip_seen(kind, depth, scratch)
    }

    /// Passes over the value that [`Self::value`] saw.
    pub fn skip_seen(&mut self, kind: Kind, depth: u32, scratch: &mut String) -> Result<(), JsonError> {
        let kept = scratch.len();
        match kind {
            Kind::Bool(_) | Kind::Null => {}
            Kind::Number => drop(self.number()?),
            Kind::Text => drop(self.text(scratch)?),
            Kind::Array => {
                self.open(depth)?;
                let mut is_first = true;
                while self.element(is_first)? {
                    self.skip(depth + 1, scratch)?;
                    is_first = false;
                }
            }
            Kind::Object => {
                self.open(depth)?;
                let mut is_first = true;
                while self.member(is_first, scratch)?.is_some() {
                    self.skip(depth + 1, scratch)?;
                    is_first = false;
                }
            }
        }
        scratch.truncate(kept);
        Ok(())
    }
}

/// How many bytes of the start are a number of JSON; none where it is none.
pub(super) fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    // A zero stands alone.
    if whole == 0 || (whole > 1 && text.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let places = digits(at + 1);
        if places == 0 {
            return None;
        }
        at += 1 + places;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let power = digits(at);
        if power == 0 {
            return None;
        }
        at += power;
    }
    Some(at)
}
