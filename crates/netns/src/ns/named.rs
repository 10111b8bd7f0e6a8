//! Network namespaces with names, where Debian's `ip netns` looks for them.
//!
//! A name is a file in `/run/netns` with the namespace mounted on it. All functions act in the
//! calling thread's mount namespace; for a node's own names call them by
//! [`NodeNs::run`](super::NodeNs::run).

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{Context, NetNs, NsError};

/// A named namespace could not be made, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    /// The name is taken.
    #[error("network namespace `{0}` exists already")]
    Exists(String),
    /// There is no such name.
    #[error("network namespace `{0}` does not exist")]
    Missing(String),
    /// The name cannot be that of a file.
    #[error("`{0}` cannot be the name of a network namespace")]
    BadName(String),
    /// The kernel refused.
    #[error(transparent)]
    Refused(#[from] NsError),
}

const DIRECTORY: &str = "/run/netns";

/// Makes an empty namespace and names it.
pub fn add(name: &str) -> Result<NetNs, NamedError> {
    let path = path(name)?;
    let ns = NetNs::create()?;
    show(name, &path, &ns)?;
    Ok(ns)
}

/// Names a namespace that is there.
pub fn attach(name: &str, ns: &NetNs) -> Result<(), NamedError> {
    show(name, &path(name)?, ns)
}

/// Takes the name away. The namespace stays as long as something else holds it.
pub fn delete(name: &str) -> Result<(), NamedError> {
    let path = path(name)?;
    match umount2(&path, MntFlags::MNT_DETACH) {
        Ok(()) => {}
        // A file without a mount, left behind by a crash between the two: remove it too.
        Err(Errno::EINVAL) => {}
        Err(Errno::ENOENT) => return Err(NamedError::Missing(name.to_owned())),
        Err(error) => return Err(NsError::new(format!("unmount `{}`", path.display()), error))?,
    }
    Ok(fs::remove_file(&path).context(format!("remove `{}`", path.display()))?)
}

/// The namespace with this name.
pub fn open(name: &str) -> Result<NetNs, NamedError> {
    match File::open(path(name)?) {
        Ok(file) => Ok(NetNs::from(std::os::fd::OwnedFd::from(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(NamedError::Missing(name.to_owned()))
        }
        Err(error) => Err(NsError::new(
            format!("open network namespace `{name}`"),
            error,
        ))?,
    }
}

/// All names, sorted.
pub fn list() -> Result<Vec<String>, NsError> {
    let entries = match fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(NsError::new(format!("list `{DIRECTORY}`"), error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.context(format!("list `{DIRECTORY}`"))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn path(name: &str) -> Result<PathBuf, NamedError> {
    let bad = name.is_empty()
        || name.len() > 255
        || matches!(name, "." | "..")
        || name.contains(['/', '\0']);
    if bad {
        return Err(NamedError::BadName(name.to_owned()));
    }
    Ok(Path::new(DIRECTORY).join(name))
}

fn show(name: &str, path: &Path, ns: &NetNs) -> Result<(), NamedError> {
    let _directory = prepare_directory().context(format!("prepare `{DIRECTORY}`"))?;
    match File::create_new(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(NamedError::Exists(name.to_owned()));
        }
        Err(error) => return Err(NsError::new(format!("make `{}`", path.display()), error))?,
    }
    let source = PathBuf::from(format!("/proc/thread-self/fd/{}", ns.as_raw_fd()));
    let shown = mount(
        Some(&source),
        path,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    );
    if let Err(error) = shown {
        let _ = fs::remove_file(path);
        return Err(NsError::new(format!("mount `{}`", path.display()), error).into());
    }
    Ok(())
}

/// Makes the directory a shared mount, as `ip netns` does: a name that is deleted in one mount
/// namespace goes in all copies of it, and does not keep its namespace alive there. The lock is
/// the one that `ip netns` takes.
fn prepare_directory() -> io::Result<Flock<File>> {
    let share = || {
        let flags = MsFlags::MS_SHARED | MsFlags::MS_REC;
        mount(None::<&str>, DIRECTORY, None::<&str>, flags, None::<&str>)
    };
    fs::create_dir_all(DIRECTORY)?;
    let directory = File::open(DIRECTORY)?;
    let lock = Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    match share() {
        // Not a mount point yet.
        Err(Errno::EINVAL) => {
            fs::set_permissions(DIRECTORY, Permissions::from_mode(0o755))?;
            let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(
                Some(DIRECTORY),
                DIRECTORY,
                None::<&str>,
                flags,
                None::<&str>,
            )?;
            share()?;
        }
        other => other?,
    }
    Ok(lock)
}
