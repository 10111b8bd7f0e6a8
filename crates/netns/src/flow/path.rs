//! How probes get from one end to the other: what the ways have in common.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrStorage, bind, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use super::clock::{Clock, Moment};
use crate::ns::{NetNs, NsError};

/// Something that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// A probe of this flow; when, in nanoseconds since the flow began.
    Probe { number: u64, at: u64 },
    /// Something that is none.
    Foreign,
    /// Somebody says why a probe was not delivered.
    Refusal(&'a str),
}

/// A way from one end to the other, never waiting.
pub(super) trait Path: Send {
    /// Sends one probe. What is not sent is lost.
    fn send(&mut self, probe: &[u8]) -> io::Result<()>;

    /// Takes all that has come in.
    fn receive(&mut self, clock: Clock, each: &mut dyn FnMut(Heard<'_>)) -> io::Result<()>;

    /// Goes on from another namespace, and to another one: there the address is now.
    fn relocate(&mut self, from: Option<&NetNs>, to: Option<&NetNs>) -> Result<(), NsError>;

    /// What to wait for beside the next probe's time.
    fn watched(&self) -> Vec<PollFd<'_>>;

    /// Probes that arrived but had no room in our own socket.
    fn overruns(&self) -> u64;
}

/// What our sockets may hold. At 100,000 short probes a second: a good tenth of a second that our thread does not run.
const BUFFER: usize = 16 << 20;

/// A non-blocking socket in the calling thread's namespace.
pub(super) fn open(
    v6: bool,
    kind: SockType,
    protocol: Option<SockProtocol>,
) -> io::Result<OwnedFd> {
    let family = if v6 {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(family, kind, flags, protocol)?)
}

/// Makes a datagram socket tell when what it hands over came in, and what it had no room for.
pub(super) fn account_for(fd: &OwnedFd) -> io::Result<()> {
    // An ordinary user outside a namespace of its own gets what the system allows.
    if setsockopt(fd, sockopt::RcvBufForce, &BUFFER).is_err() {
        setsockopt(fd, sockopt::RcvBuf, &BUFFER)?;
    }
    setsockopt(fd, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(fd, sockopt::RxqOvfl, &1)?;
    Ok(())
}

pub(super) fn bind_to(fd: &OwnedFd, address: IpAddr, port: u16) -> io::Result<()> {
    let address = SockaddrStorage::from(SocketAddr::new(address, port));
    Ok(bind(fd.as_raw_fd(), &address)?)
}

/// The address that stands for all of a family.
pub(super) fn any(v6: bool) -> IpAddr {
    if v6 {
        IpAddr::from([0u16; 8])
    } else {
        IpAddr::from([0u8; 4])
    }
}

pub(super) fn readable(fd: &impl AsFd) -> PollFd<'_> {
    PollFd::new(fd.as_fd(), PollFlags::POLLIN)
}

/// Reads what a stream has, and when the last of it came in.
pub(super) fn receive_stamped(
    socket: BorrowedFd<'_>,
    room: &mut [u8],
) -> io::Result<(usize, Option<TimeSpec>)> {
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut vectors = [io::IoSliceMut::new(room)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let received = recvmsg::<()>(socket.as_raw_fd(), &mut vectors, Some(&mut control), flags)?;
    let stamp = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(time) => Some(time),
        _ => None,
    });
    Ok((received.bytes, stamp))
}

/// One datagram, cut to the room there is for it.
pub(super) struct Datagram<'a> {
    pub(super) octets: &'a [u8],
    pub(super) from: Option<SockaddrStorage>,
    pub(super) at: u64,
}

/// Hands over every datagram that is there; `overruns` becomes what the socket counts.
pub(super) fn drain(
    socket: BorrowedFd<'_>,
    clock: Clock,
    overruns: &mut u64,
    mut each: impl FnMut(Datagram<'_>),
) -> io::Result<()> {
    // Only heads are read.
    let mut room = [0; 256];
    let mut control = nix::cmsg_space!(TimeSpec, u32, nix::libc::c_int);
    loop {
        let mut vectors = [io::IoSliceMut::new(&mut room)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let received =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut vectors, Some(&mut control), flags);
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(()),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let moment: Moment = clock.moment();
        let mut stamp = None;
        for message in received.cmsgs()? {
            match message {
                ControlMessageOwned::ScmTimestampns(time) => stamp = Some(time),
                ControlMessageOwned::RxqOvfl(count) => *overruns = u64::from(count),
                _ => {}
            }
        }
        let (from, length) = (received.address, received.bytes);
        each(Datagram {
            octets: &room[..length.min(room.len())],
            from,
            at: moment.of(stamp),
        });
    }
}
