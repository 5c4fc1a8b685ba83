//! Settings files that went wrong in every way: never a panic, and always a word on what is wrong and where. What is asked of each, the fuzzer asks too.

use std::path::Path;

use warehouse_sink::settings::SECTIONS;

#[path = "../../../fuzz/src/settings.rs"]
mod settings;

use settings::settings;

const RUNS: u64 = 30_000;

/// A linear congruential generator's upper bits: the same files in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    fn choose<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Values that are right for some keys and wrong for the others.
const VALUES: [&str; 27] = [
    "1",
    "0",
    "-1",
    "18446744073709551616",
    "1e9",
    "nan",
    "true",
    "\"\"",
    "\"5m\"",
    "\"64MiB\"",
    "\"0s\"",
    "\":9090\"",
    "\"s3\"",
    "\"protobuf\"",
    "\"text\"",
    "\"nats://a:b@[::1]:4222,tls://h\"",
    "\"\\u0000\"",
    "\"\u{202e}ä\"",
    "[]",
    "[\"a.>\"]",
    "[1, [2]]",
    "{ a = 1 }",
    "2026-01-01T00:00:00Z",
    "\"99999999999999999999d\"",
    "\"../..\"",
    "\"/\"",
    "",
];

/// A file of sections, keys and values that mostly belong together.
fn file(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..dice.below(4) {
        let section = &SECTIONS[dice.below(SECTIONS.len())];
        text += &match dice.below(12) {
            0 => format!("[[{}]]\n", section.name),
            1 => format!("[[{}.route]]\nsubject = \"a.>\"\nmessage = \"M\"\nprefix = \"p\"\n", section.name),
            2 => format!("[{}.options]\nkey = {}\n", section.name, dice.choose(&VALUES)),
            3 => format!("[{}x]\n", section.name),
            _ => format!("[{}]\n", section.name),
        };
        for _ in 0..dice.below(6) {
            let key = &section.keys[dice.below(section.keys.len())];
            let end = if dice.below(9) == 0 { "x" } else { "" };
            text += &format!("{}{end} = {}\n", key.name, dice.choose(&VALUES));
        }
    }
    text
}

/// Changes some bytes, or none.
fn garble(dice: &mut Dice, text: String) -> String {
    let mut bytes = text.into_bytes();
    for _ in 0..dice.below(6).saturating_sub(2) {
        let at = dice.below(bytes.len());
        match (dice.below(3), bytes.is_empty()) {
            (0, false) => drop(bytes.remove(at)),
            (1, false) => bytes[at] = dice.below(256) as u8,
            _ => bytes.insert(at, b"[]{}\"'\\=.,#\n\0"[dice.below(13)]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs the fuzzer's target; shows what it was given, should it panic.
fn is_taken(text: &[u8]) -> bool {
    std::panic::catch_unwind(|| settings(text))
        .unwrap_or_else(|_| panic!("a panic, of:\n{}", String::from_utf8_lossy(text)))
}

#[test]
fn no_file_makes_the_parser_panic_and_every_mistake_has_its_place() {
    let mut dice = Dice(7);
    let (mut taken, mut refused) = (0, 0);
    for run in 0..RUNS {
        let text = file(&mut dice);
        let text = if run % 3 == 0 { text } else { garble(&mut dice, text) };
        *(if is_taken(text.as_bytes()) { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken > RUNS / 20 && refused > RUNS / 4, "{taken} taken, {refused} refused");
}

#[test]
fn the_fuzzers_seeds_are_what_they_say() {
    let (mut taken, mut refused) = (0, 0);
    for seed in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/settings")).unwrap() {
        let text = std::fs::read(seed.unwrap().path()).unwrap();
        *(if is_taken(&text) { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken >= 8 && refused >= 6, "{taken} taken, {refused} refused");
}
