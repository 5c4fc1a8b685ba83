//! What is stored is what was published: no row is made up or altered, and an object is never replaced by another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use warehouse_sink_core::Timestamp;

use super::Oracle;
use super::facts::Facts;
use crate::event::StoredRow;
use crate::history::Happening;

#[derive(Default)]
pub(super) struct NoPhantom {
    facts: Facts,
    objects: BTreeMap<String, Arc<[StoredRow]>>,
}

impl NoPhantom {
    fn check(&self, row: &StoredRow) -> Result<(), String> {
        let Some(event) = self.facts.event(row.message) else { return Err(format!("{row:?} was never published")) };
        let published = event.rows.get(row.index as usize);
        let same = published.is_some_and(|published| {
            published.destination == row.destination && published.padding == row.padding && event.number == row.number
        });
        if same { Ok(()) } else { Err(format!("{row:?} is not what was published: {published:?}")) }
    }
}

impl Oracle for NoPhantom {
    const NAME: &'static str = "no phantom or altered row";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        self.facts.see(happening);
        let Happening::Durable { key, rows, .. } = happening else { return Ok(false) };
        rows.iter().try_for_each(|row| self.check(row))?;
        let before = self.objects.insert(key.clone(), rows.clone());
        if before.is_some_and(|before| before != *rows) {
            return Err(format!("{key} was replaced by an object with other rows"));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    #[test]
    fn a_published_row_is_right() {
        assert_eq!(judged::<NoPhantom>(&[published(1, 2), durable(&[(1, 2)])]), Ok(1));
    }

    #[test]
    fn an_unpublished_or_altered_row_is_wrong() {
        assert!(judged::<NoPhantom>(&[published(1, 2), durable(&[(2, 2)])]).is_err());
        assert!(judged::<NoPhantom>(&[published(1, 2), durable(&[(1, 3)])]).is_err());
    }
}
