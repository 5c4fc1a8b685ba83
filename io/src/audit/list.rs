//! The files below a prefix, in an order that keeps an audit's memory small.

use crate::store::opendal::{Object, ObjectReader, ReadError};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Events,
    DeadLetters,
}

/// A file that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub object: Object,
    pub kind: Kind,
    /// The folder below the prefix; empty for a file right below it.
    pub partition: String,
}

impl Listed {
    /// With the prefix in its partition's name, which is the folder below it otherwise: tables may have folders of the same name.
    pub fn named_with(self, prefix: &str) -> Self {
        let partition = join(prefix.trim_matches('/'), &self.partition);
        Listed { partition, ..self }
    }
}

/// Lists what is below a prefix, or below one folder of it: Parquet files, and the keys of what is none. What lies below `except` is
/// left out. `so_far` hears how many objects there are, again and again.
pub(crate) async fn list(
    reader: &ObjectReader,
    prefix: &str,
    kind: Kind,
    partition: Option<&str>,
    except: Option<&str>,
    so_far: impl FnMut(u64),
) -> Result<(Vec<Listed>, Vec<String>), ReadError> {
    let prefix = prefix.trim_matches('/');
    let below = partition.map(|partition| join(prefix, partition.trim_matches('/')));
    let (mut files, mut others) = (Vec::new(), Vec::new());
    let is_left_out = |key: &str| {
        let rest = except.and_then(|except| key.strip_prefix(except.trim_matches('/')));
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    for object in reader.list(below.as_deref().unwrap_or(prefix), so_far).await? {
        if is_left_out(&object.key) {
            continue;
        }
        if object.key.ends_with(".parquet") {
            let partition = folder(&object.key, prefix).to_owned();
            files.push(Listed { object, kind, partition });
        } else {
            others.push(object.key);
        }
    }
    others.sort_unstable();
    Ok((files, others))
}

/// The stream's order: with it, what is stored becomes one run of sequences early, and what of it is missing shows.
pub(crate) fn sort(files: &mut [Listed]) {
    files.sort_by(|a, b| {
        let place = |listed: &Listed| sequences_of(&listed.object.key).unwrap_or((u64::MAX, u64::MAX));
        place(a).cmp(&place(b)).then_with(|| a.object.key.cmp(&b.object.key))
    });
}

/// The first and last sequence that a file has by its name, which is `{first}-{last}-{digest}.parquet`.
pub(crate) fn sequences_of(key: &str) -> Option<(u64, u64)> {
    let name = key.rsplit('/').next()?.strip_suffix(".parquet")?;
    let mut parts = name.split('-');
    let mut number = || {
        let digits = parts.next().filter(|part| part.len() == 20 && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse().ok()
    };
    let (first, last) = (number()?, number()?);
    let digest = parts.next()?;
    let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_digest && parts.next().is_none()).then_some((first, last))
}

fn folder<'a>(key: &'a str, prefix: &str) -> &'a str {
    let below = key.strip_prefix(prefix).unwrap_or(key).trim_start_matches('/');
    below.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(prefix: &str, rest: &str) -> String {
    if prefix.is_empty() { rest.to_owned() } else { format!("{prefix}/{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "692f9a1c140cc366046154b81579d5de";

    #[test]
    fn a_name_tells_its_sequences() {
        let name = |text: &str| sequences_of(&format!("events/app_id=a/{text}"));
        assert_eq!(name(&format!("{:020}-{:020}-{DIGEST}.parquet", 7, u64::MAX)), Some((7, u64::MAX)));
        for other in [
            format!("{:020}-{:020}-{DIGEST}", 7, 9),
            format!("{:020}-{:020}-copy.parquet", 7, 9),
            format!("{:020}-{:020}-{DIGEST}-copy.parquet", 7, 9),
            format!("{:019}-{:020}-{DIGEST}.parquet", 7, 9),
            format!("+{:019}-{:020}-{DIGEST}.parquet", 7, 9),
            format!("99999999999999999999-{:020}-{DIGEST}.parquet", 9),
            "part-0.parquet".to_owned(),
        ] {
            assert_eq!(name(&other), None, "{other}");
        }
    }

    #[test]
    fn files_are_in_the_streams_order_and_strangers_last() {
        let listed =
            |key: String| Listed { object: Object { key, size: 1 }, kind: Kind::Events, partition: String::new() };
        let file =
            |app: &str, first: u64| listed(format!("events/{app}/{first:020}-{:020}-{DIGEST}.parquet", first + 9));
        let mut files = vec![listed("events/a/a.parquet".to_owned()), file("a", 30), file("b", 10), file("a", 20)];
        sort(&mut files);
        let places: Vec<_> = files.iter().map(|file| sequences_of(&file.object.key)).collect();
        assert_eq!(places, [Some((10, 19)), Some((20, 29)), Some((30, 39)), None]);
    }

    #[test]
    fn a_partition_is_the_folder_below_the_prefix() {
        assert_eq!(folder("events/app_id=a/year=2025/x.parquet", "events"), "app_id=a/year=2025");
        assert_eq!(folder("events/x.parquet", "events"), "");
        assert_eq!(folder("app_id=a/x.parquet", ""), "app_id=a");
        assert_eq!(join("", "app_id=a"), "app_id=a");
        assert_eq!(join("events", "app_id=a"), "events/app_id=a");
    }
}
