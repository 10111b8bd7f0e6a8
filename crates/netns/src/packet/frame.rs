//! Frames, and taking them from the kernel many at a time.

use std::io;
use std::os::fd::BorrowedFd;

use nix::libc;
use serde::Serialize;

use crate::sys::{self, Datagram};

/// One captured frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it passed, in nanoseconds since 1970 (UTC), by the kernel's clock.
    pub timestamp_ns: u64,
    /// Its length in octets on the link; more than `data` has when it was cut.
    pub original_len: u32,
    /// Its octets from the Ethernet header on, VLAN tags included.
    pub data: Vec<u8>,
    /// Which way it went.
    pub direction: Direction,
    /// Whether its transport checksum is still to be filled in: sent by a program on this host to
    /// a link that would do it in hardware.
    pub checksum_pending: bool,
}

/// Which way a frame went, seen from the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// In, to this link's address.
    ToUs,
    /// In, to everybody.
    Broadcast,
    /// In, to a group.
    Multicast,
    /// In, to another address.
    ToOthers,
    /// Out.
    Outgoing,
}

impl Direction {
    pub(super) fn from_packet_type(kind: u8) -> Self {
        match kind {
            libc::PACKET_BROADCAST => Self::Broadcast,
            libc::PACKET_MULTICAST => Self::Multicast,
            libc::PACKET_OTHERHOST => Self::ToOthers,
            libc::PACKET_OUTGOING => Self::Outgoing,
            _ => Self::ToUs,
        }
    }
}

/// Room for one system call's worth of frames.
#[derive(Debug)]
pub(super) struct Slots {
    data: Vec<u8>,
    snap_len: usize,
}

/// Frames taken by one system call.
const FRAMES_PER_CALL: usize = 64;

/// Where a VLAN tag stands in a frame: after the two addresses.
const TAG_AT: usize = 12;

const TP_STATUS_CSUMNOTREADY: u32 = 1 << 3;
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID: u32 = 1 << 6;
const ETHERTYPE_VLAN: u16 = 0x8100;

impl Slots {
    pub(super) fn new(snap_len: usize) -> Self {
        // Pages are only really taken when a frame is long enough to need them.
        Self {
            data: vec![0; snap_len * FRAMES_PER_CALL],
            snap_len,
        }
    }

    /// Appends what is there, at most [`FRAMES_PER_CALL`].
    pub(super) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        frames: &mut Vec<Frame>,
    ) -> io::Result<usize> {
        sys::receive_many(socket, &mut self.data, self.snap_len, |datagram| {
            frames.push(frame(&datagram));
        })
    }
}

fn frame(datagram: &Datagram<'_>) -> Frame {
    let mut frame = Frame {
        timestamp_ns: 0,
        original_len: datagram.original_len,
        data: datagram.data.to_vec(),
        direction: Direction::from_packet_type(datagram.packet_type),
        checksum_pending: false,
    };
    for (level, kind, data) in sys::control_messages(datagram.control) {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                frame.timestamp_ns = timestamp(data).unwrap_or(0);
            }
            (libc::SOL_PACKET, libc::PACKET_AUXDATA) => beside(&mut frame, data),
            _ => {}
        }
    }
    frame
}

/// `struct timespec`: seconds and nanoseconds, both as wide as a `long`.
fn timestamp(data: &[u8]) -> Option<u64> {
    let (seconds, nanos) = data.split_at_checked(data.len() / 2)?;
    let word = |octets: &[u8]| match octets.len() {
        4 => octets
            .try_into()
            .ok()
            .map(|octets| u64::from(u32::from_ne_bytes(octets))),
        _ => octets.try_into().ok().map(u64::from_ne_bytes),
    };
    Some(word(seconds)? * 1_000_000_000 + word(nanos)?)
}

/// The tag of a VLAN that the kernel keeps beside a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct VlanTag {
    pub(super) control: u16,
    pub(super) protocol: u16,
}

/// What stands beside a frame (`struct tpacket_auxdata`: status 4, len 4, snaplen 4, mac 2, net 2, tci 2, tpid 2
/// octets).
fn beside(frame: &mut Frame, aux: &[u8]) {
    let Some(aux) = aux.first_chunk::<20>() else {
        return;
    };
    let short = |at: usize| u16::from_ne_bytes([aux[at], aux[at + 1]]);
    let status = u32::from_ne_bytes([aux[0], aux[1], aux[2], aux[3]]);
    let tag = VlanTag {
        control: short(16),
        protocol: short(18),
    };
    restore(frame, status, tag);
}

/// Puts back the VLAN tag that the kernel takes out of the frame.
pub(super) fn restore(frame: &mut Frame, status: u32, tag: VlanTag) {
    frame.checksum_pending = status & TP_STATUS_CSUMNOTREADY != 0;
    if status & TP_STATUS_VLAN_VALID == 0 || frame.data.len() < TAG_AT {
        return;
    }
    let protocol = if status & TP_STATUS_VLAN_TPID_VALID != 0 {
        tag.protocol
    } else {
        ETHERTYPE_VLAN
    };
    let [a, b] = protocol.to_be_bytes();
    let [c, d] = tag.control.to_be_bytes();
    frame.data.splice(TAG_AT..TAG_AT, [a, b, c, d]);
    frame.original_len += 4;
}
