//! The fuzzer's seeds, run without it, as they are and damaged at random: its targets for the decoders, compiled as a test, for a build of the fuzzer
//! with all that they need takes minutes.
//!
//! `FUZZ_COUNT=1000000 FUZZ_SEED=7 cargo test --test fuzz_seeds` goes on for longer, and elsewhere.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../fuzz/src/bodies.rs"]
mod bodies;
#[path = "../../fuzz/src/descriptors.rs"]
mod descriptors;
#[path = "../../fuzz/src/json.rs"]
mod json;
#[path = "support/json_agreement.rs"]
mod json_agreement;
#[path = "support/json_documents.rs"]
mod json_documents;
#[path = "support/json_reference.rs"]
mod json_reference;
mod support;

use std::path::{Path, PathBuf};

use prost::Message;

/// Where a target's seeds are.
fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target)
}

/// A target's seeds and their files, in order.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder(target)).unwrap().map(|seed| seed.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Runs a target's seeds; gives what came of each.
fn run<T>(target: &str, run: impl Fn(&[u8]) -> T) -> Vec<T> {
    let one = |(path, seed): (PathBuf, Vec<u8>)| {
        // Named before it runs: the output of a test that fails is shown, and its last line is the seed.
        println!("{}", path.display());
        run(&seed)
    };
    seeds(target).into_iter().map(one).collect()
}

/// An input, which is shown should the target panic on it.
struct Shown(Vec<u8>);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("it was given \"{}\"", self.0.escape_ascii());
        }
    }
}

/// Runs a target for seconds on its seeds, damaged at random: the same inputs each time unless `FUZZ_SEED` is set.
fn run_damaged<T>(target: &str, run: impl Fn(&[u8]) -> T) {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let seeds: Vec<_> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
    let mut below = dice(number("FUZZ_SEED", 1));
    for _ in 0..number("FUZZ_COUNT", 50_000) {
        let mut input = Shown(seeds[below(seeds.len())].clone());
        for _ in 0..=below(4) {
            damage(&mut input.0, &seeds, &mut below);
        }
        run(&input.0);
    }
}

/// Changes a bit, a byte or a length, or brings in a piece of another seed.
fn damage(input: &mut Vec<u8>, seeds: &[Vec<u8>], below: &mut impl FnMut(usize) -> usize) {
    let other = &seeds[below(seeds.len())];
    let mut piece = |of: &[u8]| {
        let start = below(of.len() + 1);
        start..start + below((of.len() - start).min(32) + 1)
    };
    let (here, there) = (piece(input), other[piece(other)].to_vec());
    match below(6) {
        0 => drop(input.drain(here)),
        1 => drop(input.splice(here.start..here.start, there)),
        2 => drop(input.splice(here, there)),
        3 => input.extend_from_within(here),
        _ if input.is_empty() => {}
        4 => {
            let at = below(input.len());
            input[at] ^= 1 << below(8);
        }
        _ => {
            let at = below(input.len());
            input[at] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'9'][below(8)];
        }
    }
}

/// Numbers below what it is asked for.
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |limit| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    }
}

/// How many are taken, and how many are not. The seeds must go on to reach both.
fn split(taken: &[bool]) -> (usize, usize) {
    let yes = taken.iter().filter(|taken| **taken).count();
    (yes, taken.len() - yes)
}

#[test]
fn events_are_what_prost_says() {
    let (events, poison) = split(&run("events", bodies::events));
    assert!(events >= 20 && poison >= 20, "{events} events, {poison} poison");
    run_damaged("events", bodies::events);
}

#[test]
fn messages_of_any_schema_are_what_prost_reflect_says() {
    let (messages, poison) = split(&run("any_schema", bodies::any_schema));
    assert!(messages >= 20 && poison >= 20, "{messages} messages, {poison} poison");
    run_damaged("any_schema", bodies::any_schema);
}

#[test]
fn documents_are_what_serde_json_says() {
    let (rows, refused) =
        run("json", json::json).into_iter().fold((0, 0), |sum, seen| (sum.0 + seen.0, sum.1 + seen.1));
    assert!(rows >= 40 && refused >= 40, "{rows} rows, {refused} refused");
    run_damaged("json", json::json);
}

#[test]
fn descriptor_sets_make_a_table_or_are_refused() {
    let (tables, refused) = split(&run("descriptors", descriptors::descriptors));
    assert!(tables >= 10 && refused >= 20, "{tables} tables, {refused} refused");
}

/// Makes the first seeds of all but JSON: `cargo test --test fuzz_seeds -- --ignored`.
#[test]
#[ignore = "writes files"]
fn make_seeds() {
    let mut below = dice(1);
    let mut byte = move || below(256) as u8;
    for target in ["events", "any_schema"] {
        for number in 0..64_u8 {
            let length = 60 + usize::from(byte());
            write(target, number, std::iter::once(number % 4).chain((0..length).map(|_| byte())));
        }
    }
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protos");
    let messages = [
        "kinds3.Kinds",
        "kinds2.Kinds",
        "fields2.Fields",
        "names2.Names",
        "table3.Row",
        "table3.Tree",
        "table3.Sale",
        "table3.Shop",
    ];
    for (number, name) in (0_u8..).step_by(8).zip(messages) {
        let file = format!("{}.proto", name.split('.').next().unwrap());
        let set = protox::compile([file], [&protos]).unwrap().encode_to_vec();
        let seed: Vec<u8> = [&[name.len() as u8], name.as_bytes(), &set].concat();
        for variant in 0..8_u8 {
            let mut seed = seed.clone();
            match variant {
                0 => {}
                1..4 => seed.truncate(seed.len() * usize::from(variant) / 4),
                _ => {
                    let at = (usize::from(byte()) << 8 | usize::from(byte())) % seed.len();
                    seed[at] ^= 1 << (byte() % 8);
                }
            }
            write("descriptors", number + variant, seed);
        }
    }
}

fn write(target: &str, number: u8, seed: impl IntoIterator<Item = u8>) {
    let folder = folder(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("made-{number:02}")), seed.into_iter().collect::<Vec<u8>>()).unwrap();
}
