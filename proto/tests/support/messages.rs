//! Messages as bytes, good and bad, made by the descriptors: fields in any order and any number, messages in pieces,
//! unknown fields and enum values, packed and not, over-long numbers; and now and then a wrong wire type, a wrong length,
//! text that is none, or a byte that is out of place.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::entropy::Entropy;

/// Messages within each other beyond this have no more of them.
const MAX_DEPTH: usize = 5;

/// How many fields a message has at most.
const MAX_FIELDS: usize = 12;

/// How often something is wrong, of 256.
const WRONG: u8 = 2;

/// Makes a message. `faults` says whether anything may be wrong with it.
pub fn message(entropy: &mut Entropy, descriptor: &MessageDescriptor, faults: bool) -> Vec<u8> {
    let mut maker = Maker { faults };
    let mut body = Vec::new();
    maker.fields(entropy, descriptor, MAX_DEPTH, &mut body);
    if maker.wrong(entropy) && !body.is_empty() {
        let at = entropy.u64() as usize % body.len();
        match entropy.below(3) {
            0 => body.truncate(at),
            1 => body[at] = entropy.byte(),
            _ => drop(body.remove(at)),
        }
    }
    body
}

struct Maker {
    faults: bool,
}

impl Maker {
    fn wrong(&mut self, entropy: &mut Entropy) -> bool {
        self.faults && entropy.seldom(WRONG)
    }

    fn fields(&mut self, entropy: &mut Entropy, descriptor: &MessageDescriptor, depth: usize, out: &mut Vec<u8>) {
        let fields: Vec<_> = descriptor.fields().collect();
        let count = entropy.below(MAX_FIELDS);
        for _ in 0..count {
            if entropy.is_empty() {
                break;
            }
            if fields.is_empty() || entropy.seldom(20) {
                self.unknown(entropy, &fields, depth, out);
            } else {
                let field = entropy.choose(&fields);
                self.field(entropy, &field, depth, out);
            }
        }
    }

    fn field(&mut self, entropy: &mut Entropy, field: &FieldDescriptor, depth: usize, out: &mut Vec<u8>) {
        let kind = field.kind();
        if self.wrong(entropy) {
            let wire_type = entropy.below(8) as u8;
            push_key(out, field.number(), wire_type);
            return self.anything(entropy, field.number(), wire_type, depth, out);
        }
        if depth == 0 && matches!(kind, Kind::Message(_)) {
            return;
        }
        if field.is_list() && is_packable(&kind) && entropy.seldom(128) {
            let mut many = Vec::new();
            for _ in 0..entropy.below(4) {
                self.value(entropy, &kind, depth, &mut many);
            }
            push_key(out, field.number(), 2);
            return self.delimited(entropy, &many, out);
        }
        if field.is_group() {
            push_key(out, field.number(), 3);
            self.value(entropy, &kind, depth, out);
            let end = if self.wrong(entropy) { field.number() + 1 } else { field.number() };
            return push_key(out, end, 4);
        }
        push_key(out, field.number(), wire_type(&kind));
        match kind {
            Kind::Message(_) => {
                let mut inner = Vec::new();
                self.value(entropy, &kind, depth, &mut inner);
                self.delimited(entropy, &inner, out);
            }
            _ => self.value(entropy, &kind, depth, out),
        }
    }

    fn value(&mut self, entropy: &mut Entropy, kind: &Kind, depth: usize, out: &mut Vec<u8>) {
        match kind {
            Kind::Message(message) => self.fields(entropy, message, depth.saturating_sub(1), out),
            Kind::String => {
                let text = self.text(entropy);
                self.delimited(entropy, &text, out);
            }
            Kind::Bytes => {
                let bytes: Vec<u8> = (0..entropy.below(6)).map(|_| entropy.byte()).collect();
                self.delimited(entropy, &bytes, out);
            }
            _ => self.anything(entropy, 1, wire_type(kind), depth, out),
        }
    }

    fn unknown(&mut self, entropy: &mut Entropy, known: &[FieldDescriptor], depth: usize, out: &mut Vec<u8>) {
        let near = known.get(entropy.below(known.len())).map_or(1, FieldDescriptor::number);
        let wanted = entropy.choose(&[near + 1, 19, 1023, 1024, 3_000_000]);
        let is_known = known.iter().any(|field| field.number() == wanted);
        let number = if is_known || wanted >= 1 << 29 { 999 } else { wanted };
        let wire_type = entropy.choose(&[0, 1, 2, 3, 5]);
        push_key(out, number, wire_type);
        self.anything(entropy, number, wire_type, depth, out);
    }

    /// Some value of a wire type.
    fn anything(&mut self, entropy: &mut Entropy, number: u32, wire_type: u8, depth: usize, out: &mut Vec<u8>) {
        match wire_type {
            0 => {
                let value = self.number(entropy);
                self.varint(entropy, value, out);
            }
            1 => out.extend(self.number(entropy).to_le_bytes()),
            2 => {
                let text = self.text(entropy);
                self.delimited(entropy, &text, out);
            }
            3 => {
                for _ in 0..entropy.below(3) {
                    if depth > 0 {
                        self.unknown(entropy, &[], depth - 1, out);
                    }
                }
                push_key(out, number, 4);
            }
            5 => out.extend((self.number(entropy) as u32).to_le_bytes()),
            _ => {}
        }
    }

    fn number(&mut self, entropy: &mut Entropy) -> u64 {
        let edges = [
            0,
            1,
            2,
            3,
            127,
            128,
            1000,
            i32::MAX as u64,
            i32::MIN as u64,
            u64::from(u32::MAX),
            1 << 31,
            1 << 32,
            1 << 63,
            u64::MAX,
            u64::MAX - 1,
            1_709_210_096_789,
            u64::from(f32::NAN.to_bits()),
            u64::from(f32::INFINITY.to_bits()),
            u64::from(0.1f32.to_bits()),
            f64::NAN.to_bits(),
            f64::NEG_INFINITY.to_bits(),
            1e300f64.to_bits(),
        ];
        match entropy.below(edges.len() + 4) {
            edge if edge < edges.len() => edges[edge],
            _ => entropy.u64(),
        }
    }

    fn text(&mut self, entropy: &mut Entropy) -> Vec<u8> {
        if self.wrong(entropy) {
            return entropy.choose(&[&b"\xff"[..], b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80"]).to_vec();
        }
        let texts =
            ["", "a", "b", "ab", "home", "ü", "東京", "\u{10ffff}", "\"\\/", "\u{0}\u{8}\t\n\u{c}\r\u{1f}\u{7f}", "{}"];
        match entropy.below(texts.len() + 2) {
            known if known < texts.len() => texts[known].into(),
            _ => (0..entropy.below(12)).map(|_| entropy.byte() & 0x7F).collect(),
        }
    }

    fn delimited(&mut self, entropy: &mut Entropy, bytes: &[u8], out: &mut Vec<u8>) {
        let mut length = bytes.len() as u64;
        if self.wrong(entropy) {
            length = entropy.choose(&[length.wrapping_sub(1), length + 1, 0, 1 << 20, u64::MAX]);
        }
        self.varint(entropy, length, out);
        out.extend(bytes);
    }

    /// A number, now and then longer than it need be.
    fn varint(&mut self, entropy: &mut Entropy, value: u64, out: &mut Vec<u8>) {
        let start = out.len();
        push_varint(out, value);
        if entropy.seldom(10) {
            let longest = if self.wrong(entropy) { 12 } else { 10 };
            let length = 1 + entropy.below(longest);
            while out.len() - start < length {
                if let Some(last) = out.last_mut() {
                    *last |= 0x80;
                }
                out.push(0);
            }
        }
    }
}

pub fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn push_key(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    push_varint(out, u64::from(number) << 3 | u64::from(wire_type));
}

fn wire_type(kind: &Kind) -> u8 {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        _ => 0,
    }
}

fn is_packable(kind: &Kind) -> bool {
    !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_))
}
