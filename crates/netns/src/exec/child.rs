//! The child's side: what happens between clone and exec. Nothing here allocates or takes a lock.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::unistd::{self, Pid};

use super::Program;
use super::groups;

/// Something the child does before it becomes the program.
pub(crate) enum Step {
    /// Be killed when the thread that started it ends.
    DieWithParent,
    /// Wait until the parent writes to this pipe; end when the parent has gone instead. `parent` is
    /// the parent's end, of which the child has a copy.
    AwaitParent { child: RawFd, parent: RawFd },
    /// Write to a file under `/proc/self`.
    Write { path: &'static CStr, text: String },
    /// Keep mounts from spreading to where this mount namespace was copied from.
    MakePrivate,
    /// Mount a `/proc` that shows this PID namespace. Allowed to fail.
    MountProc,
    /// Enter a namespace.
    Join {
        fd: RawFd,
        kind: CloneFlags,
        what: &'static str,
    },
    /// Become user and group 0 of the user namespace. Allowed to fail.
    BecomeRoot,
    /// Fork; the copy goes on and is killed when the original ends. The original writes the copy's
    /// PID and later its wait status (both `i32`) to this pipe, and ends.
    Relay(RawFd),
    /// Change the working directory. Allowed to fail when `optional`.
    ChangeDirectory { path: CString, optional: bool },
    /// Have no descriptors but those that are asked for: whoever waits for the end of a pipe of the caller's caller
    /// must not wait for this. Allowed to fail, as in kernels before 5.11.
    KeepNothingElse,
    /// Leave the terminal and the session.
    NewSession,
    /// Leave the process group.
    NewGroup,
    /// Have `setgroups` do nothing and succeed.
    PretendGroups,
}

impl Step {
    pub(super) fn describe(&self) -> String {
        match self {
            Step::DieWithParent => "be killed with the parent".to_owned(),
            Step::AwaitParent { .. } => "wait for the parent".to_owned(),
            Step::Write { path, .. } => format!("write `{}`", path.to_string_lossy()),
            Step::MakePrivate => "make `/` private".to_owned(),
            Step::MountProc => "mount `/proc`".to_owned(),
            Step::Join { what, .. } => format!("enter the {what} namespace"),
            Step::BecomeRoot => "become user 0".to_owned(),
            Step::Relay(_) => "fork".to_owned(),
            Step::ChangeDirectory { path, .. } => format!("enter `{}`", path.to_string_lossy()),
            Step::KeepNothingElse => "close other descriptors".to_owned(),
            Step::NewSession => "start a session".to_owned(),
            Step::NewGroup => "start a process group".to_owned(),
            Step::PretendGroups => "answer `setgroups`".to_owned(),
        }
    }

    pub(super) fn optional(&self) -> bool {
        matches!(
            self,
            Step::MountProc
                | Step::BecomeRoot
                | Step::KeepNothingElse
                | Step::ChangeDirectory { optional: true, .. }
        )
    }

    /// Runs in the child.
    fn perform(&self, report: RawFd) -> Result<(), Errno> {
        match self {
            Step::DieWithParent => nix::sys::prctl::set_pdeathsig(Signal::SIGKILL),
            Step::AwaitParent { child, parent } => await_parent(*child, *parent),
            Step::Write { path, text } => write_file(path, text.as_bytes()),
            Step::MakePrivate => {
                let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
                mount(None::<&CStr>, c"/", None::<&CStr>, flags, None::<&CStr>)
            }
            Step::MountProc => {
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
                mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None::<&CStr>)
            }
            Step::Join { fd, kind, .. } => {
                // SAFETY: the parent keeps the descriptor open until after the clone.
                setns(unsafe { BorrowedFd::borrow_raw(*fd) }, *kind)
            }
            Step::BecomeRoot => {
                let (uid, gid) = (unistd::Uid::from_raw(0), unistd::Gid::from_raw(0));
                unistd::setresgid(gid, gid, gid)?;
                unistd::setresuid(uid, uid, uid)
            }
            Step::Relay(pipe) => relay(*pipe, report),
            Step::ChangeDirectory { path, .. } => unistd::chdir(path.as_c_str()),
            Step::KeepNothingElse => keep_nothing_else(),
            Step::NewSession => unistd::setsid().map(drop),
            Step::NewGroup => unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0)),
            Step::PretendGroups => groups::pretend(),
        }
    }
}

/// What the child reports: which step, and what the kernel answered. Fixed size, so that a write
/// to the pipe is whole.
pub(super) type Report = [i32; 2];

/// In place of a step's number: becoming the program.
const EXEC: i32 = -1;

/// The child's exit status when it could not become the program, as shells have it.
const NOT_STARTED: i32 = 127;

/// `fork` with namespaces: `None` in the child.
///
/// # Safety
///
/// Until it execs or exits, the child may only do what a signal handler may: in particular it
/// must not allocate.
pub(super) unsafe fn clone(flags: CloneFlags) -> io::Result<Option<Pid>> {
    let flags = libc::c_long::from(flags.bits() | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and a stack this is fork: the child works on its own copy.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match i32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Some(Pid::from_raw(pid))),
        _ => Err(io::Error::last_os_error()),
    }
}

/// All of the child's life before the program.
pub(super) fn become_program(
    program: &Program,
    arguments: &[*const libc::c_char],
    environment: &[*const libc::c_char],
    steps: &[Step],
    descriptors: &[(OwnedFd, RawFd)],
    report: RawFd,
) -> ! {
    reset_signals();
    crate::limit::restore_open_files();
    for (number, step) in (0i32..).zip(steps) {
        if let Err(errno) = step.perform(report) {
            tell(report, number, errno);
            if !step.optional() {
                exit(NOT_STARTED);
            }
        }
    }
    for (fd, number) in descriptors {
        // SAFETY: plain numbers; `start` made sure that nothing needed is at this one.
        if unsafe { libc::dup2(fd.as_raw_fd(), *number) } < 0 {
            tell(report, EXEC, Errno::last());
            exit(NOT_STARTED);
        }
    }
    let mut errno = Errno::ENOENT;
    for candidate in &program.candidates {
        // SAFETY: path and arrays are terminated by zero and live in this process's copy.
        unsafe { libc::execve(candidate.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
        match Errno::last() {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => errno = Errno::EACCES,
            other => {
                errno = other;
                break;
            }
        }
    }
    tell(report, EXEC, errno);
    exit(NOT_STARTED)
}

/// The program starts with no signal blocked and, unlike Rust programs, with SIGPIPE in force.
fn reset_signals() {
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    // SAFETY: the default handler is no code of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}

fn tell(report: RawFd, step: i32, errno: Errno) {
    let words: Report = [step, errno as i32];
    write_words(report, &words);
}

fn write_words(fd: RawFd, words: &[i32]) {
    // SAFETY: reading integers as octets, within the slice. A failure has nobody to be told to.
    unsafe { libc::write(fd, words.as_ptr().cast(), size_of_val(words)) };
}

fn exit(status: i32) -> ! {
    // SAFETY: ends the process without running anything of the parent's.
    unsafe { libc::_exit(status) }
}

/// Had the parent died before [`Step::DieWithParent`], its end of the pipe would be closed.
fn await_parent(child: RawFd, parent: RawFd) -> Result<(), Errno> {
    // SAFETY: this process's copy; nothing in it uses the descriptor.
    unsafe { libc::close(parent) };
    let mut octet = 0u8;
    // SAFETY: reads at most one octet into a buffer of one.
    let read = unsafe { libc::read(child, ptr::from_mut(&mut octet).cast(), 1) };
    match read {
        1 => Ok(()),
        0 => exit(NOT_STARTED),
        _ => Err(Errno::last()),
    }
}

/// Has exec close all but 0 to 2. What is asked for gets its number after this, by a copy that stays.
fn keep_nothing_else() -> Result<(), Errno> {
    let how = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: plain numbers; no descriptor is closed before exec.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, how) };
    Errno::result(done).map(drop)
}

fn write_file(path: &CStr, text: &[u8]) -> Result<(), Errno> {
    // SAFETY: the path is terminated by zero.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return Err(Errno::last());
    }
    // SAFETY: the buffer is of the length given. The kernel takes these files in one write.
    let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
    if written < 0 {
        Err(Errno::last())
    } else {
        Ok(())
    }
}

/// See [`Step::Relay`]. Returns in the copy.
fn relay(pipe: RawFd, report: RawFd) -> Result<(), Errno> {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to an array of two.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(Errno::last());
    }
    let [child, parent] = ends;
    // SAFETY: both copies go on under the same restrictions.
    let copy = match unsafe { clone(CloneFlags::empty()) } {
        Ok(None) => {
            Step::DieWithParent.perform(report)?;
            return await_parent(child, parent);
        }
        Ok(Some(copy)) => copy,
        Err(error) => return Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
    };
    // A key on the terminal or the parent's word is for the program: this one only waits for it.
    for kind in [
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGHUP,
    ] {
        // SAFETY: ignoring is no code of ours.
        let _ = unsafe { signal(kind, SigHandler::SigIgn) };
    }
    // The parent waits for the copy's exec alone.
    // SAFETY: nothing in this process uses the descriptor any more.
    unsafe { libc::close(report) };
    write_words(parent, &[0]);
    write_words(pipe, &[copy.as_raw()]);
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to an integer for the status.
        let waited = unsafe { libc::waitpid(copy.as_raw(), ptr::from_mut(&mut status), 0) };
        if waited >= 0 || Errno::last() != Errno::EINTR {
            break;
        }
    }
    write_words(pipe, &[status]);
    exit(0)
}
