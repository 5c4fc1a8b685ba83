//! An encoder that makes mistakes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use warehouse_sink_core::{Destination, ObjectName};
use warehouse_sink_io::parts::Part;
use warehouse_sink_io::rows::{Batch, Encode, Encoding};

use super::Sabotage;
use crate::event::{Broken, SimEncoder, SimEncoding, SimRow};

pub(crate) struct SabotagedEncoder {
    inner: SimEncoder,
    sabotage: Sabotage,
    kept: Arc<Mutex<Kept>>,
}

/// What is never let go of.
#[derive(Default)]
struct Kept {
    batches: Vec<Arc<Batch<u8, SimRow>>>,
    bodies: Vec<Bytes>,
}

impl SabotagedEncoder {
    pub fn new(inner: SimEncoder, sabotage: &Sabotage) -> Self {
        SabotagedEncoder { inner, sabotage: *sabotage, kept: Arc::default() }
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
        let batch = match self.sabotage {
            Sabotage::DropRow => {
                let Batch { destination, rows } = &*batch;
                let rows = rows[..rows.len().div_ceil(2)].to_vec();
                Arc::new(Batch { destination: destination.clone(), rows })
            }
            _ => batch,
        };
        if self.sabotage == Sabotage::KeepRows {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).batches.push(batch.clone());
        }
        let (inner, kept) = (self.inner.begin(batch)?, self.kept.clone());
        Ok(SabotagedEncoding { inner, sabotage: self.sabotage, kept })
    }
}

pub(crate) struct SabotagedEncoding {
    inner: SimEncoding,
    sabotage: Sabotage,
    kept: Arc<Mutex<Kept>>,
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
            Ok(part) if self.sabotage == Sabotage::KeepBodies => {
                let (Part::More(body) | Part::Last(body)) = &part;
                self.kept.lock().unwrap_or_else(PoisonError::into_inner).bodies.push(body.clone());
                Ok(part)
            }
            // What there is, as if it were all.
            Err(Broken) if self.sabotage == Sabotage::HideBreak => Ok(Part::Last(Default::default())),
            next => next,
        }
    }
}
