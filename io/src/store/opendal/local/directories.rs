//! Directories whose names are on the disk before a file in them counts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How many directories are remembered as synced. A new partition comes every hour for each app; beyond this many the
/// memory is cleared, which costs a few syncs of directories that have nothing to write.
const REMEMBERED: usize = 4096;

/// What tells a directory from a later one of the same name.
type Identity = (u64, u64);

/// Brings the names in a directory to the disk. It is [`sync`], but in tests, which cannot see otherwise what is synced.
pub(super) type Sync = Arc<dyn Fn(&Path) -> io::Result<()> + Send + std::marker::Sync>;

/// The directories under a root that are known to survive a crash.
pub(super) struct Directories {
    root: PathBuf,
    sync: Sync,
    synced: Mutex<BTreeMap<PathBuf, Identity>>,
}

impl Directories {
    pub(super) fn new(root: PathBuf, sync: Sync) -> Self {
        Directories { root, sync, synced: Mutex::new(BTreeMap::new()) }
    }

    /// Syncs the directory that names this key's file.
    pub(super) fn finish(&self, key: &str) -> io::Result<()> {
        let file = self.root.join(key);
        (self.sync)(file.parent().unwrap_or(&self.root))
    }

    /// Makes every directory that the key names, and syncs the parent of each one that is not known to be on the disk.
    /// Returns those that it made, outermost first.
    pub(super) fn prepare(&self, key: &str) -> io::Result<Vec<PathBuf>> {
        let mut made = Vec::new();
        let mut parent = self.root.clone();
        let Some((names, _file)) = key.rsplit_once('/') else { return Ok(made) };
        for name in names.split('/') {
            let directory = parent.join(name);
            let new = make(&directory)?;
            if new {
                made.push(directory.clone());
            }
            let identity = identity(&directory)?;
            // One that is there may have been made a moment ago by another replica, which has not synced it yet; one that
            // was removed and made again is another one.
            if new || !self.is_synced(&directory, identity) {
                (self.sync)(&parent)?;
                self.remember(directory.clone(), identity);
            }
            parent = directory;
        }
        Ok(made)
    }

    fn is_synced(&self, directory: &Path, identity: Identity) -> bool {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).get(directory) == Some(&identity)
    }

    fn remember(&self, directory: PathBuf, identity: Identity) {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if synced.len() >= REMEMBERED {
            synced.clear();
        }
        synced.insert(directory, identity);
    }
}

/// Makes this directory and those above it that are missing, and syncs what names them. Returns those that it made,
/// outermost first.
pub(super) fn make_all(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let directory = std::path::absolute(directory)?;
    let missing: Vec<&Path> = directory.ancestors().take_while(|path| !path.exists()).collect();
    let mut made = Vec::new();
    for path in missing.into_iter().rev() {
        if make(path)? {
            made.push(path.to_path_buf());
        }
        if let Some(parent) = path.parent() {
            sync(parent)?;
        }
    }
    if !directory.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(made)
}

/// Makes one directory; false when it is there already.
fn make(directory: &Path) -> io::Result<bool> {
    match std::fs::create_dir(directory) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Brings the names in this directory to the disk.
#[cfg(unix)]
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file, and renames are journalled by the system.
#[cfg(not(unix))]
pub(super) fn sync(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn identity(directory: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(directory: &Path) -> io::Result<Identity> {
    std::fs::metadata(directory).map(|_| (0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(root: &Path) -> Directories {
        Directories::new(root.to_path_buf(), Arc::new(sync))
    }

    fn synced(directories: &Directories) -> Vec<String> {
        let root = &directories.root;
        let synced = directories.synced.lock().unwrap();
        synced.keys().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn makes_and_remembers_each_directory_of_a_key() {
        let root = tempfile::tempdir().unwrap();
        let directories = directories(root.path());
        let made = directories.prepare("a/b/c/file.parquet").unwrap();
        assert_eq!(made, ["a", "a/b", "a/b/c"].map(|name| root.path().join(name)));
        assert_eq!(synced(&directories), ["a", "a/b", "a/b/c"]);

        assert!(directories.prepare("a/b/c/other.parquet").unwrap().is_empty());
        assert_eq!(directories.prepare("a/d/file.parquet").unwrap(), [root.path().join("a/d")]);
        assert!(directories.prepare("file.parquet").unwrap().is_empty());
    }

    #[test]
    fn one_that_was_there_before_is_synced_once() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b")).unwrap();
        let directories = directories(root.path());
        assert!(directories.prepare("a/b/file").unwrap().is_empty());
        assert_eq!(synced(&directories), ["a", "a/b"], "another replica may have made them and not synced them");
    }

    #[test]
    fn one_that_was_replaced_is_not_taken_for_the_old_one() {
        let root = tempfile::tempdir().unwrap();
        let directories = directories(root.path());
        directories.prepare("a/file").unwrap();
        let old = directories.synced.lock().unwrap()[&root.path().join("a")];
        // The new one is made while the old one still exists, so that it cannot get the old one's number.
        std::fs::create_dir(root.path().join("new")).unwrap();
        std::fs::remove_dir(root.path().join("a")).unwrap();
        std::fs::rename(root.path().join("new"), root.path().join("a")).unwrap();
        let new = identity(&root.path().join("a")).unwrap();
        assert!(directories.is_synced(&root.path().join("a"), old));
        assert!(!directories.is_synced(&root.path().join("a"), new));
        directories.prepare("a/file").unwrap();
        assert!(directories.is_synced(&root.path().join("a"), new));
    }

    #[test]
    fn the_memory_is_bounded() {
        let directories = directories(Path::new(""));
        for number in 0..2 * REMEMBERED as u64 {
            directories.remember(PathBuf::from(format!("{number}")), (0, number));
            assert!(directories.synced.lock().unwrap().len() <= REMEMBERED);
        }
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "").unwrap();
        let error = directories(root.path()).prepare("a/b/file").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert_eq!(make_all(&root.path().join("a")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }
}
