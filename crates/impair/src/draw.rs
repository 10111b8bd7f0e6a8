//! Random numbers that belong to a frame's number, not to the moment it is looked at.

use crate::quantity::Share;

/// What a number is drawn for: each purpose has its own, so that asking for one more effect changes nothing about the
/// others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Loss = 1,
    Duplicate,
    Reorder,
    Jitter,
    Corrupt,
    Bit,
}

/// 64 bits for one purpose, one frame, and one of its copies.
pub(crate) fn draw(seed: u64, number: u64, copy: u64, purpose: Purpose) -> u64 {
    mix(mix(seed ^ mix(number)) ^ (purpose as u64 | copy << 8))
}

/// Whether something with this share happens.
pub(crate) fn happens(draw: u64, share: Share) -> bool {
    // The high half, scaled: even enough for a millionth, and exact for none and all.
    ((draw >> 32) * 1_000_000) >> 32 < u64::from(share.millionths())
}

/// The seed of something with a name in a lab: `underlay/compute-a/out`.
pub fn seed_for(seed: u64, name: &str) -> u64 {
    name.bytes()
        .fold(mix(seed), |hash, octet| mix(hash ^ u64::from(octet)))
}

/// 64 even bits that depend on nothing but `input`: the output function of SplitMix64 (Steele, Lea, Flood: Fast
/// splittable pseudorandom number generators, 2014).
pub const fn mix(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
