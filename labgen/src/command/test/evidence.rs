//! Where a run keeps its evidence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::report::{HTML, JSON, JUNIT};
use crate::state::{EVENTS, SCENARIO};

/// What is in a directory that evidence was written to; of some runs only parts are.
const OURS: [&str; 8] = [
    EVENTS, SCENARIO, "captures", "logs", HTML, JSON, JUNIT, OUTPUT,
];

/// Whether evidence was written to it before, and nothing else.
pub(super) fn is_used(path: &Path) -> Result<bool, RunError> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries.map_err(|source| RunError::io("read", path, source))?,
    };
    let foreign = entries.flatten().find(|entry| !is_ours(&entry.file_name()));
    match foreign {
        None => Ok(true),
        Some(foreign) => Err(RunError::Occupied {
            path: path.to_owned(),
            found: foreign.file_name().to_string_lossy().into_owned(),
        }),
    }
}

/// Makes room for the evidence of a run. What is there from an earlier one goes; anything else stays, and is an error.
pub(super) fn make_room(path: &Path) -> Result<(), RunError> {
    if is_used(path)? {
        fs::remove_dir_all(path).map_err(|source| RunError::io("remove", path, source))?;
    }
    fs::create_dir_all(path).map_err(|source| RunError::io("make", path, source))
}

fn is_ours(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    let inner = name.starts_with("try-") || name.starts_with("round-");
    inner || OURS.contains(&&*name)
}

/// What a run printed.
pub(super) const OUTPUT: &str = "output.txt";

/// Where a try's evidence goes: with several rounds or tries, each has a directory of its own.
pub(super) fn place(out: &Path, name: &str, round: Option<u32>, attempt: u32) -> PathBuf {
    let mut path = out.join(name);
    path.extend(round.map(|round| format!("round-{round}")));
    // The first of several is not known to be that.
    path.extend((attempt > 1).then(|| format!("try-{attempt}")));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_tries_are_kept_apart() {
        let out = Path::new("e");
        let places = [(None, 1), (None, 2), (Some(3), 1), (Some(3), 2)];
        let places = places.map(|(round, attempt)| place(out, "x", round, attempt));
        let expected = ["e/x", "e/x/try-2", "e/x/round-3", "e/x/round-3/try-2"];
        assert_eq!(places, expected.map(PathBuf::from));
    }
}
