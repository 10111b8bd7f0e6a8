//! What a received route means for an E-VPN instance.

use std::net::IpAddr;

use bgp_rib::{Route, best_path, render};
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::{Esi, ExtendedCommunity, LabelField, MacAddr, NlriValue, RouteDistinguisher, Vni};

use crate::capabilities::{Capabilities, Encap};
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

/// What changes when a route comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Where a MAC is, and who has an address.
    Mac(MacAddr, Option<IpAddr>),
    /// Who wants flooded frames.
    Flood,
    /// Nothing but what is displayed.
    Nothing(Entry),
}

impl Meaning {
    pub(crate) fn about(&self) -> About {
        match *self {
            Self::Mac { mac, ip, .. } => About::Mac(mac, ip),
            Self::Flood { .. } => About::Flood,
            Self::Nothing { entry } => About::Nothing(entry),
        }
    }

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

/// What the meaning of a route depends on, beside the route.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// What the driver can do.
    pub(crate) capabilities: Capabilities,
    pub(crate) local_vtep: IpAddr,
    /// The instance's own.
    pub(crate) local_vni: Vni,
}

impl Reading {
    /// Reads a route. One that cannot be used comes with the reason.
    pub(crate) fn read(&self, route: &Route) -> (Meaning, Option<Warning>) {
        read(self, route)
    }
}

/// The Ethernet tag and the segment make no difference: the VNI alone tells the broadcast domain (RFC 8365
/// section 5.1.2, VLAN-based service), and there is no aliasing. Routes that have them come with a warning.
fn read(reading: &Reading, route: &Route) -> (Meaning, Option<Warning>) {
    let reader = Reader {
        route,
        capabilities: &reading.capabilities,
        local_vtep: reading.local_vtep,
        local_vni: reading.local_vni,
    };
    let value = match route.nlri().value() {
        Ok(NlriValue::Evpn(value)) => value,
        _ => return reader.nothing(Entry::Other, |route| Warning::UnusedType { route }),
    };
    match value {
        EvpnRoute::MacIp {
            mac,
            ip,
            label1,
            esi,
            ethernet_tag,
            ..
        } => {
            let (meaning, warning) = reader.mac(mac, ip, label1);
            let is_multi_homed = esi != Esi::ZERO;
            let warning = warning.or_else(|| reader.peculiarity(is_multi_homed, ethernet_tag));
            (meaning, warning)
        }
        EvpnRoute::InclusiveMulticast {
            rd,
            originator,
            ethernet_tag,
        } => {
            let (meaning, warning) = reader.flood((originator, rd));
            let warning = warning.or_else(|| reader.peculiarity(false, ethernet_tag));
            (meaning, warning)
        }
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
        let Some(encap) = self.encapsulation() else {
            return self.nothing(entry, |route| Warning::NoCommonEncapsulation { route });
        };
        let vni = number(label, encap);
        if !mac.is_unicast() {
            return self.unusable(entry, Flaw::Mac);
        }
        if ip.is_some_and(|ip| !is_host(ip)) {
            return self.unusable(entry, Flaw::Ip);
        }
        match self
            .route
            .next_hop()
            .address()
            .filter(|vtep| self.is_vtep(*vtep))
        {
            Some(vtep) if self.is_self(vtep, vni) => self.unusable(entry, Flaw::Loop),
            Some(vtep) => {
                let (is_static, _) = best_path::mobility(self.route);
                let remote = RemoteMac {
                    vtep,
                    vni,
                    pinned: is_static || is_gateway(self.route),
                };
                (Meaning::Mac { mac, ip, remote }, None)
            }
            None => self.unusable(entry, Flaw::NextHop),
        }
    }

    fn flood(&self, origin: (IpAddr, RouteDistinguisher)) -> (Meaning, Option<Warning>) {
        let entry = Entry::Multicast(origin.0, origin.1);
        let Some(encap) = self.encapsulation() else {
            return self.nothing(entry, |route| Warning::NoCommonEncapsulation { route });
        };
        let pmsi = self.route.attributes().pmsi();
        let Some((pmsi, vtep)) = pmsi.and_then(|pmsi| {
            let endpoint = pmsi.ingress_replication()?;
            Some((pmsi, endpoint))
        }) else {
            return self.nothing(entry, |route| Warning::NotIngressReplication { route });
        };
        if !self.is_vtep(vtep) {
            return self.unusable(entry, Flaw::TunnelEndpoint);
        }
        let vni = number(pmsi.label, encap);
        if self.is_self(vtep, vni) {
            return self.unusable(entry, Flaw::Loop);
        }
        let target = FloodTarget { vtep, vni };
        (Meaning::Flood { origin, target }, None)
    }

    fn encapsulation(&self) -> Option<Encap> {
        let advertised = self.route.attributes().encapsulations();
        self.capabilities.common(&advertised)
    }

    /// What of a usable route makes no difference here though it should.
    fn peculiarity(&self, is_multi_homed: bool, ethernet_tag: u32) -> Option<Warning> {
        let route = || render::nlri_text(self.route);
        if is_multi_homed {
            Some(Warning::MultiHomed { route: route() })
        } else {
            (ethernet_tag != 0).then(|| Warning::EthernetTag { route: route() })
        }
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

/// The number in a label field: all 24 bits with VXLAN (RFC 8365 section 5.1.3), otherwise the upper 20, an MPLS
/// label (RFC 7432 section 7).
fn number(label: LabelField, encap: Encap) -> Vni {
    match encap {
        Encap::Vxlan => label.vni(),
        // A label always fits.
        Encap::Default | Encap::Gre | Encap::Mpls | Encap::MplsInUdp => {
            Vni::new(label.label().get()).unwrap_or_else(|_| label.vni())
        }
    }
}

/// Whether the MAC is that of the subnet's default gateway (RFC 7432 section 10.1).
pub(crate) fn is_gateway(route: &Route) -> bool {
    let communities = route.attributes().extended_communities();
    communities
        .iter()
        .any(ExtendedCommunity::is_default_gateway)
}

fn is_host(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}
