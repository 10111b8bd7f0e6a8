//! One layer against its matcher.

use std::net::IpAddr;

use bgp_wire::{MacAddr, Vni};
use scenario::packet::{
    ArpMatcher, ArpOperation, EthernetMatcher, IcmpMatcher, Ipv4Matcher, Ipv6Matcher, LayerMatcher,
    PortsMatcher, VniMatch,
};

use super::fields::Fields;
use crate::advertised::Advertised;
use crate::dissect::{Arp, Dissection, Layer};
use crate::frame::FrameIndex;

/// A frame's layers and what is needed to judge them.
pub(super) struct Subject<'a> {
    pub dissection: &'a Dissection,
    pub frame: FrameIndex,
    pub advertised: &'a Advertised,
}

impl Subject<'_> {
    /// Compares the layer at `at` with `matcher`; `None` when it is a layer of another kind.
    pub fn compare(&self, matcher: &LayerMatcher, at: usize) -> Option<Fields> {
        let mut fields = Fields::default();
        match (matcher, self.dissection.layers.get(at)?) {
            (LayerMatcher::Ethernet(wanted), Layer::Ethernet(_)) => {
                self.ethernet(&mut fields, wanted, at);
            }
            (LayerMatcher::Arp(wanted), Layer::Arp(seen)) => arp(&mut fields, wanted, seen),
            (
                LayerMatcher::Ipv4(Ipv4Matcher {
                    src,
                    dst,
                    protocol,
                    ttl,
                }),
                Layer::Ipv4(seen),
            ) => {
                fields.check("src", *src, seen.src);
                fields.check("dst", *dst, seen.dst);
                fields.check("protocol", *protocol, seen.protocol);
                fields.check("ttl", *ttl, seen.ttl);
            }
            (
                LayerMatcher::Ipv6(Ipv6Matcher {
                    src,
                    dst,
                    next_header,
                    hop_limit,
                }),
                Layer::Ipv6(seen),
            ) => {
                fields.check("src", *src, seen.src);
                fields.check("dst", *dst, seen.dst);
                fields.check("next_header", *next_header, seen.next_header);
                fields.check("hop_limit", *hop_limit, seen.hop_limit);
            }
            (LayerMatcher::Icmp(wanted), Layer::Icmp(seen)) => {
                let kind = wanted.kind.map(|kind| kind.v4());
                icmp(
                    &mut fields,
                    wanted,
                    kind,
                    (seen.kind, seen.code, seen.id, seen.seq),
                );
            }
            (LayerMatcher::Icmp(wanted), Layer::Icmpv6(seen)) => {
                let kind = wanted.kind.map(|kind| kind.v6());
                icmp(
                    &mut fields,
                    wanted,
                    kind,
                    (seen.kind, seen.code, seen.id, seen.seq),
                );
            }
            (LayerMatcher::Udp(PortsMatcher { src_port, dst_port }), Layer::Udp(seen)) => {
                fields.check("src_port", *src_port, seen.src_port);
                fields.check("dst_port", *dst_port, seen.dst_port);
            }
            (LayerMatcher::Tcp(PortsMatcher { src_port, dst_port }), Layer::Tcp(seen)) => {
                fields.check("src_port", *src_port, seen.src_port);
                fields.check("dst_port", *dst_port, seen.dst_port);
            }
            (LayerMatcher::Vxlan(wanted), Layer::Vxlan(seen)) => match wanted.vni {
                None => {}
                Some(VniMatch::Exactly(vni)) => fields.check("vni", Some(vni), seen.vni),
                Some(VniMatch::Advertised) => self.advertised_vni(&mut fields, seen.vni, at),
            },
            _ => return None,
        }
        Some(fields)
    }

    fn ethernet(&self, fields: &mut Fields, wanted: &EthernetMatcher, at: usize) {
        let Some(Layer::Ethernet(seen)) = self.dissection.layers.get(at) else {
            return;
        };
        let mut tags = self
            .dissection
            .layers
            .iter()
            .skip(at + 1)
            .map_while(|layer| match layer {
                Layer::Vlan(vlan) => Some(vlan),
                _ => None,
            });
        let outermost = tags.next();
        let innermost = tags.last().or(outermost);
        fields.check("src", wanted.src, seen.src);
        fields.check("dst", wanted.dst, seen.dst);
        let ethertype = innermost.map_or(seen.ethertype, |vlan| vlan.ethertype);
        if let Some(expected) = wanted.ethertype {
            fields.note("ethertype", expected == ethertype, || {
                (format!("{expected:#06x}"), format!("{ethertype:#06x}"))
            });
        }
        fields.check_optional("vlan", wanted.vlan, outermost.map(|vlan| vlan.id));
    }

    /// The VNI must be what the receiving endpoint advertised for the inner destination.
    fn advertised_vni(&self, fields: &mut Fields, seen: Vni, at: usize) {
        let endpoint = self.dissection.addresses_before(at).map(|(_, dst)| dst);
        let mac = self
            .dissection
            .layers
            .get(at + 1)
            .and_then(|layer| match layer {
                Layer::Ethernet(inner) => Some(inner.dst),
                _ => None,
            });
        let (Some(endpoint), Some(mac)) = (endpoint, mac) else {
            fields.note("vni", false, || {
                (
                    "one advertised".to_owned(),
                    format!("{seen} around no Ethernet frame"),
                )
            });
            return;
        };
        let advertised = self.advertised.vnis(endpoint, mac, self.frame);
        fields.note("vni", advertised.contains(&seen), || {
            (promise(endpoint, mac, &advertised), seen.to_string())
        });
    }
}

/// What an endpoint had advertised, in words.
fn promise(endpoint: IpAddr, mac: MacAddr, vnis: &[Vni]) -> String {
    let by = format!("advertised by {endpoint} for {mac}");
    if vnis.is_empty() {
        return format!("one {by}, and none was before this frame");
    }
    let vnis: Vec<String> = vnis.iter().map(Vni::to_string).collect();
    format!("{} ({by})", vnis.join(" or "))
}

fn arp(fields: &mut Fields, wanted: &ArpMatcher, seen: &Arp) {
    let operation = wanted.operation.map(|operation| match operation {
        ArpOperation::Request => 1,
        ArpOperation::Reply => 2,
    });
    fields.check("operation", operation, seen.operation);
    fields.check("sender_mac", wanted.sender_mac, seen.sender_mac);
    fields.check("sender_ip", wanted.sender_ip, seen.sender_ip);
    fields.check("target_mac", wanted.target_mac, seen.target_mac);
    fields.check("target_ip", wanted.target_ip, seen.target_ip);
}

fn icmp(
    fields: &mut Fields,
    wanted: &IcmpMatcher,
    kind: Option<u8>,
    seen: (u8, u8, Option<u16>, Option<u16>),
) {
    fields.check("type", kind, seen.0);
    fields.check("code", wanted.code, seen.1);
    fields.check_optional("id", wanted.id, seen.2);
    fields.check_optional("seq", wanted.seq, seen.3);
}
