//! What the local file system needs beyond OpenDAL, so that a file counts only once it cannot be lost.
//!
//! ```text
//! prepare: make the directories, sync what names them     ┐ here
//! write:   temporary file, its data synced, renamed       ├ OpenDAL
//! finish:  sync the directory that names the file         ┘ here
//! ```
//!
//! Without `finish`, a crash of the machine may take back a rename that was reported as done: the data would be on the
//! disk and no name would lead to it.

mod claim;
mod directories;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::claim::Claim;
use self::directories::{Directories, Sync};

/// Where temporary files are, under the root. The leading dot hides it from Hive, Spark, Trino and a shell's `*`.
pub(super) const TEMPORARY: &str = ".warehouse-sink";

/// OpenDAL's name for the option that says where temporary files go.
pub(super) const TEMPORARY_OPTION: &str = "atomic_write_dir";

/// How often the base of the temporary directories is made again when leaving replicas remove it.
const CLAIM_ATTEMPTS: u32 = 20;

/// An open root directory. Its clones are the same root; the last one to go removes the temporary directory.
#[derive(Clone)]
pub(super) struct Local(Arc<Inner>);

struct Inner {
    directories: Directories,
    /// Directories that came about by opening the root, outermost first.
    made: Vec<PathBuf>,
    claim: Option<Claim>,
}

/// The root could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path}: {source}")]
pub struct LocalError {
    what: &'static str,
    path: String,
    source: io::Error,
}

impl LocalError {
    fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LocalError {
        move |source| LocalError { what, path: path.display().to_string(), source }
    }
}

impl Local {
    /// Makes the root if need be, removes what crashed runs left in it, and claims a temporary directory of its own,
    /// which it puts into the options for OpenDAL. Blocks.
    pub(super) fn open(options: &mut BTreeMap<String, String>) -> Result<Local, LocalError> {
        Local::open_with(options, Arc::new(directories::sync))
    }

    /// The same with another way to sync a directory.
    pub(super) fn open_with(options: &mut BTreeMap<String, String>, sync: Sync) -> Result<Local, LocalError> {
        let root = PathBuf::from(options.get("root").map(String::as_str).unwrap_or_default());
        let mut made = directories::make_all(&root).map_err(LocalError::at("cannot make the directory", &root))?;
        let root = root.canonicalize().map_err(LocalError::at("cannot resolve the directory", &root))?;
        let base = match options.get(TEMPORARY_OPTION) {
            Some(path) => PathBuf::from(path),
            None => root.join(TEMPORARY),
        };
        let claim = claim(&root, &base, &mut made)?;
        options.insert(TEMPORARY_OPTION.to_owned(), claim.path().display().to_string());
        Ok(Local(Arc::new(Inner { directories: Directories::new(root, sync), made, claim: Some(claim) })))
    }

    /// Makes the directories of this key and brings their names to the disk. Returns those that it made, outermost
    /// first. Blocks.
    pub(super) fn prepare(&self, key: &str) -> io::Result<Vec<PathBuf>> {
        self.0.directories.prepare(key)
    }

    /// Brings the name of this key's file to the disk. Blocks.
    pub(super) fn finish(&self, key: &str) -> io::Result<()> {
        self.0.directories.finish(key)
    }
}

/// Makes the base of the temporary directories if need be, and claims one in it.
fn claim(root: &Path, base: &Path, made: &mut Vec<PathBuf>) -> Result<Claim, LocalError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let new = directories::make_all(base).map_err(LocalError::at("cannot make the directory", base))?;
        made.extend(new);
        require_one_file_system(root, base)?;
        match Claim::take(base) {
            // Another replica that was the last to leave has taken the base along just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < CLAIM_ATTEMPTS => {}
            result => return result.map_err(LocalError::at("cannot claim a temporary directory in", base)),
        }
    }
}

/// Refuses a temporary directory from which a file cannot be renamed into the root.
#[cfg(unix)]
fn require_one_file_system(root: &Path, base: &Path) -> Result<(), LocalError> {
    use std::os::unix::fs::MetadataExt;
    let device =
        |path: &Path| path.metadata().map(|metadata| metadata.dev()).map_err(LocalError::at("cannot read", path));
    if device(root)? == device(base)? {
        return Ok(());
    }
    let source = io::Error::from(io::ErrorKind::CrossesDevices);
    Err(LocalError::at("storage.options.atomic_write_dir must be on the root's file system:", base)(source))
}

#[cfg(not(unix))]
fn require_one_file_system(_root: &Path, _base: &Path) -> Result<(), LocalError> {
    Ok(())
}

impl Drop for Inner {
    /// Leaves nothing behind that opening the root brought and that nobody has used.
    fn drop(&mut self) {
        drop(self.claim.take());
        remove_empty(&self.made);
    }
}

/// Removes those of the directories that are empty, innermost first.
pub(super) fn remove_empty(made: &[PathBuf]) {
    for directory in made.iter().rev() {
        // A directory that is in use by now is not empty, and the system refuses to remove it.
        let _in_use = std::fs::remove_dir(directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(root: &Path) -> BTreeMap<String, String> {
        BTreeMap::from([("root".to_owned(), root.display().to_string())])
    }

    #[test]
    fn a_root_that_was_opened_and_not_used_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        let local = Local::open(&mut options(&root)).unwrap();
        assert!(root.join(TEMPORARY).is_dir());
        drop(local);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_root_that_was_there_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        drop(Local::open(&mut options(folder.path())).unwrap());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn two_replicas_share_a_root() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ours, mut theirs) = (options(folder.path()), options(folder.path()));
        let first = Local::open(&mut ours).unwrap();
        let second = Local::open(&mut theirs).unwrap();
        assert_ne!(ours[TEMPORARY_OPTION], theirs[TEMPORARY_OPTION]);
        assert!(Path::new(&ours[TEMPORARY_OPTION]).is_dir(), "the second must not sweep the first's");
        drop(first);
        assert!(Path::new(&theirs[TEMPORARY_OPTION]).is_dir(), "the first must not take the second's along");
        drop(second);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_root_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Local::open(&mut options(&file.join("root"))).err().unwrap().to_string();
        assert!(error.starts_with(&format!("cannot make the directory {}", file.display())), "{error}");
    }
}
