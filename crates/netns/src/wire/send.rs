//! Frames as they are handed to the kernel: many at a time, each after a `virtio_net_hdr`.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// Octets of `struct virtio_net_hdr`: flags 1, gso_type 1, hdr_len 2, gso_size 2, csum_start 2, csum_offset 2.
pub(super) const HEADER: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
/// Where in the header the checksummed part's begin stands, and how far in that the checksum is.
const CSUM_START: usize = 6;
const CSUM_OFFSET: usize = 8;
/// Where a VLAN tag stands in a frame: after the two addresses.
const TAG_AT: usize = 12;
const TAG: usize = 4;

/// A frame as the kernel gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// A `virtio_net_hdr`, then the frame without the tag that stands beside it.
    pub(super) data: &'a [u8],
    /// A VLAN tag: protocol and control information.
    pub(super) tag: Option<(u16, u16)>,
}

impl Frame<'_> {
    /// Octets on the wire, from the Ethernet header on.
    pub(super) fn octets(&self) -> usize {
        let tag = if self.tag.is_some() { TAG } else { 0 };
        self.data.len().saturating_sub(HEADER) + tag
    }

    /// A copy with its tag inside: a `virtio_net_hdr` and a frame.
    pub(super) fn to_vec(self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(self.data.len() + TAG);
        let Some((protocol, control)) = self.tag.filter(|_| self.data.len() >= HEADER + TAG_AT)
        else {
            copy.extend_from_slice(self.data);
            return copy;
        };
        let (before, after) = self.data.split_at(HEADER + TAG_AT);
        copy.extend_from_slice(before);
        copy.extend_from_slice(&protocol.to_be_bytes());
        copy.extend_from_slice(&control.to_be_bytes());
        copy.extend_from_slice(after);
        if copy[0] & NEEDS_CHECKSUM != 0 {
            let start = word(&copy, CSUM_START) + TAG as u16;
            copy[CSUM_START..CSUM_START + 2].copy_from_slice(&start.to_ne_bytes());
        }
        copy
    }
}

/// Turns a bit of a frame over, behind its `virtio_net_hdr`. A checksum that was left to be filled in is so before: else
/// it would be right in spite of the damage, and nobody would notice.
pub(super) fn corrupt(data: &mut [u8], bit: u64) {
    let Some((header, frame)) = data.split_at_mut_checked(HEADER) else {
        return;
    };
    if header[0] & NEEDS_CHECKSUM != 0 {
        let start = usize::from(word(header, CSUM_START));
        let at = start + usize::from(word(header, CSUM_OFFSET));
        if let Some(summed) = frame.get(start..) {
            let sum = checksum(summed);
            if let Some(place) = frame.get_mut(at..at + 2) {
                place.copy_from_slice(&sum.to_be_bytes());
            }
        }
        header[0] &= !NEEDS_CHECKSUM;
    }
    impair::flip(frame, bit);
}

fn word(data: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([data[at], data[at + 1]])
}

/// RFC 1071, over a part whose checksum field holds the sum of the pseudo header. Never zero, which in UDP means none.
fn checksum(data: &[u8]) -> u16 {
    let words = data.chunks(2).map(|pair| {
        let [high, low] = [pair[0], pair.get(1).copied().unwrap_or(0)];
        u32::from(u16::from_be_bytes([high, low]))
    });
    let mut sum: u64 = words.map(u64::from).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    match !(sum as u16) {
        0 => 0xffff,
        sum => sum,
    }
}

/// Sends frames, each after its header, out of the interface the socket is bound to, in order and without waiting.
/// Returns how many the kernel did not take.
pub(super) fn send_all(socket: BorrowedFd<'_>, frames: &[&[u8]]) -> usize {
    let mut refused = 0;
    let mut attempts = 0;
    let mut rest = frames;
    while !rest.is_empty() {
        match send_some(socket, rest) {
            Ok(sent) => rest = rest.get(sent.max(1)..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The first is the one that failed. Where only the receiving side is not fast enough, it is given time.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) && attempts < ATTEMPTS => {
                attempts += 1;
                std::thread::yield_now();
            }
            Err(_) => {
                refused += 1;
                rest = &rest[1..];
            }
        }
    }
    refused
}

/// How often the receiving side is given time before frames that it has no room for are given up: where there are others
/// that wait for a processor, until each of them has had it many times.
const ATTEMPTS: usize = 1000;

/// Frames sent by one system call.
pub(super) const BATCH: usize = 64;

fn send_some(socket: BorrowedFd<'_>, frames: &[&[u8]]) -> io::Result<usize> {
    let frames = &frames[..frames.len().min(BATCH)];
    // SAFETY: integers and pointers, for which zero is a value.
    let (mut vectors, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
        unsafe { (zeroed(), zeroed()) };
    for ((frame, vector), header) in frames.iter().zip(&mut vectors).zip(&mut headers) {
        // The kernel only reads from there.
        vector.iov_base = frame.as_ptr().cast_mut().cast();
        vector.iov_len = frame.len();
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: as many headers as are said to be there, pointing to vectors and frames that live until after this call.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            frames.len() as libc::c_uint,
            libc::MSG_DONTWAIT as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten octets of header, twelve of addresses, a type, and four to be summed, of which two are for the sum.
    fn unsummed() -> Vec<u8> {
        let mut data = vec![NEEDS_CHECKSUM, 0, 0, 0, 0, 0];
        data.extend(14u16.to_ne_bytes());
        data.extend(2u16.to_ne_bytes());
        data.extend([7; 12]);
        data.extend([0x08, 0x00, 0x12, 0x34, 0x00, 0x01]);
        data
    }

    #[test]
    fn a_tag_goes_after_the_addresses_and_moves_the_checksum() {
        let data = unsummed();
        let tagged = Frame {
            data: &data,
            tag: Some((0x8100, 42)),
        };
        let copy = tagged.to_vec();
        assert_eq!(tagged.octets(), copy.len() - HEADER);
        assert_eq!(copy[HEADER + 12..HEADER + 16], [0x81, 0x00, 0, 42]);
        assert_eq!(copy[HEADER + 16..], data[HEADER + 12..]);
        assert_eq!(word(&copy, CSUM_START), 18);
    }

    #[test]
    fn damage_does_not_pass_for_right() {
        let mut data = unsummed();
        corrupt(&mut data, 0);
        assert_eq!(data[0] & NEEDS_CHECKSUM, 0);
        // 0x1234 and the pseudo header's 0x0001, complemented; then the first bit of the frame.
        assert_eq!(data[HEADER + 16..], [0xed, 0xca]);
        assert_eq!(data[HEADER], 6);
    }
}
