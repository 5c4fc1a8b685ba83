//! JSON, read by us and by serde_json: both refuse it, or both make the same columns of it.

use crate::json_agreement::{agree, read};
use crate::json_documents::columns;
use crate::support::entropy::Entropy;

/// How many bytes decide what the columns are, where the others are the document itself.
const DECLARATION: usize = 24;

/// Makes columns and documents of the bytes, or takes most of them for a document as they are; how many are rows, and how many are none.
///
/// # Panics
///
/// When the readers do not agree.
pub fn json(data: &[u8]) -> (u32, u32) {
    let Some((kind, data)) = data.split_first() else { return (0, 0) };
    let seen = match (kind % 3, data.split_at_checked(DECLARATION)) {
        (2, Some((declaration, body))) => read(&columns(&mut Entropy::new(declaration), 3), &[body.to_vec()]),
        (kind, _) => agree(data, kind == 1),
    };
    (seen.rows, seen.refused)
}
