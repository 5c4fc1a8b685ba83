//! What docs/json.md says of a document, worked out from what serde_json reads.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::json_documents::{Kind, Of};
use crate::support::cells::Cell;

/// A document with the order of its members, and all of those with the same key.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// The document is no row.
#[derive(Debug)]
pub struct Refused;

type Row = Vec<(String, Cell)>;

/// The columns of a document, and how many members have none.
pub fn row(columns: &[(String, Of)], body: &[u8]) -> Result<(Row, u64), Refused> {
    let tree: Tree = serde_json::from_slice(body).map_err(|_| Refused)?;
    let mut unknown = 0;
    match object(columns, &tree, &mut unknown)? {
        Cell::Struct(row) if depth(&tree) <= 100 => Ok((row, unknown)),
        _ => Err(Refused),
    }
}

/// Whether the numbers of a body are ones that serde_json reads without loss.
pub fn is_exact(body: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_digit() || b".eE+-".contains(byte);
    body.split(|byte| !part(byte)).all(|number| {
        let power = number.iter().position(|byte| b"eE".contains(byte));
        let digits = |part: &[u8]| part.iter().filter(|byte| byte.is_ascii_digit()).count();
        let (mantissa, power) = number.split_at(power.unwrap_or(number.len()));
        let is_whole = power.is_empty() && !mantissa.contains(&b'.');
        digits(power) <= 1 && (digits(mantissa) <= 15 || (is_whole && digits(mantissa) <= 19))
    })
}

fn depth(tree: &Tree) -> usize {
    match tree {
        Tree::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Tree::Object(members) => 1 + members.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn object(columns: &[(String, Of)], tree: &Tree, unknown: &mut u64) -> Result<Cell, Refused> {
    let Tree::Object(members) = tree else { return Err(Refused) };
    let mut row: Row = columns.iter().map(|(name, _)| (name.clone(), Cell::Null)).collect();
    for (key, value) in members {
        match columns.iter().position(|(name, _)| name == key) {
            Some(index) => row[index].1 = cell(&columns[index].1.kind, value, unknown)?,
            None => *unknown += 1,
        }
    }
    let lacks = columns.iter().zip(&row).any(|((_, of), (_, cell))| of.required && *cell == Cell::Null);
    if lacks { Err(Refused) } else { Ok(Cell::Struct(row)) }
}

fn element(of: &Of, tree: &Tree, unknown: &mut u64) -> Result<Cell, Refused> {
    match cell(&of.kind, tree, unknown)? {
        Cell::Null if of.required => Err(Refused),
        cell => Ok(cell),
    }
}

fn cell(kind: &Kind, tree: &Tree, unknown: &mut u64) -> Result<Cell, Refused> {
    match (kind, tree) {
        (_, Tree::Null) => Ok(Cell::Null),
        (Kind::Plain("json"), tree) => Ok(Cell::Text(canonical(tree))),
        (Kind::Plain("bool"), Tree::Bool(value)) => Ok(Cell::Bool(*value)),
        (Kind::Plain("string"), Tree::Text(text)) => Ok(Cell::Text(text.clone())),
        (Kind::Plain("bytes"), Tree::Text(text)) => bytes(text).map(Cell::Bytes).ok_or(Refused),
        (Kind::Plain("date"), Tree::Text(text)) if text.len() == 10 => {
            let micros = timestamp(&format!("{text}T00:00:00Z"))?;
            Ok(Cell::Date(micros.div_euclid(86_400_000_000) as i32))
        }
        (Kind::Plain("timestamp"), Tree::Text(text)) => timestamp(text).map(Cell::Time),
        (Kind::Plain("string" | "bytes" | "date" | "timestamp" | "bool"), _) => Err(Refused),
        (Kind::Plain(_) | Kind::Decimal(..), Tree::Number(read)) => number(kind, read),
        (Kind::Plain(_) | Kind::Decimal(..), Tree::Text(text)) => match (kind, text.as_str()) {
            (Kind::Plain("float64"), "NaN" | "Infinity" | "-Infinity") => {
                Ok(Cell::Double(text.to_lowercase().parse::<f64>().unwrap().to_bits()))
            }
            (Kind::Plain("float32"), "NaN" | "Infinity" | "-Infinity") => {
                Ok(Cell::Float(text.to_lowercase().parse::<f32>().unwrap().to_bits()))
            }
            _ if text.trim() == text => match serde_json::from_str(text) {
                Ok(Value::Number(read)) => number(kind, &read),
                _ => Err(Refused),
            },
            _ => Err(Refused),
        },
        (Kind::List(of), Tree::Array(elements)) => {
            let cells = elements.iter().map(|tree| element(of, tree, unknown));
            cells.collect::<Result<_, _>>().map(Cell::List)
        }
        (Kind::Map(of), Tree::Object(members)) => {
            let mut entries = std::collections::BTreeMap::new();
            for (key, value) in members {
                entries.insert(key.clone(), element(of, value, unknown)?);
            }
            Ok(Cell::Map(entries.into_iter().map(|(key, value)| (Cell::Text(key), value)).collect()))
        }
        (Kind::Struct(columns), tree) => object(columns, tree, unknown),
        _ => Err(Refused),
    }
}

/// The digits of a number, shifted to the left by so many places, and whether digits are left behind the point.
fn shifted(read: &Number, places: usize) -> Option<(i128, bool)> {
    let text = match (read.as_i64(), read.as_u64()) {
        (Some(number), _) => number.to_string(),
        (_, Some(number)) => number.to_string(),
        _ => format!("{}", read.as_f64()?),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let padded = format!("{fraction:0<places$}");
    let (kept, rest) = padded.split_at(places);
    Some((format!("{whole}{kept}").parse().ok()?, rest.bytes().any(|digit| digit != b'0')))
}

fn number(kind: &Kind, read: &Number) -> Result<Cell, Refused> {
    let whole = || match shifted(read, 0) {
        Some((number, false)) => Ok(number),
        _ => Err(Refused),
    };
    let micros = |places, divisor: i128| {
        let (number, is_cut) = shifted(read, places).ok_or(Refused)?;
        let is_negative = read.as_f64().is_some_and(|number| number < 0.0);
        let floor = number - i128::from(is_cut && is_negative);
        in_years(floor.div_euclid(divisor)).map(Cell::Time)
    };
    let Kind::Plain(word) = kind else {
        let Kind::Decimal(precision, scale) = kind else { return Err(Refused) };
        return match shifted(read, usize::from(*scale)) {
            Some((number, false)) if number.unsigned_abs() < 10_u128.pow((*precision).into()) => {
                Ok(Cell::Decimal(number))
            }
            _ => Err(Refused),
        };
    };
    match *word {
        "int32" => i32::try_from(whole()?).map(Cell::Int32).map_err(|_| Refused),
        "int64" => i64::try_from(whole()?).map(Cell::Int64).map_err(|_| Refused),
        "uint32" => u32::try_from(whole()?).map(Cell::Uint32).map_err(|_| Refused),
        "uint64" => u64::try_from(whole()?).map(Cell::Uint64).map_err(|_| Refused),
        "float64" => Ok(Cell::Double(read.as_f64().ok_or(Refused)?.to_bits())),
        "float32" => match read.to_string().parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(Cell::Float(number.to_bits())),
            _ => Err(Refused),
        },
        "timestamp(s)" => micros(6, 1),
        "timestamp(ms)" => micros(3, 1),
        "timestamp(us)" => micros(0, 1),
        "timestamp(ns)" => micros(0, 1000),
        _ => Err(Refused),
    }
}

fn in_years(micros: i128) -> Result<i64, Refused> {
    let taken = (-62_135_596_800_000_000..253_402_300_800_000_000).contains(&micros);
    if taken { Ok(micros as i64) } else { Err(Refused) }
}

/// The zone as RFC 3339 has it.
fn plain_zone(text: &str) -> String {
    let at = text.get(19..).and_then(|rest| rest.rfind(['+', '-'])).map(|at| at + 19);
    let (time, zone) = match (at, text.strip_suffix(['Z', 'z'])) {
        (Some(at), _) => text.split_at(at),
        (None, Some(time)) => (time, "Z"),
        (None, None) => (text, ""),
    };
    let zone = match zone.len() {
        3 => format!("{zone}:00"),
        5 if !zone.contains(':') => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => zone.to_owned(),
    };
    let time = time.strip_suffix(' ').filter(|time| time.len() > 18).unwrap_or(time);
    let mut time = time.to_owned();
    if time.get(19..20) == Some(",") {
        time.replace_range(19..20, ".");
    }
    time + &zone
}

/// The parser of `time` takes any letter between date and time, no leap second but at the end of a month, and the year 0.
fn timestamp(text: &str) -> Result<i64, Refused> {
    let mut text = plain_zone(text);
    if !matches!(text.get(10..11), Some("T" | "t" | " ")) || text.starts_with("0000") {
        return Err(Refused);
    }
    text.replace_range(10..11, "T");
    let is_leap = text.get(17..19) == Some("60");
    if is_leap {
        text.replace_range(17..19, "59");
    }
    let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| Refused)?;
    in_years(time.unix_timestamp_nanos().div_euclid(1000) + if is_leap { 1_000_000 } else { 0 })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let is_url_safe = text.contains(['-', '_']);
    let alphabet = if is_url_safe { &base64::alphabet::URL_SAFE } else { &base64::alphabet::STANDARD };
    GeneralPurpose::new(alphabet, padding).decode(text).ok()
}

/// JSON that is the same for the same document.
pub fn canonical(tree: &Tree) -> String {
    match tree {
        Tree::Null => "null".to_owned(),
        Tree::Bool(value) => value.to_string(),
        Tree::Number(number) => number.to_string(),
        Tree::Text(text) => Value::from(text.as_str()).to_string(),
        Tree::Array(elements) => format!("[{}]", elements.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Tree::Object(members) => {
            let member = |(key, value): &(String, Tree)| format!("{}:{}", Value::from(key.as_str()), canonical(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

/// The cell of a column with the texts that are JSON made the same for the same document.
pub fn comparable(kind: &Kind, cell: Cell) -> Cell {
    match (kind, cell) {
        (Kind::Plain("json"), Cell::Text(text)) => Cell::Text(canonical(&serde_json::from_str(&text).unwrap())),
        (Kind::List(of), Cell::List(cells)) => {
            Cell::List(cells.into_iter().map(|cell| comparable(&of.kind, cell)).collect())
        }
        (Kind::Map(of), Cell::Map(entries)) => {
            Cell::Map(entries.into_iter().map(|(key, value)| (key, comparable(&of.kind, value))).collect())
        }
        (Kind::Struct(columns), Cell::Struct(cells)) => {
            let both = columns.iter().zip(cells);
            Cell::Struct(both.map(|((_, of), (name, cell))| (name, comparable(&of.kind, cell))).collect())
        }
        (_, cell) => cell,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Number::from_f64(number).map_or(Tree::Null, Tree::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Tree::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}
