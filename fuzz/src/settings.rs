//! Settings files.

use std::path::Path;

use warehouse_sink::settings::{SECTIONS, Settings, SettingsError};

/// Reads bytes as a settings file; whether it is one without a mistake. The files that it names are left alone.
///
/// # Panics
///
/// When a file is refused for nothing, or a mistake has no place.
pub fn settings(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    match Settings::parse(Path::new("sink.toml"), &text, []) {
        Ok(_) => true,
        Err(SettingsError::Invalid(problems)) => {
            assert!(!problems.is_empty(), "refused for nothing");
            let unplaced = problems.iter().map(ToString::to_string).find(|problem| !says_where(problem));
            assert_eq!(unplaced, None);
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// Whether a mistake is placed, or names what it is between.
fn says_where(problem: &str) -> bool {
    let mut keys = SECTIONS.iter().flat_map(|section| section.keys.iter().map(|key| (section.name, key.name)));
    problem.starts_with("sink.toml:") || keys.any(|(section, key)| problem.contains(&format!("{section}.{key}")))
}
