//! A ring of blocks that the kernel fills with frames and that is read where it lies (`PACKET_RX_RING`, version 3).
//!
//! ```text
//! kernel fills ──> block │ block │ block │ block ──> round again
//!                    └ handed over when full, or RETIRE after its first frame; handed back when read
//! ```
//!
//! Its memory is the socket's own: it counts against no limit of an ordinary user, and what it holds is known
//! beforehand. A block handed over early is as good as full: a reader that does not come for as many times
//! [`RETIRE_MILLIS`] as there are blocks loses frames, however few there are.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;

use super::frame::{Direction, Frame, VlanTag, restore};
use crate::sys;

/// The blocks, mapped.
#[derive(Debug)]
pub(super) struct Ring {
    start: NonNull<u8>,
    blocks: usize,
    /// The block that is handed over next.
    next: usize,
}

/// Room for one segment of the largest size that interfaces pass on in one piece, and its headers.
const BLOCK: usize = 128 << 10;
/// The longest a frame stays in a block that is not full, as far as the kernel's clock ticks finely enough.
const RETIRE_MILLIS: u32 = 4;
/// One is filled while the other is read.
const LEAST_BLOCKS: usize = 2;

/// `TP_STATUS_USER`: the block is ours.
const OURS: u32 = 1;
const THEIRS: u32 = 0;

// `struct tpacket_block_desc`
const BLOCK_STATUS: usize = 8;
const BLOCK_FRAMES: usize = 12;
const BLOCK_FIRST: usize = 16;

// `struct tpacket3_hdr`, then `struct sockaddr_ll`
const HEADER: usize = 48;
const NEXT: usize = 0;
const SECONDS: usize = 4;
const NANOSECONDS: usize = 8;
const KEPT: usize = 12;
const LENGTH: usize = 16;
const STATUS: usize = 20;
const DATA_AT: usize = 24;
const TAG: usize = 32;
const TAG_PROTOCOL: usize = 36;
const PACKET_TYPE: usize = HEADER + 10;

// SAFETY: the mapping is this value's alone, and nothing about it belongs to a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives a socket that is not bound yet a ring of about `size` octets.
    pub(super) fn attach(socket: BorrowedFd<'_>, size: usize) -> io::Result<Self> {
        let blocks = (size / BLOCK).max(LEAST_BLOCKS);
        let count = u32::try_from(blocks).map_err(|_| io::ErrorKind::InvalidInput)?;
        sys::packet_version(socket, 2)?;
        sys::packet_ring(
            socket,
            &sys::RingRequest {
                block_size: BLOCK as u32,
                block_count: count,
                // Frames are as long as they are; the kernel only wants this to come out even.
                frame_size: BLOCK as u32,
                frame_count: count,
                retire_millis: RETIRE_MILLIS,
                private_size: 0,
                features: 0,
            },
        )?;
        // SAFETY: a new mapping, of exactly the size of the ring that the socket has now.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                blocks * BLOCK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            start,
            blocks,
            next: 0,
        })
    }

    /// Octets in the ring.
    pub(super) const fn size(&self) -> usize {
        self.blocks * BLOCK
    }

    /// Appends the frames of one block, if one has been handed over; how many the kernel had put there.
    pub(super) fn receive(&mut self, frames: &mut Vec<Frame>) -> io::Result<usize> {
        let status = self.status();
        if status.load(Ordering::Acquire) & OURS == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // SAFETY: within the mapping, and the kernel does not write to a block while it is ours. Its status, which is
        // not read through this, is written below, after the last use.
        let block = unsafe { std::slice::from_raw_parts(self.block().as_ptr(), BLOCK) };
        let count = word(block, BLOCK_FRAMES);
        let mut at = word(block, BLOCK_FIRST) as usize;
        for _ in 0..count {
            let Some(header) = block.get(at..) else { break };
            frames.extend(frame(header));
            at += word(header, NEXT) as usize;
        }
        self.status().store(THEIRS, Ordering::Release);
        self.next = (self.next + 1) % self.blocks;
        Ok(count as usize)
    }

    fn block(&self) -> NonNull<u8> {
        // SAFETY: `next` is less than the number of blocks that are mapped.
        unsafe { self.start.add(self.next * BLOCK) }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: an aligned word within the mapping, which lives as long as `self`, and which both sides only change
        // as a whole.
        unsafe { AtomicU32::from_ptr(self.block().add(BLOCK_STATUS).cast().as_ptr()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `attach`, to which no reference is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size()) };
    }
}

/// The frame behind a header; `None` when there is not as much as the header says.
fn frame(header: &[u8]) -> Option<Frame> {
    let from = usize::from(short(header, DATA_AT));
    let data = header.get(from..from + word(header, KEPT) as usize)?;
    let mut frame = Frame {
        timestamp_ns: u64::from(word(header, SECONDS)) * 1_000_000_000
            + u64::from(word(header, NANOSECONDS)),
        original_len: word(header, LENGTH),
        data: data.to_vec(),
        direction: Direction::from_packet_type(*header.get(PACKET_TYPE)?),
        checksum_pending: false,
    };
    restore(
        &mut frame,
        word(header, STATUS),
        VlanTag {
            control: word(header, TAG) as u16,
            protocol: short(header, TAG_PROTOCOL),
        },
    );
    Some(frame)
}

fn word(octets: &[u8], at: usize) -> u32 {
    let word = octets.get(at..).and_then(<[u8]>::first_chunk);
    word.map_or(0, |word| u32::from_ne_bytes(*word))
}

fn short(octets: &[u8], at: usize) -> u16 {
    let short = octets.get(at..).and_then(<[u8]>::first_chunk);
    short.map_or(0, |short| u16::from_ne_bytes(*short))
}
