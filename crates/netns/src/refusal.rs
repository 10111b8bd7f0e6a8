//! What routers and hosts answer to datagrams they do not deliver: the error queue of a socket (`ip(7)`, `IP_RECVERR`).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};

use crate::icmp::message::meaning;

/// An ICMP error about a datagram of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Who says so.
    pub(crate) from: IpAddr,
    /// The ICMP type.
    pub(crate) kind: u8,
    /// The ICMP code.
    pub(crate) code: u8,
    /// Where the datagram was to go.
    pub(crate) to: Option<SocketAddr>,
}

impl Refusal {
    /// What it says, in words.
    pub(crate) fn meaning(&self) -> String {
        meaning(self.from.is_ipv6(), self.kind, self.code)
    }
}

/// Makes a datagram socket keep the errors about what it sent.
pub(crate) fn listen(fd: &OwnedFd, v6: bool) -> io::Result<()> {
    if v6 {
        setsockopt(fd, sockopt::Ipv6RecvErr, &true)?;
    } else {
        setsockopt(fd, sockopt::Ipv4RecvErr, &true)?;
    }
    Ok(())
}

/// The next error, without waiting. Those that the own kernel makes up are passed over: sending tells them too.
pub(crate) fn next(fd: &impl AsRawFd) -> io::Result<Option<Refusal>> {
    let mut octets = [0; 64];
    let mut control = nix::cmsg_space!(
        libc::sock_extended_err,
        libc::sockaddr_in6,
        nix::sys::time::TimeSpec,
        u32
    );
    loop {
        let mut vectors = [io::IoSliceMut::new(&mut octets)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let received =
            recvmsg::<SockaddrStorage>(fd.as_raw_fd(), &mut vectors, Some(&mut control), flags);
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let to = received.address.as_ref().and_then(socket_address);
        for message in received.cmsgs()? {
            let (error, from) = match message {
                ControlMessageOwned::Ipv4RecvErr(error, from) => {
                    let from = from.map(|from| IpAddr::from(from.sin_addr.s_addr.to_ne_bytes()));
                    (error, from)
                }
                ControlMessageOwned::Ipv6RecvErr(error, from) => {
                    (error, from.map(|from| IpAddr::from(from.sin6_addr.s6_addr)))
                }
                _ => continue,
            };
            let by_icmp = [libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6];
            if let Some(from) = from.filter(|_| by_icmp.contains(&error.ee_origin)) {
                return Ok(Some(Refusal {
                    from,
                    kind: error.ee_type,
                    code: error.ee_code,
                    to,
                }));
            }
        }
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in();
    let v4 = v4.map(|v4| SocketAddr::from((v4.ip(), v4.port())));
    v4.or_else(|| {
        let v6 = address.as_sockaddr_in6()?;
        Some(SocketAddr::from((v6.ip(), v6.port())))
    })
}
