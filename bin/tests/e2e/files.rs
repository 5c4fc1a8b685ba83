//! What lies in a folder.

use std::path::{Path, PathBuf};

/// Every file in a folder and below it. A link counts as a file: nothing that the sink does makes one.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(Result::unwrap);
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.file_type().unwrap().is_dir());
    let files = files.into_iter().map(|entry| entry.path());
    files.chain(folders.iter().flat_map(|entry| below(&entry.path()))).collect()
}
