//! A run that can be played again: its settings and its plan, as a file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::fault::{self, Plan};
use crate::history::Entry;
use crate::sabotage::Sabotage;
use crate::settings::Settings;
use crate::world;

/// All that a run depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub story: String,
    /// What goes wrong.
    pub plan: Plan,
    /// The settings.
    pub settings: Settings,
}

impl Case {
    /// What this seed draws.
    pub fn of_seed(seed: u64) -> Self {
        let settings = Settings::draw(seed);
        Case { story: format!("Drawn by seed {seed}."), plan: fault::draw(&settings), settings }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, and where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The text of its file, with a line for each fault.
    ///
    /// # Errors
    ///
    /// A number is too large for TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let Case { story, plan, settings } = self;
        let mut text = format!("story = {}\nplan = [\n", toml::Value::String(story.clone()));
        for planned in plan {
            text.push_str(&format!("    {},\n", toml::Value::try_from(planned)?));
        }
        text.push_str("]\n\n");
        #[derive(Serialize)]
        struct Rest<'a> {
            settings: &'a Settings,
        }
        text.push_str(&toml::to_string(&Rest { settings })?);
        Ok(text)
    }

    /// Runs it.
    pub fn run(&self, sabotage: Sabotage) -> Vec<Entry> {
        world::run(&self.settings, &self.plan, &sabotage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        for seed in 0..200 {
            let case = Case::of_seed(seed);
            let text = case.to_toml().unwrap();
            let read: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(format!("{read:?}"), format!("{case:?}"));
        }
    }
}
