//! The lab's process tree: a supervisor that owns everything, and entering what it owns.
//!
//! ```text
//!   labgen (caller)
//!     '- supervisor: PID 1 of its PID namespace, with a mount and a network namespace
//!          |         and, for an ordinary user, a user namespace of its own
//!          |- node namespaces, links, mounts
//!          '- daemons
//! ```
//!
//! When the supervisor ends, however it ends, the kernel ends every process below it and removes
//! their namespaces with all that is inside.

mod enter;

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::wait::waitpid;
use nix::unistd::{getegid, geteuid};

use crate::exec::{self, Program, Step};
use crate::ns::{Context, NsError, bind_mount, mount_tmpfs};

pub use enter::{Entry, Namespaces, enter};

/// How to start a supervisor.
#[derive(Debug, Clone, Default)]
pub struct SupervisorOptions {
    /// Whether to make a user namespace even for root. An ordinary user always gets one.
    pub user_namespace: bool,
    /// Whether the kernel kills it when the calling *thread* ends; so call from one that stays.
    pub die_with_parent: bool,
    /// Whether it leaves the terminal, so that Ctrl-C does not reach it.
    pub new_session: bool,
    /// Added to this process's environment.
    pub env: Vec<(OsString, OsString)>,
}

/// A supervisor that was started. It is a child of the caller, which must wait for it.
///
/// The end of a PID namespace waits until every process in it is collected. A command that
/// [`enter`]ed and whose starter was killed is collected by process number 1 outside: where that
/// is the caller (as in many containers), it must collect strangers too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supervisor {
    /// Its process number, as the caller sees it; it sees itself as 1.
    pub pid: i32,
    /// Whether it has a user namespace of its own, in which it is root.
    pub user_namespace: bool,
    /// Whether its `/proc` is its own. When the kernel refuses one (inside some containers), it
    /// still sees the caller's, with the caller's process numbers.
    pub own_proc: bool,
}

/// Starts `exe` as process number 1 of new PID, mount and network namespaces.
///
/// Each of `inherited` is a descriptor and the number it will have; numbers 0 to 2 stay the
/// caller's unless named. It has no others.
pub fn spawn_supervisor(
    exe: &Path,
    args: &[OsString],
    inherited: &[(OwnedFd, RawFd)],
    options: &SupervisorOptions,
) -> Result<Supervisor, NsError> {
    let user_namespace = options.user_namespace || !geteuid().is_root();
    match spawn(exe, args, inherited, options, user_namespace) {
        // Root without the capability, as in many containers.
        Err(error) if error.is_permission() && !user_namespace => {
            spawn(exe, args, inherited, options, true)
        }
        other => other,
    }
}

fn spawn(
    exe: &Path,
    args: &[OsString],
    inherited: &[(OwnedFd, RawFd)],
    options: &SupervisorOptions,
    user_namespace: bool,
) -> Result<Supervisor, NsError> {
    let program = Program::new(exe.as_os_str(), args, &exec::environment(&options.env))?;
    let (child, parent) = exec::parent_pipe()?;
    let mut steps = Vec::new();
    if options.die_with_parent {
        steps.push(Step::DieWithParent);
    }
    steps.push(exec::await_parent_step(&child, &parent));
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    if user_namespace {
        flags |= CloneFlags::CLONE_NEWUSER;
        let (uid, gid) = (geteuid(), getegid());
        // The kernel lets an ordinary user map a group only after giving up `setgroups`.
        for (path, text) in [
            (c"/proc/self/setgroups", "deny".to_owned()),
            (c"/proc/self/uid_map", format!("0 {uid} 1")),
            (c"/proc/self/gid_map", format!("0 {gid} 1")),
        ] {
            steps.push(Step::Write { path, text });
        }
    }
    steps.push(Step::KeepNothingElse);
    steps.push(Step::MakePrivate);
    let mount_proc = steps.len();
    steps.push(Step::MountProc);
    if options.new_session {
        steps.push(Step::NewSession);
    }
    let descriptors: Vec<_> = inherited
        .iter()
        .map(|(fd, number)| (fd.as_fd(), *number))
        .collect();

    let starting = exec::start(&program, &steps, flags, &descriptors)?;
    let pid = starting.pid;
    exec::release(&parent);
    match starting.finish() {
        Ok(refused) => Ok(Supervisor {
            pid: pid.as_raw(),
            user_namespace,
            own_proc: !refused.contains(&mount_proc),
        }),
        Err(error) => {
            while waitpid(pid, None) == Err(Errno::EINTR) {}
            Err(error)
        }
    }
}

/// First thing in a supervisor: hides the host's `/run` under an empty one.
pub fn mount_run() -> Result<(), NsError> {
    mount_tmpfs(Path::new("/run"), "mode=755")
}

/// Shows the running executable at `directory/name`, with a symbolic link beside it for each of
/// `aliases`: replacing or deleting the file on disk does not matter to the lab any more. Must be
/// called by a program that was started in the current mount namespace.
pub fn show_executable(directory: &Path, name: &str, aliases: &[&str]) -> Result<(), NsError> {
    let path = directory.join(name);
    let action = || format!("show the executable at `{}`", path.display());
    std::fs::create_dir_all(directory).context(action())?;
    bind_mount(Path::new("/proc/self/exe"), &path, false).context(action())?;
    for alias in aliases {
        let link = directory.join(alias);
        std::os::unix::fs::symlink(name, &link).context(format!("make `{}`", link.display()))?;
    }
    Ok(())
}
