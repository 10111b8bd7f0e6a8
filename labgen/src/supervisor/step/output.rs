//! What a command says, as it says it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use netns::ns::NodeNs;
use netns::process::{Child, ProcessSpec};
use nix::sys::signal::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::supervisor::lab::Lab;

/// What a command says, as it says it.
pub(in crate::supervisor) struct Output {
    stdout: Words,
    stderr: Words,
}

/// One of its outputs, read by a task of its own.
struct Words {
    said: Rc<RefCell<Vec<u8>>>,
    reader: JoinHandle<()>,
}

/// The longest that is waited for words of a command that has ended: a child of its may hold its output open.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// What is kept of an output, in octets.
const WORDS_KEPT: usize = 1 << 20;

impl Words {
    fn of(mut pipe: pipe::Receiver) -> Self {
        let said = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&said);
        let reader = tokio::task::spawn_local(async move {
            let mut chunk = [0; 4096];
            // What cannot be read any more is as good as not said.
            while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
                let mut kept = kept.borrow_mut();
                let room = WORDS_KEPT.saturating_sub(kept.len()).min(length);
                kept.extend_from_slice(&chunk[..room]);
            }
        });
        Self { said, reader }
    }

    async fn collect(mut self) -> String {
        let _ = timeout(LAST_WORDS, &mut self.reader).await;
        self.reader.abort();
        String::from_utf8_lossy(&self.said.borrow()).into_owned()
    }
}

impl Output {
    pub(in crate::supervisor) async fn collect(self) -> (String, String) {
        (self.stdout.collect().await, self.stderr.collect().await)
    }
}

pub(super) async fn spawn(
    lab: &Lab,
    program: &str,
    args: &[String],
    place: NodeNs,
) -> Result<(Child, Output), SpawnError> {
    spawn_in(lab, program, args, Some(place)).await
}

/// Starts a program in a node's namespaces, or in the lab's own.
pub(in crate::supervisor) async fn spawn_in(
    lab: &Lab,
    program: &str,
    args: &[String],
    node: Option<NodeNs>,
) -> Result<(Child, Output), SpawnError> {
    let (stdout_in, stdout) = pipe::pipe()?;
    let (stderr_in, stderr) = pipe::pipe()?;
    let spec = ProcessSpec {
        args: args.iter().map(Into::into).collect(),
        env: lab.environment(),
        node,
        stdout: Some(stdout_in.into_blocking_fd()?),
        stderr: Some(stderr_in.into_blocking_fd()?),
        ..ProcessSpec::new(program)
    };
    let child = lab.spawner.spawn(spec).await?;
    Ok((
        child,
        Output {
            stdout: Words::of(stdout),
            stderr: Words::of(stderr),
        },
    ))
}

/// A command that does not outlive what it was started for.
pub(in crate::supervisor) struct Leashed(pub(in crate::supervisor) Child);

impl Drop for Leashed {
    fn drop(&mut self) {
        if self.0.try_exit().is_none() {
            // It may have ended a moment ago.
            let _ = self.0.kill_group(Signal::SIGKILL);
        }
    }
}

/// Why a command could not be started.
#[derive(Debug, thiserror::Error)]
pub(in crate::supervisor) enum SpawnError {
    #[error("cannot make a pipe")]
    Pipe(#[from] std::io::Error),
    #[error(transparent)]
    Start(#[from] netns::ns::NsError),
}
