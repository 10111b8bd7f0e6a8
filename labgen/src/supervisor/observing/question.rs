use std::io;
use std::path::Path;
use std::time::Duration;

use netns::process::{Child, ProcessSpec};
use netns::unix::unix_in;
use nix::sys::signal::Signal;
use scenario::NodeId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use super::AskError;
use crate::observe::Question;
use crate::supervisor::lab::Lab;

/// The longest an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Of what a command complains this much is shown, in octets.
const COMPLAINT: usize = 2000;

/// The answer, as it is.
pub(super) async fn ask(lab: &Lab, node: NodeId, question: &Question) -> Result<Vec<u8>, AskError> {
    let answer = async {
        match question {
            Question::Command(words) => run(lab, node, words).await,
            Question::Socket {
                path,
                say,
                complete,
            } => converse(lab, node, path, say, *complete).await,
            Question::File(path) => read(lab, node, path),
        }
    };
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or(Err(AskError::Silent))
}

/// A command that ends when this is dropped.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended by itself is left in peace.
        let _ = self.0.kill_group(Signal::SIGKILL);
    }
}

/// Starts a command in a node, and what it prints: for people, and its complaints.
pub(super) async fn start(
    lab: &Lab,
    node: NodeId,
    words: &[String],
) -> Result<(Running, [pipe::Receiver; 2]), AskError> {
    let command = || words.join(" ");
    let (program, args) = words
        .split_first()
        .map_or(("true", words), |(program, args)| (program.as_str(), args));
    let pipes = || -> io::Result<_> {
        let (stdout_in, stdout) = pipe::pipe()?;
        let (stderr_in, stderr) = pipe::pipe()?;
        let inside = [stdout_in.into_blocking_fd()?, stderr_in.into_blocking_fd()?];
        Ok((inside, [stdout, stderr]))
    };
    let ([stdout, stderr], outputs) = pipes().map_err(|source| AskError::Run {
        command: command(),
        source,
    })?;
    let spec = ProcessSpec {
        args: args.iter().map(Into::into).collect(),
        env: lab.environment(),
        node: Some(lab.home(node)?.whole()?.clone()),
        stdout: Some(stdout),
        stderr: Some(stderr),
        ..ProcessSpec::new(program)
    };
    let child = lab.spawner.spawn(spec).await;
    let child = child.map_err(|source| AskError::Start {
        command: command(),
        source,
    })?;
    Ok((Running(child), outputs))
}

/// Runs a command in a node; what it prints, unless it fails.
pub(in crate::supervisor) async fn run(
    lab: &Lab,
    node: NodeId,
    words: &[String],
) -> Result<Vec<u8>, AskError> {
    let (mut running, [mut stdout, mut stderr]) = start(lab, node, words).await?;
    let (mut answer, mut complaint) = (Vec::new(), Vec::new());
    let (said, complained) = tokio::join!(
        stdout.read_to_end(&mut answer),
        stderr.read_to_end(&mut complaint)
    );
    said.and(complained).map_err(|source| AskError::Run {
        command: words.join(" "),
        source,
    })?;
    let exit = running.0.exited().await;
    if exit.success() {
        return Ok(answer);
    }
    let said = if complaint.is_empty() {
        answer
    } else {
        complaint
    };
    let said = String::from_utf8_lossy(&said[..said.len().min(COMPLAINT)]);
    Err(AskError::Failed {
        command: words.join(" "),
        how: exit.to_string(),
        said: said.trim().to_owned(),
    })
}

/// Connects to a Unix socket as the node sees it.
pub(super) fn connect(lab: &Lab, node: NodeId, path: &Path) -> Result<UnixStream, AskError> {
    Ok(unix_in(lab.home(node)?.whole()?, path)?)
}

async fn converse(
    lab: &Lab,
    node: NodeId,
    path: &Path,
    say: &str,
    complete: fn(&[u8]) -> bool,
) -> Result<Vec<u8>, AskError> {
    let mut stream = connect(lab, node, path)?;
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(say.as_bytes()).await?;
        while !complete(&answer) && stream.read_buf(&mut answer).await? > 0 {}
        Ok(())
    };
    talk.await.map_err(|source| AskError::File {
        path: path.display().to_string(),
        source,
    })?;
    Ok(answer)
}

fn read(lab: &Lab, node: NodeId, path: &Path) -> Result<Vec<u8>, AskError> {
    match lab.home(node)?.run(|| std::fs::read(path))? {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        result => result.map_err(|source| AskError::File {
            path: path.display().to_string(),
            source,
        }),
    }
}
