//! The program, and clients for it.

#![allow(
    dead_code,
    clippy::expect_used,
    reason = "each test file uses its part; a test may fail"
)]

pub mod client;

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

pub const DEADLINE: Duration = Duration::from_secs(10);

/// A running `bagpipe-fakerr`; it ends with this value.
pub struct Fakerr {
    child: Child,
    lines: Receiver<String>,
    pub address: SocketAddr,
}

impl Fakerr {
    /// On a free port of 127.0.0.1.
    pub fn start(args: &[&str]) -> Self {
        let mut command = command(&["--listen", "127.0.0.1", "--port", "0", "-v"]);
        command.args(args);
        if !args.contains(&"--deferral-time") {
            // Nobody was there before it.
            command.args(["--deferral-time", "0"]);
        }
        Self::run(command)
    }

    pub fn run(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody need read to the end.
                let _ = sender.send(line);
            }
        });
        let mut this = Self {
            child,
            lines,
            address: ([0, 0, 0, 0], 0).into(),
        };
        let listening = this.line("listening address=");
        let address = listening.rsplit('=').next().expect("an address");
        this.address = address.parse().expect("an address");
        this
    }

    /// The next log line with this in it.
    pub fn line(&self, part: &str) -> String {
        let end = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(end - Instant::now()) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with `{part}` in {seen:#?}");
    }

    /// How many log lines with one text come before the next with another.
    pub fn count_until(&self, counted: &str, last: &str) -> usize {
        let end = Instant::now() + DEADLINE;
        let mut count = 0;
        while let Ok(line) = self.lines.recv_timeout(end - Instant::now()) {
            count += usize::from(line.contains(counted));
            if line.contains(last) {
                return count;
            }
        }
        panic!("no line with `{last}`");
    }

    /// How many files and sockets it has open.
    pub fn descriptors(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        open.expect("it runs").count()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it runs");
    }

    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("a child")
    }
}

impl Drop for Fakerr {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-fakerr"));
    command
        .args(["--log-format", "plain"])
        .args(args)
        .stdin(Stdio::null());
    command
}
