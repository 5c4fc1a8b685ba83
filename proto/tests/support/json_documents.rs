//! Declarations of columns and documents for them, made of bytes: most fit, some do not.

use crate::support::entropy::Entropy;

/// The type of a column, and how it is declared.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Whatever is declared by one word.
    Plain(&'static str),
    Decimal(u8, u8),
    List(Box<Of>),
    Map(Box<Of>),
    Struct(Vec<(String, Of)>),
}

/// A type, and whether a value is required.
#[derive(Clone, Debug)]
pub struct Of {
    pub kind: Kind,
    pub required: bool,
}

const PLAIN: &[&str] = &[
    "bool",
    "int32",
    "int64",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "string",
    "bytes",
    "date",
    "timestamp",
    "timestamp(s)",
    "timestamp(ms)",
    "timestamp(us)",
    "timestamp(ns)",
    "json",
];

const NAMES: &[&str] = &["a", "b", "a.b", "quo\"te", "größe", "back\\slash", "", "x-1", "with space", "it's"];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "7.0",
    "1.5",
    "-2.25",
    "1e3",
    "12E-1",
    "100e-2",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1709210097",
    "1709210097000",
    "1709210097.123456",
    "0.000001",
    "253402300799",
    "253402300800",
    "-62135596800",
    "16777217",
    "3.4028235e15",
    "123456789012.5",
];

const TEXTS: &[&str] = &[
    "",
    "x",
    "größe",
    "a\\n\\t\\\"\\\\\\/",
    "\\u0041\\u00e9",
    "\\ud83d\\ude00",
    "😀",
    "2026-11-23",
    "2024-02-29",
    "2023-02-29",
    "2026-11-23T14:05:00Z",
    "2026-11-23T14:05:00.123456789+01:30",
    "2026-11-23T15:05:00.000+0100",
    "2026-11-23 15:05:00+01",
    "2026-11-23 15:05:00,5 -0330",
    "2026-11-23T15:05:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59Z",
    "AP8=",
    "AP8",
    "-_8",
    "+/8=",
    "A",
    "AAAA",
    "7",
    "-1.5",
    "1e3",
    "NaN",
    "-Infinity",
    "Infinity",
    "true",
    "\\u0037",
];

/// Columns of any types.
pub fn columns(entropy: &mut Entropy<'_>, depth: usize) -> Vec<(String, Of)> {
    let count = 1 + entropy.below(5);
    (0..count).map(|number| (format!("{}{number}", entropy.choose(NAMES)), of(entropy, depth))).collect()
}

fn of(entropy: &mut Entropy<'_>, depth: usize) -> Of {
    let kind = match entropy.below(if depth == 0 { 20 } else { 32 }) {
        plain @ 0..16 => Kind::Plain(PLAIN[plain]),
        16..20 => {
            let precision = 1 + entropy.below(38) as u8;
            Kind::Decimal(precision, entropy.below(usize::from(precision) + 1) as u8)
        }
        20..24 => Kind::List(Box::new(of(entropy, depth - 1))),
        24..28 => Kind::Map(Box::new(of(entropy, depth - 1))),
        _ => Kind::Struct(columns(entropy, depth - 1)),
    };
    Of { kind, required: entropy.seldom(30) }
}

/// The text that declares the columns.
pub fn declare(columns: &[(String, Of)]) -> String {
    let declared = columns.iter().map(|(name, of)| {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{name}\": {}", of.declare())
    });
    declared.collect::<Vec<_>>().join(", ")
}

impl Of {
    fn declare(&self) -> String {
        let kind = match &self.kind {
            Kind::Plain(word) => (*word).to_owned(),
            Kind::Decimal(precision, scale) => format!("decimal({precision}, {scale})"),
            Kind::List(element) => format!("list<{}>", element.declare()),
            Kind::Map(value) => format!("map<string, {}>", value.declare()),
            Kind::Struct(columns) => format!("struct<{}>", declare(columns)),
        };
        if self.required { format!("{kind} required") } else { kind }
    }
}

/// A document for these columns.
pub fn document(entropy: &mut Entropy<'_>, columns: &[(String, Of)]) -> String {
    let mut out = String::new();
    object(entropy, columns, &mut out);
    out
}

fn object(entropy: &mut Entropy<'_>, columns: &[(String, Of)], out: &mut String) {
    let mut members: Vec<_> =
        columns.iter().filter(|(_, of)| !entropy.seldom(if of.required { 2 } else { 40 })).collect();
    if entropy.seldom(60) {
        members.reverse();
    }
    if entropy.seldom(10)
        && let Some(first) = members.first().copied()
    {
        members.push(first);
    }
    out.push('{');
    let mut comma = "";
    for (name, of) in members {
        out.push_str(comma);
        let name = serde_json::Value::from(name.as_str()).to_string();
        out.push_str(&if entropy.seldom(10) { name.replace('a', "\\u0061") } else { name });
        out.push_str(entropy.choose(&[":", ": ", " :\n"]));
        value(entropy, of, out);
        comma = entropy.choose(&[",", ", ", "\t,"]);
    }
    if entropy.seldom(20) {
        out.push_str(comma);
        out.push_str("\"unknown\":");
        anything(entropy, 2, out);
    }
    out.push('}');
}

fn value(entropy: &mut Entropy<'_>, of: &Of, out: &mut String) {
    if entropy.seldom(if of.required { 2 } else { 20 }) {
        return out.push_str("null");
    }
    if entropy.seldom(3) {
        return anything(entropy, 1, out);
    }
    match &of.kind {
        Kind::Plain("bool") => out.push_str(entropy.choose(&["true", "false"])),
        Kind::Plain("string") => text(entropy.choose(TEXTS), out),
        Kind::Plain("bytes") => text(entropy.choose(&["AP8=", "AP8", "-_8", "+/8=", "", "AAAA"]), out),
        Kind::Plain("date") => text(entropy.choose(&["2026-11-23", "2024-02-29", "0001-01-01", "9999-12-31"]), out),
        Kind::Plain("timestamp") => text(
            entropy.choose(&[
                "2026-11-23T14:05:00Z",
                "2026-11-23T14:05:00.123456789+01:30",
                "1969-12-31T23:59:59.9999999-00:00",
                "2026-11-23 14:05:00z",
                "2026-11-23T15:05:00.000+0100",
                "2026-11-23 15:05:00+01",
                "2026-11-23 15:05:00.25 -0330",
                "2026-11-23T15:05:00,25Z",
            ]),
            out,
        ),
        Kind::Plain("json") => anything(entropy, 2, out),
        Kind::Plain(_) | Kind::Decimal(..) => {
            let number = match entropy.below(8) {
                0 => entropy.choose(NUMBERS).to_owned(),
                1 => format!("{}.{}", entropy.below(100), entropy.below(100)),
                _ => entropy.below(100).to_string(),
            };
            if entropy.seldom(20) { text(&number, out) } else { out.push_str(&number) }
        }
        Kind::List(element) => {
            out.push('[');
            for place in 0..entropy.below(4) {
                out.push_str(if place > 0 { ", " } else { "" });
                value(entropy, element, out);
            }
            out.push(']');
        }
        Kind::Map(element) => {
            out.push('{');
            for place in 0..entropy.below(4) {
                out.push_str(if place > 0 { ", " } else { "" });
                text(entropy.choose(TEXTS), out);
                out.push(':');
                value(entropy, element, out);
            }
            out.push('}');
        }
        Kind::Struct(columns) => object(entropy, columns, out),
    }
}

fn text(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

fn anything(entropy: &mut Entropy<'_>, depth: usize, out: &mut String) {
    match entropy.below(if depth == 0 { 4 } else { 6 }) {
        0 => out.push_str(entropy.choose(&["null", "true", "false"])),
        1 | 2 => out.push_str(entropy.choose(NUMBERS)),
        3 => text(entropy.choose(TEXTS), out),
        4 => {
            out.push('[');
            anything(entropy, depth - 1, out);
            out.push(']');
        }
        _ => {
            out.push_str("{\"k\":");
            anything(entropy, depth - 1, out);
            out.push('}');
        }
    }
}

/// Changes some bytes.
pub fn damage(entropy: &mut Entropy<'_>, body: &mut Vec<u8>) {
    const ESCAPES: &[&str] = &["\\udc00", "\\ud83d", "\\ud83dx", "\\u00", "\\ud83d\\ude00"];
    const BYTES: &[u8] = b"{}[]\",:\\ 0129.eE+-tfnu/aT\n\x00\xC3\xFF";
    for _ in 0..1 + entropy.below(3) {
        let at = usize::from(entropy.byte()) << 8 | usize::from(entropy.byte());
        let at = at % (body.len() + 1);
        match entropy.below(5) {
            0 => body.insert(at, entropy.choose(BYTES)),
            4 => drop(body.splice(at..at, entropy.choose(ESCAPES).bytes())),
            1 => body.truncate(at),
            _ if at == body.len() => {}
            2 => drop(body.remove(at)),
            _ => body[at] = entropy.choose(BYTES),
        }
    }
}
