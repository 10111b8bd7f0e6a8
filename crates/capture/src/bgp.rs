//! BGP sessions out of frames.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bgp_wire::message::DecodeContext;
use bgp_wire::raw::{HeaderError, MAX_EXTENDED_LEN, MAX_LEN};
use bgp_wire::{Message, MessageError, Open, RawMessage};
use serde::{Deserialize, Serialize};

use crate::context::context;
use crate::dissect::{Dissection, TcpFlags};
use crate::frame::{Frame, FrameIndex, Timestamp};
use crate::stream::{Chunk, Cutter, Limits, Reassembler, Segment};

/// A BGP message that ended in a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BgpEvent {
    /// The frame that holds the message's last octet.
    pub frame: FrameIndex,
    /// When that frame was seen.
    pub timestamp: Timestamp,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The message.
    pub message: BgpMessage,
}

/// What was between two message boundaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BgpMessage {
    /// A message; an UPDATE with defects that RFC 7606 lets live carries its verdicts.
    Whole(Message),
    /// A message whose body cannot be read.
    Unreadable {
        /// Its octets.
        raw: RawMessage,
        /// What is wrong.
        error: MessageError,
    },
    /// No message: the header is wrong. The stream was taken up again at the next plausible header.
    Broken(HeaderError),
}

impl BgpEvent {
    /// The message, if it could be read.
    pub const fn message(&self) -> Option<&Message> {
        match &self.message {
            BgpMessage::Whole(message) => Some(message),
            _ => None,
        }
    }
}

/// The two ends of a connection, the lower address first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionKey {
    /// The lower end.
    pub low: SocketAddr,
    /// The higher end.
    pub high: SocketAddr,
}

/// What is known about a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// The last OPEN of the lower end.
    pub low_open: Option<Open>,
    /// The last OPEN of the higher end.
    pub high_open: Option<Open>,
    /// Messages seen, both ways.
    pub messages: u64,
    /// Octets that had to be given up because the capture lacks them, both ways.
    pub lost: u64,
}

/// Finds BGP sessions in frames, and their messages. Feed it every frame in the order of capture.
///
/// What decides how a message reads (4-octet AS numbers, ADD-PATH, iBGP or eBGP, extended messages)
/// is learned from the OPENs; a capture that lacks them is read with the defaults of
/// [`DecodeContext`].
#[derive(Debug)]
pub struct Tracker {
    ports: Vec<u16>,
    limits: Limits,
    max_sessions: usize,
    frames: usize,
    sessions: BTreeMap<SessionKey, Session>,
}

#[derive(Debug)]
struct Session {
    low: Direction,
    high: Direction,
    messages: u64,
    last_frame: FrameIndex,
}

/// What one end sends.
#[derive(Debug)]
struct Direction {
    reassembler: Reassembler,
    cutter: Cutter,
    open: Option<Open>,
    context: DecodeContext,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracker {
    /// A tracker for sessions on port 179, of which it follows 4,096 at a time.
    pub fn new() -> Self {
        Self {
            ports: vec![179],
            limits: Limits::default(),
            max_sessions: 4096,
            frames: 0,
            sessions: BTreeMap::new(),
        }
    }

    /// Takes sessions on these ports for BGP instead.
    pub fn ports(mut self, ports: Vec<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// Holds at most this much per direction, instead of [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The sessions seen, by address.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionKey, SessionFacts)> + '_ {
        self.sessions
            .iter()
            .map(|(key, session)| (*key, session.facts()))
    }

    /// Takes the next frame with its layers; gives the messages that this completes, in the order
    /// they were sent in each direction. With segments out of order, some may have ended in an
    /// earlier frame.
    pub fn push(&mut self, frame: &Frame, dissection: &Dissection) -> Vec<BgpEvent> {
        let index = FrameIndex(self.frames);
        self.frames += 1;
        let Some((src, dst, tcp)) = dissection.tcp() else {
            return Vec::new();
        };
        if !self.ports.contains(&tcp.src_port) && !self.ports.contains(&tcp.dst_port) {
            return Vec::new();
        }
        let from = SocketAddr::new(src, tcp.src_port);
        let to = SocketAddr::new(dst, tcp.dst_port);
        let key = SessionKey {
            low: from.min(to),
            high: from.max(to),
        };
        let limits = self.limits;
        let session = self
            .sessions
            .entry(key)
            .or_insert_with(|| Session::new(limits));
        session.last_frame = index;
        let upward = from == key.low;
        // The dissector may be anybody's: a range outside the frame is no data.
        let data = frame.data.get(tcp.payload.clone()).unwrap_or_default();
        let data = frame.data.slice_ref(data);
        let segment = Segment {
            seq: tcp.seq,
            syn: tcp.flags.has(TcpFlags::SYN),
            data,
            frame: index,
            timestamp: frame.timestamp,
        };
        let chunks = session.direction(upward).reassembler.push(segment);
        let mut events = session.read(upward, from, to, &chunks);
        if tcp.flags.has(TcpFlags::ACK) {
            let other = &mut session.direction(!upward).reassembler;
            let chunks = other.acknowledged(tcp.ack, frame.timestamp);
            events.extend(session.read(!upward, to, from, &chunks));
        }
        if self.sessions.len() > self.max_sessions {
            self.forget_the_stalest();
        }
        events
    }

    /// Takes it that no frame will follow; gives the messages that waited for octets the capture
    /// lacks.
    pub fn finish(&mut self) -> Vec<BgpEvent> {
        let mut events = Vec::new();
        for (key, session) in &mut self.sessions {
            for upward in [true, false] {
                let (from, to) = if upward {
                    (key.low, key.high)
                } else {
                    (key.high, key.low)
                };
                let chunks = session.direction(upward).reassembler.finish();
                events.extend(session.read(upward, from, to, &chunks));
            }
        }
        events
    }

    fn forget_the_stalest(&mut self) {
        let stalest = self
            .sessions
            .iter()
            .min_by_key(|(_, s)| s.last_frame)
            .map(|(key, _)| *key);
        if let Some(key) = stalest {
            self.sessions.remove(&key);
        }
    }
}

impl Session {
    fn new(limits: Limits) -> Self {
        Self {
            low: Direction::new(limits),
            high: Direction::new(limits),
            messages: 0,
            last_frame: FrameIndex::default(),
        }
    }

    /// What the lower end sends (`upward`), or the higher.
    fn direction(&mut self, upward: bool) -> &mut Direction {
        if upward {
            &mut self.low
        } else {
            &mut self.high
        }
    }

    fn read(
        &mut self,
        upward: bool,
        from: SocketAddr,
        to: SocketAddr,
        chunks: &[Chunk],
    ) -> Vec<BgpEvent> {
        let mut events = Vec::new();
        for chunk in chunks {
            for cut in self.direction(upward).cutter.push(chunk) {
                let message = match cut.message {
                    Ok(raw) => self.decode(upward, raw),
                    Err(error) => BgpMessage::Broken(error),
                };
                self.messages += 1;
                let (frame, timestamp) = (cut.frame, cut.timestamp);
                events.push(BgpEvent {
                    frame,
                    timestamp,
                    from,
                    to,
                    message,
                });
            }
        }
        events
    }

    fn decode(&mut self, upward: bool, raw: RawMessage) -> BgpMessage {
        let direction = self.direction(upward);
        match Message::decode(&raw, &direction.context) {
            Ok(Message::Open(open)) => {
                direction.open = Some(open.clone());
                self.agree();
                BgpMessage::Whole(Message::Open(open))
            }
            Ok(message) => BgpMessage::Whole(message),
            Err(error) => BgpMessage::Unreadable { raw, error },
        }
    }

    /// Works out from both OPENs how the messages that follow read.
    fn agree(&mut self) {
        let (Some(low), Some(high)) = (&self.low.open, &self.high.open) else {
            return;
        };
        self.low.context = context(low, high);
        self.high.context = context(high, low);
        for direction in [&mut self.low, &mut self.high] {
            let extended = direction.context.extended_message;
            direction
                .cutter
                .set_max_len(if extended { MAX_EXTENDED_LEN } else { MAX_LEN });
        }
    }

    fn facts(&self) -> SessionFacts {
        SessionFacts {
            low_open: self.low.open.clone(),
            high_open: self.high.open.clone(),
            messages: self.messages,
            lost: self.low.reassembler.lost() + self.high.reassembler.lost(),
        }
    }
}

impl Direction {
    fn new(limits: Limits) -> Self {
        Self {
            reassembler: Reassembler::new(limits),
            cutter: Cutter::new(),
            open: None,
            context: DecodeContext::default(),
        }
    }
}
