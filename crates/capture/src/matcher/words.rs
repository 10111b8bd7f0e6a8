//! What was asked for, in a scenario's words.

use std::fmt::Display;

use scenario::packet::{ArpOperation, BgpMatcher, IcmpKind, LayerMatcher, VniMatch};
use scenario::{PacketExpectation, RoutePattern};

/// `vxlan vni=advertised, ipv4 src=12.11.11.1 dst=12.11.11.2, icmp type=echo-request`
pub(super) fn expectation(expectation: &PacketExpectation) -> String {
    let mut text = expectation
        .layers
        .iter()
        .map(layer)
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(outside) = expectation.outside {
        text.push_str(&format!(" outside {outside}"));
    }
    text
}

fn layer(matcher: &LayerMatcher) -> String {
    let mut words = Words(vec![matcher.kind().to_string()]);
    match matcher {
        LayerMatcher::Ethernet(m) => {
            words.field("src", m.src);
            words.field("dst", m.dst);
            words.field("ethertype", m.ethertype.map(|e| format!("{e:#06x}")));
            words.field("vlan", m.vlan);
        }
        LayerMatcher::Arp(m) => {
            words.field("operation", m.operation.map(arp_operation));
            words.field("sender_mac", m.sender_mac);
            words.field("sender_ip", m.sender_ip);
            words.field("target_mac", m.target_mac);
            words.field("target_ip", m.target_ip);
        }
        LayerMatcher::Ipv4(m) => {
            words.field("src", m.src);
            words.field("dst", m.dst);
            words.field("protocol", m.protocol);
            words.field("ttl", m.ttl);
        }
        LayerMatcher::Ipv6(m) => {
            words.field("src", m.src);
            words.field("dst", m.dst);
            words.field("next_header", m.next_header);
            words.field("hop_limit", m.hop_limit);
        }
        LayerMatcher::Icmp(m) => {
            words.field("type", m.kind.map(icmp_kind));
            words.field("code", m.code);
            words.field("id", m.id);
            words.field("seq", m.seq);
        }
        LayerMatcher::Udp(m) | LayerMatcher::Tcp(m) => {
            words.field("src_port", m.src_port);
            words.field("dst_port", m.dst_port);
        }
        LayerMatcher::Vxlan(m) => words.field("vni", m.vni.map(vni)),
        LayerMatcher::Bgp(m) => bgp(&mut words, m),
    }
    words.0.join(" ")
}

fn vni(wanted: VniMatch) -> String {
    match wanted {
        VniMatch::Exactly(vni) => vni.to_string(),
        VniMatch::Advertised => "advertised".to_owned(),
    }
}

fn arp_operation(operation: ArpOperation) -> &'static str {
    match operation {
        ArpOperation::Request => "request",
        ArpOperation::Reply => "reply",
    }
}

fn icmp_kind(kind: IcmpKind) -> String {
    match kind {
        IcmpKind::EchoRequest => "echo-request".to_owned(),
        IcmpKind::EchoReply => "echo-reply".to_owned(),
        IcmpKind::Unreachable => "unreachable".to_owned(),
        IcmpKind::TimeExceeded => "time-exceeded".to_owned(),
        IcmpKind::Number(number) => number.to_string(),
    }
}

fn bgp(words: &mut Words, matcher: &BgpMatcher) {
    let (kind, pattern) = match matcher {
        BgpMatcher::Open => ("open", None),
        BgpMatcher::Keepalive => ("keepalive", None),
        BgpMatcher::Notification => ("notification", None),
        BgpMatcher::RouteRefresh => ("route-refresh", None),
        BgpMatcher::Update(pattern) => ("update", Some(pattern)),
        BgpMatcher::Withdraw(pattern) => ("withdraw", Some(pattern)),
    };
    words.0.push(kind.to_owned());
    if let Some(pattern) = pattern {
        route(words, pattern);
    }
}

fn route(words: &mut Words, pattern: &RoutePattern) {
    words.field("family", pattern.family);
    words.field("type", pattern.route_type);
    words.field("mac", pattern.mac);
    words.field("ip", pattern.ip);
    words.field("prefix", pattern.prefix);
    words.field("rd", pattern.rd);
    words.field("vni", pattern.vni);
    words.field("next_hop", pattern.next_hop.as_ref());
    for target in &pattern.route_targets {
        words.field("rt", Some(target));
    }
    words.field("encap", pattern.encapsulation);
}

struct Words(Vec<String>);

impl Words {
    fn field<T: Display>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0.push(format!("{name}={value}"));
        }
    }
}
