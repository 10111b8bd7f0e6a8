//! The thread of a flow: sends what is due, takes what has come, decides what can be decided, waits.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tokio::sync::watch;

use super::clock::Clock;
use super::path::{Heard, Path};
use super::{Books, FlowSpec, Move, Shared, State, payload};

pub(super) struct Worker {
    flow: u32,
    rate: u64,
    count: Option<u64>,
    threshold: u64,
    path: Box<dyn Path>,
    probe: Vec<u8>,
    shared: Arc<Shared>,
    clock: Clock,
    stopped: UnixStream,
    news: watch::Sender<State>,
    /// How much later than at first thought all probes are sent, in nanoseconds.
    shift: u64,
}

/// Probes sent before what came in is looked at: as many surely have room in any socket.
const BURST: u64 = 64;
/// The finest time slept, in nanoseconds: at high rates several probes are sent at a time.
const TICK: u64 = 200_000;
/// How far behind it may be and still catch up, in nanoseconds. One that was stopped for longer goes on from now.
const CATCH_UP: u64 = 1_000_000_000;
const SECOND: u64 = 1_000_000_000;

impl Worker {
    pub(super) fn new(
        flow: u32,
        spec: &FlowSpec,
        path: Box<dyn Path>,
        shared: Arc<Shared>,
        epoch: Instant,
        stopped: UnixStream,
        news: watch::Sender<State>,
    ) -> Self {
        Self {
            flow,
            rate: spec.rate.into(),
            count: spec.count,
            threshold: super::clock::nanos(spec.threshold),
            path,
            probe: (0..spec.size).map(|at| (at % 251) as u8).collect(),
            shared,
            clock: Clock::new(epoch),
            stopped,
            news,
            shift: 0,
        }
    }

    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut stopping = false;
        loop {
            let (wake, over) = {
                let mut books = shared.books();
                let known = (books.account.next(), books.account.decided());
                let left = if stopping { 0 } else { self.send(&mut books) };
                self.relocate(&mut books);
                self.receive(&mut books);
                let next = books.account.next();
                if (next, books.account.decided()) != known {
                    self.news.send_replace(State::Running);
                }
                let over = left == 0 && books.account.decided() == next;
                let due = (left > 0).then(|| self.due(next));
                let decision = books
                    .account
                    .undecided_since()
                    .map(|sent| sent.saturating_add(self.threshold).saturating_add(1));
                (due.into_iter().chain(decision).min(), over)
            };
            if over || shared.abandoned.load(Ordering::Relaxed) {
                break;
            }
            stopping |= self.wait(wake, stopping);
        }
        self.news.send_replace(State::Ended);
    }

    /// When a probe is to be sent, in nanoseconds since the flow began.
    fn due(&self, number: u64) -> u64 {
        let nanos = u128::from(number) * u128::from(SECOND) / u128::from(self.rate);
        u64::try_from(nanos)
            .unwrap_or(u64::MAX)
            .saturating_add(self.shift)
    }

    /// Sends the probes that are due, a burst at most. How many are left to be sent at all.
    fn send(&mut self, books: &mut Books) -> u64 {
        for _ in 0..BURST {
            let next = books.account.next();
            let now = self.clock.now();
            if self.count.is_some_and(|count| next >= count) {
                return 0;
            }
            let due = self.due(next);
            if now < due {
                break;
            }
            let behind = now - due;
            books.pause = books.pause.max(behind);
            if behind > CATCH_UP {
                self.shift += behind;
            }
            let number = books.account.sent(now);
            payload::write(&mut self.probe, self.flow, number, now);
            if let Err(error) = self.path.send(&self.probe) {
                books.reason(&reason(&error));
            }
        }
        self.count
            .map_or(u64::MAX, |count| count - books.account.next())
    }

    /// Takes what has come, and decides what can be decided by it.
    fn receive(&mut self, books: &mut Books) {
        let before = self.clock.now();
        let taken = self.path.receive(self.clock, &mut |heard| match heard {
            Heard::Probe { number, at } => books.account.arrived(number, at),
            Heard::Foreign => books.account.foreign(),
            Heard::Refusal(why) => books.reason(why),
        });
        if let Err(error) = taken {
            books.reason(&format!("cannot receive: {error}"));
        }
        books.overruns = self.path.overruns();
        books.account.advance(before);
    }

    /// Goes where it is told to.
    fn relocate(&mut self, books: &mut Books) {
        let moves = self.shared.moves.lock();
        let moves = std::mem::take(&mut *moves.unwrap_or_else(PoisonError::into_inner));
        for Move { from, to } in moves {
            if let Err(error) = self.path.relocate(from.as_ref(), to.as_ref()) {
                books.reason(&format!("cannot follow: {error}: {}", error.source));
            }
        }
    }

    /// Waits for that time, for something to come in, or for being told to stop: whether it was.
    fn wait(&self, wake: Option<u64>, stopping: bool) -> bool {
        let pause = wake.map(|wake| wake.saturating_sub(self.clock.now()));
        // What is due now goes out at once, after a look at what there is.
        let pause = pause.map(|pause| if pause == 0 { 0 } else { pause.max(TICK) });
        let pause = pause.map(|pause| TimeSpec::from(Duration::from_nanos(pause)));
        let mut watched = self.path.watched();
        if !stopping {
            watched.push(PollFd::new(
                std::os::fd::AsFd::as_fd(&self.stopped),
                PollFlags::POLLIN,
            ));
        }
        // Interrupted is as good as a look too many.
        let woken = ppoll(&mut watched, pause, None).unwrap_or(0) > 0;
        let told = watched.last().and_then(PollFd::any).unwrap_or(false);
        // Something is read where it is to look around, nothing where it is to stop.
        woken && !stopping && told && matches!((&self.stopped).read(&mut [0; 64]), Ok(0))
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => "cannot send: the socket is full".to_owned(),
        io::ErrorKind::NotConnected => "not connected".to_owned(),
        _ => {
            let errno = error.raw_os_error().map(nix::errno::Errno::from_raw);
            let words = errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_owned());
            format!("cannot send: {words}")
        }
    }
}
