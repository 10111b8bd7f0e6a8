//! Frames as they pass a link: capture sockets (`AF_PACKET`).
//!
//! A capture counts what the kernel had no room for ([`Capture::statistics`]), so that "not seen"
//! can be told from "not caught".

mod frame;

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

use frame::Slots;
pub use frame::{Direction, Frame};

/// How to capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Octets kept of each frame.
    pub snap_len: usize,
    /// Octets the kernel may hold for us; an ordinary user gets at most `net.core.rmem_max`.
    pub buffer: usize,
    /// Whether to see frames for others too. On a bridge device: every frame that the bridge
    /// forwards, once.
    pub promiscuous: bool,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self {
            snap_len: 65_535,
            buffer: 64 << 20,
            promiscuous: true,
        }
    }
}

/// A running capture on one link. It lasts until dropped, wherever the link moves.
#[derive(Debug)]
pub struct Capture {
    socket: AsyncFd<OwnedFd>,
    slots: Slots,
    counted: Statistics,
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
        let socket = ns.run(|| open(link, options))?.context(action())?;
        Ok(Self {
            socket: watch(socket).context(action())?,
            slots: Slots::new(options.snap_len),
            counted: Statistics::default(),
        })
    }

    /// Waits for frames and appends those that are there, at most 64. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self, frames: &mut Vec<Frame>) -> io::Result<()> {
        let slots = &mut self.slots;
        self.socket
            .async_io(Interest::READABLE, |socket| {
                receive(slots, socket.as_fd(), frames)
            })
            .await
    }

    /// Appends all frames that are there without waiting; for the end of a capture.
    pub fn drain(&mut self, frames: &mut Vec<Frame>) -> io::Result<()> {
        loop {
            match receive(&mut self.slots, self.socket.as_fd(), frames) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => other?,
            }
        }
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

fn receive(slots: &mut Slots, socket: BorrowedFd<'_>, frames: &mut Vec<Frame>) -> io::Result<()> {
    loop {
        match slots.receive(socket, frames) {
            // Told once each time the link goes down. It may come back: the capture goes on.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
            other => return other.map(drop),
        }
    }
}

/// Opens a capture in the calling thread's namespace for a moment: how much it may hold, in octets.
pub(crate) fn buffer_size(link: &str, options: &CaptureOptions) -> io::Result<usize> {
    let socket = open(link, options)?;
    Ok(nix::sys::socket::getsockopt(&socket, sockopt::RcvBuf)?)
}

fn open(link: &str, options: &CaptureOptions) -> io::Result<OwnedFd> {
    let name = CString::new(link).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let index = nix::net::if_::if_nametoindex(name.as_c_str())?;
    // Without a protocol the socket catches nothing until it is bound to the link: no frame of
    // another link slips in.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    if setsockopt(&fd, sockopt::RcvBufForce, &options.buffer).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &options.buffer)?;
    }
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
    sys::packet_auxdata(fd.as_fd())?;
    if options.promiscuous {
        sys::packet_promiscuous(fd.as_fd(), index)?;
    }
    sys::packet_bind(fd.as_fd(), index)?;
    Ok(fd)
}
