use std::fmt;

use sha2::{Digest, Sha256};

use crate::{BatchRow, MessageId};

/// The name of an object within its destination: `{first}-{last}-{digest}`, without an extension.
///
/// - It sorts by stream sequence: both numbers have 20 digits.
/// - It is the same whenever the same rows are written, so that a write of unknown outcome can be repeated.
/// - It is unique: the digest is 128 bits of SHA-256 over the stream's name and each row's sequence, time of publishing
///   and index. Two different batches never share a name, even across a stream that was deleted and created again,
///   so a write can only ever replace itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// The name for these rows, which must be sorted and not empty.
    pub fn of<R>(stream: &str, rows: &[BatchRow<R>]) -> Self {
        let sequence = |row: Option<&BatchRow<R>>| row.map_or(0, |row| row.message.stream_sequence);
        let first = sequence(rows.first());
        let last = sequence(rows.last());
        let mut digest = Sha256::new();
        digest.update((stream.len() as u64).to_le_bytes());
        digest.update(stream.as_bytes());
        for row in rows {
            let MessageId { stream_sequence, published_at } = row.message;
            digest.update(stream_sequence.to_le_bytes());
            digest.update(published_at.to_le_bytes());
            digest.update(row.index.to_le_bytes());
        }
        let digest = digest.finalize();
        let mut name = format!("{first:020}-{last:020}-");
        for byte in &digest[..16] {
            name.push_str(&format!("{byte:02x}"));
        }
        ObjectName(name)
    }

    /// The name as text: ASCII digits, letters and hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(stream_sequence: u64, published_at: i64, index: u32) -> BatchRow<()> {
        BatchRow { message: MessageId { stream_sequence, published_at }, index, payload: () }
    }

    #[test]
    fn is_the_same_for_the_same_rows_and_stays_so() {
        let rows = [row(7, 1000, 0), row(12, 2000, 0)];
        let name = ObjectName::of("EVENTS", &rows);
        assert_eq!(name, ObjectName::of("EVENTS", &rows));
        // Written down: a release that changed it would write a crashed run's unknown batches twice.
        assert_eq!(name.as_str(), "00000000000000000007-00000000000000000012-692f9a1c140cc366046154b81579d5de");
        assert_eq!(name.to_string(), name.as_str());
    }

    #[test]
    fn differs_in_all_that_makes_a_batch() {
        let name = ObjectName::of("EVENTS", &[row(7, 1000, 0), row(12, 2000, 0)]);
        for (stream, rows) in [
            ("OTHER", vec![row(7, 1000, 0), row(12, 2000, 0)]),
            ("EVENTS", vec![row(7, 1001, 0), row(12, 2000, 0)]),
            ("EVENTS", vec![row(7, 1000, 1), row(12, 2000, 0)]),
            ("EVENTS", vec![row(7, 1000, 0), row(9, 1500, 0), row(12, 2000, 0)]),
        ] {
            assert_ne!(name, ObjectName::of(stream, &rows));
        }
    }

    #[test]
    fn sorts_by_stream_sequence() {
        let nine = ObjectName::of("EVENTS", &[row(9, 0, 0)]);
        let ten = ObjectName::of("EVENTS", &[row(10, 0, 0)]);
        let most = ObjectName::of("EVENTS", &[row(u64::MAX, 0, 0)]);
        assert!(nine < ten && ten < most);
    }
}
