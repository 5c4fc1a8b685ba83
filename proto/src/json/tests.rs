use super::document::{Cell, Document, Row};
use super::error::{Fault, NoJson};
use super::read::Part;
use super::{columns, push_unknown};

/// Reads a document, and shows the value of its first column.
#[track_caller]
fn shown(declared: &str, body: &str) -> String {
    let declared = columns(declared).unwrap();
    let mut document = Document::default();
    match document.read(&declared, Part::Whole, body.as_bytes()) {
        Ok(body) => show(Row { document: &document, body }, document.cells[0]),
        Err(error) => error.to_string(),
    }
}

fn show(row: Row<'_>, cell: Cell) -> String {
    match cell {
        Cell::Plain(_) | Cell::Unescaped(_) => format!("{:?}", row.text(cell).unwrap()),
        Cell::Bytes(_) => format!("{:?}", row.bytes(cell).unwrap()),
        Cell::Wide(_) => row.wide(cell).unwrap().to_string(),
        Cell::Many(span) => {
            let shown: Vec<_> = span.range().map(|index| show(row, row.cell(index))).collect();
            format!("[{}]", shown.join(", "))
        }
        Cell::Null => "null".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(number) => number.to_string(),
        Cell::Uint(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Struct(_) => "struct".to_owned(),
    }
}

/// The value of a column `a` of this type, or what is wrong with it.
#[track_caller]
fn a(of: &str, value: &str) -> String {
    let said = shown(&format!("a: {of}"), &format!("{{\"a\":{value}}}"));
    let said = said.strip_prefix("the JSON can't be a row: a: ").unwrap_or(&said);
    said.trim_end_matches(" (at byte 5)").to_owned()
}

#[test]
fn whole_numbers_may_be_written_in_any_way() {
    for (value, expected) in [
        ("7", "7"),
        ("-0", "0"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("\"7\"", "7"),
        ("\"\\u0037\"", "7"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808.000", "-9223372036854775808"),
        ("null", "null"),
        ("1.5", "expected an int64, found a number with more decimal places"),
        ("9223372036854775808", "expected an int64, found a number beyond its range"),
        ("1e999999999999", "expected an int64, found a number beyond its range"),
        ("true", "expected an int64, found true"),
        ("\"\"", "expected an int64, found another text"),
        ("\" 7\"", "expected an int64, found another text"),
        ("\"+7\"", "expected an int64, found another text"),
        ("[7]", "expected an int64, found an array"),
    ] {
        assert_eq!(a("int64", value), expected, "{value}");
    }
    assert_eq!(a("int32", "2147483647"), "2147483647");
    assert_eq!(a("int32", "2147483648"), "expected an int32, found a number beyond its range");
    assert_eq!(a("uint32", "4294967295"), "4294967295");
    assert_eq!(a("uint32", "-1"), "expected a uint32, found a number beyond its range");
    assert_eq!(a("uint64", "18446744073709551615"), "18446744073709551615");
    assert_eq!(a("uint64", "18446744073709551616"), "expected a uint64, found a number beyond its range");
}

#[test]
fn other_numbers() {
    assert_eq!(a("float64", "0.1"), "0.1");
    assert_eq!(a("float64", "123456789012345678901234567890"), "123456789012345680000000000000");
    assert_eq!(a("float64", "1e400"), "expected a number, found a number beyond its range");
    assert_eq!(a("float64", "\"-Infinity\""), "-inf");
    assert_eq!(a("float64", "\"NaN\""), "NaN");
    assert_eq!(a("float64", "\"nan\""), "expected a number, found another text");
    assert_eq!(a("float32", "16777217"), "16777216");
    assert_eq!(a("float32", "1e39"), "expected a number, found a number beyond its range");
    assert_eq!(a("decimal(5, 2)", "123.40"), "12340");
    assert_eq!(a("decimal(5, 2)", "-999.99"), "-99999");
    assert_eq!(a("decimal(5, 2)", "1000"), "expected a decimal, found a number beyond its range");
    assert_eq!(a("decimal(5, 2)", "\"0.125\""), "expected a decimal, found a number with more decimal places");
    assert_eq!(a("decimal(38, 0)", "99999999999999999999999999999999999999"), "9".repeat(38));
    assert_eq!(a("decimal(38, 0)", "1e38"), "expected a decimal, found a number beyond its range");
}

#[test]
fn times_are_texts_or_numbers_of_a_unit() {
    assert_eq!(a("timestamp", "\"1970-01-01T01:00:00.0000019+01:00\""), "1");
    assert_eq!(a("timestamp", "\"9999-12-31T23:59:59-01:00\""), "is no time between the years 1 and 9999");
    assert_eq!(a("timestamp", "\"yesterday\""), "expected a time such as 2026-11-23T14:05:00Z, found another text");
    assert_eq!(a("timestamp", "7"), "expected a time such as 2026-11-23T14:05:00Z, found a number");
    assert_eq!(a("timestamp(s)", "1.0000015"), "1000001");
    assert_eq!(a("timestamp(s)", "-0.0000001"), "-1");
    assert_eq!(a("timestamp(ms)", "\"7\""), "7000");
    assert_eq!(a("timestamp(us)", "7.9"), "7");
    assert_eq!(a("timestamp(ns)", "-1"), "-1");
    assert_eq!(a("timestamp(s)", "1e300"), "is no time between the years 1 and 9999");
    assert_eq!(a("timestamp(s)", "253402300800"), "is no time between the years 1 and 9999");
    assert_eq!(a("date", "\"1970-01-31\""), "30");
    assert_eq!(a("date", "\"1970-02-31\""), "expected a date such as 2026-11-23, found another text");
}

#[test]
fn texts_bytes_and_json() {
    assert_eq!(a("string", "\"a\\n\\u00e9\\ud83d\\ude00\\/\""), format!("{:?}", "a\né😀/"));
    assert_eq!(a("string", "7"), "expected a string, found a number");
    assert_eq!(a("bytes", "\"AP8=\""), "[0, 255]");
    assert_eq!(a("bytes", "\"AP8\""), "[0, 255]");
    assert_eq!(a("bytes", "\"-_8\""), "[251, 255]");
    assert_eq!(a("bytes", "\"A\""), "expected bytes in base64, found another text");
    assert_eq!(a("json", " [1, {\"b\": \"\\n\"}] "), format!("{:?}", "[1, {\"b\": \"\\n\"}]"));
    assert_eq!(a("json", "true"), "\"true\"");
    assert_eq!(a("json", "null"), "null");
    assert_eq!(a("bool", "false"), "false");
    assert_eq!(a("bool", "0"), "expected true or false, found a number");
}

#[test]
fn lists_and_maps() {
    assert_eq!(a("list<int32>", "[1, null, 3]"), "[1, null, 3]");
    assert_eq!(a("list<int32>", "[]"), "[]");
    assert_eq!(
        a("list<int32 required>", "[1, null]"),
        "the JSON can't be a row: a[1]: is required, and null (at byte 8)"
    );
    assert_eq!(a("list<list<string>>", "[[\"a\", \"\\t\"], [], null]"), "[[\"a\", \"\\t\"], [], null]");
    assert_eq!(a("map<string, int32>", "{\"b\":1,\"a\":2,\"\\u0062\":3}"), "[\"a\", 2, \"b\", 3]");
    assert_eq!(a("map<string, int32>", "[]"), "expected an object, found an array");
    let deep = shown("a: list<map<string, struct<b: int32>>>", "{\"a\": [{}, {\"x\": {\"b\": \"c\"}}]}");
    assert_eq!(deep, "the JSON can't be a row: a[1].*.b: expected an int32, found another text (at byte 23)");
}

#[test]
fn what_is_required_must_be_there() {
    assert_eq!(a("int32 required", "null"), "is required, and null");
    assert_eq!(shown("a: int32 required", " {}"), "the JSON can't be a row: a: is required, and missing (at byte 1)");
    assert_eq!(shown("a: int32 required", "{\"a\":null,\"a\":1}"), "1", "the last counts");
    let within = "a: struct<b: int32 required>";
    assert_eq!(shown(within, "{}"), "null");
    assert_eq!(shown(within, "{\"a\":{}}"), "the JSON can't be a row: a.b: is required, and missing (at byte 5)");
}

#[test]
fn what_is_no_json() {
    let fault = |body: &[u8]| {
        let declared = columns("a: json").unwrap();
        let error = Document::default().read(&declared, Part::Whole, body).unwrap_err();
        match error.fault() {
            Fault::NoJson(fault) => (fault, error.at()),
            _ => panic!("{error}"),
        }
    };
    assert_eq!(fault(b""), (NoJson::Expected("a value"), 0));
    assert_eq!(fault(b"{\"a\":1"), (NoJson::Expected("a comma or the end of the object"), 6));
    assert_eq!(fault(b"{\"a\":1,}"), (NoJson::Expected("a key in quotes"), 7));
    assert_eq!(fault(b"{\"a\":[1,]}"), (NoJson::Expected("a value"), 8));
    assert_eq!(fault(b"{\"a\":[1 2]}"), (NoJson::Expected("a comma or the end of the array"), 8));
    assert_eq!(fault(b"{\"a\" 1}"), (NoJson::Expected("a colon"), 5));
    assert_eq!(fault(b"{} {}"), (NoJson::Trailing, 3));
    assert_eq!(fault(b"{\"x\":\"\xFF\"}"), (NoJson::Utf8, 6));
    assert_eq!(fault(b"\xEF\xBB\xBF{}"), (NoJson::Expected("a value"), 0), "a byte order mark");
    assert_eq!(fault(b"{\"x\":\"\\ud800\"}"), (NoJson::Surrogate, 6));
    assert_eq!(fault(b"{\"x\":\"\\ud800\\u0041\"}"), (NoJson::Surrogate, 6));
    assert_eq!(fault(b"{\"x\":\"\\udc00\"}"), (NoJson::Surrogate, 6));
    assert_eq!(fault(b"{\"x\":\"\\u00g0\"}"), (NoJson::Escape, 6));
    assert_eq!(fault(b"{\"x\":\"\\x\"}"), (NoJson::Escape, 6));
    assert_eq!(fault(b"{\"x\":\"\n\"}"), (NoJson::Control, 6));
    for wrong in ["01", "-", "1.", "1e", "1e+", "-.5"] {
        assert_eq!(fault(format!("{{\"x\":{wrong}}}").as_bytes()), (NoJson::Number, 5), "{wrong}");
    }
    assert_eq!(fault(b"{\"x\":nul}"), (NoJson::Expected("a value"), 5));
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(fault(deep(100).as_bytes()), (NoJson::Depth { limit: 100 }, 104));
    assert!(Document::default().read(&columns("a: json").unwrap(), Part::Whole, deep(99).as_bytes()).is_ok());
    assert_eq!(shown("a: json", "[1]"), "the JSON can't be a row: expected an object, found an array (at byte 0)");
}

/// Two bytes of a document can be many values.
#[test]
fn memory_is_bounded_by_the_values() {
    let many = |of: &str, element: &str, count: usize| {
        let elements = vec![element; count].join(",");
        a(of, &format!("[{elements}]"))
    };
    let limit = (1 << 20) - 1;
    assert!(many("list<int32>", "1", limit).ends_with("1]"));
    let refused = many("list<int32>", "1", limit + 1);
    assert!(refused.contains("a[1048575]: holds too many values: with it they are more than 1048576"), "{refused}");
    let wide = format!("list<struct<{}>>", (0..1000).map(|n| format!("c{n}: int32")).collect::<Vec<_>>().join(","));
    assert!(many(&wide, "null", 3000).contains("a[1047]: holds too many values"));
    let again = shown(
        &wide.replacen("list<", "a: ", 1).replacen(">>", ">", 1),
        &format!("{{{}}}", vec!["\"a\":{}"; 3000].join(",")),
    );
    assert!(again.contains("a: holds too many values"), "{again}");
}

#[test]
fn the_memory_of_a_huge_document_is_given_back() {
    let declared = columns("a: list<int32>").unwrap();
    let mut document = Document::default();
    for (elements, kept) in [(1000, true), (100_000, false)] {
        let body = format!("{{\"a\":[{}]}}", vec!["1"; elements].join(","));
        document.read(&declared, Part::Whole, body.as_bytes()).unwrap();
        document.shrink();
        assert_eq!(document.cells.capacity() >= 1000, kept);
    }
}

#[test]
fn what_has_no_column_is_counted_and_copied() {
    let declared =
        columns("a: int32, b: struct<c: int32>, d: list<struct<e: int32>>, m: map<string, struct<e: int32>>, j: json");
    let declared = declared.unwrap();
    let body = r#" {"a":1, "new" : [1, {"x":2}], "b":{"c":1,"A":"\u0041"}, "d":[{"e":1},{"f":null},null],
        "m":{"k":{"e":1},"l\n":{"g":{}}}, "j":{"z":1}, "b":{"c":2}} "#;
    let mut document = Document::default();
    let text = document.read(&declared, Part::Whole, body.as_bytes()).unwrap();
    assert_eq!(document.unknown(), 4);
    let mut out = b"before ".to_vec();
    push_unknown(&declared, Part::Whole, text, &mut out).unwrap();
    let expected = r#"before {"new":[1, {"x":2}],"b":{"A":"\u0041"},"d":[{"f":null}],"m":{"l\n":{"g":{}}}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut nothing = Vec::new();
    push_unknown(&declared, Part::Whole, "{\"a\":1,\"b\":{\"c\":1},\"d\":[{}]}", &mut nothing).unwrap();
    assert_eq!(nothing, b"");
}
