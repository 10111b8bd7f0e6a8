//! Netlink by hand, for what only probes ask: links, queues and filters of every kind.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

/// A message being written: header, then whatever its kind has, then attributes.
pub(super) struct Message(Vec<u8>);

pub(super) const REQUEST: u16 = 1;
pub(super) const ACK: u16 = 4;
/// Make it; it must not be there yet.
pub(super) const CREATE: u16 = 0x600;

const HEADER: usize = 16;
const ERROR: u16 = 2;
const NESTED: u16 = 0x8000;
/// The kernel has answered before the request returns; this only turns a fault into an error.
const PATIENCE: i64 = 1;

impl Message {
    pub(super) fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut octets = vec![0; HEADER];
        octets[4..6].copy_from_slice(&kind.to_ne_bytes());
        octets[6..8].copy_from_slice(&flags.to_ne_bytes());
        octets.extend_from_slice(body);
        Self(octets)
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        append(&mut self.0, kind, value);
        self
    }

    /// Adds an attribute that consists of others.
    pub(super) fn with_nested(mut self, kind: u16, attributes: &[(u16, &[u8])]) -> Self {
        append(&mut self.0, kind | NESTED, &nested(attributes));
        self
    }
}

/// Attributes one after the other.
pub(super) fn nested(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (kind, value) in attributes {
        append(&mut octets, *kind, value);
    }
    octets
}

fn append(octets: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    octets.extend_from_slice(&length.to_ne_bytes());
    octets.extend_from_slice(&kind.to_ne_bytes());
    octets.extend_from_slice(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
}

/// Sends the messages together, in the calling thread's namespace, and reads one answer: an error, an
/// acknowledgement, or what was asked for.
pub(super) fn ask(protocol: isize, messages: Vec<Message>) -> io::Result<()> {
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    // SAFETY: the descriptor is the socket's, which outlives this borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
    let mut octets = Vec::new();
    for (sequence, Message(mut message)) in (1u32..).zip(messages) {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        message[..4].copy_from_slice(&length.to_ne_bytes());
        message[8..12].copy_from_slice(&sequence.to_ne_bytes());
        octets.extend_from_slice(&message);
    }
    socket.send(&octets, 0)?;
    let mut answer = vec![0; 8192];
    let length = socket.recv(&mut &mut answer[..], 0)?;
    let word = |at: usize| {
        answer[..length]
            .get(at..)
            .and_then(<[u8]>::first_chunk::<4>)
    };
    let kind = answer
        .get(4..6)
        .and_then(|octets| octets.first_chunk::<2>());
    match (kind.map(|kind| u16::from_ne_bytes(*kind)), word(HEADER)) {
        (Some(ERROR), Some(code)) => match i32::from_ne_bytes(*code) {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(-code)),
        },
        (Some(_), _) => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
