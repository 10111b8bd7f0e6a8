//! Subnets: which are taken, and the next that is free.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bgp_wire::types::IpPrefix;

/// Subnets in use, as intervals of addresses.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// By version and first address.
    taken: BTreeMap<(bool, u128), (u128, Owner)>,
}

/// Who has a subnet.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    /// ``LAN `underlay` ``.
    pub name: String,
    /// Where it was given, if it was.
    pub place: Option<Range<usize>>,
}

impl Space {
    /// Who has an address of `prefix`.
    pub fn holder(&self, prefix: IpPrefix) -> Option<&Owner> {
        let (version, first, last) = bounds(prefix);
        let (key, (end, owner)) = self.taken.range(..=(version, last)).next_back()?;
        (key.0 == version && *end >= first).then_some(owner)
    }

    pub fn take(&mut self, prefix: IpPrefix, owner: Owner) {
        let (version, first, last) = bounds(prefix);
        self.taken.insert((version, first), (last, owner));
    }
}

fn bounds(prefix: IpPrefix) -> (bool, u128, u128) {
    let (first, bits) = number(prefix.address());
    let room = bits - u32::from(prefix.len());
    let last = match room {
        128 => u128::MAX,
        _ => first + ((1 << room) - 1),
    };
    (prefix.address().is_ipv6(), first, last)
}

fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    }
}

/// Addresses that a node can have: without the network's and the broadcast address where there are such
/// (not in an IPv4 /31, RFC 3021, nor /32; IPv6 has only the first).
pub(super) fn hosts(subnet: IpPrefix) -> impl Iterator<Item = IpAddr> {
    let (base, bits) = number(subnet.address());
    let room = bits - u32::from(subnet.len());
    let last = if room >= 64 {
        u128::from(u64::MAX)
    } else {
        (1 << room) - 1
    };
    let range = match (bits, room) {
        (_, 0 | 1) => 0..=last,
        (32, _) => 1..=last - 1,
        _ => 1..=last,
    };
    range.map(move |offset| address(base + offset, bits))
}

fn address(number: u128, bits: u32) -> IpAddr {
    match bits {
        32 => Ipv4Addr::from(number as u32).into(),
        _ => Ipv6Addr::from(number).into(),
    }
}

pub(super) fn is_host(subnet: IpPrefix, address: IpAddr) -> bool {
    match (subnet.address(), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if subnet.len() < 31 => {
            let mask = u32::MAX.checked_shr(subnet.len().into()).unwrap_or(0);
            address != network && u32::from(address) != u32::from(network) | mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if subnet.len() < 127 => address != network,
        _ => true,
    }
}

/// The pairs of addresses that `subnet` shares out to links: /31s or /127s, or itself if it is no larger.
pub(super) fn pairs(subnet: IpPrefix) -> impl Iterator<Item = IpPrefix> {
    let (base, bits) = number(subnet.address());
    let room = bits - u32::from(subnet.len());
    let count: u128 = 1 << room.saturating_sub(1).min(64);
    let length = subnet.len().max(if bits == 32 { 31 } else { 127 });
    (0..count).filter_map(move |n| IpPrefix::new(address(base + 2 * n, bits), length).ok())
}

#[cfg(test)]
mod tests {
    use super::{Owner, Space, hosts, pairs};
    use crate::values::prefix;

    #[test]
    fn what_is_taken_has_a_holder() {
        let mut space = Space::default();
        let owner = |name: &str| Owner {
            name: name.into(),
            place: None,
        };
        space.take(prefix("10.0.0.0/16").unwrap(), owner("a"));
        space.take(prefix("10.2.0.0/24").unwrap(), owner("b"));
        space.take(prefix("fd00::/64").unwrap(), owner("c"));
        let holder = |text: &str| {
            let holder = space.holder(prefix(text).unwrap());
            holder.map(|owner| owner.name.clone()).unwrap_or_default()
        };
        assert_eq!(holder("10.0.7.0/24"), "a");
        assert_eq!(holder("10.0.0.0/8"), "b");
        assert_eq!(holder("10.1.0.0/16"), "");
        assert_eq!(holder("10.2.0.255/32"), "b");
        assert_eq!(holder("fd00::1/128"), "c");
        assert_eq!(holder("::/0"), "c");
        assert_eq!(holder("fd00:0:0:1::/64"), "");
    }

    #[test]
    fn a_subnet_is_shared_out_in_pairs() {
        let shown = |text: &str| -> Vec<String> {
            let pairs = pairs(prefix(text).unwrap()).take(3);
            pairs.map(|pair| pair.to_string()).collect()
        };
        assert_eq!(shown("10.9.0.0/30"), ["10.9.0.0/31", "10.9.0.2/31"]);
        assert_eq!(shown("10.9.0.0/31"), ["10.9.0.0/31"]);
        assert_eq!(shown("fd00::/64")[2], "fd00::4/127");
        assert_eq!(hosts(prefix("10.9.0.2/31").unwrap()).count(), 2);
    }
}
