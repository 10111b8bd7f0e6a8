//! How much fits through the network below.

use std::net::IpAddr;

use netns::link::{LinkError, Netlink};

/// The largest IP packet, in bytes, that goes from a port to another host in one piece: the MTU of the
/// interface with the VTEP's address less outer IP, UDP, VXLAN and inner Ethernet headers (RFC 7348 section
/// 4.3). Unknown when no interface has the address, or the loopback has.
pub async fn overlay_mtu(netlink: &Netlink, vtep: IpAddr) -> Result<Option<u32>, LinkError> {
    let addresses = netlink.addresses().await?;
    let Some(address) = addresses
        .iter()
        .find(|address| address.prefix.addr() == vtep)
    else {
        return Ok(None);
    };
    let link = netlink.link(address.link).await?;
    if link.name == "lo" {
        return Ok(None);
    }
    Ok(link.mtu.checked_sub(overhead(vtep)))
}

/// Bytes put around an IP packet.
fn overhead(vtep: IpAddr) -> u32 {
    let outer = if vtep.is_ipv4() { 20 } else { 40 };
    let (udp, vxlan, ethernet) = (8, 8, 14);
    outer + udp + vxlan + ethernet
}
