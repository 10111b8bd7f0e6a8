//! The routes that instances publish.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bgp_rib::Route;
use bgp_rib::export::DEFAULT_LOCAL_PREF;
use bgp_wire::attribute::{AsPath, Origin, PmsiTunnel};
use bgp_wire::community::{Encapsulation, MacMobility};
use bgp_wire::nlri::{EvpnRoute, FlowspecRules, VpnRoute};
use bgp_wire::{
    AttributeValue, Esi, ExtendedCommunity, Family, IpPrefix, Label, LabelField, MacAddr, NextHop,
    Nlri, NlriValue, PathAttributes, RouteDistinguisher, RouteTarget, Vni,
};

use crate::capabilities::Encap;

/// The only broadcast domain of an instance (RFC 8365 section 5.1.2, VLAN-based service).
const ETHERNET_TAG: u32 = 0;

/// What the routes of one instance have in common.
pub(crate) struct Publisher<'a> {
    /// The next hop, and the originator of type 3 routes.
    pub(crate) local_address: IpAddr,
    /// Where the tunnel ends.
    pub(crate) local_vtep: IpAddr,
    pub(crate) encaps: &'a [Encap],
    pub(crate) vni: Vni,
    pub(crate) rd: RouteDistinguisher,
    pub(crate) export: &'a [RouteTarget],
}

/// A local endpoint as others should know it.
pub(crate) struct Announced {
    pub(crate) mac: MacAddr,
    pub(crate) ip: Option<IpAddr>,
    /// The endpoint's own distinguisher, used when it has no address: several ports may then have the MAC.
    pub(crate) rd: RouteDistinguisher,
    pub(crate) local_pref: Option<u32>,
    pub(crate) hash_order: u32,
    /// How often the MAC has moved.
    pub(crate) sequence: u32,
    /// Whether it is the subnet's default gateway (RFC 7432 section 10.1).
    pub(crate) is_gateway: bool,
}

/// A prefix behind a local endpoint as others should know it.
pub(crate) struct AnnouncedPrefix {
    pub(crate) prefix: IpPrefix,
    pub(crate) label: Label,
    /// The endpoint's own distinguisher, used for a subnet: several endpoints may then lead to it.
    pub(crate) rd: RouteDistinguisher,
    pub(crate) local_pref: Option<u32>,
    pub(crate) hash_order: u32,
}

/// A received prefix that is advertised again for a local endpoint.
pub(crate) struct AnnouncedAgain<'a> {
    pub(crate) prefix: IpPrefix,
    /// The endpoint's label, distinguisher and hash order.
    pub(crate) label: Label,
    pub(crate) rd: RouteDistinguisher,
    pub(crate) hash_order: u32,
    /// The targets that the route bore before.
    pub(crate) records: &'a BTreeSet<RouteTarget>,
}

impl Publisher<'_> {
    /// Type 2 (RFC 7432 section 7.2).
    pub(crate) fn endpoint(&self, endpoint: &Announced) -> Route {
        let route = EvpnRoute::MacIp {
            rd: if endpoint.ip.is_some() {
                self.rd
            } else {
                endpoint.rd
            },
            esi: Esi::ZERO,
            ethernet_tag: ETHERNET_TAG,
            mac: endpoint.mac,
            ip: endpoint.ip,
            label1: LabelField::from_vni(self.vni),
            label2: None,
        };
        // A MAC that has not moved is advertised without (RFC 7432 section 15).
        let mobility = (endpoint.sequence > 0).then_some(MacMobility {
            sticky: false,
            sequence: endpoint.sequence,
        });
        let mobility = mobility.map(ExtendedCommunity::from_mac_mobility);
        let gateway = endpoint
            .is_gateway
            .then_some(ExtendedCommunity::DEFAULT_GATEWAY);
        let order = ExtendedCommunity::from_consistent_hash_order(endpoint.hash_order);
        let communities = self.communities().chain([order]);
        let communities = communities.chain(mobility).chain(gateway);
        let attributes = self.preferred(communities.collect(), endpoint.local_pref);
        self.route(route, self.local_vtep, attributes)
    }

    /// An IP VPN route (RFC 4364 section 4.3, RFC 4659 section 3.2).
    pub(crate) fn prefix(&self, announced: &AnnouncedPrefix) -> Route {
        let prefix = announced.prefix;
        let rd = if prefix.is_host() {
            self.rd
        } else {
            announced.rd
        };
        let attributes = self.endpoint_attributes(announced.local_pref, announced.hash_order);
        self.vpn_route(rd, announced.label, prefix, attributes)
    }

    /// A route of another PE, to be sent here: the endpoint's distinguisher and label, the default LOCAL_PREF, and
    /// a record of each target that it had, so that nobody takes it in circles.
    pub(crate) fn again(&self, announced: &AnnouncedAgain<'_>) -> Route {
        let records = announced.records.iter();
        let records = records.map(|target| ExtendedCommunity::from_rt_record(*target));
        let order = ExtendedCommunity::from_consistent_hash_order(announced.hash_order);
        let communities = self.communities().chain(records).chain([order]).collect();
        let attributes = self.attributes(communities);
        self.vpn_route(announced.rd, announced.label, announced.prefix, attributes)
    }

    /// A Flowspec route (RFC 8955 section 8) that has matching traffic sent to the VRF that imports `redirect`.
    pub(crate) fn flow(
        &self,
        rules: FlowspecRules,
        redirect: RouteTarget,
        records: &BTreeSet<RouteTarget>,
    ) -> Route {
        let targets = self.export.iter().map(|target| (*target).into());
        let records = records.iter();
        let records = records.map(|target| ExtendedCommunity::from_rt_record(*target));
        let redirect = ExtendedCommunity::from_redirect(redirect);
        let communities = [redirect].into_iter().chain(targets).chain(records);
        let nlri = Nlri::from(NlriValue::FlowspecVpn { rd: self.rd, rules });
        Route::new(nlri, NextHop::None, self.attributes(communities.collect()))
    }

    fn vpn_route(
        &self,
        rd: RouteDistinguisher,
        label: Label,
        prefix: IpPrefix,
        attributes: PathAttributes,
    ) -> Route {
        let value = NlriValue::Vpn(VpnRoute {
            rd,
            labels: vec![LabelField::from_label(label, true)],
            prefix,
        });
        let nlri = Nlri::from(value);
        let next_hop = match (nlri.family, self.local_vtep) {
            // Over IPv4, IPv6 routes carry an IPv4-mapped address (RFC 4659 section 3.2.1.2).
            (Family::VPNV6, IpAddr::V4(v4)) => v4.to_ipv6_mapped().into(),
            (_, address) => address,
        };
        let next_hop = NextHop::for_family(nlri.family, next_hop);
        Route::new(nlri, next_hop, attributes)
    }

    /// Type 3 with an ingress replication tunnel (RFC 7432 sections 7.3 and 11.2).
    pub(crate) fn multicast(&self) -> Route {
        let route = EvpnRoute::InclusiveMulticast {
            rd: self.rd,
            ethernet_tag: ETHERNET_TAG,
            originator: self.local_address,
        };
        let tunnel = PmsiTunnel::to(self.local_vtep, LabelField::from_vni(self.vni));
        let attributes = self
            .attributes(self.communities().collect())
            .with(AttributeValue::Pmsi(tunnel));
        self.route(route, self.local_address, attributes)
    }

    fn route(&self, route: EvpnRoute, next_hop: IpAddr, attributes: PathAttributes) -> Route {
        let next_hop = NextHop::for_family(Family::EVPN, next_hop);
        Route::new(Nlri::from(NlriValue::Evpn(route)), next_hop, attributes)
    }

    fn endpoint_attributes(&self, local_pref: Option<u32>, hash_order: u32) -> PathAttributes {
        let order = ExtendedCommunity::from_consistent_hash_order(hash_order);
        let communities = self.communities().chain([order]).collect();
        self.preferred(communities, local_pref)
    }

    fn preferred(
        &self,
        communities: Vec<ExtendedCommunity>,
        local_pref: Option<u32>,
    ) -> PathAttributes {
        self.attributes(communities).with(AttributeValue::LocalPref(
            local_pref.unwrap_or(DEFAULT_LOCAL_PREF),
        ))
    }

    fn attributes(&self, communities: Vec<ExtendedCommunity>) -> PathAttributes {
        PathAttributes::new()
            .with(AttributeValue::Origin(Origin::Igp))
            .with(AttributeValue::AsPath(AsPath::default()))
            .with(AttributeValue::ExtendedCommunities(communities))
    }

    /// Encapsulations, then route targets.
    fn communities(&self) -> impl Iterator<Item = ExtendedCommunity> + '_ {
        let numbers = self.encaps.iter().filter_map(|encap| encap.tunnel_type());
        let encapsulations = numbers.map(|number| Encapsulation::from_number(number).into());
        encapsulations.chain(self.export.iter().map(|target| (*target).into()))
    }
}

/// A type 1 distinguisher (RFC 4364 section 4.2).
pub(crate) fn distinguisher(router_id: Ipv4Addr, number: u32) -> RouteDistinguisher {
    // Numbers come from an allocator that stops at 65535.
    RouteDistinguisher::ipv4(router_id, u16::try_from(number).unwrap_or(u16::MAX))
}
