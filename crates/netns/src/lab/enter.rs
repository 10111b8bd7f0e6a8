//! A command in the namespaces of a lab, started from outside.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::pipe2;

use crate::exec::{self, Program, Step};
use crate::ns::{Context, NsError};
use crate::process::{Exit, kill};

/// The namespaces of a node, for a program outside the lab.
#[derive(Debug)]
pub struct Namespaces {
    /// The lab's user namespace, `None` when it has none of its own.
    pub user: Option<OwnedFd>,
    /// The lab's PID namespace, so that the command ends with the lab.
    pub pid: OwnedFd,
    /// The node's network namespace.
    pub net: OwnedFd,
    /// The node's mount namespace.
    pub mnt: OwnedFd,
}

impl Namespaces {
    /// Those of a process, such as the supervisor.
    pub fn of_process(pid: i32) -> Result<Self, NsError> {
        let user = open(&format!("/proc/{pid}/ns/user"))?;
        let own = open("/proc/self/ns/user")?;
        Ok(Self {
            user: if same(&user, &own)? { None } else { Some(user) },
            pid: open(&format!("/proc/{pid}/ns/pid"))?,
            net: open(&format!("/proc/{pid}/ns/net"))?,
            mnt: open(&format!("/proc/{pid}/ns/mnt"))?,
        })
    }

    /// Those of a node whose namespaces the supervisor `pid` holds as its descriptors `net` and
    /// `mnt`.
    pub fn of_node(pid: i32, net: RawFd, mnt: RawFd) -> Result<Self, NsError> {
        Ok(Self {
            net: open(&format!("/proc/{pid}/fd/{net}"))?,
            mnt: open(&format!("/proc/{pid}/fd/{mnt}"))?,
            ..Self::of_process(pid)?
        })
    }
}

fn open(path: &str) -> Result<OwnedFd, NsError> {
    File::open(path)
        .map(OwnedFd::from)
        .context(format!("open namespace `{path}`"))
}

fn same(a: &OwnedFd, b: &OwnedFd) -> Result<bool, NsError> {
    let id = |fd: &OwnedFd| {
        let stat = nix::sys::stat::fstat(fd).context("identify a namespace")?;
        Ok((stat.st_dev, stat.st_ino))
    };
    Ok(id(a)? == id(b)?)
}

/// A command to be run in a lab.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Its path, or its name to be looked for along `PATH`, as the node sees it.
    pub program: OsString,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// Added to this process's environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory; this process's, if the node has it, or else `/`, when `None`.
    pub dir: Option<PathBuf>,
}

/// Runs a command in the namespaces with this process's input and output, and waits for it.
///
/// SIGTERM, SIGHUP and SIGINT that somebody sends to this process are passed on to the command;
/// Ctrl-C on the terminal reaches it anyway. When the calling thread ends, the kernel kills the
/// command. The signals are blocked in the calling thread meanwhile, so no other thread of the
/// process should be open to them: call this from `main`, before there are others.
pub fn enter(namespaces: &Namespaces, entry: &Entry) -> Result<Exit, NsError> {
    let program = Program::new(&entry.program, &entry.args, &exec::environment(&entry.env))?;
    let (child, parent) = exec::parent_pipe()?;
    let (relayed, relay) = pipe2(OFlag::O_CLOEXEC).context("make a pipe")?;
    let await_parent = exec::await_parent_step(&child, &parent);
    let steps = steps(namespaces, entry, await_parent, relay.as_fd())?;

    let mut passed_on = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        passed_on.add(signal);
    }
    let before = SigSet::thread_get_mask().context("block signals")?;
    passed_on.thread_block().context("block signals")?;
    let outcome = (|| {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&passed_on, flags).context("block signals")?;
        let starting = exec::start(&program, &steps, CloneFlags::empty(), &[])?;
        let relaying = starting.pid;
        exec::release(&parent);
        // From now on the relay's end of the pipe is the only one.
        drop(relay);
        let started = starting.finish();
        let exit = started.and_then(|_| supervise(relayed.into(), &signals));
        while waitpid(relaying, None) == Err(Errno::EINTR) {}
        exit
    })();
    before.thread_set_mask().context("unblock signals")?;
    outcome
}

fn steps(
    namespaces: &Namespaces,
    entry: &Entry,
    await_parent: Step,
    relay: BorrowedFd<'_>,
) -> Result<Vec<Step>, NsError> {
    let join = |fd: &OwnedFd, kind, what| Step::Join {
        fd: fd.as_raw_fd(),
        kind,
        what,
    };
    let mut steps = Vec::new();
    // The user namespace first: it gives the right to enter the others.
    if let Some(user) = &namespaces.user {
        steps.push(join(user, CloneFlags::CLONE_NEWUSER, "user"));
        steps.push(Step::BecomeRoot);
    }
    steps.push(join(&namespaces.net, CloneFlags::CLONE_NEWNET, "network"));
    steps.push(join(&namespaces.pid, CloneFlags::CLONE_NEWPID, "PID"));
    steps.push(join(&namespaces.mnt, CloneFlags::CLONE_NEWNS, "mount"));
    // Not before: changing user disarms it.
    steps.push(Step::DieWithParent);
    steps.push(await_parent);
    // Only children enter a PID namespace, so the command is one.
    steps.push(Step::Relay(relay.as_raw_fd()));
    match &entry.dir {
        Some(dir) => steps.push(exec::change_directory(dir, false)?),
        None => {
            let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
            steps.push(exec::change_directory(&here, true)?);
        }
    }
    Ok(steps)
}

/// Passes signals on until the relay says that the command has ended.
fn supervise(mut relayed: File, signals: &SignalFd) -> Result<Exit, NsError> {
    let action = "wait for the command";
    let pid = read_word(&mut relayed).context(action)?;
    loop {
        let mut fds = [
            PollFd::new(relayed.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(NsError::new(action, error)),
        }
        while let Ok(Some(info)) = signals.read_signal() {
            // What the terminal sends goes to the whole process group, the command included.
            let from_terminal = info.ssi_code == libc::SI_KERNEL;
            if !from_terminal && let Ok(signal) = Signal::try_from(info.ssi_signo.cast_signed()) {
                // It may have ended a moment ago.
                let _ = kill(pid, signal);
            }
        }
        let ready = fds[0].revents().is_some_and(|events| !events.is_empty());
        if ready {
            return match read_word(&mut relayed) {
                Ok(status) => Ok(Exit::from_wait_status(status)),
                // The relay was killed, and the command with it.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Ok(Exit::Signal(libc::SIGKILL))
                }
                Err(error) => Err(NsError::new(action, error)),
            };
        }
    }
}

fn read_word(pipe: &mut File) -> io::Result<i32> {
    let mut octets = [0; 4];
    pipe.read_exact(&mut octets)?;
    Ok(i32::from_ne_bytes(octets))
}
