//! Word that files change, wherever they are mounted.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::unix::AsyncFd;

use crate::ns::{Context, NodeNs, NsError};
use crate::sys;

/// Tells when something at a path changes: a file that is written to, or what is in a directory.
#[derive(Debug)]
pub struct Changes(AsyncFd<OwnedFd>);

impl Changes {
    /// Watches `path` as `node` sees it; it must be there. Must be called inside a tokio runtime.
    pub fn of(node: &NodeNs, path: &Path) -> Result<Self, NsError> {
        // A path names a file of the node's in its mount namespace only; the descriptor is good anywhere.
        Self::watch(path, |add| node.run(add))
    }

    /// Watches `path` as this process sees it; the rest as with [`of`](Self::of).
    pub fn here(path: &Path) -> Result<Self, NsError> {
        Self::watch(path, |add| Ok(add()))
    }

    fn watch(
        path: &Path,
        run: impl FnOnce(&(dyn Fn() -> nix::Result<()> + Sync)) -> Result<nix::Result<()>, NsError>,
    ) -> Result<Self, NsError> {
        let action = || format!("watch `{}`", path.display());
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
            .map_err(io::Error::from)
            .context(action())?;
        let events = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF;
        run(&|| inotify.add_watch(path, events).map(drop))?
            .map_err(io::Error::from)
            .context(action())?;
        sys::watch(inotify.into()).context(action()).map(Self)
    }

    /// Comes back when something has changed since the last time.
    pub async fn next(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let told = ready.try_io(|fd| drain(fd.get_ref()));
            if let Ok(told) = told {
                return told;
            }
        }
    }
}

/// Takes all there is; `WouldBlock` when there is nothing.
fn drain(fd: &OwnedFd) -> io::Result<()> {
    let mut events = [0; 4096];
    let mut some = false;
    loop {
        match nix::unistd::read(fd, &mut events) {
            Ok(_) => some = true,
            Err(Errno::EAGAIN) if some => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
