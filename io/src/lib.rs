//! The world of warehouse-sink: what drives the pure machine of `warehouse-sink-core`.
//!
//! ```text
//!  source ──▶ driver::fetcher ──decode──▶ ┌────────┐ ──Write──▶ driver::writer ──encode, parts──▶ store
//!    ▲                                    │ driver │                  │
//!    └── driver::settler ◀─ack·nak·term── │ + core │ ◀──UploadResult──┘
//!                                         └────────┘
//! ```
//!
//! The driver is generic over two traits, [`source::Source`] and [`store::Store`], and runs unchanged in the simulator:
//! `tokio` is `madsim-tokio`, which is tokio itself in an ordinary build. JetStream, OpenDAL, decoders and Parquet are left
//! out of the simulator's build.
//!
//! **Architecture Invariant:** nothing is global or static; several pipelines can run in one process. (The choice of
//! cryptography is rustls' own global, and the same for all.)

#[cfg(not(madsim))]
pub mod audit;
#[cfg(not(madsim))]
pub mod bodiless;
pub mod driver;
#[cfg(not(madsim))]
pub mod encode;
pub mod health;
pub mod metrics;
pub mod parts;
#[cfg(not(madsim))]
pub mod payload;
#[cfg(not(madsim))]
pub mod publish;
#[cfg(not(madsim))]
pub mod replay;
pub mod rows;
#[cfg(not(madsim))]
pub mod sample;
#[cfg(not(madsim))]
pub mod schema;
#[cfg(not(madsim))]
pub mod slabs;
pub mod source;
pub mod store;
#[cfg(not(madsim))]
pub mod subject;
#[cfg(not(madsim))]
mod tls;
