//! The connection: credentials, encryption, and what becomes of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{AuthError, Client, ConnectOptions, Event, Server, ServerAddr, ServerError};
use tokio::sync::watch;
use warehouse_sink_core::Backoff;

use super::NatsConfig;
use super::denied::Denied;
use super::refusal::explain;
use super::settle::{Refusals, note_refusal};
use crate::health::{Health, Part};
use crate::source::SourceError;

/// How to encrypt.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Whether an unencrypted connection is refused.
    pub required: bool,
    /// Certificates of authorities that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// The delay between attempts to reconnect, for ever.
const RECONNECT: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5) };

/// A connection that is dead without a word is noticed after two of these: sooner than an ack wait of 30 s has passed.
pub(super) const PING: Duration = Duration::from_secs(10);

/// Connects once, to the first server that lets us in; from then on the connection comes back by itself.
///
/// The servers are tried one by one: given all of them, the client would stop at the first that refuses the login, and tell of
/// no other than the last.
pub(super) async fn connect(
    config: &Arc<NatsConfig>,
    health: &Health,
    denied: &Denied,
) -> Result<(Client, watch::Receiver<()>, watch::Receiver<Refusals>), SourceError> {
    crate::tls::use_ring();
    let mut urls = config.urls.clone();
    // So that replicas spread over the servers.
    fastrand::shuffle(&mut urls);
    let mut refusals = Vec::new();
    for url in &urls {
        let (connected, listener) = watch::channel(());
        let (refused, acks_refused) = watch::channel(Refusals::default());
        match options(config, health, denied, connected, refused).connect(url.as_str()).await {
            Ok(client) => {
                make_known(&client, &config.urls).await?;
                health.set(Part::Connection, Ok(()));
                return Ok((client, listener, acks_refused));
            }
            Err(error) => refusals.push(explain(&shown(url), &error.to_string(), config)),
        }
    }
    refusals.sort();
    Err(SourceError::new(format!("could not connect to NATS: {}", refusals.join("; "))))
}

/// Has the client know all servers, beside those that the first has told of.
async fn make_known(client: &Client, urls: &[String]) -> Result<(), SourceError> {
    if urls.len() < 2 {
        return Ok(());
    }
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        SourceError::caused_by("could not have the NATS client know all servers of nats.url", error)
    };
    let known = client.server_pool().await.map_err(|error| failed(error.into()))?;
    let mut all: Vec<ServerAddr> = known.into_iter().map(|server| server.addr).collect();
    for url in urls {
        let address = url.parse().map_err(|error: std::io::Error| failed(error.into()))?;
        if !all.contains(&address) {
            all.push(address);
        }
    }
    client.set_server_pool(all.as_slice()).await.map_err(|error| failed(error.into()))
}

/// The servers that the client knows: those first that it has no bad news of.
pub(super) async fn known(client: &Client) -> Result<Vec<ServerAddr>, SourceError> {
    let known = client.server_pool().await;
    let mut known = known.map_err(|error| SourceError::caused_by("the NATS client has ended", error))?;
    fastrand::shuffle(&mut known);
    known.sort_by_key(|server| server.failed_attempts);
    Ok(known.into_iter().map(|server| server.addr).collect())
}

/// A URL without the user and the password that may stand in it.
pub(crate) fn shown(url: &str) -> String {
    match url.parse::<ServerAddr>() {
        Ok(address) => shown_address(&address),
        Err(_) => "(not a URL)".to_owned(),
    }
}

pub(super) fn shown_address(address: &ServerAddr) -> String {
    format!("{}://{}:{}", address.scheme(), address.host(), address.port())
}

fn options(
    config: &Arc<NatsConfig>,
    health: &Health,
    denied: &Denied,
    connected: watch::Sender<()>,
    refused: watch::Sender<Refusals>,
) -> ConnectOptions {
    let refused = Arc::new(refused);
    let login = config.login.clone();
    let (reporter, denied) = (health.clone(), denied.clone());
    let (config_of_pool, health_of_pool) = (config.clone(), health.clone());
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let answer = login.answer(&nonce).map_err(AuthError::new);
        async move { answer }
    })
    .name(format!("warehouse-sink {}", config.consumer))
    .max_reconnects(None)
    .ping_interval(PING)
    .reconnect_delay_callback(delay())
    .reconnect_to_server_callback(move |servers, _| {
        // It is asked before each attempt, and is the one place where the client tells why the one before has failed.
        if let Some(reason) = reason(&servers, &config_of_pool) {
            health_of_pool.set(Part::Connection, Err(reason));
        }
        async { None }
    })
    .event_callback(move |event| {
        let (health, denied) = (reporter.clone(), denied.clone());
        let (connected, refused) = (connected.clone(), refused.clone());
        async move {
            if let Event::ServerError(ServerError::Other(error)) = &event {
                denied.note(error);
            }
            // There may be thousands, and the settler tells of them.
            if !note_refusal(&event, &refused) {
                note(event, &health, &denied, &connected);
            }
        }
    })
    .require_tls(config.tls.required);
    if let Some(file) = &config.tls.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &config.tls.client {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    options
}

/// The delay before each attempt. The client asks for it before the very first one too, which has nothing to wait for; not so the first after a
/// connection was lost, for a server may let us in and end it again and again.
fn delay() -> impl Fn(usize) -> Duration + Send + Sync + 'static {
    let connecting = AtomicBool::new(true);
    move |attempts| match connecting.swap(false, Ordering::Relaxed) {
        true => Duration::ZERO,
        false => RECONNECT.delay(attempts as u64, fastrand::u64(..)),
    }
}

/// Why there is no connection: what each server that was tried said last. None before the first failure.
fn reason(servers: &[Server], config: &NatsConfig) -> Option<String> {
    let failed = servers.iter().filter_map(|server| {
        let error = server.last_error.as_deref()?;
        Some(explain(&shown_address(&server.addr), error, config))
    });
    let mut failed: Vec<String> = failed.collect();
    // The pool is in no particular order; the same reason in another order is no news.
    failed.sort();
    (!failed.is_empty()).then(|| format!("reconnecting: {}", failed.join("; ")))
}

fn note(event: Event, health: &Health, denied: &Denied, connected: &watch::Sender<()>) {
    match event {
        Event::Connected => {
            denied.forget();
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
    fn only_the_first_attempt_of_all_is_made_at_once() {
        let delay = delay();
        assert_eq!(delay(1), Duration::ZERO);
        // The connection was lost.
        assert!(delay(1) >= RECONNECT.initial / 2);
        assert!(delay(5) > delay(2));
    }

    #[test]
    fn urls_are_shown_without_their_login() {
        let urls = ["nats://user:hunter2@host:4222", "tls://token@other", "host:4223", "nats://user:hunter2@"];
        let shown = urls.map(shown);
        assert_eq!(shown, ["nats://host:4222", "tls://other:4222", "nats://host:4223", "(not a URL)"]);
    }
}
