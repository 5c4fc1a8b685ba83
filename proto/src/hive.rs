//! Escaping of partition values as Hive's `FileUtils.escapePathName` does it, which Spark, Trino, DuckDB and pyarrow
//! undo when they read the path.

use std::fmt::Write as _;

/// What Hive writes for a partition value that is null or empty.
pub(crate) const DEFAULT_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// How many bytes of a path one byte of a value can be. An empty value is [`DEFAULT_PARTITION`].
pub(crate) const MAX_ESCAPED: usize = 3;

/// Appends one partition value to a path.
///
/// What Hive escapes becomes `%` and two upper-case hexadecimal digits. NUL is escaped too: Hive leaves it alone, but
/// no file system takes it. All else, spaces and non-ASCII letters included, stays as it is, as in Hive.
pub(crate) fn push_escaped(path: &mut String, value: &str) {
    if value.is_empty() {
        path.push_str(DEFAULT_PARTITION);
        return;
    }
    for character in value.chars() {
        if needs_escape(character) {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{:02X}", u32::from(character));
        } else {
            path.push(character);
        }
    }
}

/// The length in bytes of a value once escaped, without building it.
pub(crate) fn escaped_len(value: &str) -> usize {
    if value.is_empty() {
        return DEFAULT_PARTITION.len();
    }
    value.chars().map(|character| if needs_escape(character) { MAX_ESCAPED } else { character.len_utf8() }).sum()
}

fn needs_escape(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1F' | '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '\x7F' | '{' | '[' | ']' | '^'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escape(value: &str) -> String {
        let mut path = String::new();
        push_escaped(&mut path, value);
        assert_eq!(escaped_len(value), path.len(), "length of {value:?}");
        path
    }

    /// Every ASCII character, as Hive writes it. Written out from Hive's own list, not from the code above.
    #[test]
    fn golden_ascii() {
        let all: String = (0u8..=0x7F).map(char::from).collect();
        let expected = concat!(
            "%00%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F",
            "%10%11%12%13%14%15%16%17%18%19%1A%1B%1C%1D%1E%1F",
            " !%22%23$%25&%27()%2A+,-.%2F0123456789%3A;<%3D>%3F@",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_`",
            "abcdefghijklmnopqrstuvwxyz%7B|}~%7F"
        );
        assert_eq!(escape(&all), expected);
    }

    #[test]
    fn an_empty_value_is_the_default_partition() {
        assert_eq!(escape(""), "__HIVE_DEFAULT_PARTITION__");
    }

    #[test]
    fn letters_beyond_ascii_stay() {
        assert_eq!(escape("grüße 東京 \u{85}\u{2028}"), "grüße 東京 \u{85}\u{2028}");
    }

    #[test]
    fn nothing_leaves_the_folder() {
        assert_eq!(escape("../../etc"), "..%2F..%2Fetc");
        assert_eq!(escape(r"..\..\etc"), "..%5C..%5Cetc");
        assert_eq!(escape("a=b/c=d"), "a%3Db%2Fc%3Dd");
        assert_eq!(escape("%2F"), "%252F");
    }
}
