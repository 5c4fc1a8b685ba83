//! The machine's clock.

use std::time::Duration;

use tokio::time::Instant;
use warehouse_sink_core::Timestamp;

/// Time since the driver started.
#[derive(Clone, Copy)]
pub(super) struct Clock(pub Instant);

impl Clock {
    pub fn now(self) -> Timestamp {
        Timestamp::ZERO.saturating_add(self.0.elapsed())
    }

    pub fn instant(self, at: Timestamp) -> Instant {
        self.0 + Duration::from_micros(at.as_micros())
    }
}

pub(super) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
