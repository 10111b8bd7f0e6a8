//! What a probe carries: whose it is, its number, and when it was sent.
//!
//! ```text
//! octets  0..4   "LGfl"
//!         4..8   the flow
//!         8..16  the number, from 0
//!        16..24  nanoseconds since the flow began
//!        24..    filled up
//! ```

/// Octets of the shortest probe.
pub const LEAST: usize = 24;

const MAGIC: [u8; 4] = *b"LGfl";

/// Writes a probe's head; what is behind it stays. `room` has at least [`LEAST`] octets.
pub(super) fn write(room: &mut [u8], flow: u32, number: u64, sent: u64) {
    let mut head = [0; LEAST];
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&flow.to_be_bytes());
    head[8..16].copy_from_slice(&number.to_be_bytes());
    head[16..].copy_from_slice(&sent.to_be_bytes());
    room[..LEAST].copy_from_slice(&head);
}

/// The number of a probe of this flow; `None` for anything else.
pub(super) fn read(octets: &[u8], flow: u32) -> Option<u64> {
    let head = octets.first_chunk::<LEAST>()?;
    let ours = head[..4] == MAGIC && head[4..8] == flow.to_be_bytes();
    let number = head[8..16].first_chunk::<8>()?;
    ours.then(|| u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_whole_probe_is_read() {
        let mut probe = [0xaa; 30];
        write(&mut probe, 7, 0x0102_0304_0506_0708, 9);
        assert_eq!(read(&probe, 7), Some(0x0102_0304_0506_0708));
        assert_eq!(probe[LEAST..], [0xaa; 6]);
        assert_eq!(read(&probe, 8), None);
        assert_eq!(read(&probe[..LEAST - 1], 7), None);
        probe[0] ^= 1;
        assert_eq!(read(&probe, 7), None);
    }
}
