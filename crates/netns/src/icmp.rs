//! Echo requests: is an address reached from a namespace?

pub(crate) mod message;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrStorage, bind, recvmsg, sendto, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::ns::{Context, NetNs, NsError};
use crate::sys::{self, watch};
use message::Answer;

/// An echo request to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// Whom to ask.
    pub to: IpAddr,
    /// The identifier. Replaced by the kernel when it allows no raw socket.
    pub id: u16,
    /// The sequence number.
    pub seq: u16,
    /// Octets after the 8 of the ICMP header.
    pub payload_len: usize,
    /// Hops that it may go; `None`: the namespace's default.
    pub ttl: Option<u8>,
    /// Whether it must arrive in one piece: neither this host nor a router may cut it.
    pub dont_fragment: bool,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

impl Echo {
    /// One request with 56 octets of payload, as `ping` sends, and a second to answer.
    pub fn to(to: IpAddr) -> Self {
        Self {
            to,
            id: 1,
            seq: 1,
            payload_len: 56,
            ttl: None,
            dont_fragment: false,
            timeout: Duration::from_secs(1),
        }
    }
}

/// The answer to an echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// From sending the request to having the answer.
    pub rtt: Duration,
    /// Hops that the answer could still have gone.
    pub ttl: Option<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// A router, or this host, says that it cannot be delivered.
    #[error("`{from}` answers: {}{}", message::meaning(from.is_ipv6(), *kind, *code), over(*mtu))]
    Unreachable {
        /// Who says so.
        from: IpAddr,
        /// The ICMP type.
        kind: u8,
        /// The ICMP code.
        code: u8,
        /// The MTU behind it, where that is what is wrong and it says so.
        mtu: Option<u32>,
    },
    /// The kernel did not send it.
    #[error("cannot send: {}", .0.desc())]
    Send(Errno),
    /// No socket could be opened, or it failed.
    #[error(transparent)]
    Socket(#[from] NsError),
}

/// A socket for echo requests in one namespace.
#[derive(Debug)]
pub struct Pinger {
    socket: AsyncFd<OwnedFd>,
    raw: bool,
    v6: bool,
}

/// Sends one echo request from `ns` and waits for the answer.
pub async fn ping(ns: &NetNs, from: Option<IpAddr>, echo: Echo) -> Result<Reply, PingError> {
    Pinger::open(ns, from, echo.to.is_ipv6())?.ping(echo).await
}

impl Pinger {
    /// Opens a socket in `ns`, sending from the address `from` or what the routes suggest. Must be
    /// called inside a tokio runtime.
    pub fn open(ns: &NetNs, from: Option<IpAddr>, ipv6: bool) -> Result<Self, NsError> {
        let action = "open an ICMP socket";
        let (socket, raw) = ns.run(|| open(from, ipv6))?.context(action)?;
        Ok(Self {
            socket: watch(socket).context(action)?,
            raw,
            v6: ipv6,
        })
    }

    /// Sends one echo request and waits for its answer. Other answers are passed over, so one
    /// pinger must not be used for two requests at a time.
    pub async fn ping(&self, echo: Echo) -> Result<Reply, PingError> {
        let request = message::request(&echo, self.v6);
        let address = SockaddrStorage::from(SocketAddr::new(echo.to, 0));
        sys::set_ttl(self.socket.get_ref(), self.v6, echo.ttl)
            .and_then(|()| {
                sys::forbid_fragments(self.socket.get_ref(), self.v6, echo.dont_fragment)
            })
            .context("set up an ICMP socket")?;
        let sent = Instant::now();
        let timed_out = || PingError::Timeout(echo.timeout);
        let exchange = async {
            let result = self
                .socket
                .async_io(Interest::WRITABLE, |socket| {
                    sendto(socket.as_raw_fd(), &request, &address, MsgFlags::empty())
                        .map_err(io::Error::from)
                })
                .await;
            if let Err(error) = result {
                let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
                return Err(PingError::Send(errno));
            }
            loop {
                let (answer, ttl) = self
                    .socket
                    .async_io(Interest::READABLE, |socket| self.receive(socket, &echo))
                    .await
                    .context("receive ICMP messages")?;
                match answer {
                    Answer::Reply => {
                        return Ok(Reply {
                            rtt: sent.elapsed(),
                            ttl,
                        });
                    }
                    Answer::Unreachable {
                        from,
                        kind,
                        code,
                        mtu,
                    } => {
                        return Err(PingError::Unreachable {
                            from,
                            kind,
                            code,
                            mtu,
                        });
                    }
                    Answer::Other => {}
                }
            }
        };
        tokio::time::timeout(echo.timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(timed_out()))
    }

    fn receive(&self, socket: &OwnedFd, echo: &Echo) -> io::Result<(Answer, Option<u8>)> {
        let mut buffer = vec![0; 65_536];
        let mut control = nix::cmsg_space!(nix::libc::c_int);
        let mut vectors = [io::IoSliceMut::new(&mut buffer)];
        let fd = socket.as_raw_fd();
        let received =
            recvmsg::<SockaddrStorage>(fd, &mut vectors, Some(&mut control), MsgFlags::empty())?;
        let mut ttl = None;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) =
                message
            {
                ttl = u8::try_from(hops).ok();
            }
        }
        let from = received.address.as_ref().and_then(ip).unwrap_or(echo.to);
        let length = received.bytes;
        let mut octets = &buffer[..length];
        // Only a raw IPv4 socket delivers the IP header.
        if self.raw && !self.v6 {
            octets = message::after_ipv4_header(octets).unwrap_or_default();
        }
        Ok((
            message::classify(octets, from, echo, self.v6, self.raw),
            ttl,
        ))
    }
}

fn over(mtu: Option<u32>) -> String {
    mtu.map(|mtu| format!(", the MTU is {mtu}"))
        .unwrap_or_default()
}

/// Opens a socket in the calling thread's namespace for a moment: whether it is a raw one.
pub(crate) fn can_open() -> io::Result<bool> {
    open(None, false).map(|(_, raw)| raw)
}

pub(crate) fn open(from: Option<IpAddr>, ipv6: bool) -> io::Result<(OwnedFd, bool)> {
    let (family, protocol) = if ipv6 {
        (AddressFamily::Inet6, SockProtocol::IcmpV6)
    } else {
        (AddressFamily::Inet, SockProtocol::Icmp)
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (fd, raw) = match socket(family, SockType::Raw, flags, protocol) {
        Ok(fd) => (fd, true),
        // Ordinary users may have this instead (`net.ipv4.ping_group_range`).
        Err(Errno::EPERM | Errno::EACCES) => {
            (socket(family, SockType::Datagram, flags, protocol)?, false)
        }
        Err(error) => return Err(error.into()),
    };
    if ipv6 {
        setsockopt(&fd, sockopt::Ipv6RecvHopLimit, &true)?;
    } else {
        setsockopt(&fd, sockopt::Ipv4RecvTtl, &true)?;
    }
    if let Some(from) = from {
        bind(
            fd.as_raw_fd(),
            &SockaddrStorage::from(SocketAddr::new(from, 0)),
        )?;
    }
    Ok((fd, raw))
}

pub(crate) fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|address| IpAddr::V6(address.ip()))
    })
}
