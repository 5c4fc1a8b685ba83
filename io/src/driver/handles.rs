//! What settles the deliveries that the machine holds.

use slab::Slab;
use warehouse_sink_core::DeliveryId;

/// Handles by the ids of their deliveries. The ids are given out here and say where a handle lies, so that none has to be searched for: with
/// 200,000 of them, and batches that end in another order than they came in, each step of a search waits for memory.
pub(super) struct Handles<H> {
    slots: Slab<(DeliveryId, H)>,
    given: u32,
}

impl<H> Handles<H> {
    pub fn new() -> Self {
        Handles { slots: Slab::new(), given: 0 }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Keeps a handle; gives the number of its delivery. It begins anew after four billion others in the same place, long after the delivery has
    /// been settled.
    pub fn insert(&mut self, handle: H) -> DeliveryId {
        let entry = self.slots.vacant_entry();
        self.given = self.given.wrapping_add(1);
        let id = DeliveryId(u64::from(self.given) << 32 | entry.key() as u64);
        entry.insert((id, handle));
        id
    }

    pub fn get(&self, id: DeliveryId) -> Option<&H> {
        self.slots.get(slot(id)).filter(|(own, _)| *own == id).map(|(_, handle)| handle)
    }

    pub fn remove(&mut self, id: DeliveryId) -> Option<H> {
        self.get(id)?;
        self.slots.try_remove(slot(id)).map(|(_, handle)| handle)
    }
}

fn slot(id: DeliveryId) -> usize {
    (id.0 & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_used_again_has_another_id() {
        let mut handles = Handles::new();
        let ids: Vec<_> = (0..10).map(|handle| handles.insert(handle)).collect();
        assert_eq!(handles.remove(ids[3]), Some(3));
        let again = handles.insert(33);
        assert_eq!(slot(again), slot(ids[3]));
        assert!(!ids.contains(&again));
        assert_eq!(handles.get(ids[3]), None);
        assert_eq!(handles.remove(ids[3]), None);
        assert_eq!((handles.get(again), handles.len()), (Some(&33), 10));
        for (handle, id) in ids.iter().enumerate().filter(|(handle, _)| *handle != 3) {
            assert_eq!(handles.remove(*id), Some(handle));
        }
        assert_eq!(handles.len(), 1);
    }
}
