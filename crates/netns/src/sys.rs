//! Small pieces next to the system calls.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Lets tokio watch a non-blocking descriptor. Must be called inside a runtime.
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` always answers with the same open descriptor, until it is dropped.
    let watched = unsafe { AsyncFd::register(fd) };
    watched.map_err(io::Error::from)
}
