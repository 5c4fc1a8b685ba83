//! An encoder that makes mistakes.

use std::convert::Infallible;

use bytes::Bytes;
use warehouse_sink_core::{BatchRow, Destination, ObjectName};
use warehouse_sink_io::rows::Encode;

use super::Sabotage;
use crate::event::{SimEncoder, SimRow};

pub(crate) struct SabotagedEncoder {
    sabotage: Sabotage,
}

impl SabotagedEncoder {
    pub fn new(sabotage: &Sabotage) -> Self {
        SabotagedEncoder { sabotage: *sabotage }
    }
}

impl Encode for SabotagedEncoder {
    type Partition = u8;
    type Payload = SimRow;
    type Error = Infallible;

    fn key(&self, destination: &Destination<u8>, name: &ObjectName) -> String {
        match (self.sabotage, destination) {
            (Sabotage::WrongPartition, Destination::Partition(partition)) => {
                SimEncoder.key(&Destination::Partition(partition + 1), name)
            }
            _ => SimEncoder.key(destination, name),
        }
    }

    fn encode(&self, destination: &Destination<u8>, rows: &[BatchRow<SimRow>]) -> Result<Bytes, Infallible> {
        let kept = if self.sabotage == Sabotage::DropRow { rows.len().div_ceil(2) } else { rows.len() };
        let body = SimEncoder.encode(destination, &rows[..kept])?;
        if self.sabotage != Sabotage::AlterRow {
            return Ok(body);
        }
        let mut altered = body.to_vec();
        if let Some(padding) = altered.last_mut() {
            *padding ^= 1;
        }
        Ok(altered.into())
    }
}
