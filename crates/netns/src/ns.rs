//! Namespaces held by descriptors, and running code inside them.
//!
//! ```text
//!   NetNs::create()            NodeNs::create(spec)
//!        |                          |
//!   throw-away thread          throw-away thread
//!   unshare(NEWNET)            unshare(NEWNET | NEWNS), mounts
//!   open /proc/.../ns/net      open /proc/.../ns/{net,mnt}
//!        v                          v
//!   descriptor  --run(f)-->  another throw-away thread: setns, f()
//! ```

pub mod named;
mod node;
mod visit;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

pub use node::{Bind, NodeNs, NodeSpec, Own};
pub(crate) use node::{bind_mount, mount_tmpfs};
pub use visit::{Visitor, visit};

/// A namespace could not be made, opened or entered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub struct NsError {
    /// What was tried, such as "enter network namespace".
    pub action: String,
    /// What the kernel answered.
    pub source: io::Error,
}

impl NsError {
    pub(crate) fn new(action: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self {
            action: action.into(),
            source: source.into(),
        }
    }

    /// Whether the kernel refused for lack of privilege.
    pub fn is_permission(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }
}

/// Adds the action to what the kernel answered.
pub(crate) trait Context<T> {
    fn context(self, action: impl Into<String>) -> Result<T, NsError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, action: impl Into<String>) -> Result<T, NsError> {
        self.map_err(|source| NsError::new(action, source))
    }
}

/// A network namespace, kept alive by this value and its clones.
#[derive(Clone)]
pub struct NetNs(Arc<OwnedFd>);

/// A mount namespace, kept alive by this value and its clones.
#[derive(Clone)]
pub struct MntNs(Arc<OwnedFd>);

impl NetNs {
    /// The namespace of the calling thread.
    pub fn current() -> Result<Self, NsError> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// Opens a namespace file, such as `/proc/PID/ns/net` or `/run/netns/NAME`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NsError> {
        open(path.as_ref()).map(Self::from)
    }

    /// Makes an empty namespace; its loopback interface is down. About 0.3 ms.
    pub fn create() -> Result<Self, NsError> {
        on_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).context("make a network namespace")?;
            Self::current()
        })?
    }

    /// Device and inode: equal for two handles exactly when they are the same namespace.
    pub fn id(&self) -> Result<NsId, NsError> {
        id(self.as_fd())
    }

    /// Runs `f` inside the namespace, on a throw-away thread, and waits for it. Sockets that `f`
    /// opens stay in the namespace wherever they go. A panic in `f` continues in the caller.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NsError> {
        run_in(Some(self), None, f)
    }
}

impl MntNs {
    /// The mount namespace of the calling thread.
    pub fn current() -> Result<Self, NsError> {
        open(Path::new("/proc/thread-self/ns/mnt")).map(Self::from)
    }

    /// Opens a namespace file, such as `/proc/PID/ns/mnt`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NsError> {
        open(path.as_ref()).map(Self::from)
    }

    /// Device and inode: equal for two handles exactly when they are the same namespace.
    pub fn id(&self) -> Result<NsId, NsError> {
        id(self.as_fd())
    }
}

/// Which namespace a handle means: the number that `/proc/PID/ns/net` shows, and its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NsId {
    /// Device number of the namespace file system.
    pub device: u64,
    /// The number in `net:[4026531840]`.
    pub inode: u64,
}

/// Runs `f` on a throw-away thread inside the given namespaces and waits for it.
///
/// The mount namespace is entered first: `/proc` and `/sys` paths that `f` opens are the node's.
pub fn run_in<T: Send>(
    net: Option<&NetNs>,
    mnt: Option<&MntNs>,
    f: impl FnOnce() -> T + Send,
) -> Result<T, NsError> {
    on_thread(|| {
        if let Some(mnt) = mnt {
            unless_there(enter_mnt(mnt.as_fd()), || {
                Ok(mnt.id()? == MntNs::current()?.id()?)
            })?;
        }
        if let Some(net) = net {
            let entered =
                setns(net, CloneFlags::CLONE_NEWNET).context("enter the network namespace");
            unless_there(entered, || Ok(net.id()? == NetNs::current()?.id()?))?;
        }
        Ok(f())
    })?
}

/// An ordinary user may not enter any namespace, not even the one it is in.
fn unless_there(
    entered: Result<(), NsError>,
    there: impl FnOnce() -> Result<bool, NsError>,
) -> Result<(), NsError> {
    match entered {
        Err(error) if error.is_permission() && there()? => Ok(()),
        other => other,
    }
}

/// Joins a mount namespace for the rest of this thread's life. The kernel demands that the thread
/// shares its root and working directory with no other, hence the unshare first.
fn enter_mnt(mnt: BorrowedFd<'_>) -> Result<(), NsError> {
    unshare(CloneFlags::CLONE_FS).context("stop sharing the working directory")?;
    setns(mnt, CloneFlags::CLONE_NEWNS).context("enter the mount namespace")
}

/// Runs `f` on a thread of its own: whatever it does to its namespaces ends with it.
pub(crate) fn on_thread<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T, NsError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("netns".to_owned())
            .stack_size(256 * 1024)
            .spawn_scoped(scope, f)
            .context("start a thread")?;
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn open(path: &Path) -> Result<OwnedFd, NsError> {
    File::open(path)
        .map(OwnedFd::from)
        .context(format!("open namespace `{}`", path.display()))
}

fn id(fd: BorrowedFd<'_>) -> Result<NsId, NsError> {
    let stat = nix::sys::stat::fstat(fd).context("identify a namespace")?;
    Ok(NsId {
        device: stat.st_dev,
        inode: stat.st_ino,
    })
}

macro_rules! descriptor {
    ($name:ident) => {
        impl From<OwnedFd> for $name {
            fn from(fd: OwnedFd) -> Self {
                Self(Arc::new(fd))
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match id(self.as_fd()) {
                    Ok(id) => write!(f, "{}({})", stringify!($name), id.inode),
                    Err(_) => write!(f, "{}(?)", stringify!($name)),
                }
            }
        }
    };
}

descriptor!(NetNs);
descriptor!(MntNs);
