//! The paths of a field mask, as JSON has them.

/// Appends a path with its names in lowerCamelCase: `a_b.c` is `aB.c`. False where the way back would lead to another path, or to
/// several; what was appended is of no use then.
pub(super) fn push_path(out: &mut Vec<u8>, path: &[u8]) -> bool {
    let mut is_upper = false;
    for byte in path {
        match byte {
            b'a'..=b'z' if is_upper => out.push(byte.to_ascii_uppercase()),
            b'a'..=b'z' => out.push(*byte),
            _ if is_upper => return false,
            b'0'..=b'9' | b'.' => out.push(*byte),
            b'_' => {}
            _ => return false,
        }
        is_upper = *byte == b'_';
    }
    !is_upper && !path.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_camel_case_where_they_can_be_read_back() {
        let written = |path: &str| {
            let mut out = Vec::new();
            push_path(&mut out, path.as_bytes()).then(|| String::from_utf8(out).unwrap())
        };
        for (path, camel) in
            [("a", "a"), ("user.display_name", "user.displayName"), ("f1.x_y_z", "f1.xYZ"), ("_a", "A")]
        {
            assert_eq!(written(path).as_deref(), Some(camel));
        }
        for path in ["", "a_", "a__b", "a_1", "a_.b", "aB", "a,b", "ä", "a b", "a*"] {
            assert_eq!(written(path), None, "{path}");
        }
    }
}
