//! The files below a folder of the local file system.
//!
//! OpenDAL's own listing takes white space off the end of each folder's name, finds no folder of the name that is left, and goes on
//! without what is in it. An app id may well end so, and Hive escapes no space.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::Object;

/// Every file below a folder of the root, links left out. What goes away meanwhile is not there. It blocks.
pub(super) fn files(root: &Path, folder: &str) -> io::Result<Vec<Object>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from(folder)]);
    while let Some(folder) = folders.pop() {
        walk(root, &folder, &mut found, &mut folders).or_else(gone)?;
    }
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Object>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    // Without the slash at its end, which would show in an error.
    let path: PathBuf = root.join(folder).components().collect();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    for entry in fs::read_dir(&path).map_err(named)? {
        note(&entry.map_err(named)?, folder, found, folders).or_else(gone).map_err(named)?;
    }
    Ok(())
}

fn note(entry: &DirEntry, folder: &Path, found: &mut Vec<Object>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    let (path, kind) = (folder.join(entry.file_name()), entry.file_type()?);
    if kind.is_dir() {
        folders.push(path);
    } else if kind.is_file() {
        found.push(Object { key: path.to_string_lossy().into_owned(), size: entry.metadata()?.len() });
    }
    Ok(())
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
