//! What holds when a scenario does not say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bgp_wire::types::IpPrefix;

/// Autonomous system of every BGP speaker.
pub const AS: u32 = 64512;

/// TCP port of every reflector.
pub const BGP_PORT: u16 = 179;

/// MTU of a LAN. A 1500 octet packet of a tenant is 1550 in VXLAN over IPv4 and 1570 over IPv6.
pub const MTU: u32 = 1600;

/// How long to wait for a fact, a reply or a command.
pub const WITHIN: Duration = Duration::from_secs(5);

/// How long to wait for the end of a background step.
pub const WAIT: Duration = Duration::from_secs(60);

/// How long nothing may have changed in a lab that has converged.
pub const QUIET: Duration = Duration::from_millis(200);

/// How long no reply may come to a ping that fails.
pub const SILENCE: Duration = Duration::from_millis(300);

/// Probes of traffic a second.
pub const RATE: u32 = 100;

/// Octets of a probe of traffic.
pub const PROBE_SIZE: u32 = 64;

/// How long a probe of traffic may take.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Octets of an echo request after the ICMP header.
pub const PING_SIZE: u16 = 56;

/// Prefix lengths of a port's address, IPv4 and IPv6.
pub const PORT_PREFIX: (u8, u8) = (24, 64);

/// The subnet of the nth LAN, from 0: 10.0.0.0/24, 10.1.0.0/24 and so on; `None` after 65536.
pub fn subnet(n: usize) -> Option<IpPrefix> {
    let [third, second] = u16::try_from(n).ok()?.to_be_bytes();
    IpPrefix::new(IpAddr::from([10, second, third, 0]), 24).ok()
}

/// The IPv6 subnet of the nth LAN, from 0: fd00::/64, fd00:0:0:1::/64 and so on.
pub fn subnet6(n: usize) -> Option<IpPrefix> {
    let n = u16::try_from(n).ok()?;
    IpPrefix::new(Ipv6Addr::new(0xfd00, 0, 0, n, 0, 0, 0, 0).into(), 64).ok()
}

/// Octets that the kernel has room for of a capture.
pub const RING: u64 = 32 << 20;

/// Where the IPv4 subnets of links, and loopback addresses, are taken from: 10.128.0.0/9.
pub fn link_subnets() -> IpPrefix {
    let all = IpPrefix::new(IpAddr::from([10, 128, 0, 0]), 9);
    all.unwrap_or_else(|_| unreachable!("9 bits are within 32"))
}

/// The nth IPv4 subnet of a link, from 0: 10.128.0.0/31, 10.128.0.2/31 and so on, as far as the loopbacks'.
pub fn link_subnet(n: usize) -> Option<IpPrefix> {
    let n = u32::try_from(n).ok().filter(|n| *n < (127 << 15))?;
    IpPrefix::new(Ipv4Addr::from(0x0a80_0000 + 2 * n).into(), 31).ok()
}

/// The nth IPv6 subnet of a link, from 0: fd01::/127, fd01::2/127 and so on.
pub fn link_subnet6(n: usize) -> Option<IpPrefix> {
    let n = u128::try_from(n).ok()?;
    IpPrefix::new(Ipv6Addr::from((0xfd01 << 112) + 2 * n).into(), 127).ok()
}

/// The nth loopback address, from 1: 10.255.0.1 and so on.
pub fn loopback(n: usize) -> Option<Ipv4Addr> {
    let [high, low] = u16::try_from(n).ok()?.to_be_bytes();
    Some(Ipv4Addr::new(10, 255, high, low))
}
