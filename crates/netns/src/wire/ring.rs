//! Frames where the kernel puts them: the ring of a packet socket (`PACKET_RX_RING`, `TPACKET_V2`).
//!
//! ```text
//!   slot: tpacket2_hdr | sockaddr_ll | ... | virtio_net_hdr | Ethernet header, packet ...
//!         0              32                  tp_mac - 10      tp_mac
//! ```

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;

use super::send::{self, Frame};
use crate::sys;

/// A socket's ring. The memory is the kernel's and ours; each slot belongs to one at a time, as its status says.
pub(super) struct Ring {
    memory: NonNull<u8>,
    slot: usize,
    slots: usize,
    /// The first slot that was not given back.
    next: usize,
}

// SAFETY: the memory belongs to the ring alone, and what points into it borrows the ring.
unsafe impl Send for Ring {}

/// What is found in a slot.
pub(super) enum Slot<'a> {
    /// A frame, to be carried to the other end.
    Frame(Frame<'a>),
    /// One that this side sent itself, or that did not fit.
    Unfit {
        /// It should have been carried.
        missed: bool,
    },
}

/// Frames that a ring should have room for: at 100,000 a second, what comes in while the thread waits 40 ms for a
/// processor; or all that one connection sends before it waits for an answer (Linux's 6 MiB).
const SLOTS: usize = 4096;

/// What precedes a frame in its slot, tag included: 52 octets of header and address, aligned to 64; 16 and 10 more.
const OVERHEAD: usize = 128;

/// `struct tpacket2_hdr`: status 4, len 4, snaplen 4, mac 2, net 2, sec 4, nsec 4, vlan_tci 2, vlan_tpid 2; then, at 32,
/// a `sockaddr_ll`, whose tenth octet is the type of the packet.
mod at {
    pub(super) const LENGTH: usize = 4;
    pub(super) const CAUGHT: usize = 8;
    pub(super) const MAC: usize = 12;
    pub(super) const TAG: usize = 24;
    pub(super) const TAG_PROTOCOL: usize = 26;
    pub(super) const PACKET_TYPE: usize = 32 + 10;
}

const TP_STATUS_KERNEL: u32 = 0;
const TP_STATUS_USER: u32 = 1;
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID: u32 = 1 << 6;
const ETHERTYPE_VLAN: u16 = 0x8100;

impl Ring {
    /// Gives a socket, which must not be bound yet, a ring of at most so many octets, whose slots hold frames of links with
    /// this MTU.
    pub(super) fn open(socket: &OwnedFd, mtu: u32, octets: usize) -> io::Result<Self> {
        let slot = (mtu as usize + OVERHEAD).next_power_of_two().max(2048);
        let block = slot.max(64 << 10);
        // Whole blocks: all are powers of two.
        let slots = (octets.next_power_of_two() / slot).clamp(block / slot, SLOTS);
        let fd = socket.as_fd();
        sys::set_packet_option(
            fd,
            libc::PACKET_VERSION,
            &libc::tpacket_versions::TPACKET_V2,
        )?;
        sys::set_packet_option(fd, libc::PACKET_VNET_HDR, &1i32)?;
        // Or the bridge's own frames, and those that we put in at the other end, would come in a second time.
        sys::set_packet_option(fd, libc::PACKET_IGNORE_OUTGOING, &1i32)?;
        let size = slot * slots;
        let word = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        // `struct tpacket_req`: size and number of blocks, size and number of frames.
        let request: [u32; 4] = [word(block), word(size / block), word(slot), word(slots)];
        sys::set_packet_option(fd, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a new mapping, at a place of the kernel's choice.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            memory,
            slot,
            slots,
            next: 0,
        })
    }

    /// How many frames fit in.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// What is in the slot after `ahead` others that were not given back, if the kernel has filled it.
    pub(super) fn peek(&self, ahead: usize) -> Option<Slot<'_>> {
        if ahead >= self.slots {
            return None;
        }
        let status = self.status(ahead).load(Ordering::Acquire);
        if status & TP_STATUS_USER == 0 {
            return None;
        }
        let start = self.start(ahead);
        // SAFETY: the slot is ours until its status is reset, which needs `&mut self`.
        let slot = unsafe { std::slice::from_raw_parts(start.as_ptr(), self.slot) };
        Some(read(slot, status))
    }

    /// Gives the first `count` slots back to the kernel.
    pub(super) fn release(&mut self, count: usize) {
        for ahead in 0..count {
            self.status(ahead)
                .store(TP_STATUS_KERNEL, Ordering::Release);
        }
        self.next = (self.next + count) % self.slots;
    }

    fn start(&self, ahead: usize) -> NonNull<u8> {
        let slot = (self.next + ahead) % self.slots;
        // SAFETY: within the mapping, which has room for all slots.
        unsafe { self.memory.add(slot * self.slot) }
    }

    fn status(&self, ahead: usize) -> &AtomicU32 {
        // SAFETY: a slot begins with its status, is aligned to more than four octets, and the kernel writes the status as a
        // whole.
        unsafe { self.start(ahead).cast::<AtomicU32>().as_ref() }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping that was made; nothing points into it any more. It can only fail for one that is not there.
        let _ = unsafe { libc::munmap(self.memory.as_ptr().cast(), self.slot * self.slots) };
    }
}

fn read(slot: &[u8], status: u32) -> Slot<'_> {
    let short = |at: usize| {
        let octets = slot.get(at..).and_then(<[u8]>::first_chunk);
        octets.map_or(0, |octets| u16::from_ne_bytes(*octets))
    };
    let long = |at: usize| {
        let octets = slot.get(at..).and_then(<[u8]>::first_chunk);
        octets.map_or(0, |octets| u32::from_ne_bytes(*octets) as usize)
    };
    if slot.get(at::PACKET_TYPE) == Some(&libc::PACKET_OUTGOING) {
        return Slot::Unfit { missed: false };
    }
    let length = long(at::LENGTH);
    let mac = usize::from(short(at::MAC));
    let whole = length == long(at::CAUGHT);
    let begin = mac.checked_sub(send::HEADER);
    let data = begin.and_then(|begin| slot.get(begin..mac + length));
    match data.filter(|_| whole) {
        Some(data) => Slot::Frame(Frame {
            data,
            tag: (status & TP_STATUS_VLAN_VALID != 0).then(|| {
                let told = status & TP_STATUS_VLAN_TPID_VALID != 0;
                let protocol = if told {
                    short(at::TAG_PROTOCOL)
                } else {
                    ETHERTYPE_VLAN
                };
                (protocol, short(at::TAG))
            }),
        }),
        None => Slot::Unfit { missed: true },
    }
}
