//! Unix sockets of a node, for tokio.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream as Connected;
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use tokio::net::UnixStream;

use crate::ns::{Context, NodeNs, NsError};

/// Connects to `path` as `node` sees it. Must be called inside a tokio runtime.
///
/// # Errors
///
/// Nobody listens; or whoever does has not accepted connections for so long that there is no room for another
/// ([`io::ErrorKind::WouldBlock`]): a program that was stopped must not stop the caller.
pub fn unix_in(node: &NodeNs, path: &Path) -> Result<UnixStream, NsError> {
    let dial = || -> io::Result<Connected> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let dialled = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(dialled.as_raw_fd(), &UnixAddr::new(path)?)?;
        Ok(dialled.into())
    };
    node.run(dial)?
        .and_then(UnixStream::from_std)
        .context(format!("connect to `{}`", path.display()))
}
