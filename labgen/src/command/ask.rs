//! Asking a lab's supervisor: a connection, a question, its answer.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::FAILED;
use crate::protocol::{Reply, Request};
use crate::state::{LabDir, StateError};

/// Why a lab did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("lab `{0}` is just starting or just going down; try again")]
    NotListening(String),
    #[error("lab `{0}` ended before it answered")]
    Ended(String),
    #[error("lab `{lab}` did not answer: {source}")]
    Silent { lab: String, source: io::Error },
    #[error("lab `{lab}` runs another version of labgen: {source}")]
    Strange {
        lab: String,
        source: serde_json::Error,
    },
    #[error("{0}")]
    Refused(String),
}

/// A connection to a lab's supervisor.
pub(super) struct Asker {
    pub(super) stream: UnixStream,
    pub(super) lab: LabDir,
}

impl Asker {
    /// To the lab named, else to the only one that is up.
    pub(super) fn connect(lab: Option<&str>) -> Result<Self, AskError> {
        Self::to(LabDir::choose(lab)?)
    }

    pub(super) fn to(lab: LabDir) -> Result<Self, AskError> {
        let stream = UnixStream::connect(lab.control_socket())
            .map_err(|_| AskError::NotListening(lab.name().to_owned()))?;
        Ok(Self { stream, lab })
    }

    pub(super) fn ask(&mut self, request: &Request) -> Result<Reply, AskError> {
        let line = serde_json::to_string(request).map_err(|e| self.strange(e))?;
        self.stream
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|e| self.silent(e))?;
        let mut line = String::new();
        BufReader::new(&self.stream)
            .read_line(&mut line)
            .map_err(|e| self.silent(e))?;
        if line.is_empty() {
            return Err(AskError::Ended(self.lab.name().to_owned()));
        }
        match serde_json::from_str(&line).map_err(|e| self.strange(e))? {
            Reply::Refused { error } => Err(AskError::Refused(error)),
            reply => Ok(reply),
        }
    }

    fn silent(&self, source: io::Error) -> AskError {
        let lab = self.lab.name().to_owned();
        match source.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => AskError::Ended(lab),
            _ => AskError::Silent { lab, source },
        }
    }

    fn strange(&self, source: serde_json::Error) -> AskError {
        AskError::Strange {
            lab: self.lab.name().to_owned(),
            source,
        }
    }
}

pub(super) fn unexpected() -> ExitCode {
    eprintln!("error: the lab gave an answer to another question");
    ExitCode::from(FAILED)
}

/// The supervisor's process id as this process counts.
pub(super) fn peer_pid(stream: &UnixStream) -> Option<i32> {
    let credentials =
        nix::sys::socket::getsockopt(stream, nix::sys::socket::sockopt::PeerCredentials).ok()?;
    Some(credentials.pid()).filter(|pid| *pid > 0)
}
