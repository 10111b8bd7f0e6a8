//! What a received route means for an E-VPN instance.

use std::net::IpAddr;

use bgp_rib::{Route, render};
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::{ExtendedCommunity, LabelField, MacAddr, NlriValue, RouteDistinguisher, Vni};

use crate::capabilities::Capabilities;
use crate::error::{Flaw, Warning};
use crate::intent::{FloodTarget, RemoteMac};

/// The use of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A MAC, maybe with one of its addresses, is behind a PE.
    Mac {
        mac: MacAddr,
        ip: Option<IpAddr>,
        remote: RemoteMac,
        /// Whether it is the subnet's default gateway (RFC 7432 section 10.1).
        is_gateway: bool,
    },
    /// A PE wants flooded frames.
    Flood {
        origin: (IpAddr, RouteDistinguisher),
        target: FloodTarget,
    },
    /// Kept for display, not used.
    Nothing { entry: Entry },
}

/// What a route is about, for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    Mac(MacAddr),
    Multicast(IpAddr, RouteDistinguisher),
    Other,
}

impl Meaning {
    pub(crate) fn entry(&self) -> Entry {
        match *self {
            Self::Mac { mac, .. } => Entry::Mac(mac),
            Self::Flood {
                origin: (address, rd),
                ..
            } => Entry::Multicast(address, rd),
            Self::Nothing { entry } => entry,
        }
    }
}

/// Reads a route. One that cannot be used comes with the reason.
///
/// The Ethernet tag and the segment are not looked at: the VNI alone tells the broadcast domain
/// (RFC 8365 section 5.1.2, VLAN-based service).
pub(crate) fn read(
    route: &Route,
    capabilities: &Capabilities,
    local_vtep: IpAddr,
    local_vni: Vni,
) -> (Meaning, Option<Warning>) {
    let reader = Reader {
        route,
        capabilities,
        local_vtep,
        local_vni,
    };
    let value = match route.nlri.value() {
        Ok(NlriValue::Evpn(value)) => value,
        _ => return reader.nothing(Entry::Other, |route| Warning::UnusedType { route }),
    };
    match value {
        EvpnRoute::MacIp {
            mac, ip, label1, ..
        } => reader.mac(mac, ip, label1),
        EvpnRoute::InclusiveMulticast { rd, originator, .. } => reader.flood((originator, rd)),
        _ => reader.nothing(Entry::Other, |route| Warning::UnusedType { route }),
    }
}

struct Reader<'a> {
    route: &'a Route,
    capabilities: &'a Capabilities,
    local_vtep: IpAddr,
    local_vni: Vni,
}

impl Reader<'_> {
    fn mac(
        &self,
        mac: MacAddr,
        ip: Option<IpAddr>,
        label: LabelField,
    ) -> (Meaning, Option<Warning>) {
        let entry = Entry::Mac(mac);
        if !self.is_encapsulation_common() {
            return self.nothing(entry, |route| Warning::NoCommonEncapsulation { route });
        }
        // The all-zero address would be the flood entry of a VXLAN device.
        if !is_unicast_mac(mac) {
            return self.unusable(entry, Flaw::Mac);
        }
        if ip.is_some_and(|ip| !is_host(ip)) {
            return self.unusable(entry, Flaw::Ip);
        }
        match self
            .route
            .next_hop
            .address()
            .filter(|vtep| self.is_vtep(*vtep))
        {
            Some(vtep) if self.is_self(vtep, label.vni()) => self.unusable(entry, Flaw::Loop),
            Some(vtep) => {
                let remote = RemoteMac {
                    vtep,
                    vni: label.vni(),
                };
                let meaning = Meaning::Mac {
                    mac,
                    ip,
                    remote,
                    is_gateway: self.is_gateway(),
                };
                (meaning, None)
            }
            None => self.unusable(entry, Flaw::NextHop),
        }
    }

    fn flood(&self, origin: (IpAddr, RouteDistinguisher)) -> (Meaning, Option<Warning>) {
        let entry = Entry::Multicast(origin.0, origin.1);
        if !self.is_encapsulation_common() {
            return self.nothing(entry, |route| Warning::NoCommonEncapsulation { route });
        }
        let pmsi = self.route.attributes.pmsi();
        let Some((pmsi, vtep)) = pmsi.and_then(|pmsi| {
            let endpoint = pmsi.ingress_replication()?;
            Some((pmsi, endpoint))
        }) else {
            return self.nothing(entry, |route| Warning::NotIngressReplication { route });
        };
        if !self.is_vtep(vtep) {
            return self.unusable(entry, Flaw::TunnelEndpoint);
        }
        if self.is_self(vtep, pmsi.label.vni()) {
            return self.unusable(entry, Flaw::Loop);
        }
        let target = FloodTarget {
            vtep,
            vni: pmsi.label.vni(),
        };
        (Meaning::Flood { origin, target }, None)
    }

    fn is_gateway(&self) -> bool {
        let communities = self.route.attributes.extended_communities();
        communities
            .iter()
            .any(ExtendedCommunity::is_default_gateway)
    }

    fn is_encapsulation_common(&self) -> bool {
        let advertised = self.route.attributes.encapsulations();
        self.capabilities.common(&advertised).is_some()
    }

    /// A reflector that sends an instance its own route must not make it send to itself.
    fn is_self(&self, vtep: IpAddr, vni: Vni) -> bool {
        vtep == self.local_vtep && vni == self.local_vni
    }

    /// Tunnels run between addresses of one family.
    fn is_vtep(&self, address: IpAddr) -> bool {
        is_host(address) && address.is_ipv4() == self.local_vtep.is_ipv4()
    }

    fn unusable(&self, entry: Entry, flaw: Flaw) -> (Meaning, Option<Warning>) {
        self.nothing(entry, |route| Warning::Unusable { route, flaw })
    }

    fn nothing(
        &self,
        entry: Entry,
        warning: impl FnOnce(String) -> Warning,
    ) -> (Meaning, Option<Warning>) {
        let text = render::nlri_text(self.route);
        (Meaning::Nothing { entry }, Some(warning(text)))
    }
}

/// Whether the address can be that of one interface.
pub(crate) fn is_unicast_mac(mac: MacAddr) -> bool {
    mac.0[0] & 1 == 0 && mac.0 != [0; 6]
}

fn is_host(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}
