//! An encoder that makes mistakes.

use std::sync::Arc;

use warehouse_sink_core::{Destination, ObjectName};
use warehouse_sink_io::parts::Part;
use warehouse_sink_io::rows::{Batch, Encode, Encoding};

use super::Sabotage;
use crate::event::{Broken, SimEncoder, SimEncoding, SimRow};

pub(crate) struct SabotagedEncoder {
    inner: SimEncoder,
    sabotage: Sabotage,
}

impl SabotagedEncoder {
    pub fn new(inner: SimEncoder, sabotage: &Sabotage) -> Self {
        SabotagedEncoder { inner, sabotage: *sabotage }
    }
}

impl Encode for SabotagedEncoder {
    type Partition = u8;
    type Payload = SimRow;
    type Error = Broken;
    type Encoding = SabotagedEncoding;

    fn key(&self, destination: &Destination<u8>, name: &ObjectName) -> String {
        match (self.sabotage, destination) {
            (Sabotage::WrongPartition, Destination::Partition(partition)) => {
                self.inner.key(&Destination::Partition(partition + 1), name)
            }
            _ => self.inner.key(destination, name),
        }
    }

    fn begin(&self, batch: Arc<Batch<u8, SimRow>>) -> Result<SabotagedEncoding, Broken> {
        let kept = if self.sabotage == Sabotage::DropRow { batch.rows.len().div_ceil(2) } else { batch.rows.len() };
        let Batch { destination, rows } = &*batch;
        let batch = Batch { destination: destination.clone(), rows: rows[..kept].to_vec() };
        Ok(SabotagedEncoding { inner: self.inner.begin(Arc::new(batch))?, sabotage: self.sabotage })
    }
}

pub(crate) struct SabotagedEncoding {
    inner: SimEncoding,
    sabotage: Sabotage,
}

impl Encoding for SabotagedEncoding {
    type Error = Broken;

    fn next(&mut self) -> Result<Part, Broken> {
        match self.inner.next() {
            Ok(Part::Last(part)) if self.sabotage == Sabotage::AlterRow => {
                let mut altered = part.to_vec();
                if let Some(padding) = altered.last_mut() {
                    *padding ^= 1;
                }
                Ok(Part::Last(altered.into()))
            }
            // What there is, as if it were all.
            Err(Broken) if self.sabotage == Sabotage::HideBreak => Ok(Part::Last(Default::default())),
            next => next,
        }
    }
}
