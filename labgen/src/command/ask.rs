//! `labgen inspect` and `labgen down`: a question to the supervisor, and its answer.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::{FAILED, fail};
use crate::protocol::{Reply, Request};
use crate::state::{LabDir, StateError};
use crate::ui::{self, say};

/// Why a lab did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("lab `{0}` is still being built, or is just going down; try again")]
    NotListening(String),
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
    lab: LabDir,
}

impl Asker {
    pub(super) fn connect(lab: Option<&str>) -> Result<Self, AskError> {
        let lab = LabDir::choose(lab)?;
        let stream = UnixStream::connect(lab.control_socket())
            .map_err(|_| AskError::NotListening(lab.name().to_owned()))?;
        Ok(Self { stream, lab })
    }

    fn send(&mut self, request: &Request) -> Result<(), AskError> {
        let line = serde_json::to_string(request).map_err(|e| self.strange(e))?;
        self.stream
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|e| self.silent(e))
    }

    fn parse(&self, line: &str) -> Result<Reply, AskError> {
        match serde_json::from_str(line).map_err(|e| self.strange(e))? {
            Reply::Refused { error } => Err(AskError::Refused(error)),
            reply => Ok(reply),
        }
    }

    pub(super) fn ask(&mut self, request: &Request) -> Result<Reply, AskError> {
        self.send(request)?;
        let mut line = String::new();
        BufReader::new(&self.stream)
            .read_line(&mut line)
            .map_err(|e| self.silent(e))?;
        self.parse(&line)
    }

    fn silent(&self, source: io::Error) -> AskError {
        AskError::Silent {
            lab: self.lab.name().to_owned(),
            source,
        }
    }

    fn strange(&self, source: serde_json::Error) -> AskError {
        AskError::Strange {
            lab: self.lab.name().to_owned(),
            source,
        }
    }
}

pub(super) fn inspect(lab: Option<&str>, json: bool) -> ExitCode {
    let reply = Asker::connect(lab).and_then(|mut asker| {
        let pid = peer_pid(&asker.stream);
        Ok((asker.ask(&Request::Inspect)?, pid))
    });
    match reply {
        Ok((Reply::Lab { mut lab }, pid)) => {
            lab.pid = pid;
            if json {
                say!("{}\n", serde_json::json!(lab));
            } else {
                say!("{}", ui::lab_table(&lab));
            }
            ExitCode::SUCCESS
        }
        Ok(_) => unexpected(),
        Err(e) => fail(&e, FAILED),
    }
}

pub(super) fn down(lab: Option<&str>) -> ExitCode {
    let done = Asker::connect(lab).and_then(|mut asker| {
        let reply = asker.ask(&Request::Down)?;
        asker.lab.wait_until_down()?;
        Ok((reply, asker.lab.name().to_owned()))
    });
    match done {
        Ok((Reply::Bye, name)) => {
            say!("lab `{name}` is down\n");
            ExitCode::SUCCESS
        }
        Ok(_) => unexpected(),
        Err(e) => fail(&e, FAILED),
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
