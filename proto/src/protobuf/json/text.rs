//! Text in quotes.

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Appends a text as JSON has it: in quotes, with quotes, backslashes and control characters escaped and all else as it is.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    // All that is escaped is one byte of ASCII, so the text can be cut there.
    while let Some((plain, byte, after)) = split_at_escape(rest) {
        out.extend_from_slice(plain);
        push_escape(out, byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// What stands before the first byte that is escaped, that byte, and what stands after it.
#[inline]
fn split_at_escape(text: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let (words, _) = text.as_chunks::<8>();
    let plain = words.iter().take_while(|word| !may_need_escape(u64::from_ne_bytes(**word))).count();
    let at = plain * 8 + text[plain * 8..].iter().position(|byte| needs_escape(*byte))?;
    let (before, from) = text.split_at(at);
    let (byte, after) = from.split_first()?;
    Some((before, *byte, after))
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether one of eight bytes needs an escape: always said where one does, and rarely where none does.
#[inline]
fn may_need_escape(bytes: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xFF;
    // The highest bit of each byte that is below: it borrows.
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes;
    let equal = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    (below(bytes, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7) != 0
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    out.push(b'\\');
    match byte {
        0x08 => out.push(b'b'),
        b'\t' => out.push(b't'),
        b'\n' => out.push(b'n'),
        0x0C => out.push(b'f'),
        b'\r' => out.push(b'r'),
        b'"' | b'\\' => out.push(byte),
        _ => {
            out.extend_from_slice(b"u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0xF)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_serde_writes() {
        // Each byte of ASCII at each place of texts of up to three words, between others that are nearly escaped.
        for length in 1..24 {
            for at in 0..length {
                for byte in 0..0x80 {
                    let mut text: Vec<_> = b" !#[]~\x7F a".iter().copied().cycle().take(length).collect();
                    text[at] = byte;
                    let mut ours = b"before ".to_vec();
                    push_text(&mut ours, &text);
                    let text = String::from_utf8(text).unwrap();
                    assert_eq!(
                        String::from_utf8(ours).unwrap(),
                        format!("before {}", serde_json::to_string(&text).unwrap())
                    );
                }
            }
        }
    }

    #[test]
    fn leaves_other_characters_as_they_are() {
        for text in ["ä€😀\u{85}\u{2028}", "0123456ä\"€😀", "\u{a2}\u{1c}"] {
            let mut ours = Vec::new();
            push_text(&mut ours, text.as_bytes());
            assert_eq!(String::from_utf8(ours).unwrap(), serde_json::to_string(text).unwrap());
        }
    }
}
