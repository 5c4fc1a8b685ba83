//! Text in quotes.

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Appends a text as JSON has it: in quotes, with quotes, backslashes and control characters escaped and all else as it is.
pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // All that is escaped is one byte of ASCII, so the text can be cut there.
    while let Some(at) = rest.bytes().position(needs_escape) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        if let Some(character) = from.chars().next() {
            push_escape(out, character);
        }
        rest = from.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut String, character: char) {
    out.push('\\');
    match character {
        '\u{8}' => out.push('b'),
        '\t' => out.push('t'),
        '\n' => out.push('n'),
        '\u{c}' => out.push('f'),
        '\r' => out.push('r'),
        '"' | '\\' => out.push(character),
        _ => {
            let byte = u32::from(character) as usize;
            out.push_str("u00");
            out.push(char::from(HEX[byte >> 4 & 0xF]));
            out.push(char::from(HEX[byte & 0xF]));
        }
    }
}
