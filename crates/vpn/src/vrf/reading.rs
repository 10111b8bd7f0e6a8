//! What a received route means for an IP VPN instance.

use std::net::IpAddr;

use bgp_rib::{Route, WorkerId, render};
use bgp_wire::{IpPrefix, NlriValue};

use crate::capabilities::Capabilities;
use crate::error::{Flaw, Warning};
use crate::intent::NextHop;

/// The use of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A prefix is behind a PE.
    Prefix { prefix: IpPrefix, next_hop: NextHop },
    /// Kept for display, not used.
    Nothing { prefix: Option<IpPrefix> },
}

impl Meaning {
    /// What the route is about.
    pub(crate) fn prefix(&self) -> Option<IpPrefix> {
        match *self {
            Self::Prefix { prefix, .. } => Some(prefix),
            Self::Nothing { prefix } => prefix,
        }
    }
}

/// Reads a route that `source` published. One that cannot be used comes with the reason.
pub(crate) fn read(
    source: WorkerId,
    route: &Route,
    capabilities: &Capabilities,
    local_pe: IpAddr,
) -> (Meaning, Option<Warning>) {
    let text = || render::nlri_text(route);
    let Ok(NlriValue::Vpn(value)) = route.nlri.value() else {
        let warning = Warning::UnusedType { route: text() };
        return (Meaning::Nothing { prefix: None }, Some(warning));
    };
    let prefix = value.prefix;
    let nothing = |warning| {
        let prefix = Some(prefix);
        (Meaning::Nothing { prefix }, Some(warning))
    };
    let unusable = |flaw| {
        nothing(Warning::Unusable {
            route: text(),
            flaw,
        })
    };
    let Some(encap) = capabilities.common(&route.attributes.encapsulations()) else {
        return nothing(Warning::NoCommonEncapsulation { route: text() });
    };
    // No driver can push more than one label.
    let [label] = &*value.labels else {
        return unusable(Flaw::LabelStack);
    };
    // Over IPv4, IPv6 routes carry the next hop as an IPv4-mapped address (RFC 4659 section 3.2.1.2).
    let pe = route.next_hop.address().map(|pe| pe.to_canonical());
    match pe.filter(|pe| is_pe(*pe, local_pe)) {
        None => unusable(Flaw::NextHop),
        // A reflector that sends us our own route must not make us send to ourselves.
        Some(pe) if pe == local_pe && source.is_peer() => unusable(Flaw::Loop),
        Some(pe) => {
            let label = label.label();
            let next_hop = NextHop { pe, label, encap };
            (Meaning::Prefix { prefix, next_hop }, None)
        }
    }
}

/// Tunnels run between addresses of one family.
fn is_pe(address: IpAddr, local: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && address.is_ipv4() == local.is_ipv4()
}
