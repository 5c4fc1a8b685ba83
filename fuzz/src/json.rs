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

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/json")
    }

    #[test]
    fn the_seeds_are_rows_and_poison_and_serde_json_agrees() {
        let (mut rows, mut refused) = (0, 0);
        for entry in std::fs::read_dir(folder()).unwrap() {
            let path = entry.unwrap().path();
            // Named before it runs: the output of a test that fails is shown, and its last line is the seed.
            println!("{}", path.display());
            let seen = super::json(&std::fs::read(&path).unwrap());
            (rows, refused) = (rows + seen.0, refused + seen.1);
        }
        assert!(rows >= 40 && refused >= 40, "{rows} rows, {refused} refused");
    }

    /// Makes the seeds: `cargo test --manifest-path fuzz/Cargo.toml --lib -- --ignored make_json_seeds`.
    #[test]
    #[ignore = "writes files"]
    fn make_json_seeds() {
        std::fs::create_dir_all(folder()).unwrap();
        let mut dice = 1_u64;
        let mut byte = move || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) as u8
        };
        for number in 0..32_u8 {
            let length = 60 + usize::from(byte());
            let seed: Vec<u8> = std::iter::once(number % 2).chain((0..length).map(|_| byte())).collect();
            std::fs::write(folder().join(format!("made-{number:02}")), seed).unwrap();
        }
        let documents: [&[u8]; 8] = [
            b"{}",
            b" {\"a0\" : [1, -2.5e+3, \"x\\n\\u00e9\\ud83d\\ude00\", null, true, {\"b\":{}}]} ",
            b"{\"a0\":1,\"a0\":2,\"b\":\"\xC3\xB6\"}",
            b"{\"a0\":\"\xFF\"}",
            b"{\"a0\":\"\\ud800\"}",
            b"{\"a0\":01}",
            b"{\"a0\":[[[[[[[[[[1]]]]]]]]]],}",
            b"[\"2026-11-23T14:05:00.5+01:00\"]",
        ];
        for (number, document) in documents.iter().enumerate() {
            // A first column named a0 of each type in turn.
            let mut seed = vec![2, 0, 0, number as u8];
            seed.resize(1 + super::DECLARATION, 0);
            seed.extend_from_slice(document);
            std::fs::write(folder().join(format!("document-{number}")), seed).unwrap();
        }
    }
}
