//! What routes say beside their destination.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use bgp_wire::attribute::{AsPath, Origin, PmsiTunnel};
use bgp_wire::community::{self, MacMobility};
use bgp_wire::{AttributeValue, ExtendedCommunity, Family, NextHop, PathAttributes};

use crate::error::ErrorKind;
use crate::file::{AnnounceFile, At, FlowActionFile};
use crate::lab::NodeId;
use crate::resolve::{Found, MOST_32, Resolver};
use crate::route::{Encapsulation, ORIGINS};
use crate::values;

/// RFC 4271 section 5.1.5: inside an AS every route has one.
const LOCAL_PREF: u32 = 100;

/// In the form of the family; RFC 8955 section 4: of Flowspec none.
pub(super) fn next_hop(family: Family, hop: Option<IpAddr>) -> NextHop {
    match hop {
        Some(hop) => NextHop::for_family(family, hop),
        None => NextHop::None,
    }
}

fn has_next_hop(family: Family) -> bool {
    !matches!(family.safi, 133 | 134)
}

impl Resolver<'_> {
    /// The next hop: the announcer, unless another is said. `None` where there is none, noted if there should be.
    pub(super) fn announced_hop(
        &mut self,
        typed: &AnnounceFile,
        on: NodeId,
        family: Family,
        at: &Range<usize>,
    ) -> Option<IpAddr> {
        if !has_next_hop(family) {
            return None;
        }
        let (all, place): (Vec<IpAddr>, _) = match &typed.next_hop {
            Some(hop) => {
                let known = self.next_hop_addresses(hop)?;
                (known, &hop.span)
            }
            None => {
                let known = self.known_address(on).into_iter();
                (known.chain(self.addresses(on)).collect(), at)
            }
        };
        let all = all.into_iter().filter(|address| !address.is_unspecified());
        let all: Vec<IpAddr> = all.collect();
        let version = |v4: bool| all.iter().copied().find(|address| address.is_ipv4() == v4);
        let mapped = |v4: IpAddr| match v4 {
            IpAddr::V4(v4) => IpAddr::V6(v4.to_ipv6_mapped()),
            v6 => v6,
        };
        let hop = match family {
            // RFC 8950 would allow one of IPv6, where both ends have agreed on it.
            Family::IPV4_UNICAST => version(true),
            Family::IPV6_UNICAST => version(false),
            // RFC 4659 section 3.2.1.2.
            Family::VPNV6 => version(false).or_else(|| version(true).map(mapped)),
            _ => all.first().copied(),
        };
        if hop.is_none() {
            let word = values::family_word(family);
            let kind = ErrorKind::Other {
                message: format!("has no next hop of the version of IP that family `{word}` needs"),
            };
            self.fail(place, kind);
        }
        hop
    }

    fn next_hop_addresses(&mut self, typed: &At<String>) -> Found<Vec<IpAddr>> {
        if values::looks_like_address(&typed.value) {
            return self
                .keep(&typed.span, values::ip(&typed.value))
                .map(|ip| vec![ip]);
        }
        let node = self.node(typed, "announces a route with the next hop")?;
        let known = self.known_address(node).into_iter();
        Some(known.chain(self.addresses(node)).collect())
    }

    /// Everything but the next hop. Mistakes leave attributes out.
    pub(super) fn attributes(
        &mut self,
        typed: &AnnounceFile,
        on: NodeId,
        family: Family,
        route_type: u8,
        hop: Option<IpAddr>,
    ) -> PathAttributes {
        let origin = self.maybe(typed.origin.as_ref(), |word| {
            values::one_of("an origin", word, &ORIGINS)
        });
        let path = typed.as_path.as_ref().and_then(|path| self.as_path(path));
        let mut values = vec![
            AttributeValue::Origin(origin.unwrap_or(Origin::Igp)),
            AttributeValue::AsPath(AsPath::sequence(path.unwrap_or_default())),
        ];
        let local_pref = self.field("the local preference", &typed.local_pref, MOST_32);
        values.push(AttributeValue::LocalPref(local_pref.unwrap_or(LOCAL_PREF)));
        let med = self.field("the multi-exit discriminator", &typed.med, MOST_32);
        values.extend(med.map(AttributeValue::Med));
        let originator = self.maybe(typed.originator.as_ref(), |text| {
            values::identifier("a BGP identifier", text)
        });
        values.extend(originator.map(AttributeValue::OriginatorId));
        if let Some(list) = &typed.cluster_list {
            let ids = list.value.iter();
            let ids: Vec<Ipv4Addr> = ids
                .filter_map(|id| self.keep(&id.span, values::identifier("a cluster id", &id.value)))
                .collect();
            values.push(AttributeValue::ClusterList(ids));
        }
        let standard = self.each(&typed.communities, |text| {
            values::community(text).map(|community| community.0)
        });
        if !standard.is_empty() {
            values.push(AttributeValue::Communities(standard));
        }
        let large = self.each(&typed.large_communities, values::large_community);
        if !large.is_empty() {
            values.push(AttributeValue::LargeCommunities(large));
        }
        let extended = self.extended(typed, family, route_type);
        if !extended.is_empty() {
            values.push(AttributeValue::ExtendedCommunities(extended));
        }
        let tunnel = route_type == 3 && typed.pmsi.as_ref().is_none_or(|pmsi| pmsi.value);
        if tunnel {
            values.extend(self.tunnel(typed, on, hop).map(AttributeValue::Pmsi));
        }
        let none = PathAttributes::new();
        values.into_iter().fold(none, PathAttributes::with)
    }

    /// Ingress replication, the one kind of tunnel that needs nobody else (RFC 7432 section 11.2).
    fn tunnel(
        &mut self,
        typed: &AnnounceFile,
        on: NodeId,
        hop: Option<IpAddr>,
    ) -> Found<PmsiTunnel> {
        let endpoint = match &typed.endpoint {
            Some(endpoint) => self.ip_of(endpoint, "announces a tunnel to")?,
            None => hop.or_else(|| self.known_address(on))?,
        };
        Some(PmsiTunnel::to(endpoint, self.tunnel_field(typed)))
    }

    fn extended(
        &mut self,
        typed: &AnnounceFile,
        family: Family,
        route_type: u8,
    ) -> Vec<ExtendedCommunity> {
        let mut all: Vec<ExtendedCommunity> = Vec::new();
        // The target of a membership is its destination.
        if family != Family::RTC {
            all.extend(
                self.route_targets(&typed.rt)
                    .into_iter()
                    .map(ExtendedCommunity::from),
            );
        }
        let encap = self.maybe(typed.encap.as_ref(), |word| {
            let words = Encapsulation::ALL.map(|encap| (encap.name(), encap));
            values::one_of("an encapsulation", word, &words)
        });
        // Without any, the label field would be read as one of MPLS (RFC 8365 section 5.1.3).
        let usual = typed.vni.as_ref().map(|_| Encapsulation::Vxlan);
        let encap = encap.or_else(|| usual.filter(|_| typed.encap.is_none()));
        all.extend(encap.map(|encap| {
            let encap = community::Encapsulation::from_number(encap.tunnel_type());
            ExtendedCommunity::from_encapsulation(encap)
        }));
        let sequence = self.field("the sequence number", &typed.mobility, MOST_32);
        let sticky = typed.sticky.as_ref().is_some_and(|sticky| sticky.value);
        if sequence.is_some() || sticky {
            all.push(ExtendedCommunity::from_mac_mobility(MacMobility {
                sticky,
                sequence: sequence.unwrap_or(0),
            }));
        }
        if typed
            .default_gateway
            .as_ref()
            .is_some_and(|flag| flag.value)
        {
            all.push(ExtendedCommunity::DEFAULT_GATEWAY);
        }
        let router_mac = typed.router_mac.as_ref();
        let router_mac = router_mac.and_then(|mac| self.mac_of(mac, "announces the router"));
        all.extend(router_mac.map(ExtendedCommunity::from_router_mac));
        if let Some(action) = &typed.action {
            self.flow_action(&action.value, &mut all);
        }
        all.extend(self.each(&typed.extended_communities, values::extended_community));
        // RFC 7432 section 7.6: who is on the segment imports it by this.
        let imports = all.iter().any(|community| community.es_import().is_some());
        if route_type == 4
            && !imports
            && let Some(esi) = typed.esi.as_ref().and_then(|esi| esi.value.parse().ok())
        {
            let esi: bgp_wire::Esi = esi;
            all.push(ExtendedCommunity::from(esi));
        }
        all
    }

    /// RFC 8955 section 7.
    fn flow_action(&mut self, typed: &FlowActionFile, all: &mut Vec<ExtendedCommunity>) {
        let discard = typed.discard.as_ref().filter(|discard| discard.value);
        if let (Some(_), Some(rate)) = (discard, &typed.rate) {
            self.out_of_place(
                &rate.span,
                "rate",
                "says nothing beside `discard`, which is a rate of 0",
            );
        }
        let rate = self.field("the rate", &typed.rate, MOST_32);
        let rate = discard.map(|_| 0).or(rate);
        // The field is a floating point number: large rates are rounded.
        #[allow(clippy::cast_precision_loss)]
        all.extend(rate.map(|rate| ExtendedCommunity::from_traffic_rate(0, rate as f32)));
        let redirect = self.maybe(typed.redirect.as_ref(), values::route_target);
        all.extend(redirect.map(ExtendedCommunity::from_redirect));
        if let Some(dscp) = &typed.dscp {
            let dscp: Option<u8> = self.number("the DSCP", dscp, 0, 63);
            all.extend(dscp.map(|dscp| ExtendedCommunity([0x80, 9, 0, 0, 0, 0, 0, dscp])));
        }
    }
}
