//! Requests to bytes, bytes to answers, over one blocking routing socket.
//!
//! The kernel carries a routing request out inside `sendmsg` and has queued the answer when that
//! returns, so nothing is gained by waiting for readiness: a round trip is a `send` and a `recv`.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
    NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::{LinkError, Request};

/// A routing socket of one network namespace, and its sequence numbers.
pub(super) struct Transport {
    socket: Socket,
    sequence: u32,
    received: Vec<u8>,
}

/// What the kernel said about one message.
struct Answer {
    sequence: u32,
    errno: i32,
    explanation: Option<String>,
}

/// Octets of a netlink message's header.
const HEADER: usize = 16;

/// Messages sent by one `sendmsg`: enough to make its cost vanish, few enough that the answers,
/// should every one fail, fit the receive buffer.
const MESSAGES_PER_SEND: usize = 64;

/// Bytes sent by one `sendmsg`; well below the default send buffer of about 200 KiB.
const BYTES_PER_SEND: usize = 64 * 1024;

/// The kernel never fills more of a receive buffer with one datagram.
const RECEIVE_SIZE: usize = 64 * 1024;

/// A dump is only interrupted by a change in its midst: this many in a row is a fault.
const DUMP_ATTEMPTS: usize = 16;

/// Answers are queued before `send` returns; this only turns a kernel fault into an error.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

impl Transport {
    /// Opens a socket in the calling thread's namespace.
    pub(super) fn open() -> Result<Self, LinkError> {
        let socket = Self::open_socket()
            .map_err(|error| LinkError::from_io("open a routing socket", &error))?;
        Ok(Self {
            socket,
            sequence: 0,
            received: Vec::with_capacity(RECEIVE_SIZE),
        })
    }

    fn open_socket() -> io::Result<Socket> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        // Lets dumps be filtered by the kernel.
        socket.set_netlink_get_strict_chk(true)?;
        let timeout = TimeVal::new(ANSWER_TIMEOUT.as_secs().cast_signed(), 0);
        // SAFETY: the descriptor is the socket's, which outlives this borrow.
        let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
        setsockopt(&fd, sockopt::ReceiveTimeout, &timeout)?;
        Ok(socket)
    }

    /// Carries requests out in order; one failing does not stop the next.
    pub(super) fn transact(&mut self, requests: &[Request]) -> Vec<Result<(), LinkError>> {
        let mut results = Vec::with_capacity(requests.len());
        while results.len() < requests.len() {
            self.transact_some(&requests[results.len()..], &mut results);
        }
        results
    }

    /// Sends as many of the requests as fit into one datagram.
    ///
    /// Only the last asks for an acknowledgement: the kernel reports a failure unasked, so the
    /// last answer in means that those which said nothing have succeeded.
    fn transact_some(&mut self, requests: &[Request], results: &mut Vec<Result<(), LinkError>>) {
        let mut bytes = Vec::with_capacity(4096);
        let first = self.sequence.wrapping_add(1);
        let mut taken = 0;
        let mut last_at = 0;
        for request in requests.iter().take(MESSAGES_PER_SEND) {
            if bytes.len() > BYTES_PER_SEND {
                break;
            }
            last_at = bytes.len();
            self.append(&mut bytes, &request.message, request.flags);
            taken += 1;
        }
        let sent = &requests[..taken];
        add_flags(&mut bytes[last_at..], NLM_F_ACK);

        let answers = self
            .socket
            .send(&bytes, 0)
            .and_then(|_| self.acknowledgements(first));
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                // What the kernel did with these is unknown.
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                results.extend(sent.iter().map(|request| Err(request.error(errno, None))));
                return;
            }
        };
        let base = results.len();
        results.extend(sent.iter().map(|_| Ok(())));
        for answer in answers.into_iter().filter(|answer| answer.errno != 0) {
            let at = answer.sequence.wrapping_sub(first) as usize;
            results[base + at] = Err(sent[at].error(answer.errno, answer.explanation));
        }
    }

    /// Reads answers until that of the last message sent.
    fn acknowledgements(&mut self, first: u32) -> io::Result<Vec<Answer>> {
        let last = self.sequence;
        let mut answers = Vec::new();
        loop {
            self.receive()?;
            for message in messages(&self.received) {
                let message = message?;
                if message.message_type() != NLMSG_ERROR || !within(&message, first..=last) {
                    continue;
                }
                let answer = parse_answer(&message)?;
                let done = answer.sequence == last;
                answers.push(answer);
                if done {
                    return Ok(answers);
                }
            }
        }
    }

    /// Asks for one object.
    pub(super) fn get(&mut self, message: &Message, action: &str) -> Result<Message, LinkError> {
        let mut found = self.query(message, 0, action)?;
        found.pop().ok_or_else(|| LinkError::not_found(action))
    }

    /// Asks for all objects of a kind. Never a mixture of two states: when something changes
    /// meanwhile it asks again.
    pub(super) fn dump(
        &mut self,
        message: &Message,
        action: &str,
    ) -> Result<Vec<Message>, LinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            match self.query(message, NLM_F_DUMP, action) {
                Err(error) if error.kind == super::LinkErrorKind::Os(libc::EINTR) => continue,
                other => return other,
            }
        }
        Err(LinkError::from_errno(action.to_owned(), libc::EINTR, None))
    }

    fn query(
        &mut self,
        message: &Message,
        flags: u16,
        action: &str,
    ) -> Result<Vec<Message>, LinkError> {
        let failed = |error: &io::Error| LinkError::from_io(action, error);
        let mut bytes = Vec::with_capacity(256);
        self.append(&mut bytes, message, flags);
        self.socket
            .send(&bytes, 0)
            .map_err(|error| failed(&error))?;
        let sequence = self.sequence;
        let mut found = Vec::new();
        let mut interrupted = false;
        loop {
            self.receive().map_err(|error| failed(&error))?;
            for message in messages(&self.received) {
                let message = message.map_err(|error| failed(&error))?;
                if message.sequence_number() != sequence {
                    continue;
                }
                interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
                match message.message_type() {
                    NLMSG_DONE if interrupted => {
                        return Err(LinkError::from_errno(action.to_owned(), libc::EINTR, None));
                    }
                    NLMSG_DONE => return Ok(found),
                    NLMSG_ERROR => {
                        let answer = parse_answer(&message).map_err(|error| failed(&error))?;
                        let action = action.to_owned();
                        return Err(LinkError::from_errno(
                            action,
                            answer.errno,
                            answer.explanation,
                        ));
                    }
                    _ => {}
                }
                let length = message.length() as usize;
                let bytes = &message.into_inner()[..length];
                match NetlinkMessage::<Message>::deserialize(bytes).map(|message| message.payload) {
                    Ok(NetlinkPayload::InnerMessage(message)) => found.push(message),
                    Ok(_) => {}
                    Err(error) => return Err(LinkError::decode(action, error)),
                }
            }
            if flags & NLM_F_DUMP == 0 && !found.is_empty() {
                return Ok(found);
            }
        }
    }

    fn append(&mut self, bytes: &mut Vec<u8>, message: &Message, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let start = bytes.len();
        let length = HEADER + message.buffer_len();
        bytes.resize(start + align(length), 0);
        message.serialize(&mut bytes[start + HEADER..start + length]);
        let mut header = NetlinkBuffer::new(&mut bytes[start..]);
        // The lengths of what one can put into a request are nowhere near the limit.
        header.set_length(length as u32);
        header.set_message_type(message.message_type());
        header.set_flags(NLM_F_REQUEST | flags);
        header.set_sequence_number(self.sequence);
    }

    fn receive(&mut self) -> io::Result<()> {
        self.received.clear();
        loop {
            match self.socket.recv(&mut self.received, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => return other.map(drop),
            }
        }
    }
}

fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn add_flags(message: &mut [u8], flags: u16) {
    let mut header = NetlinkBuffer::new(message);
    header.set_flags(header.flags() | flags);
}

fn within(message: &NetlinkBuffer<&[u8]>, range: RangeInclusive<u32>) -> bool {
    // Distances from the start, so that a sequence number that wraps around still counts.
    let start = *range.start();
    message.sequence_number().wrapping_sub(start) <= range.end().wrapping_sub(start)
}

/// The messages of one datagram.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = io::Result<NetlinkBuffer<&[u8]>>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let message = NetlinkBuffer::new_checked(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()));
        let length = message
            .as_ref()
            .map_or(bytes.len(), |message| message.length() as usize);
        bytes = bytes.get(align(length)..).unwrap_or_default();
        Some(message)
    })
}

/// `nlmsgerr`: a negative errno (4 octets), the header of the request (16) and, after it, the
/// attributes of the extended acknowledgement, if the header's flags announce them.
fn parse_answer(message: &NetlinkBuffer<&[u8]>) -> io::Result<Answer> {
    const EXPLANATION: u16 = 1;

    let payload = message.payload();
    let (code, rest) = payload
        .split_first_chunk::<4>()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "truncated error message"))?;
    let errno = i32::from_ne_bytes(*code).wrapping_neg();

    let mut explanation = None;
    if message.flags() & NLM_F_ACK_TLVS != 0 {
        let echoed = if message.flags() & NLM_F_CAPPED != 0 {
            HEADER
        } else {
            let length = rest
                .first_chunk::<4>()
                .map_or(0, |length| u32::from_ne_bytes(*length));
            align(length as usize)
        };
        let attributes = NlasIterator::new(rest.get(echoed..).unwrap_or_default());
        explanation = attributes
            .flatten()
            .find(|nla| nla.kind() == EXPLANATION)
            .map(|nla| {
                String::from_utf8_lossy(nla.value())
                    .trim_end_matches('\0')
                    .to_owned()
            });
    }
    Ok(Answer {
        sequence: message.sequence_number(),
        errno,
        explanation,
    })
}
