//! The HTTP endpoints: `/metrics` for Prometheus, `/health` and `/ready` for an orchestrator.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::settings::ListenAddress;

/// How long an answer of who has the address may take, and the most that is read of it.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST_ANSWER: u64 = 1024 * 1024;

/// The listener can't be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (observability.metrics_addr): {source}")]
pub struct BindError {
    address: ListenAddress,
    source: io::Error,
}

impl BindError {
    /// Whether another process, or this one, has the address.
    pub fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Whether who has the address is a warehouse-sink, by its metrics.
pub async fn is_ours(address: &ListenAddress) -> bool {
    let (host, port) = (address.host().unwrap_or("127.0.0.1").to_owned(), address.port());
    let asked = spawn_blocking(move || {
        let mut stream = TcpStream::connect((host, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(MOST_ANSWER).read_to_string(&mut answer)?;
        io::Result::Ok(answer.contains("warehouse_sink_"))
    });
    matches!(asked.await, Ok(Ok(true)))
}

/// Listens on `address`, before anything else starts: a replica that can't be seen should not run.
///
/// # Errors
///
/// When the address is in use, not ours, or a name that can't be resolved.
pub async fn bind(address: &ListenAddress) -> Result<TcpListener, BindError> {
    let listener = match address.host() {
        Some(host) => TcpListener::bind((host, address.port())).await,
        None => bind_every_interface(address.port()).await,
    };
    listener.map_err(|source| BindError { address: address.clone(), source })
}

/// One IPv6 socket takes IPv4 too; where IPv6 is switched off, as in many containers, IPv4 alone.
async fn bind_every_interface(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind(("::", port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => TcpListener::bind(("0.0.0.0", port)).await,
        bound => bound,
    }
}

/// The endpoints. `ready` gives the reason why the service is not ready, if it isn't.
pub fn router<R>(metrics: PrometheusHandle, ready: R) -> Router
where
    R: Fn() -> Result<(), String> + Clone + Send + Sync + 'static,
{
    let exposition = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Router::new()
        .route("/metrics", get(move || async move { (exposition, metrics.render()) }))
        .route("/health", get(|| async { "alive\n" }))
        .route("/ready", get(move || async move { readiness(ready()) }))
}

fn readiness(ready: Result<(), String>) -> (StatusCode, String) {
    match ready {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

/// Serves until it is dropped.
pub async fn serve<R>(listener: TcpListener, metrics: PrometheusHandle, ready: R)
where
    R: Fn() -> Result<(), String> + Clone + Send + Sync + 'static,
{
    let endpoints = async {
        if let Err(error) = axum::serve(listener, router(metrics.clone(), ready)).await {
            tracing::error!(%error, "the HTTP endpoints ended");
        }
    };
    tokio::join!(endpoints, upkeep(metrics.clone()));
}

/// Histograms keep every sample until they are rendered or tended; without a scraper that would grow for ever.
async fn upkeep(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        metrics.run_upkeep();
    }
}
