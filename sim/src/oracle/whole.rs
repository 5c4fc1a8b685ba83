//! An object that readers see is whole: its name, which is made of all of its rows, is that of the rows in it.

use warehouse_sink_core::{BatchRow, ObjectName, Timestamp};

use super::Oracle;
use crate::event::StoredRow;
use crate::history::Happening;
use crate::settings::STREAM;

#[derive(Default)]
pub(super) struct Whole;

impl Oracle for Whole {
    const NAME: &'static str = "objects are whole";

    fn see(&mut self, _: Timestamp, happening: &Happening) -> Result<bool, String> {
        let Happening::Durable { key, rows, .. } = happening else { return Ok(false) };
        let name = name_of(rows);
        let named = key.split_once('/').map(|(_, name)| name);
        if named == Some(name.as_str()) { Ok(true) } else { Err(format!("{key} holds the rows of {name}")) }
    }
}

fn name_of(rows: &[StoredRow]) -> ObjectName {
    let rows = rows.iter().map(|row| BatchRow { message: row.message, index: row.index, payload: () });
    ObjectName::of(STREAM, &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::made_up::*;
    use super::*;

    #[test]
    fn an_object_holds_the_rows_of_its_name() {
        let Happening::Durable { rows, put, .. } = durable(&[(1, 2), (2, 2), (3, 2)]) else { unreachable!() };
        let key = format!("002/{}", name_of(&rows));
        let all = Happening::Durable { key: key.clone(), rows: rows.clone(), put };
        assert_eq!(judged::<Whole>(&[all]), Ok(1));
        let torn = Happening::Durable { key, rows: Arc::from(&rows[..2]), put };
        assert!(judged::<Whole>(&[torn]).is_err());
    }
}
