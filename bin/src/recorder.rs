//! The recorder of metrics.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};

/// From a millisecond, the fastest local write, to half an hour, the longest that a message waits in a bad hour.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    1800.0,
];
/// From 1 KiB to 1 GiB by fours.
const BYTES: &[f64] = &[
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
];
/// Counts of rows, messages and the like.
const COUNTS: &[f64] =
    &[1.0, 10.0, 100.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0, 1_000_000.0];

/// A recorder of its own, not the process's: what counts gets it handed over. Histograms are in buckets, which can be
/// added up over replicas as quantiles can't: seconds and bytes by the ends of their names, anything else by counts.
///
/// # Errors
///
/// None that can be met: the exporter refuses only empty buckets.
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)?
        .set_buckets(COUNTS)?;
    Ok(builder.build_recorder())
}
