//! Where JetStream's API is.

/// The subjects that JetStream's API listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Api {
    /// Those of the server's own JetStream, or of the account's default domain.
    #[default]
    Default,
    /// Those of a domain, perhaps behind a leaf node.
    Domain(String),
    /// Those under which another account's API was imported.
    Prefix(String),
}

impl Api {
    /// What comes before the name of a call.
    pub fn prefix(&self) -> String {
        match self {
            Api::Default => "$JS.API".to_owned(),
            Api::Domain(domain) => format!("$JS.{domain}.API"),
            Api::Prefix(prefix) => prefix.clone(),
        }
    }

    /// What to look at when nobody answers there.
    pub(super) fn unheard(&self) -> String {
        let look_at = match self {
            Api::Default => {
                "JetStream is off on this server or for this account; if it is elsewhere, set nats.jetstream_domain or \
                 nats.api_prefix"
                    .to_owned()
            }
            Api::Domain(domain) => {
                format!("no JetStream of the domain `{domain}` can be reached from here; check nats.jetstream_domain")
            }
            Api::Prefix(_) => "the account imports no JetStream there; check nats.api_prefix".to_owned(),
        };
        format!(": nobody answers on {}: {look_at}", self.prefix())
    }
}
