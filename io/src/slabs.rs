//! Where the bodies of events are held: those of one partition that came together share one allocation, a slab.
//!
//! One thread makes what another drops, an encoder, after everything that came meanwhile. With an allocation for each body, malloc and free took a
//! fifth of the process's time. The rows of a slab go into one file, or into two where a file begins among them, so they are dropped together as well.
//!
//! A slice of the connection's read buffer would not even cost the copy. But it holds messages of all partitions: one that waits for its
//! flush would keep all of it alive, and the byte limit would not limit memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use warehouse_sink_core::{Destination, Row};
use warehouse_sink_proto::Partition;

use crate::payload::{Body, Payload};

/// The most bytes of a slab: what a row that waits can keep alive beyond itself.
const MAX_SLAB: usize = 64 * 1024;

/// A body of more bytes than this has a slab of its own. Allocating is a small part of what it costs.
const MAX_SHARED: usize = 8 * 1024;

/// Makes slabs. It holds nothing from one call to the next but memory for its own use.
#[derive(Debug, Default)]
pub struct Slabs {
    /// The slab that each partition's next body goes into.
    filling: BTreeMap<Partition, usize>,
    /// How many bytes each slab is to have.
    sizes: Vec<usize>,
}

impl Slabs {
    /// Moves the bodies of events into slabs.
    pub fn keep<'r>(&mut self, rows: impl Iterator<Item = &'r mut Row<Partition, Payload>>) {
        let mut bodies = Vec::with_capacity(rows.size_hint().1.unwrap_or(0));
        for Row { destination, payload, .. } in rows {
            if let (Destination::Partition(partition), Payload::Event(body)) = (destination, payload) {
                bodies.push((self.place(partition, body.len()), body));
            }
        }
        self.filling.clear();
        let mut slabs: Vec<_> = self.sizes.drain(..).map(Vec::with_capacity).collect();
        for ((slab, _), body) in &bodies {
            slabs[*slab].extend_from_slice(body);
        }
        let slabs: Vec<_> = slabs.into_iter().map(|slab| Arc::new(Bytes::from(slab))).collect();
        for ((slab, start), body) in bodies {
            *body = Body::part_of(&slabs[slab], start, body.len());
        }
    }

    /// The slab for a body of so many bytes, and where it starts there.
    fn place(&mut self, partition: &Partition, bytes: usize) -> (usize, usize) {
        let shared = bytes <= MAX_SHARED;
        if let Some(&slab) = self.filling.get(partition).filter(|slab| shared && self.sizes[**slab] + bytes <= MAX_SLAB)
        {
            let start = self.sizes[slab];
            self.sizes[slab] += bytes;
            return (slab, start);
        }
        let next = self.sizes.len();
        self.sizes.push(bytes);
        if shared {
            self.filling.insert(partition.clone(), next);
        }
        (next, 0)
    }
}

#[cfg(test)]
mod tests {
    use warehouse_sink_proto::EventHour;

    use super::*;

    fn row(app: &str, body: &Bytes) -> Row<Partition, Payload> {
        let partition = Partition::new(app.into(), EventHour::from_timestamp_ms(1).unwrap()).unwrap();
        let bytes = body.len() as u64;
        Row { destination: Destination::Partition(partition), payload: Payload::Event(body.clone().into()), bytes }
    }

    fn body(row: &Row<Partition, Payload>) -> &[u8] {
        let Payload::Event(body) = &row.payload else { unreachable!("all are events") };
        body
    }

    /// Bodies of one source buffer, of three apps in turn.
    fn rows(source: &Bytes, sizes: &[usize]) -> Vec<Row<Partition, Payload>> {
        let mut rest = source.clone();
        let apps = ["a", "b", "c"].into_iter().cycle();
        sizes.iter().zip(apps).map(|(size, app)| row(app, &rest.split_to(*size))).collect()
    }

    fn random(seed: u64, bytes: usize) -> Bytes {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..bytes).map(|_| random.u8(..)).collect()
    }

    #[test]
    fn every_body_stays_what_it_was_and_lets_go_of_the_source() {
        let mut slabs = Slabs::default();
        for seed in 0..20 {
            let mut random_size = fastrand::Rng::with_seed(seed);
            let sizes: Vec<_> =
                (0..300).map(|_| random_size.usize(..[2, 600, 2 * MAX_SHARED][seed as usize % 3])).collect();
            let source = random(seed, sizes.iter().sum());
            let mut rows = rows(&source, &sizes);
            let before: Vec<_> = rows.iter().map(|row| body(row).to_vec()).collect();
            slabs.keep(rows.iter_mut());
            assert!(rows.iter().map(body).eq(before), "seed {seed}");
            assert!(source.is_unique(), "seed {seed}");
        }
    }

    #[test]
    fn bodies_of_one_partition_lie_together() {
        let source = random(1, 3000);
        let mut rows = rows(&source, &[500; 6]);
        Slabs::default().keep(rows.iter_mut());
        for app in 0..3 {
            let [first, second] = [body(&rows[app]), body(&rows[app + 3])];
            assert_eq!(first.as_ptr_range().end, second.as_ptr());
        }
    }

    #[test]
    fn a_slab_is_bounded_and_a_large_body_is_alone() {
        let mut slabs = Slabs::default();
        let partition = |app: &str| Partition::new(app.into(), EventHour::from_timestamp_ms(1).unwrap()).unwrap();
        let places: Vec<_> = (0..100).map(|_| slabs.place(&partition("a"), MAX_SHARED).0).collect();
        assert_eq!(places, (0..100).map(|body| body / (MAX_SLAB / MAX_SHARED)).collect::<Vec<_>>());
        assert_eq!(slabs.place(&partition("a"), MAX_SHARED + 1).0, slabs.sizes.len() - 1);
        assert_eq!(slabs.place(&partition("a"), 1).0, places[99], "the large one does not end the slab before it");
        assert!(slabs.sizes.iter().all(|size| *size <= MAX_SLAB));
    }
}
