//! Which routers are on the way to an address: packets with a small TTL, and who says that it ran out.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, SockaddrStorage, bind, sendto};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::icmp::message::{PORT_UNREACHABLE, is_time_exceeded};
use crate::icmp::{Echo, PingError, Pinger};
use crate::ns::{Context, NetNs, NsError};
use crate::refusal;
use crate::sys::{self, watch};

/// A way to be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceSpec {
    /// Where to.
    pub to: IpAddr,
    /// The address it is asked from; `None`: what the routes suggest.
    pub source: Option<IpAddr>,
    /// With what.
    pub method: Method,
    /// The largest TTL tried, 1 to 255.
    pub max_hops: u8,
    /// How often a hop is asked that does not answer.
    pub tries: u8,
    /// How long each time. Linux answers six in a row, then one a second.
    pub patience: Duration,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Echo requests.
    Icmp,
    /// UDP datagrams to ports from 33434 on, which nobody listens on.
    Udp,
}

impl TraceSpec {
    /// Echo requests, at most 30 hops, each asked three times for half a second.
    pub fn to(to: IpAddr) -> Self {
        Self {
            to,
            source: None,
            method: Method::Icmp,
            max_hops: 30,
            tries: 3,
            patience: Duration::from_millis(500),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// One for each TTL from 1 on; the last is the target, if it was reached.
    pub hops: Vec<Hop>,
    /// How it ended.
    pub end: End,
}

/// Who answered to a TTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// The address of the answer; `None`: there was none.
    pub address: Option<IpAddr>,
    /// From sending to the answer.
    pub rtt: Option<Duration>,
}

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// At the target.
    Reached,
    /// The last hop says that it cannot deliver.
    Refused(String),
    /// It could not even be sent.
    Unsent(String),
    /// After the largest TTL.
    TooFar,
}

/// What came of one packet.
enum Answer {
    Hop(IpAddr),
    Target(IpAddr),
    Refused(IpAddr, String),
    Unsent(String),
    Nothing,
}

/// Walks the way from `ns`. Must be called inside a tokio runtime.
pub async fn trace(ns: &NetNs, spec: &TraceSpec) -> Result<Trace, NsError> {
    let mut prober = match spec.method {
        Method::Icmp => Prober::Icmp(Pinger::open(ns, spec.source, spec.to.is_ipv6())?),
        Method::Udp => {
            let action = "open a UDP socket";
            let socket = ns.run(|| open(spec))?.context(action)?;
            Prober::Udp(watch(socket).context(action)?)
        }
    };
    let mut hops = Vec::new();
    let mut number = 0;
    for ttl in 1..=spec.max_hops {
        let mut hop = Hop {
            address: None,
            rtt: None,
        };
        let mut end = None;
        for _ in 0..spec.tries.max(1) {
            number += 1;
            let began = Instant::now();
            let answer = prober.ask(spec, ttl, number).await?;
            let (from, ended) = match answer {
                Answer::Nothing => continue,
                Answer::Hop(from) => (Some(from), None),
                Answer::Target(from) => (Some(from), Some(End::Reached)),
                Answer::Refused(from, why) => (Some(from), Some(End::Refused(why))),
                Answer::Unsent(why) => (None, Some(End::Unsent(why))),
            };
            hop = Hop {
                address: from,
                rtt: from.map(|_| began.elapsed()),
            };
            end = ended;
            break;
        }
        if !matches!(end, Some(End::Unsent(_))) {
            hops.push(hop);
        }
        if let Some(end) = end {
            return Ok(Trace { hops, end });
        }
    }
    Ok(Trace {
        hops,
        end: End::TooFar,
    })
}

enum Prober {
    Icmp(Pinger),
    Udp(AsyncFd<OwnedFd>),
}

/// Where `traceroute` begins; each packet goes to the next port, so that late answers are told apart.
const FIRST_PORT: u16 = 33_434;

impl Prober {
    async fn ask(&mut self, spec: &TraceSpec, ttl: u8, number: u16) -> Result<Answer, NsError> {
        match self {
            Self::Icmp(pinger) => echo(pinger, spec, ttl, number).await,
            Self::Udp(socket) => {
                let asked =
                    tokio::time::timeout(spec.patience, datagram(socket, spec, ttl, number));
                match asked.await {
                    Ok(answer) => answer.context("walk the way with UDP"),
                    Err(_) => Ok(Answer::Nothing),
                }
            }
        }
    }
}

async fn echo(pinger: &Pinger, spec: &TraceSpec, ttl: u8, number: u16) -> Result<Answer, NsError> {
    let echo = Echo {
        seq: number,
        ttl: Some(ttl),
        timeout: spec.patience,
        ..Echo::to(spec.to)
    };
    match pinger.ping(echo).await {
        Ok(_) => Ok(Answer::Target(spec.to)),
        Err(PingError::Timeout(_)) => Ok(Answer::Nothing),
        Err(PingError::Unreachable { from, kind, .. })
            if is_time_exceeded(from.is_ipv6(), kind) =>
        {
            Ok(Answer::Hop(from))
        }
        Err(ref error @ PingError::Unreachable { from, .. }) => {
            Ok(Answer::Refused(from, error.to_string()))
        }
        Err(error @ PingError::Send(_)) => Ok(Answer::Unsent(error.to_string())),
        Err(PingError::Socket(error)) => Err(error),
    }
}

async fn datagram(
    socket: &AsyncFd<OwnedFd>,
    spec: &TraceSpec,
    ttl: u8,
    number: u16,
) -> io::Result<Answer> {
    let v6 = spec.to.is_ipv6();
    sys::set_ttl(socket.get_ref(), v6, Some(ttl))?;
    let port = FIRST_PORT.wrapping_add(number);
    let to = SockaddrStorage::from(SocketAddr::new(spec.to, port));
    let send = || sendto(socket.as_raw_fd(), &[0; 32], &to, MsgFlags::empty());
    // The first attempt may only tell what an earlier packet met.
    if let Err(errno) = send().or_else(|_| send()) {
        return Ok(Answer::Unsent(format!("cannot send: {}", errno.desc())));
    }
    loop {
        let next = |socket: &OwnedFd| {
            refusal::next(socket)?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
        };
        let refusal = socket.async_io(Interest::ERROR, next).await?;
        if refusal.to.is_none_or(|to| to.port() != port) {
            continue;
        }
        let (from, kind) = (refusal.from, refusal.kind);
        return Ok(if is_time_exceeded(v6, kind) {
            Answer::Hop(from)
        } else if (kind, refusal.code) == PORT_UNREACHABLE[usize::from(v6)] {
            Answer::Target(from)
        } else {
            Answer::Refused(from, format!("`{from}` answers: {}", refusal.meaning()))
        });
    }
}

fn open(spec: &TraceSpec) -> io::Result<OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let v6 = spec.to.is_ipv6();
    let family = if v6 {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Datagram, flags, None)?;
    refusal::listen(&fd, v6)?;
    if let Some(source) = spec.source {
        bind(
            fd.as_raw_fd(),
            &SockaddrStorage::from(SocketAddr::new(source, 0)),
        )?;
    }
    Ok(fd)
}
