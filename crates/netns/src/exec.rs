//! Starting programs: a child process prepares itself in steps and then becomes the program.
//!
//! ```text
//!   parent                          child (a copy of one thread: no allocation, no locks)
//!   Program, steps made ready
//!   start() ---- clone ----------->  step 0, 1, 2 ...
//!   finish() <--- report pipe -----  what was refused; closed by a successful exec
//! ```
//!
//! Between clone and exec the child shares nothing with the threads of the parent but may have
//! been copied while one of them held the allocator's lock. So everything it needs is made before.

mod child;
mod groups;

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::{self, Pid};

use crate::ns::{Context, NsError};
use child::{Report, become_program, clone};

pub(crate) use child::Step;

/// A program with its arguments and environment, ready for `execve`.
pub(crate) struct Program {
    name: String,
    /// Where it may be found, in the order of the search path.
    candidates: Vec<CString>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    /// Looks `program` up by `PATH` of `environment` when it has no slash, in the file system that
    /// the child will have when it comes to that.
    pub(crate) fn new(
        program: &OsStr,
        arguments: &[OsString],
        environment: &[(OsString, OsString)],
    ) -> Result<Self, NsError> {
        let name = program.to_string_lossy().into_owned();
        let action = || format!("start `{name}`");
        let path = environment.iter().rev().find(|(key, _)| key == "PATH");
        let candidates: Vec<PathBuf> = if program.as_bytes().contains(&b'/') {
            vec![program.into()]
        } else {
            let path = path.map_or(OsStr::new(DEFAULT_PATH), |(_, value)| value.as_os_str());
            std::env::split_paths(path)
                .map(|directory| directory.join(program))
                .collect()
        };
        let candidates = candidates.iter().map(|path| c_string(path.as_os_str()));
        let arguments = std::iter::once(program).chain(arguments.iter().map(OsString::as_os_str));
        let environment = environment.iter().map(|(key, value)| {
            let mut pair = key.clone();
            pair.push("=");
            pair.push(value);
            c_string(&pair)
        });
        Ok(Self {
            candidates: candidates.collect::<io::Result<_>>().context(action())?,
            arguments: arguments
                .map(c_string)
                .collect::<io::Result<_>>()
                .context(action())?,
            environment: environment.collect::<io::Result<_>>().context(action())?,
            name,
        })
    }
}

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// This process's environment with additions.
pub(crate) fn environment(additions: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let added = |key: &OsString| additions.iter().any(|(name, _)| name == key);
    let mut environment: Vec<_> = std::env::vars_os().filter(|(key, _)| !added(key)).collect();
    environment.extend(additions.iter().cloned());
    environment
}

pub(crate) fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// A child that is on its way to becoming the program.
pub(crate) struct Starting<'a> {
    /// Its process number, as the parent sees it.
    pub(crate) pid: Pid,
    program: &'a Program,
    steps: &'a [Step],
    report: File,
}

/// Clones the process into the namespaces of `flags` and lets the child go through `steps`, take
/// `descriptors` (each at the number given) and become `program`.
pub(crate) fn start<'a>(
    program: &'a Program,
    steps: &'a [Step],
    flags: CloneFlags,
    descriptors: &[(BorrowedFd<'_>, RawFd)],
) -> Result<Starting<'a>, NsError> {
    let action = || format!("start `{}`", program.name);
    // Every descriptor the child still needs while it fills the numbers asked for is above them.
    let floor = descriptors
        .iter()
        .map(|(_, number)| number + 1)
        .max()
        .unwrap_or(3)
        .max(3);
    let raised = descriptors
        .iter()
        .map(|(fd, number)| Ok((raise(*fd, floor)?, *number)))
        .collect::<io::Result<Vec<_>>>()
        .context(action())?;
    let (report, low) = unistd::pipe2(OFlag::O_CLOEXEC).context(action())?;
    let to_report = raise(low.as_fd(), floor).context(action())?;
    // A child that does not exec must not keep the pipe open by a second copy.
    drop(low);
    let arguments = pointers(&program.arguments);
    let environment = pointers(&program.environment);

    // SAFETY: the child runs `become_program` only, which neither allocates nor takes locks.
    match unsafe { clone(flags) }.context(action())? {
        None => become_program(
            program,
            &arguments,
            &environment,
            steps,
            &raised,
            to_report.as_raw_fd(),
        ),
        Some(pid) => Ok(Starting {
            pid,
            program,
            steps,
            report: report.into(),
        }),
    }
}

impl Starting<'_> {
    /// Waits until the child has become the program. Returns the numbers of the optional steps
    /// that were refused. The child must be waited for in any case.
    pub(crate) fn finish(mut self) -> Result<Vec<usize>, NsError> {
        let mut octets = Vec::new();
        self.report
            .read_to_end(&mut octets)
            .context(format!("start `{}`", self.program.name))?;
        let mut refused = Vec::new();
        for report in octets.chunks_exact(size_of::<Report>()) {
            let word = |at: usize| {
                report
                    .get(at..)
                    .and_then(<[u8]>::first_chunk)
                    .map_or(0, |o| i32::from_ne_bytes(*o))
            };
            let (number, errno) = (word(0), word(4));
            let step = usize::try_from(number)
                .ok()
                .and_then(|number| self.steps.get(number));
            match step {
                Some(step) if step.optional() => refused.extend(usize::try_from(number)),
                step => {
                    let mut action = format!("start `{}`", self.program.name);
                    if let Some(step) = step {
                        action = format!("{action}: {}", step.describe());
                    }
                    return Err(NsError::new(action, io::Error::from_raw_os_error(errno)));
                }
            }
        }
        Ok(refused)
    }
}

fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts
        .iter()
        .map(|text| text.as_ptr())
        .chain([ptr::null()])
        .collect()
}

/// A duplicate numbered `floor` or higher, closed by exec.
fn raise(fd: BorrowedFd<'_>, floor: RawFd) -> io::Result<OwnedFd> {
    let raised = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(floor))?;
    // SAFETY: the descriptor was made by the line above and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(raised) })
}

/// A pipe for [`Step::AwaitParent`]: the child's end and the parent's.
pub(crate) fn parent_pipe() -> Result<(OwnedFd, OwnedFd), NsError> {
    unistd::pipe2(OFlag::O_CLOEXEC).context("make a pipe")
}

/// Waiting at such a pipe.
pub(crate) fn await_parent_step(child: &OwnedFd, parent: &OwnedFd) -> Step {
    Step::AwaitParent {
        child: child.as_raw_fd(),
        parent: parent.as_raw_fd(),
    }
}

/// Lets the child that waits at such a pipe go on.
pub(crate) fn release(parent: &OwnedFd) {
    // Should the child be gone already, `finish` says so. (Its own end is still open in this
    // process, so the write does not raise SIGPIPE.)
    let _ = unistd::write(parent, &[0]);
}

/// The working directory as a step, when there is one.
pub(crate) fn change_directory(path: &Path, optional: bool) -> Result<Step, NsError> {
    let path = c_string(path.as_os_str()).context(format!("enter `{}`", path.display()))?;
    Ok(Step::ChangeDirectory { path, optional })
}
