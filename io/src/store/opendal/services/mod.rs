//! The services that are compiled in: their option names, and how each is built.
//!
//! OpenDAL ignores an option that it does not know, and a misspelt `secret_acess_key` would then show as a refusal by the
//! server, hours later. The names are taken from OpenDAL's own configuration types, so they cannot fall behind.
//!
//! OpenDAL's in-memory service is left out on purpose: what is acked after it was "stored" there is lost.
//!
//! The services themselves are in `table`.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use opendal::{Configurator, Operator};
use serde::de::value::Error as ValueError;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

use super::OpenError;
use crate::parts::PART_BYTES;

#[cfg(feature = "gcs")]
mod gcs;
mod table;

use self::table::{NAMES, SERVICES};

/// One service, and what must be known of it beyond what OpenDAL tells.
pub(super) struct Service {
    pub(super) name: &'static str,
    /// Its option names, aliases included.
    pub(super) keys: fn() -> &'static [&'static str],
    pub(super) build: fn(&BTreeMap<String, String>) -> opendal::Result<Operator>,
    required: &'static [Required],
    pub(super) upload: Upload,
    /// Its names for the requests that create an object; none for a service that does not speak HTTP.
    pub(super) commits: &'static [&'static str],
}

/// How an object is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "which of them is used is up to the features")]
pub(super) enum Upload {
    /// A large one in several requests and a closing one. It may be there only if the closing one was sent, so all that fails
    /// before that is known not to have written it. What was sent is taken back when the upload fails.
    InParts,
    /// Always in one request: there is nothing to take back, and nothing is left behind by a process that was killed.
    AtOnce,
    /// In one request, under a name that no reader looks at, and renamed. A reader would see half of it otherwise.
    Renamed,
}

impl Upload {
    /// The size of the parts in which an object is sent; `None` when it is always sent in one request.
    pub(super) fn part_bytes(self) -> Option<usize> {
        (self == Upload::InParts).then_some(PART_BYTES)
    }
}

/// An option that must be given, under any of its names, or else by one of these environment variables.
struct Required {
    names: &'static [&'static str],
    environment: &'static [&'static str],
}

/// An option with no variable to stand in for it.
#[allow(dead_code, reason = "is used by some features only")]
const fn needs(names: &'static [&'static str]) -> Required {
    Required { names, environment: &[] }
}

/// The local file system's name among the services.
pub(super) const FS: &str = "fs";
/// S3's.
pub(super) const S3: &str = "s3";

/// Whether a service that is compiled in has an option of this name.
pub(super) fn has_option(service: &str, key: &str) -> bool {
    SERVICES.iter().any(|known| known.name == service && (known.keys)().contains(&key))
}

/// The service of this name, once its options have been checked.
pub(super) fn find(name: &str, options: &BTreeMap<String, String>) -> Result<&'static Service, OpenError> {
    let service = SERVICES.iter().find(|service| service.name == name).ok_or_else(|| not_there(name))?;
    let keys = (service.keys)();
    for key in options.keys() {
        if !keys.contains(&key.as_str()) {
            return Err(OpenError::UnknownOption {
                service: service.name,
                key: key.clone(),
                hint: nearest(key, keys).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default(),
            });
        }
    }
    match service.required.iter().find(|required| !required.is_given(options)) {
        Some(required) => Err(OpenError::MissingOption { service: service.name, key: required.names[0] }),
        None => Ok(service),
    }
}

fn not_there(name: &str) -> OpenError {
    let known = SERVICES.iter().map(|service| service.name).collect::<Vec<_>>().join(", ");
    match NAMES.contains(&name) {
        true => OpenError::NotCompiledIn { service: name.to_owned(), known },
        false => OpenError::UnknownService { service: name.to_owned(), known },
    }
}

impl Required {
    fn is_given(&self, options: &BTreeMap<String, String>) -> bool {
        let given = |name: &&str| options.get(*name).is_some_and(|value| !value.is_empty());
        self.names.iter().any(given) || self.environment.iter().any(|name| std::env::var_os(name).is_some())
    }
}

/// The known name that is most like the given one, if any is like it at all.
fn nearest(key: &str, known: &'static [&'static str]) -> Option<&'static str> {
    let likeness = |name: &str| strsim::jaro_winkler(&key.to_ascii_lowercase(), name);
    let best = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then_some(best)
}

fn build<C: Configurator>(options: &BTreeMap<String, String>) -> opendal::Result<Operator> {
    let options = options.iter().map(|(key, value)| (key.clone(), value.clone()));
    Operator::from_config(C::from_iter(options)?)
}

/// The names of the fields of a configuration type, aliases included, as its derived `Deserialize` asks for them.
fn keys<C: DeserializeOwned>() -> &'static [&'static str] {
    let mut asked: &'static [&'static str] = &[];
    // It ends in an error by design: there is nothing to deserialize, only a question to hear.
    let _unread = C::deserialize(FieldNames { asked: &mut asked, of: PhantomData });
    asked
}

struct FieldNames<'a, 'de> {
    asked: &'a mut &'static [&'static str],
    of: PhantomData<&'de ()>,
}

impl<'de> Deserializer<'de> for FieldNames<'_, 'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, ValueError> {
        Err(ValueError::custom("only the field names of a struct are of interest"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, ValueError> {
        *self.asked = fields;
        Err(ValueError::custom("only the field names of a struct are of interest"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    fn refusal(name: &str, pairs: &[(&str, &str)]) -> String {
        find(name, &options(pairs)).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_unknown_service_names_the_known_ones() {
        let known: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
        let known = known.join(", ");
        for name in ["s4", "memory", ""] {
            assert_eq!(refusal(name, &[]), format!("unknown service `{name}`; compiled in are: {known}"));
        }
    }

    #[test]
    fn a_service_that_was_left_out_names_its_feature() {
        let left_out = NAMES.iter().filter(|name| !SERVICES.iter().any(|service| service.name == **name));
        for name in left_out {
            let text = refusal(name, &[]);
            assert!(
                text.starts_with(&format!(
                    "service `{name}` is not in this build, which lacks the cargo feature `{name}`"
                )),
                "{text}"
            );
        }
        assert!(SERVICES.iter().all(|service| NAMES.contains(&service.name)), "each has a feature");
    }

    #[test]
    fn an_unknown_option_names_its_nearest_neighbour() {
        let s3 = [("bucket", "b"), ("region", "r")];
        assert_eq!(
            refusal("s3", &[s3[0], s3[1], ("secret_acess_key", "s")]),
            "unknown option `secret_acess_key` of service `s3`; did you mean `secret_access_key`?"
        );
        assert_eq!(
            refusal("gcs", &[("bucket", "b"), ("credentials", "c")]),
            "unknown option `credentials` of service `gcs`; did you mean `credential`?"
        );
        assert_eq!(
            refusal("azblob", &[("container", "c"), ("endpoint", "e"), ("acount_key", "k")]),
            "unknown option `acount_key` of service `azblob`; did you mean `account_key`?"
        );
        assert_eq!(refusal("fs", &[("roots", "/")]), "unknown option `roots` of service `fs`; did you mean `root`?");
        assert_eq!(refusal("fs", &[("bucket", "b"), ("root", "/")]), "unknown option `bucket` of service `fs`");
        assert!(find("s3", &options(&s3)).is_ok());
    }

    #[test]
    fn a_missing_option_is_named() {
        assert_eq!(refusal("fs", &[]), "service `fs` needs the option `root`: set storage.options.root");
        assert_eq!(refusal("fs", &[("root", "")]), "service `fs` needs the option `root`: set storage.options.root");
        assert_eq!(
            refusal("s3", &[("region", "r")]),
            "service `s3` needs the option `bucket`: set storage.options.bucket"
        );
        assert!(find("s3", &options(&[("aws_bucket", "b"), ("region", "r")])).is_ok());
        assert_eq!(refusal("gcs", &[]), "service `gcs` needs the option `bucket`: set storage.options.bucket");
        assert_eq!(
            refusal("azblob", &[("endpoint", "e")]),
            "service `azblob` needs the option `container`: set storage.options.container"
        );
        assert_eq!(
            refusal("azblob", &[("container", "c")]),
            "service `azblob` needs the option `endpoint`: set storage.options.endpoint"
        );
        assert!(find("azblob", &options(&[("container_name", "c"), ("azure_endpoint", "e")])).is_ok());
    }

    #[test]
    fn the_names_are_those_of_opendal() {
        for (service, keys) in [
            ("fs", &["root", "atomic_write_dir"][..]),
            (
                "s3",
                &["bucket", "endpoint", "region", "access_key_id", "secret_access_key", "session_token", "role_arn"],
            ),
            ("gcs", &["bucket", "endpoint", "credential", "credential_path", "token", "service_account"]),
            ("azblob", &["container", "endpoint", "account_name", "account_key", "sas_token", "encryption_key"]),
        ] {
            for key in keys {
                assert!(has_option(service, key), "{key} of {service}");
            }
        }
        assert!(!has_option("s3", "container") && !has_option("memory", "root"));
        for required in SERVICES.iter().flat_map(|service| service.required.iter().map(move |r| (service, r))) {
            let (service, required) = required;
            assert!(required.names.iter().all(|name| (service.keys)().contains(name)), "{:?}", required.names);
        }
    }
}
