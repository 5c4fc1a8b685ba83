//! From the text that declares columns to their types.
//!
//! ```text
//! columns = [column {"," column} [","]]
//! column  = name ":" type ["required"] ["as" name]
//! type    = "bool" | "int32" | … | "decimal(12, 2)" | "timestamp" ["(" unit ")"]
//!         | "list<" type ["required"] ">" | "map<string," type ["required"] ">" | "struct<" columns ">"
//! name    = letters, digits, "_" and "-", or anything in quotes
//! ```

use std::collections::HashSet;

use super::error::ColumnsError;
use super::types::{Column, Element, Struct, Type};
use crate::table::TimeUnit;

/// How deep types may be nested. Documents may be deeper, within what is kept as JSON.
const MAX_DEPTH: usize = 64;

/// The digits of a decimal of 128 bits.
const MAX_PRECISION: u8 = 38;

const TYPES: &str = "bool, int32, int64, uint32, uint64, float32, float64, decimal(12, 2), string, bytes, date, timestamp, \
                     timestamp(ms), json, list<…>, map<string, …> or struct<…>";

/// The columns that a text declares.
///
/// # Errors
///
/// [`ColumnsError`]: where the text declares none.
pub(crate) fn columns(text: &str) -> Result<Struct, ColumnsError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let columns = parser.columns()?;
    match parser.peek() {
        None => Ok(columns),
        Some(_) => Err(parser.expected("a comma or the end of the columns")),
    }
}

/// The names of a path such as `customer.country`, where a name with a dot stands in quotes.
///
/// # Errors
///
/// [`ColumnsError`]: the text is no path.
pub(crate) fn path(text: &str) -> Result<Vec<String>, ColumnsError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let mut names = vec![parser.name("the name of a column")?];
    while parser.take('.') {
        names.push(parser.name("the name of a column")?);
    }
    match parser.peek() {
        None => Ok(names),
        Some(_) => Err(parser.expected("a dot or the end of the path")),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next letter that is no space and not in a comment.
    fn peek(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let next = self.rest().chars().next()?;
            if next != '#' {
                return Some(next);
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn take(&mut self, letter: char) -> bool {
        let is_there = self.peek() == Some(letter);
        self.at += if is_there { letter.len_utf8() } else { 0 };
        is_there
    }

    fn demand(&mut self, letter: char, what: &str) -> Result<(), ColumnsError> {
        if self.take(letter) { Ok(()) } else { Err(self.expected(what)) }
    }

    fn fault(&self, what: String) -> ColumnsError {
        let before = self.text.get(..self.at).unwrap_or_default();
        ColumnsError { line: 1 + before.matches('\n').count(), what }
    }

    fn expected(&mut self, what: &str) -> ColumnsError {
        let found = match self.peek() {
            Some(_) => format!("`{}`", self.rest().split_whitespace().next().unwrap_or_default()),
            None => "the end".to_owned(),
        };
        self.fault(format!("expected {what}, found {found}"))
    }

    /// A word of letters and digits; empty where there is none.
    fn word(&mut self) -> &'t str {
        self.peek();
        let ends = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-');
        let rest = self.rest();
        let word = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        self.at += word.len();
        word
    }

    /// Whether this word comes next; it is taken then.
    fn take_word(&mut self, word: &str) -> bool {
        let start = self.at;
        let is_there = self.word() == word;
        if !is_there {
            self.at = start;
        }
        is_there
    }

    fn name(&mut self, what: &str) -> Result<String, ColumnsError> {
        let quote = match self.peek() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => {
                let word = self.word();
                return if word.is_empty() { Err(self.expected(what)) } else { Ok(word.to_owned()) };
            }
        };
        let (start, mut name) = (self.at, String::new());
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((place, letter)) = letters.next() {
            match letter {
                '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
                _ if letter == quote => {
                    self.at = start + place + quote.len_utf8();
                    return Ok(name);
                }
                _ => name.push(letter),
            }
        }
        Err(self.fault(format!("a name in quotes has no end: expected {quote}")))
    }

    fn columns(&mut self) -> Result<Struct, ColumnsError> {
        let (mut columns, mut keys, mut names) = (Vec::new(), HashSet::new(), HashSet::new());
        while !matches!(self.peek(), None | Some('>')) {
            let start = self.at;
            let column = self.column()?;
            let twice = match (keys.insert(column.key.clone()), names.insert(column.name.to_lowercase())) {
                (false, _) => Some(format!("column {:?} is declared twice", column.key)),
                (_, false) => Some(format!(
                    "two columns are named {:?}, since SQL takes no notice of case: give one another name with `as`",
                    column.name
                )),
                _ => None,
            };
            if let Some(what) = twice {
                self.at = start;
                return Err(self.fault(what));
            }
            columns.push(column);
            if !self.take(',') {
                break;
            }
        }
        if columns.is_empty() {
            return Err(self.expected("a column such as `id: int64`"));
        }
        Ok(Struct::new(columns))
    }

    fn column(&mut self) -> Result<Column, ColumnsError> {
        let key = self.name("a column such as `id: int64`")?;
        self.demand(':', &format!("a colon and a type behind {key:?}"))?;
        let (of, required) = self.type_of()?;
        let name = if self.take_word("as") { self.name("the name of the column")? } else { key.clone() };
        if name.is_empty() || name.contains(char::is_control) {
            return Err(self.fault(format!("{name:?} can't be the name of a column: give it another one with `as`")));
        }
        Ok(Column { key: key.into(), name: name.into(), of, required })
    }

    /// A type, and whether a value is required.
    fn type_of(&mut self) -> Result<(Type, bool), ColumnsError> {
        self.peek();
        let start = self.at;
        let of = match self.word() {
            "bool" => Type::Bool,
            "int32" => Type::Int32,
            "int64" => Type::Int64,
            "uint32" => Type::Uint32,
            "uint64" => Type::Uint64,
            "float32" => Type::Float32,
            "float64" => Type::Float64,
            "decimal" => self.decimal()?,
            "string" => Type::Text,
            "bytes" => Type::Bytes,
            "date" => Type::Date,
            "timestamp" => Type::Timestamp(self.unit()?),
            "json" => Type::Json,
            "list" => self.within(|parser| Ok(Type::List(Box::new(parser.element()?))))?,
            "map" => self.within(|parser| {
                if parser.take_word("string") {
                    parser.demand(',', "a comma and the type of the values")?;
                    return Ok(Type::Map(Box::new(parser.element()?)));
                }
                Err(parser.expected("`string`, which the keys of JSON are, as in map<string, int64>"))
            })?,
            "struct" => self.within(|parser| parser.columns().map(Type::Struct))?,
            "" => return Err(self.expected(&format!("a type: {TYPES}"))),
            other => {
                self.at = start;
                return Err(self.fault(format!("unknown type `{other}`: expected {TYPES}")));
            }
        };
        Ok((of, self.take_word("required")))
    }

    fn element(&mut self) -> Result<Element, ColumnsError> {
        self.type_of().map(|(of, required)| Element::new(of, required))
    }

    fn within(&mut self, read: impl FnOnce(&mut Self) -> Result<Type, ColumnsError>) -> Result<Type, ColumnsError> {
        self.demand('<', "`<` and what it holds")?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault(format!("types are nested more than {MAX_DEPTH} levels deep")));
        }
        let of = read(self)?;
        self.depth -= 1;
        self.demand('>', "`>`")?;
        Ok(of)
    }

    fn decimal(&mut self) -> Result<Type, ColumnsError> {
        const EXPECTED: &str =
            "the digits and the decimal places of a decimal, as in decimal(12, 2), 38 digits at most";
        let start = self.at;
        let digits = |parser: &mut Self| parser.word().parse::<u8>().ok();
        let found = self.take('(').then(|| {
            let precision = digits(self)?;
            let scale = if self.take(',') { digits(self)? } else { 0 };
            self.take(')').then_some((precision, scale))
        });
        match found.flatten() {
            Some((precision, scale)) if (1..=MAX_PRECISION).contains(&precision) && scale <= precision => {
                Ok(Type::Decimal { precision, scale })
            }
            _ => {
                self.at = start;
                Err(self.fault(format!("expected {EXPECTED}")))
            }
        }
    }

    fn unit(&mut self) -> Result<Option<TimeUnit>, ColumnsError> {
        if !self.take('(') {
            return Ok(None);
        }
        let unit = match self.word() {
            "s" => TimeUnit::Seconds,
            "ms" => TimeUnit::Millis,
            "us" => TimeUnit::Micros,
            "ns" => TimeUnit::Nanos,
            _ => return Err(self.fault("the unit of a timestamp is s, ms, us or ns, as in timestamp(ms)".to_owned())),
        };
        self.demand(')', "`)`")?;
        Ok(Some(unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_every_type() {
        let text = "id: int64 required, # the key
            \"a.b\": decimal(12,2) as price, 'it''s': string, \"say \\\"hi\\\"\": bool,
            items: list<struct<sku: string required, at: timestamp(ms)> required>,
            more: map<string, list<float32>>, raw: json,";
        // Two texts side by side are none: a quote in a name has a backslash.
        assert!(columns(text).is_err());
        let columns = columns(&text.replace("it''s", "it\\'s")).unwrap();
        let fields: Vec<_> =
            columns.fields().iter().map(|field| format!("{} {}", field.name(), field.is_nullable())).collect();
        assert_eq!(
            fields,
            ["id false", "price true", "it's true", "say \"hi\" true", "items true", "more true", "raw true"]
        );
        assert_eq!(columns.find("a.b", 9), Some(1));
        assert_eq!(columns.find("price", 0), None);
        assert_eq!(columns.leaves(), 9);
        let Type::List(items) = &columns.columns[4].of else { unreachable!() };
        assert!(items.required && items.width == 3);
    }

    #[track_caller]
    fn refused(text: &str, line: usize, words: &str) {
        let error = columns(text).unwrap_err();
        assert!(error.line == line && error.what.contains(words), "{error} for {text}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        refused("", 1, "expected a column such as `id: int64`, found the end");
        refused("a: int64,\nb: int46", 2, "unknown type `int46`: expected bool, int32");
        refused("a: int64\nb: int64", 2, "expected a comma or the end of the columns, found `b:`");
        refused("a", 1, "expected a colon and a type behind \"a\", found the end");
        refused("a:,", 1, "expected a type: bool");
        refused("a: int64,\n\n a: string", 3, "column \"a\" is declared twice");
        refused("a: int64, A: string", 1, "two columns are named \"A\"");
        refused("a: list", 1, "expected `<` and what it holds, found the end");
        refused("a: list<int64", 1, "expected `>`, found the end");
        refused("a: struct<>", 1, "expected a column such as `id: int64`, found `>`");
        refused("a: map<int64, string>", 1, "expected `string`, which the keys of JSON are");
        refused("a: map<string>", 1, "expected a comma and the type of the values");
        for wrong in ["decimal", "decimal(39, 2)", "decimal(0)", "decimal(5, 6)", "decimal(5, -1)"] {
            refused(&format!("a: {wrong}"), 1, "expected the digits and the decimal places");
        }
        refused("a: timestamp(m)", 1, "the unit of a timestamp is s, ms, us or ns");
        refused("\"a: int64", 1, "a name in quotes has no end");
        refused("\"\": int64", 1, "can't be the name of a column");
        refused(&format!("a: {}int64", "list<".repeat(65)), 1, "nested more than 64 levels");
        assert!(columns("a: int64, A: string as b").is_ok());
    }

    #[test]
    fn a_path_has_names_between_dots() {
        assert_eq!(path("a.b-c").unwrap(), ["a", "b-c"]);
        assert_eq!(path("\"a.b\".'c d'").unwrap(), ["a.b", "c d"]);
        for wrong in ["", "a.", ".a", "a b", "a..b", "\"a"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }
}
