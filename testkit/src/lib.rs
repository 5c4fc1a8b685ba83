//! What the tests of warehouse-sink run against: a real nats-server, real servers for S3, Google Cloud Storage, Azure Blob Storage and WebDAV,
//! networks that can be cut and that answer in a server's place, the built program, and the Python that verifies its files.
//!
//! ```text
//!   NatsServer ◀── Proxy ◀── Sink (the built program) ──▶ Proxy, HttpProxy ──▶ Store, SmallDisk
//!        ▲                     │ /metrics, /ready, log, exit code             │
//!        └── verify::exact ◀───┴──── DuckDB and pyarrow read the files ◀──────┘
//! ```
//!
//! A harness reports by panicking, as assertions do: a test that uses it reads as a list of what happens. It blocks; no async
//! runtime is needed. All that waits, waits for a condition with a deadline and says what it waited for. All that it starts
//! listens on the loopback interface alone, lives in a temporary folder, and ends with the value that stands for it, or with the
//! test's process when that dies first.
//!
//! The servers come from `make tools`.

#![allow(clippy::panic, reason = "a harness reports by panicking, as assertions do")]

mod azure;
mod certificates;
mod check;
mod cluster;
mod disk;
mod envelope;
mod gcs;
pub mod http;
mod http_proxy;
mod http_server;
mod metrics;
mod nats;
mod nats_client;
mod operator;
mod ports;
mod process;
mod progress;
mod proxy;
mod publisher;
mod rsa;
mod s3;
mod settings;
mod sink;
mod store;
mod stored;
mod tools;
pub mod verify;
mod wait;
mod webdav;

pub use azure::AzureServer;
pub use certificates::{Authority, Certificate};
pub use check::{Ended, check, command, moved, on_a_terminal};
pub use cluster::NatsCluster;
pub use disk::SmallDisk;
pub use envelope::envelope;
pub use gcs::GcsServer;
pub use http_proxy::{Fate, Head, HttpProxy};
pub use http_server::HttpServer;
pub use metrics::Metrics;
pub use nats::{ConsumerState, NatsServer, StreamState};
pub use nats_client::NatsClient;
pub use operator::{Operator, user_nkey};
pub use ports::free_ports;
pub use process::{Process, Signal};
pub use proxy::{Direction, Flow, Proxy};
pub use publisher::{Publisher, publish};
pub use rsa::RsaKey;
pub use s3::S3Server;
pub use settings::Settings;
pub use sink::Sink;
pub use store::Store;
pub use stored::StoredMessage;
pub use tools::{project_root, tool};
pub use wait::wait_until;
pub use webdav::WebDavServer;
