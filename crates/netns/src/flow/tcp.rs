//! Probes in a TCP connection, one record of fixed length after the other. A connection that breaks is made again; what
//! cannot be written at its time is not written later.

mod records;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{SockType, SockaddrStorage, connect, listen, setsockopt, sockopt};

use super::clock::Clock;
use super::path::{self, Heard, Path};
use super::{Ends, payload};
use crate::ns::{Context, NetNs, NsError};
use records::Records;

/// How long a connection may be in the making before another attempt: the kernel's own next attempts are seconds apart.
const ATTEMPT: Duration = Duration::from_secs(1);
/// The pause after an attempt that failed at once.
const AGAIN: Duration = Duration::from_millis(20);

/// Connections that are read from; when there are more, the oldest goes.
const MOST_INCOMING: usize = 16;

/// Octets of a sender's buffer; a short probe takes about 1,300 of them.
const SEND_BUFFER: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct Tcp {
    flow: u32,
    ends: Ends,
    to: SocketAddr,
    out: Outgoing,
    size: usize,
    listener: TcpListener,
    /// The last is the flow's own, unless a stranger has connected since.
    incoming: VecDeque<Incoming>,
}

/// A connection that was taken.
#[derive(Debug)]
struct Incoming {
    stream: TcpStream,
    records: Records,
}

#[derive(Debug)]
enum Outgoing {
    /// Nothing; the next attempt is not before this.
    Idle(Instant),
    /// An attempt, and when it began.
    Connecting(OwnedFd, Instant),
    /// A connection, and what is left of a record that was written in part.
    Up(TcpStream, Vec<u8>),
}

impl Tcp {
    pub(super) fn open(
        flow: u32,
        size: usize,
        ends: &Ends,
        receiver: &NetNs,
    ) -> Result<Self, NsError> {
        let listener = listening(ends, receiver, ends.port)?;
        let port = listener
            .local_addr()
            .context("name the listening socket")?
            .port();
        // An address that cannot be sent from is a mistake now, not a loss later.
        ends.from
            .run(|| connecting(ends, None))?
            .context(ends.binding())?;
        let mut tcp = Self {
            flow,
            ends: ends.clone(),
            to: SocketAddr::new(ends.to, port),
            out: Outgoing::Idle(Instant::now()),
            size,
            listener,
            incoming: VecDeque::new(),
        };
        tcp.await_connection(ATTEMPT);
        Ok(tcp)
    }

    /// Gives the first connection a chance to be there before the first probe is.
    fn await_connection(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            self.progress();
            let Outgoing::Connecting(socket, _) = &self.out else {
                return;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let _ = poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], left);
        }
    }

    /// Brings the connection a step further, if it is none yet.
    fn progress(&mut self) {
        let idle = || Outgoing::Idle(Instant::now() + AGAIN);
        match &self.out {
            Outgoing::Idle(not_before) if Instant::now() >= *not_before => {
                let attempt = self.ends.from.run(|| connecting(&self.ends, Some(self.to)));
                self.out = match attempt {
                    Ok(Ok(socket)) => Outgoing::Connecting(socket, Instant::now()),
                    _ => idle(),
                };
                self.finish();
            }
            Outgoing::Connecting(_, since) if since.elapsed() > ATTEMPT => self.out = idle(),
            Outgoing::Connecting(..) => self.finish(),
            Outgoing::Idle(_) | Outgoing::Up(..) => {}
        }
    }

    /// Turns an attempt that came to an end into what came of it.
    fn finish(&mut self) {
        let Outgoing::Connecting(socket, _) = &self.out else {
            return;
        };
        let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut polled, PollTimeout::ZERO) != Ok(1) {
            return;
        }
        let error = nix::sys::socket::getsockopt(socket, sockopt::SocketError);
        let again = Outgoing::Idle(Instant::now() + AGAIN);
        let Outgoing::Connecting(socket, _) = std::mem::replace(&mut self.out, again) else {
            return;
        };
        if error == Ok(0) {
            self.out = Outgoing::Up(TcpStream::from(socket), Vec::new());
        }
    }

    fn write(&mut self, probe: &[u8]) -> io::Result<()> {
        let Outgoing::Up(stream, rest) = &mut self.out else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        while !rest.is_empty() {
            let written = stream.write(rest)?;
            rest.drain(..written);
        }
        let written = stream.write(probe)?;
        rest.extend_from_slice(&probe[written..]);
        Ok(())
    }
}

impl Incoming {
    /// Reads what is there; false when the connection is over.
    fn read(&mut self, flow: u32, clock: Clock, each: &mut dyn FnMut(Heard<'_>)) -> bool {
        let mut room = [0; 16 << 10];
        loop {
            match path::receive_stamped(self.stream.as_fd(), &mut room) {
                Ok((0, _)) => return false,
                Ok((length, stamp)) => {
                    let at = clock.moment().of(stamp);
                    self.records.feed(&room[..length], |head| {
                        each(match payload::read(head, flow) {
                            Some(number) => Heard::Probe { number, at },
                            None => Heard::Foreign,
                        });
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}

/// Where connections come in.
fn listening(ends: &Ends, receiver: &NetNs, port: u16) -> Result<TcpListener, NsError> {
    let v6 = ends.to.is_ipv6();
    let opened = receiver.run(|| {
        let fd = path::open(v6, SockType::Stream, None)?;
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
        path::bind_to(&fd, path::any(v6), port)?;
        listen(&fd, nix::sys::socket::Backlog::MAXCONN)?;
        Ok::<_, io::Error>(TcpListener::from(fd))
    })?;
    opened.context(format!("listen on TCP port {port}"))
}

/// A socket in the calling thread's namespace, on its way to `to`.
fn connecting(ends: &Ends, to: Option<SocketAddr>) -> io::Result<OwnedFd> {
    let fd = path::open(ends.to.is_ipv6(), SockType::Stream, None)?;
    setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
    // What an outage of some seconds leaves behind must have room: else it would be lost here.
    if setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
        setsockopt(&fd, sockopt::SndBuf, &SEND_BUFFER)?;
    }
    if let Some(source) = ends.source {
        path::bind_to(&fd, source, 0)?;
    }
    if let Some(to) = to {
        match connect(fd.as_raw_fd(), &SockaddrStorage::from(to)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(fd)
}

impl Path for Tcp {
    fn send(&mut self, probe: &[u8]) -> io::Result<()> {
        self.progress();
        let written = self.write(probe);
        if let Err(error) = &written
            && !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
            )
        {
            self.out = Outgoing::Idle(Instant::now() + AGAIN);
        }
        written
    }

    fn receive(&mut self, clock: Clock, each: &mut dyn FnMut(Heard<'_>)) -> io::Result<()> {
        loop {
            let flow = self.flow;
            self.incoming
                .retain_mut(|incoming| incoming.read(flow, clock, each));
            // Either the sender gave its last one up, which may still hold something, or it is a stranger's.
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    setsockopt(&stream, sockopt::ReceiveTimestampns, &true)?;
                    if self.incoming.len() == MOST_INCOMING {
                        self.incoming.pop_front();
                    }
                    self.incoming.push_back(Incoming {
                        stream,
                        records: Records::new(self.size),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Of a connection that was gone before it was taken, for instance: its probes are lost.
                Err(_) => return Ok(()),
            }
        }
    }

    fn relocate(&mut self, from: Option<&NetNs>, to: Option<&NetNs>) -> Result<(), NsError> {
        if let Some(to) = to {
            // The connection goes on until the sender learns that nobody knows it there.
            self.listener = listening(&self.ends, to, self.to.port())?;
        }
        if let Some(from) = from {
            self.ends.from = from.clone();
            self.out = Outgoing::Idle(Instant::now());
        }
        Ok(())
    }

    fn watched(&self) -> Vec<PollFd<'_>> {
        let incoming = self.incoming.iter();
        let incoming = incoming.map(|incoming| path::readable(&incoming.stream));
        std::iter::once(path::readable(&self.listener))
            .chain(incoming)
            .collect()
    }

    fn overruns(&self) -> u64 {
        0
    }
}
