//! What an interface leaves to hardware that it does not have (`ethtool -K`).

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::ns::{Context, NetNs, NsError};
use crate::sys;

/// Has an interface of `ns` send one packet a frame, as on a real wire (`on`), or, as a virtual one does by itself,
/// pass several segments of a connection on as one, for whoever is at the other end to cut up or not.
///
/// The kernel still puts segments together on their way down and cuts them up at the last moment: that costs a tenth of
/// sending each by itself. What a queueing discipline sees is uncut; see
/// [`LinkChange::single_segments`](super::LinkChange::single_segments).
///
/// # Errors
///
/// There is no such interface, or the kernel refuses.
pub fn one_packet_a_frame(ns: &NetNs, interface: &str, on: bool) -> Result<(), NsError> {
    ns.run(|| one_packet_a_frame_here(interface, on))?
}

/// The same in the calling thread's namespace.
///
/// # Errors
///
/// There is no such interface, or the kernel refuses.
pub fn one_packet_a_frame_here(interface: &str, on: bool) -> Result<(), NsError> {
    set_segmentation(interface, !on)
        .context(format!("change what `{interface}` sends as one frame"))
}

const GET_STRINGS: u32 = 0x1b;
const GET_SET_INFO: u32 = 0x37;
const SET_FEATURES: u32 = 0x3b;
/// ETH_SS_FEATURES.
const FEATURES: u32 = 4;
/// ETH_GSTRING_LEN.
const NAME: usize = 32;

fn set_segmentation(interface: &str, on: bool) -> io::Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
    let ask = |request: &mut [u32]| sys::ethtool(socket.as_fd(), interface, request);

    // `struct ethtool_sset_info`: command, reserved, a mask of 64 bits, the count.
    let mut info = [GET_SET_INFO, 0, 0, 0, 0];
    let mask = (1u64 << FEATURES).to_ne_bytes();
    for (word, octets) in info[2..].iter_mut().zip(mask.chunks_exact(4)) {
        *word = u32::from_ne_bytes(octets.try_into().unwrap_or_default());
    }
    ask(&mut info)?;
    let count = info[4] as usize;

    // `struct ethtool_gstrings`: command, set, count, names.
    let mut strings = vec![0u32; 3 + count * NAME / 4];
    strings[..3].copy_from_slice(&[GET_STRINGS, FEATURES, info[4]]);
    ask(&mut strings)?;
    let octets: Vec<u8> = strings[3..]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();

    // `struct ethtool_sfeatures`: command, number of blocks; a block is valid bits and values.
    let blocks = count.div_ceil(32);
    let mut features = vec![0u32; 2 + 2 * blocks];
    features[0] = SET_FEATURES;
    features[1] = u32::try_from(blocks).unwrap_or(0);
    for (bit, name) in octets.chunks_exact(NAME).enumerate() {
        if passes_several_on(name) {
            let at = 2 + 2 * (bit / 32);
            features[at] |= 1 << (bit % 32);
            features[at + 1] |= u32::from(on) << (bit % 32);
        }
    }
    ask(&mut features)
}

/// Whether the feature of this name, which ends with a zero, is that an interface is handed several segments as one.
/// `tx-generic-segmentation` is that the kernel cuts them up itself.
fn passes_several_on(name: &[u8]) -> bool {
    let name = name.split(|octet| *octet == 0).next().unwrap_or_default();
    let segments = name.starts_with(b"tx-") && name.ends_with(b"-segmentation");
    segments && name != b"tx-generic-segmentation" || name == b"tx-gso-list"
}
