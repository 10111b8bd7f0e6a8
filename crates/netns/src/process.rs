//! Child processes of a long-lived program, and the duties of process number 1.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::exec::{self, Program, Step};
use crate::ns::{Context, NodeNs, NsError};

/// A program to be started.
#[derive(Debug, Default)]
pub struct ProcessSpec {
    /// Its path, or its name to be looked for along `PATH`.
    pub program: OsString,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// Added to this process's environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory, as it sees it; this process's when `None`.
    pub dir: Option<PathBuf>,
    /// The namespaces it lives in; this process's when `None`.
    pub node: Option<NodeNs>,
    /// Its input; nothing (`/dev/null`) when `None`.
    pub stdin: Option<OwnedFd>,
    /// Its output; discarded when `None`.
    pub stdout: Option<OwnedFd>,
    /// Its error output; discarded when `None`.
    pub stderr: Option<OwnedFd>,
    /// Whether the kernel kills it when this process ends. Superfluous below process number 1 of
    /// a PID namespace, whose end is everybody's.
    pub die_with_parent: bool,
    /// Whether its `setgroups` does nothing and succeeds. The user namespace of an ordinary user
    /// refuses the call to everybody, which a daemon that gives up its privileges takes for an error.
    pub pretend_groups: bool,
}

impl ProcessSpec {
    /// A program without arguments, in this process's namespaces.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            ..Self::default()
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Whether it ended by itself with status 0.
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }

    /// As a shell has it: the status, or 128 and the signal's number.
    pub fn shell_code(self) -> u8 {
        let code = match self {
            Exit::Code(code) => code,
            Exit::Signal(number) => 128 + number,
        };
        (code & 0xff) as u8
    }

    pub(crate) fn from_wait_status(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Exit::Signal(libc::WTERMSIG(status))
        } else {
            Exit::Code(libc::WEXITSTATUS(status))
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "status {code}"),
            Exit::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "{}", signal.as_str()),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

/// Which children a [`Spawner`] collects when they have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reap {
    /// Those it has started.
    Own,
    /// All, orphans included: what process number 1 must do. No other part of the program may
    /// wait for children (`std::process`, `tokio::process`).
    All,
}

/// Starts processes, and collects them when they have ended.
///
/// All are started by one thread that lives as long as the spawner: the kernel sends a child's
/// "parent has died" signal when the *thread* that started it ends.
#[derive(Debug, Clone)]
pub struct Spawner {
    jobs: mpsc::Sender<Job>,
    children: Children,
}

struct Job {
    spec: ProcessSpec,
    started: oneshot::Sender<Result<Unclaimed, NsError>>,
}

/// A child that nobody has taken yet. It ends with this: whoever asked for it waits no more, and nobody else knows it.
struct Unclaimed(Option<Child>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            // One that cannot be killed has ended.
            let _ = child.kill_group(Signal::SIGKILL);
        }
    }
}

/// The children that have not ended, and where to tell that they have. Locked while a child is
/// started, so that none ends before it is in, and while a signal is sent, so that none goes to a
/// stranger who was given the same number.
#[derive(Debug, Clone, Default)]
struct Children(Arc<Mutex<BTreeMap<i32, watch::Sender<Option<Exit>>>>>);

/// A process that was started. Dropping it does not end the process.
#[derive(Debug, Clone)]
pub struct Child {
    pid: i32,
    exit: watch::Receiver<Option<Exit>>,
    children: Children,
}

impl Spawner {
    /// Starts the spawner's thread and its collecting task. Must be called inside a tokio runtime.
    pub fn start(reap: Reap) -> Result<Self, NsError> {
        let children = Children::default();
        let mut ended = signal(SignalKind::child()).context("listen for ended children")?;
        let collected = children.clone();
        tokio::spawn(async move {
            loop {
                collected.collect(reap);
                if ended.recv().await.is_none() {
                    return;
                }
            }
        });
        let (jobs, queue) = mpsc::channel::<Job>();
        let started = children.clone();
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for job in queue {
                    let child = started.start(&job.spec);
                    let _ = job.started.send(child.map(|child| Unclaimed(Some(child))));
                }
            })
            .context("start a thread")?;
        Ok(Self { jobs, children })
    }

    /// Starts a process in a process group of its own. Returns once it runs the program, or says
    /// why it does not. Where that is not waited for (the future is dropped), the process is killed.
    pub async fn spawn(&self, spec: ProcessSpec) -> Result<Child, NsError> {
        let gone = || {
            NsError::new(
                "start a process",
                io::Error::from(io::ErrorKind::BrokenPipe),
            )
        };
        let (started, answer) = oneshot::channel();
        self.jobs.send(Job { spec, started }).map_err(|_| gone())?;
        let mut started = answer.await.map_err(|_| gone())??;
        started.0.take().ok_or_else(gone)
    }

    /// The numbers of the children that have not ended, in order.
    pub fn running(&self) -> Vec<i32> {
        self.children.lock().keys().copied().collect()
    }
}

impl Child {
    /// Its process number, also that of its process group.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// How it has ended, if it has.
    pub fn try_exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits until it has ended. Any number of clones may wait.
    pub async fn exited(&mut self) -> Exit {
        loop {
            if let Some(exit) = *self.exit.borrow_and_update() {
                return exit;
            }
            if self.exit.changed().await.is_err() {
                // The spawner's task has gone, and with it the runtime.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Sends a signal to the process. One that has ended is left in peace.
    pub fn kill(&self, signal: Signal) -> Result<(), NsError> {
        self.send(self.pid, signal)
    }

    /// Sends a signal to the process and all it has started (its process group).
    pub fn kill_group(&self, signal: Signal) -> Result<(), NsError> {
        self.send(-self.pid, signal)
    }

    /// Kills what the process has started and left behind in its process group. While it lives itself, nothing happens.
    pub fn end_leftovers(&self) {
        let children = self.children.lock();
        // The number is not given to another process while somebody is in the group. A process that was started here
        // and has it nevertheless shows that nobody was.
        if self.try_exit().is_some() && !children.contains_key(&self.pid) {
            // That nobody is left is the usual case.
            let _ = kill(-self.pid, Signal::SIGKILL);
        }
    }

    fn send(&self, to: i32, signal: Signal) -> Result<(), NsError> {
        let children = self.children.lock();
        if !children.contains_key(&self.pid) {
            return Ok(());
        }
        kill(to, signal)
    }
}

/// Sends a signal to a process or, by its negative number, to a process group.
pub fn kill(pid: i32, signal: Signal) -> Result<(), NsError> {
    signal::kill(Pid::from_raw(pid), signal)
        .context(format!("send {} to process {pid}", signal.as_str()))
}

impl Children {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, watch::Sender<Option<Exit>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, spec: &ProcessSpec) -> Result<Child, NsError> {
        let program = Program::new(&spec.program, &spec.args, &exec::environment(&spec.env))?;
        let null = || {
            File::options()
                .read(true)
                .write(true)
                .open("/dev/null")
                .map(OwnedFd::from)
        };
        let null = null().context("open `/dev/null`")?;
        let descriptors = [(&spec.stdin, 0), (&spec.stdout, 1), (&spec.stderr, 2)]
            .map(|(fd, number)| (fd.as_ref().unwrap_or(&null).as_fd(), number));

        let mut steps = vec![Step::NewGroup];
        let mut go = None;
        if spec.die_with_parent {
            let (child, parent) = exec::parent_pipe()?;
            steps.push(Step::DieWithParent);
            steps.push(exec::await_parent_step(&child, &parent));
            go = Some((parent, child));
        }
        if let Some(node) = &spec.node {
            let (net, mnt) = (node.net.as_raw_fd(), node.mnt.as_raw_fd());
            let network = CloneFlags::CLONE_NEWNET;
            steps.push(Step::Join {
                fd: net,
                kind: network,
                what: "network",
            });
            steps.push(Step::Join {
                fd: mnt,
                kind: CloneFlags::CLONE_NEWNS,
                what: "mount",
            });
        }
        if let Some(dir) = &spec.dir {
            steps.push(exec::change_directory(dir, false)?);
        }
        if spec.pretend_groups {
            steps.push(Step::PretendGroups);
        }

        let (sender, exit) = watch::channel(None);
        let (starting, pid) = {
            let mut children = self.lock();
            let starting = exec::start(&program, &steps, CloneFlags::empty(), &descriptors)?;
            let pid = starting.pid.as_raw();
            children.insert(pid, sender);
            (starting, pid)
        };
        if let Some((parent, _)) = go {
            exec::release(&parent);
        }
        starting.finish()?;
        Ok(Child {
            pid,
            exit,
            children: self.clone(),
        })
    }

    /// Collects all children that have ended by now.
    fn collect(&self, reap: Reap) {
        let mut children = self.lock();
        match reap {
            Reap::All => {
                while let Some((pid, exit)) = next_ended(Pid::from_raw(-1)) {
                    match children.remove(&pid) {
                        Some(told) => drop(told.send_replace(Some(exit))),
                        None => tracing::debug!(pid, %exit, "collected an orphan"),
                    }
                }
            }
            Reap::Own => {
                children.retain(|pid, told| match next_ended(Pid::from_raw(*pid)) {
                    Some((_, exit)) => {
                        told.send_replace(Some(exit));
                        false
                    }
                    None => true,
                });
            }
        }
    }
}

fn next_ended(pid: Pid) -> Option<(i32, Exit)> {
    loop {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Some((pid.as_raw(), Exit::Code(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Some((pid.as_raw(), Exit::Signal(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            Err(Errno::EINTR) | Ok(_) => {}
            Err(_) => return None,
        }
    }
}
