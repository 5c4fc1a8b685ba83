//! Every row lies in its own partition, and poison among the dead letters.

use warehouse_sink_core::Timestamp;

use super::Oracle;
use crate::event::destination_of_key;
use crate::history::Happening;

#[derive(Default)]
pub(super) struct RightPartition;

impl Oracle for RightPartition {
    const NAME: &'static str = "right partition";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        let Happening::Durable { key, rows, .. } = happening else { return Ok(false) };
        let partition = destination_of_key(key);
        match rows.iter().find(|row| Some(&row.destination) != partition.as_ref()) {
            Some(row) => Err(format!("{key} holds {row:?}")),
            None => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::*;
    use super::*;

    #[test]
    fn a_row_belongs_into_its_partition() {
        assert_eq!(judged::<RightPartition>(&[durable(&[(1, 2), (2, 2)])]), Ok(1));
        assert!(judged::<RightPartition>(&[durable(&[(1, 2), (2, 3)])]).is_err());
    }
}
