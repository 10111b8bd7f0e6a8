//! Interface names. They tell what the driver made, also after a crash.

use std::net::IpAddr;

use bgp_wire::MacAddr;

/// Start of the name of every bridge the driver makes.
const BRIDGE: &str = "evpn---";
/// Start of the name of every VXLAN interface the driver makes; as long as [`BRIDGE`].
const VXLAN: &str = "vxlan--";
/// Interface names have at most 15 characters (`IFNAMSIZ` counts a terminating zero).
const LONGEST: usize = 15;
/// Marks a name whose rest is a hash of the instance's identifier.
const HASHED: char = '~';

/// The bridge of the instance with this external identifier.
pub fn bridge(external_id: &str) -> String {
    format!("{BRIDGE}{}", suffix(external_id))
}

/// The VXLAN interface of the instance with this external identifier.
pub fn vxlan(external_id: &str) -> String {
    format!("{VXLAN}{}", suffix(external_id))
}

/// Whether the driver would give a bridge such a name.
pub fn is_bridge(name: &str) -> bool {
    name.len() > BRIDGE.len() && name.starts_with(BRIDGE)
}

/// Whether the driver would give a VXLAN interface such a name.
pub fn is_vxlan(name: &str) -> bool {
    name.len() > VXLAN.len() && name.starts_with(VXLAN)
}

/// A MAC for the bridge of this name at this VTEP.
///
/// A bridge that is not given one takes the lowest of its ports', and with every change of its MAC the kernel
/// forgets its neighbours, the permanent ones too.
pub fn bridge_mac(name: &str, vtep: IpAddr) -> MacAddr {
    mac(0x02, name, vtep)
}

/// A MAC for the VXLAN interface of this name at this VTEP: higher than any other, so that plugging it does
/// not change the MAC of somebody else's bridge.
pub fn vxlan_mac(name: &str, vtep: IpAddr) -> MacAddr {
    mac(0xfe, name, vtep)
}

fn mac(first: u8, name: &str, vtep: IpAddr) -> MacAddr {
    let hash = fnv1a(format!("{name} {vtep}").as_bytes());
    let [_, _, _, rest @ ..] = hash.to_be_bytes();
    let [a, b, c, d, e] = rest;
    MacAddr([first, a, b, c, d, e])
}

/// The identifier itself if it fits and the kernel takes it literally, else a hash of all of it. Cutting it
/// would give the same name to all identifiers with one beginning, as all of OpenStack's have.
fn suffix(external_id: &str) -> String {
    let room = LONGEST - BRIDGE.len();
    let literal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=room).contains(&external_id.len()) && external_id.chars().all(literal) {
        return external_id.to_owned();
    }
    let hash = fnv1a(external_id.as_bytes());
    let digits = (0..room - 1).map(|at| base32(hash >> (5 * at)));
    std::iter::once(HASHED).chain(digits).collect()
}

/// The lowest five bits as a letter or digit.
fn base32(bits: u64) -> char {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    char::from(DIGITS[(bits & 31) as usize])
}

/// FNV-1a, 64 bits, its halves folded so that the low bits depend on everything. Part of the names on disk
/// of running systems: never to be changed.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn short_identifiers_are_readable() {
        assert_eq!(bridge("test2"), "evpn---test2");
        assert_eq!(vxlan("test2"), "vxlan--test2");
        assert_eq!(vxlan("12345678"), "vxlan--12345678");
    }

    // Identifiers with equal first 8 characters shared one name.
    #[test]
    fn issue_56_long_identifiers_with_one_prefix_differ() {
        let ids = (0..10_000).map(|n| format!("evpn_4d3f0000-{n:04x}"));
        let names: BTreeSet<String> = ids.map(|id| bridge(&id)).collect();
        assert_eq!(names.len(), 10_000);
        assert!(names.iter().all(|name| name.len() == LONGEST));
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(bridge("evpn_4d3f1c6a-0001"), "evpn---~mn3udq7");
    }

    #[test]
    fn characters_the_kernel_would_take_differently_are_hashed() {
        for id in ["", "a/b", "a b", "a:b", "a%d", "~abc", "é"] {
            let name = bridge(id);
            assert!(name.starts_with("evpn---~"), "{id:?} became {name}");
            assert_eq!(name.len(), LONGEST);
        }
    }

    #[test]
    fn a_vxlan_interface_has_a_higher_mac_than_any_port() {
        let vtep = IpAddr::from([10, 0, 0, 1]);
        let (bridge, vxlan) = (bridge_mac("evpn---x", vtep), vxlan_mac("vxlan--x", vtep));
        assert_eq!((bridge.0[0], vxlan.0[0]), (0x02, 0xfe));
        assert_ne!(bridge, bridge_mac("evpn---x", IpAddr::from([10, 0, 0, 2])));
    }

    #[test]
    fn own_names_are_recognised() {
        assert!(is_bridge(&bridge("x")) && is_vxlan(&vxlan("x")));
        assert!(!is_bridge("evpn---") && !is_bridge("br0") && !is_vxlan("vxlan0"));
    }
}
