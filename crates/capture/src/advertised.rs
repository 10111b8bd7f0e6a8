//! Which VNI each tunnel endpoint has advertised, by the UPDATEs of a capture.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_wire::nlri::EvpnRoute;
use bgp_wire::update::NextHop;
use bgp_wire::{MacAddr, Message, Nlri, NlriKey, NlriValue, PathAttributes, Vni};

use crate::bgp::BgpEvent;
use crate::frame::FrameIndex;

/// The VNIs that endpoints asked to be sent traffic with, and since which frame.
///
/// A withdrawal does not end an entry: packets already under way still carry the VNI that was
/// advertised.
#[derive(Debug, Default)]
pub(crate) struct Advertised {
    endpoints: BTreeMap<Endpoint, BTreeMap<NlriKey, Vec<(FrameIndex, Vni)>>>,
}

/// A tunnel endpoint and for which destination it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Endpoint {
    address: IpAddr,
    destination: Destination,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Destination {
    /// A MAC address (type 2).
    Mac(MacAddr),
    /// Everything else: broadcast and unknown destinations (type 3), prefixes.
    Other,
}

impl Advertised {
    /// Takes note of the routes in an UPDATE.
    pub(crate) fn learn(&mut self, event: &BgpEvent) {
        let Some(Message::Update(update)) = event.message() else {
            return;
        };
        for (_, next_hop, nlri) in &update.reach {
            for nlri in nlri {
                self.learn_route(event.frame, next_hop, nlri, &update.attributes);
            }
        }
    }

    fn learn_route(
        &mut self,
        frame: FrameIndex,
        next_hop: &NextHop,
        nlri: &Nlri,
        attributes: &PathAttributes,
    ) {
        let (Some(address), Ok(value)) = (next_hop.address(), nlri.value()) else {
            return;
        };
        let Some(vni) = vni(&value, attributes) else {
            return;
        };
        let destination = match value {
            NlriValue::Evpn(EvpnRoute::MacIp { mac, .. }) => Destination::Mac(mac),
            _ => Destination::Other,
        };
        let routes = self
            .endpoints
            .entry(Endpoint {
                address,
                destination,
            })
            .or_default();
        let history = routes.entry(nlri.key()).or_default();
        // The same route comes by several times, from its origin and from a reflector.
        if history.last().is_none_or(|(_, last)| *last != vni) {
            history.push((frame, vni));
        }
    }

    /// The VNIs with which, before `frame`, `endpoint` wanted traffic for `mac`: those of its type
    /// 2 routes for that address, else those of its other routes (type 3 for broadcast and unknown
    /// addresses). One per VPN instance.
    pub(crate) fn vnis(&self, endpoint: IpAddr, mac: MacAddr, frame: FrameIndex) -> Vec<Vni> {
        let newest = |destination| -> Vec<Vni> {
            let routes = self.endpoints.get(&Endpoint {
                address: endpoint,
                destination,
            });
            routes
                .into_iter()
                .flat_map(BTreeMap::values)
                .filter_map(|history| history.iter().rfind(|(since, _)| *since < frame))
                .map(|(_, vni)| *vni)
                .collect()
        };
        let of_mac = newest(Destination::Mac(mac));
        if of_mac.is_empty() {
            newest(Destination::Other)
        } else {
            of_mac
        }
    }
}

/// The VNI a route asks for: its label field (RFC 8365 section 5.1.3), the PMSI tunnel's for type
/// 3.
pub(crate) fn vni(value: &NlriValue, attributes: &PathAttributes) -> Option<Vni> {
    match value {
        NlriValue::Evpn(EvpnRoute::MacIp { label1, .. }) => Some(label1.vni()),
        NlriValue::Evpn(
            EvpnRoute::IpPrefix { label, .. } | EvpnRoute::EthernetAutoDiscovery { label, .. },
        ) => Some(label.vni()),
        NlriValue::Evpn(EvpnRoute::InclusiveMulticast { .. }) => {
            Some(attributes.pmsi()?.label.vni())
        }
        // The 20-bit label, used as VNI where VXLAN carries IP VPNs.
        NlriValue::Vpn(route) => Vni::new(route.labels.first()?.label().get()).ok(),
        _ => None,
    }
}
