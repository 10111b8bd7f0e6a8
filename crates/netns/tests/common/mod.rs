//! What the tests of this crate share.

// Each test binary uses a part of it.
#![allow(dead_code, unused_macros)]

use std::fs;

use netns::ns::{NetNs, NsError};

/// An empty namespace, or a visible skip where the kernel refuses to make one: as an ordinary
/// user, run the tests under `unshare --user --map-root-user`.
pub fn namespace() -> Option<NetNs> {
    allowed(NetNs::create())
}

/// The value, or `None` with a message when the privilege for it is missing.
pub fn allowed<T>(made: Result<T, NsError>) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(error) if error.is_permission() => {
            eprintln!("SKIPPED: {error}: {}", error.source);
            None
        }
        Err(error) => panic!("{error}: {}", error.source),
    }
}

/// Skips the rest of a test when a namespace cannot be made.
#[macro_export]
macro_rules! need {
    ($made:expr) => {
        match $made {
            Some(made) => made,
            None => return,
        }
    };
}

/// The mounts and links that the calling thread sees: must be the same before and after.
pub fn visible() -> (usize, usize) {
    let lines = |path| fs::read_to_string(path).unwrap().lines().count();
    (
        lines("/proc/thread-self/mounts"),
        lines("/proc/thread-self/net/dev"),
    )
}
