//! What holds when a scenario does not say.

use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::Family;
use bgp_wire::types::IpPrefix;

/// Autonomous system of every BGP speaker.
pub const AS: u32 = 64512;

/// TCP port of every reflector.
pub const BGP_PORT: u16 = 179;

/// MTU of a LAN. A 1500 octet packet of a tenant is 1550 in VXLAN over IPv4 and 1570 over IPv6.
pub const MTU: u32 = 1600;

/// How long to wait for a fact, a reply or a command.
pub const WITHIN: Duration = Duration::from_secs(5);

/// How long no reply may come to a ping that fails.
pub const SILENCE: Duration = Duration::from_millis(300);

/// Prefix lengths of a port's address, IPv4 and IPv6.
pub const PORT_PREFIX: (u8, u8) = (24, 64);

/// Families of a GoBGP session.
pub const FAMILIES: [Family; 4] = [
    Family::EVPN,
    Family::VPNV4,
    Family::FLOWSPEC_VPNV4,
    Family::RTC,
];

/// The subnet of the nth LAN, from 0: 10.0.0.0/24, 10.1.0.0/24 and so on; `None` after 65536.
pub fn subnet(n: usize) -> Option<IpPrefix> {
    let [third, second] = u16::try_from(n).ok()?.to_be_bytes();
    IpPrefix::new(IpAddr::from([10, second, third, 0]), 24).ok()
}
