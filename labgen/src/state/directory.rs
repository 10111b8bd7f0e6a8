//! Directories that may be trusted with a lab, and what belongs to one.

use std::fs::{self, DirEntry};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::super::report::{HTML, JSON, JUNIT};
use super::{EVENTS, SCENARIO, StateError};

/// Makes a directory that nobody else can put anything into, or makes sure that the one there is such.
pub(super) fn private(path: &Path) -> Result<(), StateError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(StateError::io("create", path))?;
    let own = nix::unistd::geteuid().as_raw();
    // Below `/tmp` anybody may have made a link of that name, to a directory that is ours and meant for something else.
    let link = fs::symlink_metadata(path).map_err(StateError::io("read", path))?;
    let directory = fs::metadata(path).map_err(StateError::io("read", path))?;
    if [&link, &directory].iter().any(|meta| meta.uid() != own) {
        return Err(StateError::Foreign(path.to_owned()));
    }
    if directory.mode() & 0o002 != 0 {
        return Err(StateError::Shared(path.to_owned()));
    }
    Ok(())
}

/// Whether labgen puts something of this name into a lab's directory, and nothing but that is in it.
pub(super) fn is_of_a_lab(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let Some(name) = name.to_str() else {
        return false;
    };
    let only = |ending: &str| {
        let files = fs::read_dir(entry.path()).into_iter().flatten().flatten();
        let mut names = files.map(|file| file.file_name());
        names.all(|name| name.to_string_lossy().ends_with(ending))
    };
    match name {
        "logs" => only(".log"),
        "captures" => only(".pcapng"),
        "about.json" | "bin" | "ctl.sock" | "ready" | "vm" => true,
        EVENTS | SCENARIO | HTML | JSON | JUNIT => true,
        _ => name.starts_with("scenario.next.") && name.ends_with(".json"),
    }
}
