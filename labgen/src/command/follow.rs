//! Listening to a supervisor, and to Ctrl-C meanwhile.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What comes next.
pub(super) enum Heard {
    /// The supervisor said something.
    Line(String),
    /// Somebody wants this to end.
    Signal(Signal),
    /// The supervisor said its last.
    End,
}

/// The supervisor's lines, and the signals that ask this process to end.
pub(super) struct Listener<'a> {
    stream: &'a UnixStream,
    signals: SignalFd,
    /// What was read beyond the last whole line.
    rest: Vec<u8>,
}

impl<'a> Listener<'a> {
    /// From now on these signals do not end this process. Processes it has started already still have theirs.
    pub(super) fn new(stream: &'a UnixStream) -> io::Result<Self> {
        let mut ending = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            ending.add(signal);
        }
        ending.thread_block()?;
        Ok(Self {
            stream,
            signals: SignalFd::with_flags(&ending, SfdFlags::SFD_CLOEXEC)?,
            rest: Vec::new(),
        })
    }

    /// Waits for the next line, signal or the end.
    pub(super) fn next(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(end) = self.rest.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(Heard::Line(String::from_utf8_lossy(&line).into_owned()));
            }
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.stream.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
            let [signalled, said] = fds.map(|fd| fd.any().unwrap_or(false));
            if signalled && let Some(signal) = self.signals.read_signal()? {
                let number = signal.ssi_signo.cast_signed();
                return Ok(Heard::Signal(Signal::try_from(number)?));
            }
            if said {
                let mut chunk = [0; 16 * 1024];
                match self.stream.read(&mut chunk) {
                    Ok(0) => return Ok(Heard::End),
                    Ok(length) => self.rest.extend_from_slice(&chunk[..length]),
                    Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(Heard::End),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
    }

    /// Tells the supervisor to end the lab: it does when nobody is at the other end of its line.
    pub(super) fn hang_up(&self) {
        // It may be gone already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
