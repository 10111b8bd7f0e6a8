//! The scenarios below a directory.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Directories in which nothing is to be looked for: what is meant to be wrong, and parts of other scenarios.
const PASSED_OVER: [&str; 2] = ["bad-input", "parts"];

/// A directory cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`", path.display())]
pub(super) struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// All TOML files below `dir`, in order; of links to directories nothing, for they may lead back.
pub(super) fn below(dir: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let unreadable = |source| Unreadable {
        path: dir.to_owned(),
        source,
    };
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if !PASSED_OVER.iter().any(|passed_over| name == *passed_over) {
                found.extend(below(&path)?);
            }
        } else if path.extension() == Some(OsStr::new("toml")) {
            found.push(path);
        }
    }
    Ok(found)
}
