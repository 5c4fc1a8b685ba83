//! A temporary directory of this process's own, and the end of those whose process is gone.
//!
//! ```text
//! .warehouse-sink/
//!   lock                        held by whoever claims, sweeps or leaves
//!   4242-9f86d081884c7d65/      one for each running process
//!     lock                      held while that process lives; the system lets go of it when the process dies
//!     0001-….parquet.Ab3dE9fG   a file that is being written
//! ```
//!
//! Who gets the lock of another directory has found a dead one and removes it. A directory and its lock come about under
//! the outer lock, so that a live one is never found without.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LOCK: &str = "lock";

/// How long the outer lock is waited for. It is held for a few file operations at a time.
const PATIENCE: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(10);

/// A temporary directory that is ours until this is dropped, or the process ends.
#[derive(Debug)]
pub(super) struct Claim {
    base: PathBuf,
    path: PathBuf,
    lock: Option<File>,
}

impl Claim {
    /// Removes the directories of dead processes from `base`, which exists, and makes one for this process.
    pub(super) fn take(base: &Path) -> io::Result<Claim> {
        // OpenDAL resolves symbolic links too, and the two must agree on the name.
        let base = base.canonicalize()?;
        let outer = lock_outer(&base)?;
        sweep(&base)?;
        let path = base.join(format!("{}-{:016x}", std::process::id(), fastrand::u64(..)));
        std::fs::create_dir(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        drop(outer);
        Ok(Claim { base, path, lock: Some(lock) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn leave(&mut self) -> io::Result<()> {
        let outer = lock_outer(&self.base)?;
        std::fs::remove_dir_all(&self.path)?;
        drop(self.lock.take());
        if !has_claims(&self.base)? {
            std::fs::remove_file(self.base.join(LOCK))?;
            // It is not removed when it is not empty: somebody has put something else there, which is theirs.
            let _theirs = std::fs::remove_dir(&self.base);
        }
        drop(outer);
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            let path = self.path.display();
            tracing::debug!(%error, %path, "the temporary directory is left for the next start to remove");
        }
    }
}

/// Whether any process has a directory here, or had one when it died.
fn has_claims(base: &Path) -> io::Result<bool> {
    for entry in base.read_dir()? {
        if entry?.file_name().to_str().is_some_and(is_claim_name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes the outer lock, waiting for it.
fn lock_outer(base: &Path) -> io::Result<File> {
    let path = base.join(LOCK);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        match file.try_lock() {
            // The last one to leave removes the file; a lock on a removed file keeps nobody out.
            Ok(()) if is_at(&file, &path) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process holds its lock and does not let go",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whether the open file is the one that the path leads to now.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), path.metadata()) {
        (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// Removes the directories of dead processes. The outer lock must be held.
fn sweep(base: &Path) -> io::Result<()> {
    for entry in base.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_str().is_some_and(is_claim_name) {
            continue;
        }
        let directory = entry.path();
        if is_dead(&directory)? {
            let files = directory.read_dir()?.count().saturating_sub(1);
            std::fs::remove_dir_all(&directory)?;
            tracing::info!(directory = %directory.display(), files, "removed what a crashed run left unfinished");
        }
    }
    Ok(())
}

/// Whether no process holds the directory's lock.
fn is_dead(directory: &Path) -> io::Result<bool> {
    let file = match File::options().write(true).open(directory.join(LOCK)) {
        Ok(file) => file,
        // Its process died between making the directory and making the lock.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the name is one that [`Claim::take`] gives: nothing else is ever removed.
fn is_claim_name(name: &str) -> bool {
    let Some((process, unique)) = name.split_once('-') else { return false };
    let digits = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    digits && unique.len() == 16 && unique.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(base: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            base.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// What a killed process leaves: its directory with the lock file, and nobody who holds the lock.
    fn dead(base: &Path, name: &str) -> PathBuf {
        let directory = base.join(name);
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join(LOCK), "").unwrap();
        std::fs::write(directory.join("0001.parquet.Ab3dE9fG"), "half").unwrap();
        directory
    }

    #[test]
    fn sweeps_the_dead_and_spares_the_living() {
        let base = tempfile::tempdir().unwrap();
        let living = Claim::take(base.path()).unwrap();
        std::fs::write(living.path().join("0001.parquet.Zz9yX8wV"), "half").unwrap();
        let dead = dead(base.path(), "1-0123456789abcdef");
        let unlocked = base.path().join("2-0123456789abcdef");
        std::fs::create_dir(&unlocked).unwrap();

        let other = Claim::take(base.path()).unwrap();

        assert!(!dead.exists() && !unlocked.exists());
        assert!(living.path().join("0001.parquet.Zz9yX8wV").exists());
        assert!(other.path().is_dir());
    }

    #[test]
    fn removes_nothing_that_it_did_not_make() {
        let base = tempfile::tempdir().unwrap();
        for name in ["notes", "1-short", "x-0123456789abcdef", "-0123456789abcdef"] {
            dead(base.path(), name);
        }
        drop(Claim::take(base.path()).unwrap());
        assert_eq!(names(base.path()), ["-0123456789abcdef", "1-short", "notes", "x-0123456789abcdef"]);
    }

    #[test]
    fn leaves_with_all_that_it_brought() {
        let parent = tempfile::tempdir().unwrap();
        let base = parent.path().join("base");
        std::fs::create_dir(&base).unwrap();
        let first = Claim::take(&base).unwrap();
        let second = Claim::take(&base).unwrap();
        std::fs::write(first.path().join("file"), "half").unwrap();
        drop(first);
        assert!(second.path().is_dir());
        drop(second);
        assert!(!base.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_on_a_removed_file_is_not_the_lock() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join(LOCK);
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path));
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        std::fs::write(&path, "").unwrap();
        assert!(!is_at(&file, &path));
    }

    #[test]
    fn many_come_and_go_at_once() {
        let parent = tempfile::tempdir().unwrap();
        let base = parent.path();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        std::fs::create_dir_all(base.join("base")).unwrap();
                        // The last one to leave may remove the base between the two lines.
                        if let Ok(claim) = Claim::take(&base.join("base")) {
                            assert!(claim.path().join(LOCK).exists());
                            std::thread::yield_now();
                            assert!(claim.path().join(LOCK).exists(), "another one took it for dead");
                        }
                    }
                });
            }
        });
    }
}
