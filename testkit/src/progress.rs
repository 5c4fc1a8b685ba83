//! Waiting for how far the sink is.

use std::time::Duration;

use crate::nats::NatsServer;
use crate::settings::Settings;
use crate::sink::Sink;
use crate::wait::wait_for;

/// Rows in files that were written.
const ROWS: &str = "warehouse_sink_rows_total";

impl Sink {
    /// Waits until the sum of a metric over the label sets that hold these labels has reached a value. Returns the sum.
    ///
    /// # Panics
    ///
    /// When it doesn't by the deadline. The text has the last sum.
    #[track_caller]
    pub fn wait_metric(&self, deadline: Duration, name: &str, labels: &[(&str, &str)], least: f64) -> f64 {
        wait_for(deadline, &format!("{name} {labels:?} to be {least} or more"), || {
            let metrics = self.metrics().ok_or_else(|| "nothing answers".to_owned())?;
            let sum = metrics.sum(name, labels);
            if sum >= least { Ok(sum) } else { Err(format!("it is {sum}")) }
        })
    }

    /// Waits until at least so many rows are in files.
    ///
    /// # Panics
    ///
    /// When they are not by the deadline.
    #[track_caller]
    pub fn wait_written(&self, deadline: Duration, rows: u64) {
        self.wait_metric(deadline, ROWS, &[("outcome", "written")], rows as f64);
    }

    /// Rows in files that this process has written, by its metrics; 0 when nothing answers.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.metric(ROWS, &[("outcome", "written")]) as u64
    }

    /// Deliveries that this process has acked, by its metrics; 0 when nothing answers.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.metric("warehouse_sink_messages_acked_total", &[]) as u64
    }
}

impl NatsServer {
    /// Waits until the sink's consumer has delivered the whole stream and everything is settled.
    ///
    /// # Panics
    ///
    /// When that is not so by the deadline. The text has the consumer's last state.
    #[track_caller]
    pub fn wait_settled(&self, deadline: Duration) {
        self.wait_settled_by(Settings::CONSUMER, deadline);
    }

    /// As [`Self::wait_settled`], for another consumer than the usual.
    #[track_caller]
    pub fn wait_settled_by(&self, consumer: &str, deadline: Duration) {
        wait_for(deadline, "everything to be delivered and settled", || {
            let last = self.stream(Settings::STREAM).last_sequence;
            match self.consumer(Settings::STREAM, consumer) {
                Some(state) if state.pending == 0 && state.ack_pending == 0 && state.ack_floor == last => Ok(()),
                state => Err(format!("{state:?}, the stream's last sequence being {last}")),
            }
        });
    }
}
