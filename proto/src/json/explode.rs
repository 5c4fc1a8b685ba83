//! A document that holds a batch, taken apart.

use super::error::{Fault, JsonError};
use super::lexer::{Found, Kind, Lexer};
use crate::protobuf::push_text;

/// Cuts a document that was read into what stands around the elements of the array with this key, as the start of a document, and the
/// elements. Put behind one another, with [`END`] at the end, they are a document with one element. Of members with the same key the last counts.
///
/// # Errors
///
/// The value with this key is no array.
pub(crate) fn cut<'a>(key: &str, body: &'a str) -> Result<(Vec<u8>, Vec<&'a str>), JsonError> {
    let (mut around, mut elements, mut scratch) = (b"{".to_vec(), Vec::new(), String::new());
    let mut lexer = Lexer::new(body);
    lexer.value()?;
    lexer.open(0)?;
    let mut is_first = true;
    loop {
        scratch.clear();
        let name = match lexer.member(is_first, &mut scratch)? {
            None => break,
            Some(Found::Plain { start, end }) => body.get(start..end).unwrap_or_default(),
            Some(Found::Unescaped { .. }) => &scratch,
        };
        is_first = false;
        if name == key {
            elements.clear();
            read_elements(&mut lexer, key, &mut elements)?;
            continue;
        }
        push_text(&mut around, name.as_bytes());
        let (kind, start) = lexer.value()?;
        scratch.clear();
        lexer.skip_seen(kind, 1, &mut scratch)?;
        around.push(b':');
        around.extend_from_slice(lexer.since(start).as_bytes());
        around.push(b',');
    }
    push_text(&mut around, key.as_bytes());
    around.extend_from_slice(b":[");
    Ok((around, elements))
}

/// What stands behind the element of a row.
pub(crate) const END: &str = "]}";

fn read_elements<'a>(lexer: &mut Lexer<'a>, key: &str, elements: &mut Vec<&'a str>) -> Result<(), JsonError> {
    let mut scratch = String::new();
    let (kind, at) = lexer.value()?;
    match kind {
        Kind::Null => return Ok(()),
        Kind::Array => lexer.open(1)?,
        _ => {
            let fault = Fault::Form { expected: "an array", found: kind.name() };
            return Err(JsonError::new(fault, at).within(super::error::Step::Key(key.into())));
        }
    }
    while lexer.element(elements.is_empty())? {
        let (kind, start) = lexer.value()?;
        lexer.skip_seen(kind, 2, &mut scratch)?;
        elements.push(lexer.since(start));
    }
    Ok(())
}
