//! The types of the settings of `[schema]`.

use std::path::PathBuf;

use warehouse_sink_proto::{Empty, PartitionTime, PayloadColumns, TimeUnit};

use super::value::{Raw, Value};

/// What messages are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The events that are built in.
    CausalityV1,
    /// Protobuf messages of a type of one's own.
    Protobuf,
    /// JSON documents with declared columns.
    Json,
}

impl Value for Format {
    const KIND: &'static str = "format";
    const EXPECTED: &'static str = "causality.v1, protobuf or json";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "causality.v1" => Some(Self::CausalityV1),
            "protobuf" => Some(Self::Protobuf),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Files or folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths(Vec<PathBuf>);

impl Paths {
    /// The paths; there is at least one.
    pub fn as_slice(&self) -> &[PathBuf] {
        &self.0
    }
}

impl Value for Paths {
    const KIND: &'static str = "list of paths";
    const EXPECTED: &'static str = "an array of paths such as [\"proto/order.proto\"]";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let paths: Vec<PathBuf> = raw.items()?.into_iter().map(|path| PathBuf::from(path.trim())).collect();
        (!paths.is_empty() && paths.iter().all(|path| !path.as_os_str().is_empty())).then_some(Paths(paths))
    }
}

/// Fields of a message, by their paths; none is possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<String>);

impl Fields {
    /// The paths.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl Value for Fields {
    const KIND: &'static str = "list of fields";
    const EXPECTED: &'static str = "an array of fields such as [\"tenant\", \"device.platform\"]";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let fields: Vec<String> = raw.items()?.into_iter().map(|field| field.trim().to_owned()).collect();
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '/';
        // What stands in quotes is the key of a JSON document, which may be any text.
        let is_quoted = |field: &str| field.contains(['"', '\'']) && !field.contains(char::is_control);
        let usable = |field: &String| is_quoted(field) || (!field.is_empty() && !field.contains(odd));
        fields.iter().all(usable).then_some(Fields(fields))
    }
}

/// Names of headers, as they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers(Vec<String>);

impl Headers {
    /// The names; there is at least one.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl Value for Headers {
    const KIND: &'static str = "list of headers";
    const EXPECTED: &'static str = "an array of headers such as [\"X-Tenant\"]";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let names: Vec<String> = raw.items()?.into_iter().map(|name| name.trim().to_owned()).collect();
        let usable = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && c != ':');
        (!names.is_empty() && names.iter().all(usable)).then_some(Headers(names))
    }
}

/// What becomes of fields that the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// They are counted.
    Skip,
    /// They are counted, and kept in a column.
    Keep,
}

impl Value for UnknownFields {
    const KIND: &'static str = "skip or keep";
    const EXPECTED: &'static str = "skip or keep";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "skip" => Some(Self::Skip),
            "keep" => Some(Self::Keep),
            _ => None,
        }
    }
}

impl Value for Empty {
    const KIND: &'static str = "dead_letter, row or drop";
    const EXPECTED: &'static str = "dead_letter, row or drop";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "dead_letter" => Some(Self::DeadLetter),
            "row" => Some(Self::Row),
            "drop" => Some(Self::Drop),
            _ => None,
        }
    }
}

impl Value for PayloadColumns {
    const KIND: &'static str = "json, native or both";
    const EXPECTED: &'static str = "json, native or both";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "json" => Some(Self::Json),
            "native" => Some(Self::Native),
            "both" => Some(Self::Both),
            _ => None,
        }
    }
}

impl Value for PartitionTime {
    const KIND: &'static str = "unit of time";
    const EXPECTED: &'static str = "hour, day, month or none";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

impl Value for TimeUnit {
    const KIND: &'static str = "unit of a number";
    const EXPECTED: &'static str = "s, ms, us or ns";

    fn from_raw(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Millis),
            "us" => Some(Self::Micros),
            "ns" => Some(Self::Nanos),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain<T: Value>(text: &str) -> Option<T> {
        T::from_raw(&Raw::Plain(text.to_owned()))
    }

    #[test]
    fn words_stand_for_what_they_say() {
        assert_eq!(plain("causality.v1"), Some(Format::CausalityV1));
        assert_eq!(plain("protobuf"), Some(Format::Protobuf));
        assert_eq!(plain("json"), Some(Format::Json));
        assert_eq!(plain::<Format>("avro"), None);
        let payloads = ["json", "native", "both", "struct"].map(plain);
        let expected = [PayloadColumns::Json, PayloadColumns::Native, PayloadColumns::Both].map(Some);
        assert_eq!(payloads, [expected[0], expected[1], expected[2], None]);
        let empties = ["dead_letter", "row", "drop", "ack"].map(plain);
        assert_eq!(empties, [Some(Empty::DeadLetter), Some(Empty::Row), Some(Empty::Drop), None]);
        let times = ["hour", "day", "month", "none", "year"].map(plain);
        let expected = [PartitionTime::Hour, PartitionTime::Day, PartitionTime::Month, PartitionTime::None].map(Some);
        assert_eq!(times, [expected[0], expected[1], expected[2], expected[3], None]);
        let units = ["s", "ms", "us", "ns", "m"].map(plain);
        let expected = [TimeUnit::Seconds, TimeUnit::Millis, TimeUnit::Micros, TimeUnit::Nanos].map(Some);
        assert_eq!(units, [expected[0], expected[1], expected[2], expected[3], None]);
    }

    #[test]
    fn lists_are_arrays_or_have_commas() {
        let list = Raw::List(vec![Raw::Text("tenant".to_owned()), Raw::Text("device.platform".to_owned())]);
        assert_eq!(Fields::from_raw(&list), plain("tenant, device.platform"));
        assert_eq!(Fields::from_raw(&Raw::List(Vec::new())), Some(Fields::default()), "no folders");
        let headers = plain::<Headers>("X-Tenant, trace").unwrap();
        assert_eq!(headers.as_slice(), ["X-Tenant", "trace"]);
        for wrong in ["", "a,,b", "a b", "a:"] {
            assert_eq!(plain::<Headers>(wrong), None, "{wrong:?}");
        }
        assert_eq!(plain::<Fields>("\"a b\".c").unwrap().as_slice(), ["\"a b\".c"]);
        for wrong in ["", "a,,b", "a b", "a/b"] {
            assert_eq!(plain::<Fields>(wrong), None, "{wrong:?}");
        }
        let paths = plain::<Paths>("a.proto,b/c.proto").unwrap();
        assert_eq!(paths.as_slice(), [PathBuf::from("a.proto"), PathBuf::from("b/c.proto")]);
        assert_eq!(Paths::from_raw(&Raw::List(Vec::new())), None);
    }
}
