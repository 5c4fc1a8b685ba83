//! The connection: credentials, encryption, and what becomes of it.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;
use warehouse_sink_core::Backoff;

use super::NatsConfig;
use crate::health::{Health, Part};
use crate::source::SourceError;

/// How to log in. What is not given is not used.
#[derive(Clone, Default)]
pub struct Credentials {
    /// User and password.
    pub user_password: Option<(String, String)>,
    /// A token.
    pub token: Option<String>,
    /// An nkey's seed.
    pub nkey_seed: Option<String>,
    /// A `.creds` file, with a JWT and an nkey seed.
    pub file: Option<PathBuf>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Which kinds are there, never what they are.
        f.debug_struct("Credentials")
            .field("user_password", &self.user_password.is_some())
            .field("token", &self.token.is_some())
            .field("nkey_seed", &self.nkey_seed.is_some())
            .field("file", &self.file)
            .finish()
    }
}

/// How to encrypt.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whether an unencrypted connection is refused.
    pub required: bool,
    /// Certificates of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// The delay between attempts to reconnect, for ever.
const RECONNECT: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5) };

/// A connection that is dead without a word is noticed after two of these: sooner than an ack wait of 30 s has passed.
const PING: Duration = Duration::from_secs(10);

/// Connects once; from then on the connection comes back by itself.
pub(super) async fn connect(
    config: &NatsConfig,
    health: &Health,
) -> Result<(Client, watch::Receiver<()>), SourceError> {
    let (connected, listener) = watch::channel(());
    let failed = |error| SourceError::caused_by(format!("could not connect to NATS at {}", shown(&config.urls)), error);
    let options = options(config).await.map_err(failed)?;
    let reporter = health.clone();
    let options = options.event_callback(move |event| {
        let (health, connected) = (reporter.clone(), connected.clone());
        async move { note(event, &health, &connected) }
    });
    let client = options.connect(config.urls.as_slice()).await.map_err(|error| failed(Box::new(error) as _))?;
    health.set(Part::Connection, Ok(()));
    Ok((client, listener))
}

/// The URLs without the user and the password that may stand in them.
pub(crate) fn shown(urls: &[String]) -> String {
    let without_login = |url: &String| match url.parse::<async_nats::ServerAddr>() {
        Ok(address) => format!("{}://{}:{}", address.scheme(), address.host(), address.port()),
        Err(_) => "(not a URL)".to_owned(),
    };
    urls.iter().map(without_login).collect::<Vec<_>>().join(", ")
}

async fn options(config: &NatsConfig) -> Result<ConnectOptions, Box<dyn std::error::Error + Send + Sync>> {
    let mut options = ConnectOptions::new()
        .name(format!("warehouse-sink {}", config.consumer))
        .max_reconnects(None)
        .ping_interval(PING)
        .reconnect_delay_callback(|attempts| RECONNECT.delay(attempts as u64, fastrand::u64(..)));
    let Credentials { user_password, token, nkey_seed, file } = &config.credentials;
    if let Some((user, password)) = user_password {
        options = options.user_and_password(user.clone(), password.clone());
    }
    if let Some(token) = token {
        options = options.token(token.clone());
    }
    if let Some(seed) = nkey_seed {
        options = options.nkey(seed.clone());
    }
    if let Some(file) = file {
        let context = |error| SourceError::caused_by(format!("the credentials file {}", file.display()), error);
        options = options.credentials_file(file).await.map_err(context)?;
    }
    let Tls { required, ca_file, client } = &config.tls;
    options = options.require_tls(*required);
    if let Some(file) = ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = client {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

fn note(event: Event, health: &Health, connected: &watch::Sender<()>) {
    match event {
        Event::Connected => {
            connected.send_replace(());
            health.set(Part::Connection, Ok(()));
        }
        Event::Disconnected => health.set(Part::Connection, Err("the connection was lost; reconnecting".to_owned())),
        Event::Closed => health.set(Part::Connection, Err("the connection was closed".to_owned())),
        Event::SlowConsumer(subscription) => {
            tracing::error!(subscription, "messages were dropped by the client; they will be delivered again")
        }
        event => tracing::warn!(%event, "nats"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_their_login() {
        let urls = ["nats://user:hunter2@host:4222", "tls://token@other", "host:4223"].map(str::to_owned);
        assert_eq!(shown(&urls), "nats://host:4222, tls://other:4222, nats://host:4223");
        assert_eq!(shown(&["nats://user:hunter2@".to_owned()]), "(not a URL)");
    }
}
