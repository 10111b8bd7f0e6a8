//! A test port: a network namespace, wired to the host by a pair of interfaces.
//!
//! ```text
//!   host namespace          guest namespace
//!   ns-vm1  <── veth ──>  tovpn  12.11.11.1/24, default route by the gateway
//! ```

use std::net::IpAddr;

use netns::{
    addr::{IpPrefix, MacAddr},
    link::{Address, Link, LinkChange, LinkError, LinkSpec, Netlink, Request, Route, Veth, Vlan},
    ns::NetNs,
};
use thiserror::Error;

/// What fits through tunnels over an ordinary network, with room to spare.
pub const GUEST_MTU: u32 = 1420;

/// The host's end takes whatever the guest was set to later.
const HOST_MTU: u32 = 9000;

/// The interface in a namespace that has the tagged frames, where a VLAN is used.
pub const TAGGED: &str = "ns2vpn-raw";

/// A wired namespace to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestPort {
    /// Interface on the host, to be attached to a VPN instance.
    pub host_if: String,
    /// Interface in the namespace.
    pub guest_if: String,
    /// Address of the namespace, with the length of its subnet.
    pub address: Option<IpPrefix>,
    /// Where the default route leads.
    pub gateway: Option<IpAddr>,
    /// MAC address in the namespace; the kernel's choice if none.
    pub mac: Option<MacAddr>,
    /// Whether the namespace stays without the IPv6 address that an interface gives itself, and so sends nothing that
    /// it was not told to.
    pub quiet: bool,
    /// The VLAN that the interface in the namespace is of; it then sits on another one, [`TAGGED`].
    pub vlan: Option<u16>,
}

/// A port could not be wired.
#[derive(Debug, Error)]
#[error("cannot wire interface `{host_if}` to `{guest_if}` in the namespace")]
pub struct PortError {
    /// Interface on the host.
    pub host_if: String,
    /// Interface in the namespace.
    pub guest_if: String,
    /// What the kernel said.
    pub source: LinkError,
}

/// Name of the host's interface for a namespace, when none is given: `ns-<namespace>`, at most 15 octets.
pub fn host_interface(netns: &str) -> String {
    let mut name = format!("ns-{netns}");
    let mut length = name.len().min(15);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    name.truncate(length);
    name
}

/// Wires a namespace and answers the MAC address in it.
///
/// A pair that is there already is kept, so that doing it again changes nothing; other interfaces of these
/// names make room. The interfaces are up, and so is the loopback of the namespace.
///
/// # Errors
/// The kernel does not make the pair or does not take its settings.
pub async fn plug_netns(
    host: &NetNs,
    guest: &NetNs,
    port: &GuestPort,
) -> Result<MacAddr, PortError> {
    wire(host, guest, port).await.map_err(|source| PortError {
        host_if: port.host_if.clone(),
        guest_if: port.guest_if.clone(),
        source,
    })
}

/// The MAC address of an interface in a namespace.
///
/// # Errors
/// There is no such interface.
pub async fn guest_mac(guest: &NetNs, guest_if: &str) -> Result<MacAddr, LinkError> {
    Ok(Netlink::in_ns(guest)?
        .link(guest_if)
        .await?
        .mac
        .unwrap_or_default())
}

/// Whether the host has an interface of this name whose other end is in another namespace than the guest's: one that
/// [`plug_netns`] would take away from there.
///
/// # Errors
/// The kernel cannot be asked.
pub async fn leads_elsewhere(
    host: &NetNs,
    guest: &NetNs,
    host_if: &str,
) -> Result<bool, LinkError> {
    let link = optional(Netlink::in_ns(host)?.link(host_if).await)?;
    let link = link.filter(|link| link.peer_ns.is_some());
    let Some((index, peer)) = link.and_then(|link| Some((link.index, link.peer?))) else {
        return Ok(false);
    };
    let other = optional(Netlink::in_ns(guest)?.link(peer).await)?;
    Ok(other.is_none_or(|other| other.peer != Some(index)))
}

async fn wire(host: &NetNs, guest: &NetNs, port: &GuestPort) -> Result<MacAddr, LinkError> {
    let (outside, inside) = (Netlink::in_ns(host)?, Netlink::in_ns(guest)?);
    let (host_if, guest_if) = (port.host_if.as_str(), port.guest_if.as_str());
    let wired_if = port.vlan.map_or(guest_if, |_| TAGGED);
    let old = (
        optional(outside.link(host_if).await)?,
        optional(inside.link(wired_if).await)?,
    );
    if !is_pair(&old) {
        for (netlink, link) in [(&outside, old.0), (&inside, old.1)] {
            if let Some(link) = link {
                // The other end of a pair goes with the first.
                optional(netlink.delete(link.index).await)?;
            }
        }
        let host_end = LinkSpec::up(host_if).in_ns(host).mtu(HOST_MTU);
        let mut guest_end = LinkSpec::up(wired_if).in_ns(guest).mtu(GUEST_MTU);
        guest_end.mac = port.mac;
        guest_end.up = !port.quiet;
        outside
            .create_veth(&Veth {
                a: host_end,
                b: guest_end,
            })
            .await?;
    }
    if let Some(id) = port.vlan
        && optional(inside.link(guest_if).await)?.is_none()
    {
        let lower = inside.link(TAGGED).await?.index;
        let link = LinkSpec::up(guest_if).mtu(GUEST_MTU);
        inside.create(&Vlan { link, lower, id }.create()).await?;
    }
    let link = inside.link(guest_if).await?;
    let mut settings: Vec<Request> = vec![LinkChange::new("lo").up().request()];
    if let Some(mac) = port.mac.filter(|mac| link.mac != Some(*mac)) {
        settings.push(LinkChange::new(link.index).mac(mac).request());
    }
    if port.quiet {
        settings.push(LinkChange::new(link.index).no_ipv6_address().request());
    }
    settings.push(LinkChange::new(link.index).up().request());
    if let Some(prefix) = port.address {
        settings.push(Address::new(link.index, prefix).replace());
    }
    for result in inside.batch(settings).await {
        result?;
    }
    outside.set_up(host_if).await?;
    if let Some(gateway) = port.gateway {
        let all = match gateway {
            IpAddr::V4(_) => IpPrefix::DEFAULT_V4,
            IpAddr::V6(_) => IpPrefix::DEFAULT_V6,
        };
        let route = Route::to(all).via(gateway).link(link.index);
        // A gateway outside the subnet is the caller's business; the port works without the route.
        if let Err(error) = inside.apply(route.replace()).await {
            tracing::debug!("{error}");
        }
    }
    Ok(port.mac.or(link.mac).unwrap_or_default())
}

/// Whether two interfaces are the ends of one pair.
fn is_pair((host, guest): &(Option<Link>, Option<Link>)) -> bool {
    let (Some(host), Some(guest)) = (host, guest) else {
        return false;
    };
    host.kind.as_deref() == Some("veth")
        && host.peer == Some(guest.index)
        && guest.peer == Some(host.index)
}

/// What is not there is no error.
fn optional<T>(result: Result<T, LinkError>) -> Result<Option<T>, LinkError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
