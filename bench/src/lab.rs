//! `labgen`, called as a user calls it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The name of the lab in every scenario measured.
pub const LAB: &str = "bench";

/// The program, and where its scenarios are.
pub struct Labgen {
    program: PathBuf,
    scenarios: PathBuf,
}

/// A line of `--json`, and when it came since the command was started.
pub struct Heard {
    pub event: Value,
    pub after: Duration,
}

/// A command that did not do what is to be measured.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("cannot start `{program}`")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("`{command}` failed\n{said}")]
    Failed { command: String, said: String },
    #[error("`{command}` says what is not understood: {said}")]
    Said { command: String, said: String },
    #[error("no `{0}`")]
    Lacks(String),
}

impl Labgen {
    pub fn new(program: &Path, scenarios: &Path) -> Self {
        Self {
            program: program.into(),
            scenarios: scenarios.into(),
        }
    }

    /// The path of a scenario.
    pub fn scenario(&self, name: &str) -> String {
        self.scenarios.join(name).display().to_string()
    }

    /// Runs a command to its end: how long it took, and what it printed.
    pub fn call(&self, args: &[&str]) -> Result<(Duration, String), CallError> {
        let began = Instant::now();
        let output = Command::new(&self.program).args(args).output();
        let output = output.map_err(|source| self.start(source))?;
        let took = began.elapsed();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok((took, said));
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(self.failed(args, said + &stderr))
    }

    /// Starts a command whose output is read meanwhile.
    pub fn start_talking(&self, args: &[&str]) -> Result<Child, CallError> {
        let mut command = Command::new(&self.program);
        let child = command.args(args).stdout(Stdio::piped()).spawn();
        child.map_err(|source| self.start(source))
    }

    /// Runs a command that prints events, to its end.
    pub fn events(&self, args: &[&str]) -> Result<Vec<Heard>, CallError> {
        let began = Instant::now();
        let mut child = Command::new(&self.program)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| self.start(source))?;
        let mut heard = Vec::new();
        for line in child
            .stdout
            .take()
            .map(BufReader::new)
            .into_iter()
            .flat_map(BufRead::lines)
        {
            let line = line.unwrap_or_default();
            let after = began.elapsed();
            let event = serde_json::from_str(&line).map_err(|_| CallError::Said {
                command: self.command(args),
                said: line,
            })?;
            heard.push(Heard { event, after });
        }
        let mut stderr = String::new();
        if let Some(mut from) = child.stderr.take() {
            // What cannot be read is only missing from a message.
            let _ = from.read_to_string(&mut stderr);
        }
        match child.wait() {
            Ok(status) if status.success() => Ok(heard),
            _ => {
                let failure = heard
                    .iter()
                    .find(|heard| heard.event["event"] == "step-failed");
                let failure = failure.map(|heard| heard.event.to_string());
                Err(self.failed(args, failure.unwrap_or_default() + &stderr))
            }
        }
    }

    /// Ends the lab: how long it took.
    pub fn down(&self) -> Result<Duration, CallError> {
        self.call(&["down", LAB]).map(|(took, _)| took)
    }

    fn command(&self, args: &[&str]) -> String {
        format!("{} {}", self.program.display(), args.join(" "))
    }

    fn start(&self, source: std::io::Error) -> CallError {
        CallError::Start {
            program: self.program.display().to_string(),
            source,
        }
    }

    fn failed(&self, args: &[&str], said: String) -> CallError {
        CallError::Failed {
            command: self.command(args),
            said,
        }
    }
}

/// The first event called `name` that `matches`.
pub fn find<'a>(
    heard: &'a [Heard],
    name: &str,
    matches: impl Fn(&Value) -> bool,
) -> Result<&'a Heard, CallError> {
    heard
        .iter()
        .find(|heard| heard.event["event"] == name && matches(&heard.event))
        .ok_or_else(|| CallError::Lacks(format!("event `{name}`")))
}
