//! A node's files, seen from outside it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use super::{Context, MntNs, NsError, run_in};

/// The root directory of a mount namespace: its files can be reached from any thread, without entering it.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// That of a mount namespace, which it keeps alive.
    pub fn of(mnt: &MntNs) -> Result<Self, NsError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = run_in(None, Some(mnt), || open("/", flags, Mode::empty()))?;
        root.map(Self).context("open `/` of a mount namespace")
    }

    /// Opens a file for reading. Symbolic links lead where they lead in there.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        self.resolve(path, OFlag::O_RDONLY).map(File::from)
    }

    /// Whether there is something at `path`.
    pub fn has(&self, path: &Path) -> bool {
        self.resolve(path, OFlag::O_PATH).is_ok()
    }

    /// Calls `f` with a path that leads from here to the file at `path` in there; for what takes no descriptor, such
    /// as connecting to a Unix socket.
    pub fn reach<T>(&self, path: &Path, f: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let file = self.resolve(path, OFlag::O_PATH)?;
        f(&PathBuf::from(format!(
            "/proc/self/fd/{}",
            file.as_raw_fd()
        )))
    }

    fn resolve(&self, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        Ok(openat2(&self.0, path, how)?)
    }
}
