//! Frames as they pass a link: capture sockets (`AF_PACKET`).
//!
//! A capture counts what the kernel had no room for ([`Capture::statistics`]), so that "not seen"
//! can be told from "not caught".

mod filter;
mod frame;
mod ring;

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, setsockopt, socket, sockopt};
use serde::Serialize;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::ns::{Context, NetNs, NsError};
use crate::sys::{self, watch};

pub use filter::Traffic;
use frame::Slots;
pub use frame::{Direction, Frame};
use ring::Ring;

/// How to capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Octets kept of each frame.
    pub snap_len: usize,
    /// Where the kernel keeps frames until they are taken.
    pub buffer: Buffer,
    /// Only frames that are one of these; all when empty. The kernel sorts out the others.
    pub only: Vec<Traffic>,
    /// Whether to see frames for others too. On a bridge device: every frame that the bridge
    /// forwards, once.
    pub promiscuous: bool,
}

/// Where the kernel keeps frames until they are taken. Sizes are in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buffer {
    /// In a ring of this size, about. It is there from the beginning, and nobody is limited to less; frames come
    /// a few milliseconds late.
    Ring(usize),
    /// In the socket's queue, which takes no memory as long as nothing comes, and holds this much of the kernel's own
    /// account; an ordinary user gets at most `net.core.rmem_max`.
    Queue(usize),
}

impl CaptureOptions {
    /// Octets kept of each frame, unless told otherwise: all of them.
    pub const SNAP_LEN: usize = 65_535;
    /// Octets of the ring, unless told otherwise: a third of a second of 100,000 full-sized frames a second, and a
    /// second in which the reader does not come.
    pub const RING: usize = 32 << 20;
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self {
            snap_len: Self::SNAP_LEN,
            buffer: Buffer::Ring(Self::RING),
            only: Vec::new(),
            promiscuous: true,
        }
    }
}

/// A running capture on one link. It lasts until dropped, wherever the link moves.
#[derive(Debug)]
pub struct Capture {
    socket: AsyncFd<OwnedFd>,
    source: Source,
    /// Frames given.
    taken: u64,
    counted: Statistics,
}

#[derive(Debug)]
enum Source {
    Ring(Ring),
    Queue(Slots),
}

/// What a capture has caught and missed since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Statistics {
    /// Frames that passed the link, those dropped included.
    pub received: u64,
    /// Frames lost because the buffer was full: the capture is not complete.
    pub dropped: u64,
}

impl Capture {
    /// Starts capturing on `link` in `ns`; every frame from the return of this call on is in. Must
    /// be called inside a tokio runtime.
    pub fn open(ns: &NetNs, link: &str, options: &CaptureOptions) -> Result<Self, NsError> {
        let action = || format!("capture on `{link}`");
        let (socket, source) = ns.run(|| open(link, options))?.context(action())?;
        Ok(Self {
            socket: watch(socket).context(action())?,
            source,
            taken: 0,
            counted: Statistics::default(),
        })
    }

    /// Waits for frames and appends those that are there: of a queue at most 64, of a ring those of a block. Dropping
    /// the future loses nothing.
    pub async fn next(&mut self, frames: &mut Vec<Frame>) -> io::Result<()> {
        let source = &mut self.source;
        let taken = self
            .socket
            .async_io(Interest::READABLE, |socket| {
                source.receive(socket.as_fd(), frames)
            })
            .await?;
        self.taken += taken as u64;
        Ok(())
    }

    /// Appends all frames that had passed when this was called, and perhaps a few more.
    pub async fn drain(&mut self, frames: &mut Vec<Frame>) -> io::Result<()> {
        let passed = self.statistics()?;
        while self.taken < passed.received.saturating_sub(passed.dropped) {
            self.next(frames).await?;
        }
        Ok(())
    }

    /// What was caught and missed so far.
    pub fn statistics(&mut self) -> io::Result<Statistics> {
        // The kernel starts again from zero at each reading.
        let (received, dropped) = sys::packet_statistics(self.socket.as_fd())?;
        self.counted.received += u64::from(received);
        self.counted.dropped += u64::from(dropped);
        Ok(self.counted)
    }

    /// Sends a frame, Ethernet header first, out of the link.
    pub async fn send(&self, frame: &[u8]) -> io::Result<()> {
        let send = |socket: &OwnedFd| {
            let sent = nix::sys::socket::send(socket.as_raw_fd(), frame, MsgFlags::empty());
            sent.map(drop).map_err(io::Error::from)
        };
        let attempt = self.socket.async_io(Interest::WRITABLE, send).await;
        match attempt {
            // Perhaps only the news that the link *was* down; a second attempt tells.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {
                self.socket.async_io(Interest::WRITABLE, send).await
            }
            other => other,
        }
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Source {
    fn receive(&mut self, socket: BorrowedFd<'_>, frames: &mut Vec<Frame>) -> io::Result<usize> {
        let slots = match self {
            Self::Ring(ring) => return ring.receive(frames),
            Self::Queue(slots) => slots,
        };
        loop {
            match slots.receive(socket, frames) {
                // Told once each time the link goes down. It may come back: the capture goes on.
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
                other => return other,
            }
        }
    }
}

/// Opens a capture in the calling thread's namespace for a moment: how much it may hold, in octets.
pub(crate) fn buffer_size(link: &str, options: &CaptureOptions) -> io::Result<usize> {
    match open(link, options)? {
        (_, Source::Ring(ring)) => Ok(ring.size()),
        (socket, Source::Queue(_)) => Ok(nix::sys::socket::getsockopt(&socket, sockopt::RcvBuf)?),
    }
}

fn open(link: &str, options: &CaptureOptions) -> io::Result<(OwnedFd, Source)> {
    let name = CString::new(link).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let index = nix::net::if_::if_nametoindex(name.as_c_str())?;
    // Without a protocol the socket catches nothing until it is bound to the link: no frame of
    // another link slips in.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    let (source, keep) = match options.buffer {
        Buffer::Ring(size) => {
            let keep = u32::try_from(options.snap_len).unwrap_or(WHOLE);
            (Source::Ring(Ring::attach(fd.as_fd(), size)?), keep)
        }
        Buffer::Queue(size) => {
            if setsockopt(&fd, sockopt::RcvBufForce, &size).is_err() {
                setsockopt(&fd, sockopt::RcvBuf, &size)?;
            }
            setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
            sys::packet_auxdata(fd.as_fd())?;
            // Cut when it is taken: cut earlier, its true length would be lost.
            (Source::Queue(Slots::new(options.snap_len)), WHOLE)
        }
    };
    sys::attach_filter(fd.as_fd(), &filter::program(&options.only, keep))?;
    if options.promiscuous {
        sys::packet_promiscuous(fd.as_fd(), index)?;
    }
    sys::packet_bind(fd.as_fd(), index)?;
    Ok((fd, source))
}

/// More than any frame has.
const WHOLE: u32 = 0x0004_0000;
