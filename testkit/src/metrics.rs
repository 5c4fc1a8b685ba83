//! Reading what `/metrics` says.

/// One reading of all metrics, in Prometheus' text format.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<Sample>,
    text: String,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    /// What stands between the braces.
    labels: String,
    value: f64,
}

impl Metrics {
    /// Reads the text format. A line that is no sample is skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(parse_line).collect();
        Self { samples, text: text.to_owned() }
    }

    /// The sum over all label sets that hold each of the given labels; 0 when there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).sum()
    }

    /// Whether there is a sample of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.matching(name, &[]).next().is_some()
    }

    /// The text that was read, for messages of failing tests.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = f64> {
        let wanted: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        self.samples
            .iter()
            .filter(move |sample| sample.name == name && wanted.iter().all(|label| sample.has(label)))
            .map(|sample| sample.value)
    }
}

impl Sample {
    fn has(&self, label: &str) -> bool {
        self.labels.match_indices(label).any(|(at, _)| at == 0 || self.labels[..at].ends_with(','))
    }
}

fn parse_line(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    Some(Sample { name: name.to_owned(), labels: labels.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# TYPE files counter\nfiles{outcome=\"written\",kind=\"event\"} 3\nfiles{outcome=\"failed\"} 1\nup 1\n\n";

    #[test]
    fn samples_are_summed_by_name_and_labels() {
        let metrics = Metrics::parse(TEXT);
        assert!((metrics.sum("files", &[]) - 4.0).abs() < f64::EPSILON);
        assert!((metrics.sum("files", &[("kind", "event"), ("outcome", "written")]) - 3.0).abs() < f64::EPSILON);
        assert!((metrics.sum("files", &[("ind", "event")])).abs() < f64::EPSILON);
        assert!(metrics.has("up"));
        assert!(!metrics.has("down"));
    }
}
