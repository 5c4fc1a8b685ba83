//! `[[schema.route]]`.

use std::collections::BTreeMap;

use warehouse_sink_proto::Empty;

use super::nearest::name_hint;
use super::schema_types::Fields;
use super::types::{Prefix, is_subject};
use super::value::{Raw, Value};

/// The routes, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes(Vec<RouteSettings>);

/// Some subjects, what their messages are, and where the rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// The subjects, wildcards allowed.
    pub subject: String,
    /// What the messages are.
    pub messages: Messages,
    /// What the keys of the files begin with.
    pub prefix: Prefix,
    /// Instead of `schema.partition_by`.
    pub partition_by: Option<Fields>,
    /// Instead of `schema.event_time`.
    pub event_time: Option<String>,
    /// As `schema.explode`.
    pub explode: Option<String>,
    /// Instead of `schema.on_empty_batch`.
    pub on_empty_batch: Option<Empty>,
}

/// What the messages of a route are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Messages {
    /// Protobuf messages with this full name.
    Protobuf(String),
    /// JSON documents with these columns.
    Json(String),
}

impl Routes {
    /// The routes; there is at least one.
    pub fn as_slice(&self) -> &[RouteSettings] {
        &self.0
    }
}

impl Value for Routes {
    const KIND: &'static str = "array of tables";
    const EXPECTED: &'static str = "[[schema.route]] tables with subject, message or columns, and prefix, and perhaps partition_by, event_time, explode and on_empty_batch";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let Raw::List(items) = raw else { return None };
        let route = |item: &Raw| match item {
            Raw::Table(entries) => RouteSettings::from_entries(entries),
            _ => None,
        };
        let routes: Vec<_> = items.iter().map(route).collect::<Option<_>>()?;
        (!routes.is_empty() && routes.len() <= usize::from(u16::MAX)).then_some(Routes(routes))
    }
}

/// The keys of a route.
const KEYS: [&str; 8] =
    ["subject", "message", "columns", "prefix", "partition_by", "event_time", "explode", "on_empty_batch"];

impl RouteSettings {
    /// What is wrong with one entry of a route, if anything is.
    pub(super) fn mistake(key: &str, raw: &Raw) -> Option<String> {
        let (is_right, expected) = match key {
            "subject" => {
                (raw.text().is_some_and(is_subject), "a subject, in which `*` and a `>` at the end stand for any token")
            }
            "prefix" => {
                let is_right = Prefix::from_raw(raw).is_some_and(|prefix| !prefix.as_str().is_empty());
                (is_right, Prefix::EXPECTED)
            }
            "partition_by" => (Fields::from_raw(raw).is_some(), Fields::EXPECTED),
            "on_empty_batch" => (Empty::from_raw(raw).is_some(), Empty::EXPECTED),
            "message" | "columns" | "event_time" | "explode" => (String::from_raw(raw).is_some(), String::EXPECTED),
            _ => {
                return Some(format!(
                    "unknown key `{key}` in [[schema.route]]: {}",
                    name_hint(KEYS.iter().copied(), key)
                ));
            }
        };
        (!is_right).then(|| format!("{key} of [[schema.route]] = {raw}: expected {expected}"))
    }

    /// What is wrong with the entries together, each of which is right by itself.
    pub(super) fn mistake_between(has: impl Fn(&str) -> bool) -> Option<&'static str> {
        match (has("message"), has("columns"), has("subject") && has("prefix")) {
            (true, true, _) => Some("this [[schema.route]] has message and columns: keep one of them"),
            (false, false, _) => Some(
                "this [[schema.route]] does not say what its messages are: set message to a protobuf type, or columns for JSON",
            ),
            (_, _, false) => Some("this [[schema.route]] needs a subject and a prefix"),
            _ => None,
        }
    }

    fn from_entries(entries: &BTreeMap<String, Raw>) -> Option<Self> {
        if entries.keys().any(|key| !KEYS.contains(&key.as_str())) {
            return None;
        }
        let text = |key: &str| entries.get(key).and_then(String::from_raw);
        let optional = |key: &str| entries.get(key).map_or(Some(None), |raw| String::from_raw(raw).map(Some));
        Some(Self {
            subject: text("subject").filter(|subject| is_subject(subject))?,
            messages: match (optional("message")?, optional("columns")?) {
                (Some(name), None) => Messages::Protobuf(name),
                (None, Some(columns)) => Messages::Json(columns),
                _ => return None,
            },
            prefix: Prefix::from_raw(entries.get("prefix")?).filter(|prefix| !prefix.as_str().is_empty())?,
            partition_by: entries.get("partition_by").map_or(Some(None), |raw| Fields::from_raw(raw).map(Some))?,
            event_time: optional("event_time")?,
            explode: optional("explode")?,
            on_empty_batch: entries.get("on_empty_batch").map_or(Some(None), |raw| Empty::from_raw(raw).map(Some))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(entries: &[(&str, &str)]) -> Option<Routes> {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), Raw::Text((*value).to_owned()));
        Routes::from_raw(&Raw::List(vec![Raw::Table(entries.iter().map(text).collect())]))
    }

    #[test]
    fn a_route_has_subject_message_and_prefix() {
        let full =
            [("subject", "a.>"), ("message", "a.B"), ("prefix", "/b/"), ("partition_by", "c,d"), ("event_time", "t")];
        let taken = routes(&full).unwrap();
        let [route] = taken.as_slice() else { unreachable!() };
        assert_eq!((route.subject.as_str(), route.prefix.as_str()), ("a.>", "b"));
        assert_eq!(route.messages, Messages::Protobuf("a.B".to_owned()));
        assert_eq!(route.partition_by.as_ref().unwrap().as_slice(), ["c", "d"]);
        assert_eq!(route.event_time.as_deref(), Some("t"));
        assert_eq!(route.on_empty_batch, None);
        let batches = routes(&[&full[..], &[("explode", "c"), ("on_empty_batch", "row")]].concat()).unwrap();
        assert_eq!(batches.as_slice()[0].on_empty_batch, Some(Empty::Row));
        assert_eq!(routes(&[&full[..], &[("on_empty_batch", "ack")]].concat()), None);
        assert!(routes(&full[..3]).is_some());
        for missing in 0..3 {
            let mut entries = full[..3].to_vec();
            entries.remove(missing);
            assert_eq!(routes(&entries), None, "{entries:?}");
        }
        let json = [full[0], ("columns", "a: int64"), full[2]];
        assert_eq!(routes(&json).unwrap().as_slice()[0].messages, Messages::Json("a: int64".to_owned()));
        assert_eq!(routes(&[&full[..3], &json[1..2]].concat()), None, "both");
        assert_eq!(routes(&[&full[..3], &[("prefixx", "b")]].concat()), None, "an unknown key");
        assert_eq!(routes(&[&[("subject", "a..b")], &full[1..3]].concat()), None, "no subject");
        assert_eq!(routes(&[&full[..2], &[("prefix", "")]].concat()), None, "all files");
        assert_eq!(Routes::from_raw(&Raw::List(Vec::new())), None);
    }
}
