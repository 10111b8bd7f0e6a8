//! Traffic between two namespaces, and what becomes of it: loss, order, latency, outages.
//!
//! ```text
//!  from ──(probe 0, 1, 2, ...: one every 1/rate s)──> to
//!    \______ one thread: sends, receives, keeps the books ______/
//! ```
//!
//! One thread holds both ends. So there is one clock, nothing is agreed upon over the network that is measured, and a
//! probe is only given up after everything that came in was read: a machine that is slow makes no losses.

mod account;
mod backlog;
mod clock;
mod echo;
mod histogram;
mod outage;
mod path;
mod payload;
mod tcp;
mod udp;
mod worker;

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::ns::{NetNs, NsError};
use account::Account;
use path::Path;
use worker::Worker;

pub use account::Figures;
pub use histogram::Histogram;
pub use outage::{KEPT as OUTAGES_KEPT, Outage, Outages};
pub use payload::LEAST as LEAST_SIZE;

/// The longest probe, in octets: what UDP over IPv4 can carry.
pub const MOST_SIZE: usize = 65_507;
/// The most probes a second.
pub const MOST_RATE: u32 = 100_000;

/// Traffic to be sent.
#[derive(Debug, Clone)]
pub struct FlowSpec {
    /// From where to where.
    pub ends: Ends,
    /// What carries the probes.
    pub protocol: Protocol,
    /// Probes a second, 1 to [`MOST_RATE`].
    pub rate: u32,
    /// Octets of a probe after the UDP or ICMP header, [`LEAST_SIZE`] to [`MOST_SIZE`]; in TCP, octets of the stream.
    pub size: usize,
    /// How many probes; `None`: until it is stopped.
    pub count: Option<u64>,
    /// A probe that takes longer than this is lost (RFC 7680 section 2.5).
    pub threshold: Duration,
}

/// From where to where.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Where the probes are sent.
    pub from: NetNs,
    /// The address they are sent from; `None`: what the routes suggest.
    pub source: Option<IpAddr>,
    /// The address they are sent to.
    pub to: IpAddr,
    /// The port they are sent to; 0: one that is free. Of no meaning for [`Protocol::Icmp`].
    pub port: u16,
}

/// What carries the probes.
#[derive(Debug, Clone)]
pub enum Protocol {
    /// Datagrams to a socket of ours in this namespace: one way.
    Udp(NetNs),
    /// A connection to a socket of ours in this namespace: one way.
    Tcp(NetNs),
    /// Echo requests, answered by whoever has the address: there and back. At some hundreds a second at most: the
    /// kernel has one small buffer a processor for the replies of all namespaces, and those that wait for a neighbour
    /// to be found in one take it from all others.
    Icmp,
}

/// Why there is no traffic.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// Rate or size is out of bounds.
    #[error("{what} must be {least} to {most}, not {given}")]
    OutOfBounds {
        /// Which.
        what: &'static str,
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
        /// What was asked for.
        given: u64,
    },
    /// No socket could be opened at one of the ends.
    #[error(transparent)]
    Socket(#[from] NsError),
    /// No thread could be started.
    #[error("cannot start the flow's thread")]
    Thread(#[source] io::Error),
}

/// Traffic that runs. It ends by itself after its `count`; dropped, it ends at once.
#[derive(Debug)]
pub struct Flow {
    shared: Arc<Shared>,
    epoch: Instant,
    changed: watch::Receiver<State>,
    /// What the kernel had dropped before the flow began.
    dropped_before: u64,
    /// Written to for the thread to look around, closed to stop it.
    stop: Mutex<Option<UnixStream>>,
}

/// How far a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It sends, or waits for what was sent.
    Running,
    /// Nothing more is sent, and of every probe it is known what became of it.
    Ended,
}

/// What the thread and the handle share.
#[derive(Debug)]
struct Shared {
    books: Mutex<Books>,
    moves: Mutex<Vec<Move>>,
    abandoned: std::sync::atomic::AtomicBool,
}

/// Where a flow goes on.
#[derive(Debug)]
struct Move {
    from: Option<NetNs>,
    to: Option<NetNs>,
}

/// What is known of a flow, beside what became of its probes.
#[derive(Debug)]
struct Books {
    account: Account,
    /// Reasons that were given for losses, and how often.
    reasons: Vec<(String, u64)>,
    overruns: u64,
    pause: u64,
}

/// Reasons that are told apart.
const REASONS: usize = 16;

impl Flow {
    /// Starts sending. The first TCP connection is waited for, a second at most, before the first probe is sent. Blocks
    /// for that time: call it where that is allowed.
    pub fn start(spec: FlowSpec) -> Result<Self, FlowError> {
        bounded("the rate", spec.rate.into(), 1, MOST_RATE.into())?;
        bounded(
            "the size",
            spec.size as u64,
            LEAST_SIZE as u64,
            MOST_SIZE as u64,
        )?;
        static FLOWS: AtomicU32 = AtomicU32::new(1);
        // Flows of another process may use the same port later.
        let id = FLOWS.fetch_add(1, Ordering::Relaxed) ^ (std::process::id() << 16);
        let path: Box<dyn Path> = match &spec.protocol {
            Protocol::Udp(receiver) => Box::new(udp::Udp::open(id, &spec.ends, receiver)?),
            Protocol::Tcp(receiver) => {
                Box::new(tcp::Tcp::open(id, spec.size, &spec.ends, receiver)?)
            }
            Protocol::Icmp => Box::new(echo::Echoes::open(id, &spec.ends)?),
        };
        let interval = 1_000_000_000 / u64::from(spec.rate);
        let shared = Arc::new(Shared {
            books: Mutex::new(Books {
                account: Account::new(interval, clock::nanos(spec.threshold)),
                reasons: Vec::new(),
                overruns: 0,
                pause: 0,
            }),
            moves: Mutex::default(),
            abandoned: false.into(),
        });
        let (stop, stopped) = UnixStream::pair().map_err(FlowError::Thread)?;
        let (news, changed) = watch::channel(State::Running);
        let dropped_before = backlog::dropped();
        let epoch = Instant::now();
        let worker = Worker::new(id, &spec, path, Arc::clone(&shared), epoch, stopped, news);
        std::thread::Builder::new()
            .name("flow".to_owned())
            .spawn(move || worker.run())
            .map_err(FlowError::Thread)?;
        Ok(Self {
            shared,
            epoch,
            changed,
            dropped_before,
            stop: Mutex::new(Some(stop)),
        })
    }

    /// Sends nothing more. What is under way is waited for: see [`State::Ended`].
    pub fn stop(&self) {
        drop(
            self.stop
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    /// Goes on from another namespace, and to another one: where an address has moved. What still arrives where it was
    /// counts as well.
    pub fn relocate(&self, from: Option<NetNs>, to: Option<NetNs>) {
        if from.is_none() && to.is_none() {
            return;
        }
        let moves = &self.shared.moves;
        let mut moves = moves.lock().unwrap_or_else(PoisonError::into_inner);
        moves.push(Move { from, to });
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut thread) = stop.as_ref() {
            // A thread that is gone moves no more.
            let _ = thread.write_all(&[0]);
        }
    }

    /// When it began: time 0 of its figures.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Tells the state, and changes whenever there is something new in the figures.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.changed.clone()
    }

    /// Waits until nothing more can change.
    pub async fn ended(&self) {
        // The thread that told the state is gone: it has ended too.
        let _ = self.watch().wait_for(|state| *state == State::Ended).await;
    }

    /// The number of the next probe: so many were sent.
    pub fn next(&self) -> u64 {
        self.books().account.next()
    }

    /// Of all probes before this one it is known what became of them.
    pub fn decided(&self) -> u64 {
        self.books().account.decided()
    }

    /// From now on [`Self::figures_since`] of this key counts from the next probe on.
    pub fn mark(&self, key: u64) {
        self.books().account.mark(key);
    }

    /// What happened since it began.
    pub fn figures(&self) -> Figures {
        self.books().account.figures()
    }

    /// What happened to probes sent since [`Self::mark`] of this key; since the beginning where there was none.
    pub fn figures_since(&self, key: u64) -> Figures {
        self.books().account.figures_since(key)
    }

    /// Outages that ended since this was asked last, and how many more there were than could be kept.
    pub fn take_outages(&self) -> (Vec<Outage>, u64) {
        self.books().account.take_outages()
    }

    /// What was seen of the way and of the prober itself.
    pub fn remarks(&self) -> Remarks {
        let books = self.books();
        Remarks {
            reasons: books.reasons.clone(),
            overruns: books.overruns,
            damaged: books.account.damaged(),
            backlog: backlog::dropped().saturating_sub(self.dropped_before),
            pause: Duration::from_nanos(books.pause),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.shared.books()
    }
}

/// What was seen beside the probes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Reasons that the kernel or routers gave for not delivering, and how often.
    pub reasons: Vec<(String, u64)>,
    /// Probes that arrived, but for which our own socket had no room: they are among the lost, unjustly.
    pub overruns: u64,
    /// Arrivals that are no probes of this flow: damaged ones, or strangers.
    pub damaged: u64,
    /// Packets of anybody that the kernel dropped since the flow began, because a processor had too many to work on.
    pub backlog: u64,
    /// The longest the prober was late with a probe: outages are measured no finer.
    pub pause: Duration,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
        self.stop();
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn reason(&mut self, why: &str) {
        if let Some((_, times)) = self.reasons.iter_mut().find(|(known, _)| known == why) {
            *times += 1;
        } else if self.reasons.len() < REASONS {
            self.reasons.push((why.to_owned(), 1));
        }
    }
}

impl Ends {
    /// What is done when a socket is bound to the source.
    fn binding(&self) -> String {
        match self.source {
            Some(source) => format!("send from `{source}`"),
            None => "open a socket to send from".to_owned(),
        }
    }
}

fn bounded(what: &'static str, given: u64, least: u64, most: u64) -> Result<(), FlowError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(FlowError::OutOfBounds {
        what,
        least,
        most,
        given,
    })
}
