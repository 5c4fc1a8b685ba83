//! Text that was checked, and is not yet a string.

/// Bytes that are UTF-8.
///
/// Safe Rust makes a string of bytes only by checking them, at some five instructions a byte for texts as short as a field's. To see that
/// a short text is ASCII costs a fifth of that, and a column checks all of its texts at once when it is finished, so most are never a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    pub const EMPTY: Self = Self(b"");

    /// # Errors
    ///
    /// How many of the bytes are UTF-8, where not all are.
    #[inline]
    pub fn check(bytes: &'a [u8]) -> Result<Self, usize> {
        if !is_ascii(bytes) {
            std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())?;
        }
        Ok(Self(bytes))
    }

    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub fn as_str(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_else(|_| unreachable!("it was checked when it was made"))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

/// Eight bytes at a time, and inline: a call of the standard library's costs as much as most fields take.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().fold(0, |seen, byte| seen | byte) < 0x80;
    };
    // The last eight are some of the words before once more, where their number is not a multiple.
    let (words, _) = bytes.as_chunks::<8>();
    let seen = words.iter().fold(u64::from_ne_bytes(*last), |seen, word| seen | u64::from_ne_bytes(*word));
    seen & 0x8080_8080_8080_8080 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_a_string_takes() {
        let whole = "0123456789abcdef-\u{7f}\0 ä€😀 0123456789";
        for start in 0..whole.len() {
            for end in start..=whole.len() {
                let bytes = &whole.as_bytes()[start..end];
                let expected = std::str::from_utf8(bytes).map_err(|error| error.valid_up_to());
                assert_eq!(Text::check(bytes).map(Text::as_str), expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_byte_that_is_no_ascii_is_seen_wherever_it_stands() {
        for length in 1..40 {
            for at in 0..length {
                let mut bytes = vec![b'a'; length];
                bytes[at] = 0xFF;
                assert_eq!(Text::check(&bytes), Err(at), "{at} of {length}");
            }
        }
    }
}
