//! One layer against its matcher.

use std::net::IpAddr;

use bgp_wire::{MacAddr, Vni};
use scenario::Numbers;
use scenario::packet::{
    ArpMatcher, ArpOperation, EthernetMatcher, IcmpMatcher, Ipv4Matcher, Ipv6Matcher, LayerMatcher,
    TcpMatcher, VniMatch,
};

use super::fields::{Fields, or_none};
use crate::advertised::Advertised;
use crate::dissect::{Arp, Dissection, Ipv4, Ipv6, Layer, Tcp, TcpFlags};
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
            (LayerMatcher::Ipv4(wanted), Layer::Ipv4(seen)) => ipv4(&mut fields, wanted, seen),
            (LayerMatcher::Ipv6(wanted), Layer::Ipv6(seen)) => ipv6(&mut fields, wanted, seen),
            (LayerMatcher::Icmp(wanted), Layer::Icmp(seen)) => {
                let kind = wanted.kind.map(|kind| kind.v4());
                let echo = (seen.id, seen.seq);
                icmp(&mut fields, wanted, kind, (seen.kind, seen.code), echo);
                fields.check_optional("target", wanted.target, None);
            }
            (LayerMatcher::Icmp(wanted), Layer::Icmpv6(seen)) => {
                let kind = wanted.kind.map(|kind| kind.v6());
                let echo = (seen.id, seen.seq);
                icmp(&mut fields, wanted, kind, (seen.kind, seen.code), echo);
                fields.check_optional("target", wanted.target, seen.target);
            }
            (LayerMatcher::Udp(wanted), Layer::Udp(seen)) => {
                let wanted = [&wanted.src_port, &wanted.dst_port, &wanted.port];
                ports(&mut fields, wanted, (seen.src_port, seen.dst_port));
            }
            (LayerMatcher::Tcp(wanted), Layer::Tcp(seen)) => tcp(&mut fields, wanted, seen),
            (LayerMatcher::Mpls(wanted), Layer::Mpls(seen)) => {
                fields.check_number("label", wanted.label.as_ref(), seen.label.get());
                fields.check_number("tc", wanted.tc.as_ref(), seen.tc);
                fields.check("bottom", wanted.bottom, seen.bottom);
                fields.check_number("ttl", wanted.ttl.as_ref(), seen.ttl);
            }
            (LayerMatcher::Gre(wanted), Layer::Gre(seen)) => {
                ethertype(&mut fields, "protocol", wanted.protocol, seen.protocol);
                fields.check_optional_number("key", wanted.key.as_ref(), seen.key);
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
        self::ethertype(fields, "ethertype", wanted.ethertype, ethertype);
        fields.check_optional_number("vlan", wanted.vlan.as_ref(), outermost.map(|vlan| vlan.id));
        let priority = outermost.map(|vlan| vlan.priority);
        fields.check_optional_number("pcp", wanted.pcp.as_ref(), priority);
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

fn ethertype(fields: &mut Fields, field: &str, wanted: Option<u16>, seen: u16) {
    if let Some(wanted) = wanted {
        fields.note(field, wanted == seen, || {
            (format!("{wanted:#06x}"), format!("{seen:#06x}"))
        });
    }
}

fn ipv4(fields: &mut Fields, wanted: &Ipv4Matcher, seen: &Ipv4) {
    fields.check("src", wanted.src, seen.src);
    fields.check("dst", wanted.dst, seen.dst);
    fields.check("protocol", wanted.protocol, seen.protocol);
    fields.check_number("ttl", wanted.ttl.as_ref(), seen.ttl);
    fields.check_number("dscp", wanted.dscp.as_ref(), seen.tos >> 2);
    fields.check("df", wanted.df, seen.dont_fragment);
}

fn ipv6(fields: &mut Fields, wanted: &Ipv6Matcher, seen: &Ipv6) {
    fields.check("src", wanted.src, seen.src);
    fields.check("dst", wanted.dst, seen.dst);
    fields.check("next_header", wanted.next_header, seen.next_header);
    fields.check_number("hop_limit", wanted.hop_limit.as_ref(), seen.hop_limit);
    fields.check_number("dscp", wanted.dscp.as_ref(), seen.traffic_class >> 2);
}

fn icmp(
    fields: &mut Fields,
    wanted: &IcmpMatcher,
    kind: Option<u8>,
    seen: (u8, u8),
    echo: (Option<u16>, Option<u16>),
) {
    fields.check("type", kind, seen.0);
    fields.check_number("code", wanted.code.as_ref(), seen.1);
    fields.check_optional_number("id", wanted.id.as_ref(), echo.0);
    fields.check_optional_number("seq", wanted.seq.as_ref(), echo.1);
}

/// Source, destination, either.
fn ports(fields: &mut Fields, wanted: [&Option<Numbers>; 3], seen: (u16, u16)) {
    let [src, dst, either] = wanted;
    fields.check_number("src_port", src.as_ref(), seen.0);
    fields.check_number("dst_port", dst.as_ref(), seen.1);
    if let Some(wanted) = either {
        fields.note("port", wanted.has(seen.0) || wanted.has(seen.1), || {
            (wanted.to_string(), format!("{} and {}", seen.0, seen.1))
        });
    }
}

fn tcp(fields: &mut Fields, wanted: &TcpMatcher, seen: &Tcp) {
    let of_ports = [&wanted.src_port, &wanted.dst_port, &wanted.port];
    ports(fields, of_ports, (seen.src_port, seen.dst_port));
    fields.check_number("window", wanted.window.as_ref(), seen.window);
    let words =
        |flags: TcpFlags| or_none(Some(flags.to_string()).filter(|t| !t.is_empty()).as_ref());
    for (flags, set) in [(&wanted.flags, true), (&wanted.lacks_flags, false)] {
        for flag in flags {
            let bit = TcpFlags(flag.bit());
            let agrees = seen.flags.has(bit) == set;
            fields.note("flags", agrees, || {
                let no = if set { "" } else { "no " };
                (format!("{no}{bit}"), words(seen.flags))
            });
        }
    }
}
