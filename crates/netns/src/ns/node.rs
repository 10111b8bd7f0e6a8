//! A node: a network namespace with its own view of the file system.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;

use super::{Context, MntNs, NetNs, NsError, on_thread, run_in};

/// A network and a mount namespace that belong together.
///
/// In the mount namespace `/run` is an empty tmpfs (so that daemons keep their sockets apart, and
/// named network namespaces are the node's own) and `/sys` shows the node's network devices.
#[derive(Debug, Clone)]
pub struct NodeNs {
    /// The network namespace.
    pub net: NetNs,
    /// The mount namespace.
    pub mnt: MntNs,
    /// Whether `/sys` is the node's own. The kernel may refuse that to an ordinary user, and then
    /// `/sys/class/net` shows the devices of the creator.
    pub own_sys: bool,
}

/// What a [`NodeNs`] is made of.
#[derive(Debug, Clone, Default)]
pub struct NodeSpec {
    /// What to show where. Sources are looked up before anything is mounted, so a source under
    /// `/run` is the creator's.
    pub binds: Vec<Bind>,
    /// Parts of the file system that are the node's own.
    pub own: Vec<Own>,
}

/// A part of the file system that a node has for itself, in place of the creator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// An empty directory at this path, which must exist or be under `/run`.
    Directory(PathBuf),
    /// A file at this path, which must exist or be in a directory of the node's own.
    File {
        /// Its path.
        path: PathBuf,
        /// What is in it.
        content: String,
    },
}

/// A file or directory shown at another place.
#[derive(Debug, Clone)]
pub struct Bind {
    /// The file or directory, as the creator sees it.
    pub source: PathBuf,
    /// Where the node sees it. Made when missing (under `/run` it always is).
    pub target: PathBuf,
    /// Whether the node may not write to it.
    pub read_only: bool,
}

impl Bind {
    /// Shows `path` at the same place, writable.
    pub fn same(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            source: path.clone(),
            target: path,
            read_only: false,
        }
    }
}

impl NodeNs {
    /// Makes the namespaces and the mounts.
    pub fn create(spec: &NodeSpec) -> Result<Self, NsError> {
        on_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
                .context("make a node's namespaces")?;
            make_private()?;
            make_mounts(spec)
        })?
    }

    /// Makes a mount namespace for a network namespace that is there.
    pub fn around(net: &NetNs, spec: &NodeSpec) -> Result<Self, NsError> {
        net.run(|| {
            unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
            make_private()?;
            make_mounts(spec)
        })?
    }

    /// Runs `f` inside both namespaces; see [`NetNs::run`].
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NsError> {
        run_in(Some(&self.net), Some(&self.mnt), f)
    }
}

/// The mounts of a node, in the calling thread's mount namespace.
pub(super) fn make_mounts(spec: &NodeSpec) -> Result<NodeNs, NsError> {
    let sources = spec.binds.iter().map(pin).collect::<Result<Vec<_>, _>>()?;
    mount_tmpfs(Path::new("/run"), "mode=755")?;
    let own_sys = mount_sysfs().is_ok();
    for (bind, source) in spec.binds.iter().zip(&sources) {
        show(bind, source)?;
    }
    for own in &spec.own {
        make_own(own)?;
    }
    Ok(NodeNs {
        net: NetNs::current()?,
        mnt: MntNs::current()?,
        own_sys,
    })
}

/// Keeps mounts made here from reaching the namespace this one was copied from.
pub(crate) fn make_private() -> Result<(), NsError> {
    remount("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE).context("make `/` private")
}

/// Mounts an empty tmpfs on `target`, which must exist.
pub(crate) fn mount_tmpfs(target: &Path, options: &str) -> Result<(), NsError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))
        .context(format!("mount a tmpfs on `{}`", target.display()))
}

fn mount_sysfs() -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("sysfs"), "/sys", Some("sysfs"), flags, None::<&str>)
}

/// Opens a bind's source before a mount can hide it.
fn pin(bind: &Bind) -> Result<OwnedFd, NsError> {
    open(
        &bind.source,
        OFlag::O_PATH | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .context(format!("open `{}`", bind.source.display()))
}

fn make_own(own: &Own) -> Result<(), NsError> {
    match own {
        Own::Directory(path) => {
            fs::create_dir_all(path).context(format!("make `{}`", path.display()))?;
            mount_tmpfs(path, "mode=755")
        }
        Own::File { path, content } => {
            let action = || format!("put a file at `{}`", path.display());
            // On a mount of the node's own, so that it is there without the host's being touched.
            let name = path.to_string_lossy().replace('/', "_");
            let kept = Path::new("/run/own").join(name);
            fs::create_dir_all("/run/own").context(action())?;
            fs::write(&kept, content).context(action())?;
            bind_mount(&kept, path, false).context(action())
        }
    }
}

fn show(bind: &Bind, source: &OwnedFd) -> Result<(), NsError> {
    let pinned = format!("/proc/thread-self/fd/{}", source.as_raw_fd());
    bind_mount(Path::new(&pinned), &bind.target, bind.read_only).context(format!(
        "show `{}` at `{}`",
        bind.source.display(),
        bind.target.display()
    ))
}

/// Bind-mounts, making the mount point when it is missing.
pub(crate) fn bind_mount(source: &Path, target: &Path, read_only: bool) -> io::Result<()> {
    if !target.exists() {
        if fs::metadata(source)?.is_dir() {
            fs::create_dir_all(target)?;
        } else {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::File::create_new(target)?;
        }
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), target, None::<&str>, flags, None::<&str>)?;
    if read_only {
        // A user namespace must keep the flags that the mount was inherited with, or gets EPERM.
        let kept = inherited_flags(target)?;
        remount(
            target,
            MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | kept,
        )?;
    }
    Ok(())
}

fn inherited_flags(path: &Path) -> nix::Result<MsFlags> {
    use nix::sys::statvfs::FsFlags;
    let have = nix::sys::statvfs::statvfs(path)?.flags();
    let mut kept = MsFlags::empty();
    kept.set(MsFlags::MS_NOSUID, have.contains(FsFlags::ST_NOSUID));
    kept.set(MsFlags::MS_NODEV, have.contains(FsFlags::ST_NODEV));
    kept.set(MsFlags::MS_NOEXEC, have.contains(FsFlags::ST_NOEXEC));
    kept.set(MsFlags::MS_NOATIME, have.contains(FsFlags::ST_NOATIME));
    kept.set(
        MsFlags::MS_NODIRATIME,
        have.contains(FsFlags::ST_NODIRATIME),
    );
    kept.set(MsFlags::MS_RELATIME, have.contains(FsFlags::ST_RELATIME));
    Ok(kept)
}

pub(crate) fn remount<P: ?Sized + nix::NixPath>(target: &P, flags: MsFlags) -> nix::Result<()> {
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
}
