//! A state directory for every run: labs of one name can be up side by side.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::state;

/// How the directories begin; no lab is called so.
const PREFIX: &str = ".t";

/// Where this process keeps the state directories of its runs. It goes with it.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    /// Locked as long as this process lives.
    _lock: File,
}

impl Room {
    /// Makes it, and removes those of processes that were killed.
    pub(super) fn new() -> Result<Self, RunError> {
        let base = state::private_base()?;
        sweep(&base);
        let path = base.join(format!("{PREFIX}{}", std::process::id()));
        let made = directory(&path).and_then(|()| {
            let lock = File::open(&path)?;
            lock.lock()?;
            Ok(lock)
        });
        let _lock = made.map_err(|source| RunError::io("make", &path, source))?;
        Ok(Self { path, _lock })
    }

    /// A state directory that nobody else has.
    pub(super) fn one(&self, number: usize) -> Result<Place, RunError> {
        let path = self.path.join(number.to_string());
        directory(&path).map_err(|source| RunError::io("make", &path, source))?;
        Ok(Place(path))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The state directory of one run. It goes with it.
#[derive(Debug)]
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What cannot be removed is left to the next.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let own = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if own.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit())) {
            let path = entry.path();
            let left = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
            if left {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}
