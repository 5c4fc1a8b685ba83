//! What a document holds beyond its columns.

use super::error::JsonError;
use super::lexer::{Found, Kind, Lexer};
use super::read::Part;
use super::types::{Struct, Type};
use crate::protobuf::push_text;

/// Appends the members that have no column, within the objects and arrays that hold them: what is appended is a document of the same form with
/// nothing else in it, which columns that are declared later read. It is never longer than the document.
///
/// # Errors
///
/// None for a document that was read.
pub(crate) fn push_unknown(columns: &Struct, part: Part, body: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut copy = Copy { lexer: Lexer::new(body), scratch: String::new(), out };
    copy.lexer.value()?;
    copy.object(columns, part, 0).map(drop)
}

struct Copy<'c> {
    lexer: Lexer<'c>,
    scratch: String,
    out: &'c mut Vec<u8>,
}

impl Copy<'_> {
    /// Copies what is unknown of the object that was seen; whether there is something.
    fn object(&mut self, columns: &Struct, part: Part, depth: u32) -> Result<bool, JsonError> {
        self.many((b'{', b'}'), depth, |copy, key| match columns.find(key, 0) {
            Some(index) => {
                let of = &columns.columns[index].of;
                match part {
                    Part::OneOf { index: one, .. } if one == index => copy.one(of, depth + 1),
                    _ => copy.value(of, depth + 1),
                }
            }
            None => copy.all(depth + 1),
        })
    }

    fn all(&mut self, depth: u32) -> Result<bool, JsonError> {
        let (kind, start) = self.lexer.value()?;
        self.lexer.skip_seen(kind, depth, &mut self.scratch)?;
        self.out.extend_from_slice(self.lexer.since(start).as_bytes());
        Ok(true)
    }

    fn one(&mut self, of: &Type, depth: u32) -> Result<bool, JsonError> {
        match self.lexer.value()? {
            (Kind::Array, _) => self.many((b'[', b']'), depth, |copy, _| copy.value(of, depth + 1)),
            (kind, _) => self.lexer.skip_seen(kind, depth, &mut self.scratch).map(|()| false),
        }
    }

    fn value(&mut self, of: &Type, depth: u32) -> Result<bool, JsonError> {
        match (of, self.lexer.value()?) {
            (Type::Struct(columns), (Kind::Object, _)) => self.object(columns, Part::Whole, depth),
            (Type::List(element), (Kind::Array, _)) => {
                self.many((b'[', b']'), depth, |copy, _| copy.value(&element.of, depth + 1))
            }
            (Type::Map(element), (Kind::Object, _)) => {
                self.many((b'{', b'}'), depth, |copy, _| copy.value(&element.of, depth + 1))
            }
            (_, (kind, _)) => self.lexer.skip_seen(kind, depth, &mut self.scratch).map(|()| false),
        }
    }

    /// Copies those of the members or elements in which something is unknown, with their keys.
    fn many(
        &mut self,
        brackets: (u8, u8),
        depth: u32,
        mut copy: impl FnMut(&mut Self, &str) -> Result<bool, JsonError>,
    ) -> Result<bool, JsonError> {
        let start = self.out.len();
        self.lexer.open(depth)?;
        let (mut is_first, mut some) = (true, false);
        loop {
            let mut key = String::new();
            let is_object = brackets.0 == b'{';
            if is_object {
                match self.lexer.member(is_first, &mut key)? {
                    Some(Found::Plain { start, end }) => {
                        key.push_str(self.lexer.since(0).get(start..end).unwrap_or_default());
                    }
                    Some(Found::Unescaped { .. }) => {}
                    None => break,
                }
            } else if !self.lexer.element(is_first)? {
                break;
            }
            is_first = false;
            let mark = self.out.len();
            self.out.push(if some { b',' } else { brackets.0 });
            if is_object {
                push_text(self.out, key.as_bytes());
                self.out.push(b':');
            }
            if copy(self, &key)? {
                some = true;
            } else {
                self.out.truncate(mark);
            }
        }
        if some {
            self.out.push(brackets.1);
        } else {
            self.out.truncate(start);
        }
        Ok(some)
    }
}
