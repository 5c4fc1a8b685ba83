//! Addresses: where the servers are, and where we listen.

use std::fmt;

use percent_encoding::percent_decode_str;
use warehouse_sink_io::source::nats::{Login, Secret};

use super::value::{Raw, Value};

/// The URLs of NATS servers. A URL may hold a login, which is kept apart from it and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrls(Vec<NatsUrl>);

#[derive(Clone, PartialEq, Eq)]
struct NatsUrl {
    address: String,
    login: Option<UrlLogin>,
}

/// What stands before the `@` of a URL: `user:password`, or a token.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum UrlLogin {
    User(String, String),
    Token(String),
}

impl NatsUrls {
    /// The URLs without their logins.
    pub fn addresses(&self) -> Vec<String> {
        self.0.iter().map(|url| url.address.clone()).collect()
    }

    /// The URLs in a text, with commas between them; nothing where there is none, or one that isn't a server's.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_raw(&Raw::Plain(text.to_owned()))
    }

    /// How to log in, by what stands in the URLs.
    pub fn login(&self) -> Login {
        match self.logins().first() {
            None => Login::Anonymous,
            Some(UrlLogin::Token(token)) => Login::Token(Secret::text("nats.url", token)),
            Some(UrlLogin::User(name, password)) => {
                Login::User { name: name.clone(), password: Secret::text("nats.url", password) }
            }
        }
    }

    /// The logins of the URLs, each once.
    pub(super) fn logins(&self) -> Vec<&UrlLogin> {
        let mut logins = Vec::new();
        for login in self.0.iter().filter_map(|url| url.login.as_ref()) {
            if !logins.contains(&login) {
                logins.push(login);
            }
        }
        logins
    }
}

impl UrlLogin {
    fn parse(text: &str) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match text.split_once(':') {
            Some((user, password)) => UrlLogin::User(decoded(user), decoded(password)),
            None => UrlLogin::Token(decoded(text)),
        }
    }
}

impl fmt::Display for NatsUrls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|url| match url.login {
            Some(_) => format!("{} with a login", url.address),
            None => url.address.clone(),
        });
        formatter.write_str(&shown.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for NatsUrls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Everything up to the last `@` goes, for a URL that is refused may be one whose parts can't be told apart.
fn without_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, address)) => format!("[redacted]@{address}"),
        None => text.to_owned(),
    }
}

fn nats_url(url: &str) -> Option<NatsUrl> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme @ ("nats" | "tls"), rest)) => (scheme, rest),
        Some(_) => return None,
        None => ("nats", url),
    };
    let (login, address) = match rest.rsplit_once('@') {
        Some((login, address)) => (Some(login), address),
        None => (None, rest),
    };
    let address = address.strip_suffix('/').unwrap_or(address);
    let (host, port) = split_address(address)?;
    let usable = !host.is_empty() && port != Some(0) && login != Some("");
    usable.then(|| NatsUrl { address: format!("{scheme}://{address}"), login: login.map(UrlLogin::parse) })
}

/// The host, without the brackets of an IPv6 address, and the port if there is one.
fn split_address(address: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').filter(|(host, _)| host.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    host.chars().all(plain).then_some((host, port))
}

impl Value for NatsUrls {
    const KIND: &'static str = "list of URLs";
    const EXPECTED: &'static str = "a URL such as \"nats://127.0.0.1:4222\" or \"tls://nats.example.com\", or several";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let urls: Vec<NatsUrl> = raw.items()?.into_iter().map(|url| nats_url(url.trim())).collect::<Option<_>>()?;
        (!urls.is_empty()).then_some(NatsUrls(urls))
    }

    fn show(raw: &Raw) -> String {
        match raw {
            Raw::Plain(text) | Raw::Text(text) => Raw::Text(without_credentials(text)).to_string(),
            Raw::List(items) => format!("[{}]", items.iter().map(Self::show).collect::<Vec<_>>().join(", ")),
            other => other.to_string(),
        }
    }
}

/// An address to listen on: a host, or every interface, and a port. Port 0 is any that is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: Option<String>,
    port: u16,
}

impl ListenAddress {
    /// The address and port of one interface, or nothing for every interface.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or_default();
        match host.contains(':') {
            true => write!(formatter, "[{host}]:{}", self.port),
            false => write!(formatter, "{host}:{}", self.port),
        }
    }
}

impl Value for ListenAddress {
    const KIND: &'static str = "address";
    const EXPECTED: &'static str = "a port on every interface such as \":9090\", or on one such as \"127.0.0.1:9090\"";

    fn from_raw(raw: &Raw) -> Option<Self> {
        let (host, port) = split_address(raw.text()?.trim())?;
        let host = Some(host).filter(|host| !host.is_empty()).map(str::to_owned);
        Some(ListenAddress { host, port: port? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain<T: Value>(text: &str) -> Option<T> {
        T::from_raw(&Raw::Plain(text.to_owned()))
    }

    #[test]
    fn urls_of_servers_are_told_from_typos() {
        for right in [
            "nats://127.0.0.1:4222",
            "localhost",
            "tls://nats.example.com:4222/",
            "nats://user:p@ss/word@[::1]:4222",
            "nats://a:4222, nats://b:4222",
        ] {
            assert!(plain::<NatsUrls>(right).is_some(), "{right:?}");
        }
        for wrong in [
            "",
            "http://127.0.0.1:4222",
            "nats://",
            "nats://a:b",
            "nats://a:0",
            "nats://a b",
            "a,,b",
            "nats:/a",
            "nats://@a",
        ] {
            assert!(plain::<NatsUrls>(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_login_is_taken_out_of_its_url() {
        let urls: NatsUrls = plain("nats://us%40er:p%2Fw:d@a:4222,tls://us%40er:p%2Fw:d@b,c:1").unwrap();
        assert_eq!(urls.addresses(), ["nats://a:4222", "tls://b", "nats://c:1"]);
        assert!(urls.logins() == [&UrlLogin::User("us@er".to_owned(), "p/w:d".to_owned())]);
        let urls: NatsUrls = plain("s3cret@a,other@b").unwrap();
        assert!(urls.logins() == [&UrlLogin::Token("s3cret".to_owned()), &UrlLogin::Token("other".to_owned())]);
    }

    #[test]
    fn a_password_in_a_url_is_never_printed() {
        let urls: NatsUrls = plain("nats://user:hunter2@a:4222,nats://user:hunter2@b").unwrap();
        assert_eq!(urls.to_string(), "nats://a:4222 with a login, nats://b with a login");
        let refused = Raw::Plain("nats:/user:hunter2@a".to_owned());
        let refused = [refused.clone(), Raw::List(vec![refused])];
        for raw in refused {
            let shown = NatsUrls::show(&raw);
            assert!(!shown.contains("hunter2") && shown.contains("@a"), "{shown}");
        }
    }

    #[test]
    fn an_address_without_a_host_is_every_interface() {
        let every: ListenAddress = plain(":9090").unwrap();
        assert_eq!((every.host(), every.port()), (None, 9090));
        let one: ListenAddress = plain("[::1]:9090").unwrap();
        assert_eq!((one.host(), one.to_string().as_str()), (Some("::1"), "[::1]:9090"));
        for wrong in ["", "9090", "localhost", ":http", ":99999", "a b:1", "::1:9090"] {
            assert!(plain::<ListenAddress>(wrong).is_none(), "{wrong:?}");
        }
    }
}
