//! What was asked for, in a scenario's words.

use std::fmt::Display;

use scenario::packet::{
    ArpOperation, BgpKind, BgpMatcher, IcmpKind, LayerMatcher, TcpFlag, VniMatch,
};
use scenario::route::{origin_word, pmsi_word};
use scenario::{Follow, PacketExpectation, RoutePattern};

/// `vxlan vni=advertised, ipv4 src=12.11.11.1 dst=12.11.11.2, icmp type=echo-request`
pub(super) fn expectation(expectation: &PacketExpectation) -> String {
    let mut text = match &expectation.filter {
        Some(filter) => filter.text.clone(),
        None => layers(&expectation.layers),
    };
    for follow in &expectation.then {
        text.push_str(&format!(" then {}", self::follow(follow)));
    }
    if let Some(outside) = expectation.outside {
        text.push_str(&format!(" outside {outside}"));
    }
    text
}

/// `icmp type=echo-reply within 50ms`
pub(super) fn follow(follow: &Follow) -> String {
    let mut text = layers(&follow.layers);
    if let Some(within) = follow.within {
        text.push_str(&format!(" within {within:?}"));
    }
    text
}

fn layers(matchers: &[LayerMatcher]) -> String {
    let layers: Vec<String> = matchers.iter().map(layer).collect();
    layers.join(", ")
}

fn layer(matcher: &LayerMatcher) -> String {
    let mut words = Words(vec![matcher.kind().to_string()]);
    match matcher {
        LayerMatcher::Ethernet(m) => {
            words.field("src", m.src);
            words.field("dst", m.dst);
            words.field("ethertype", m.ethertype.map(|e| format!("{e:#06x}")));
            words.field("vlan", m.vlan.as_ref());
            words.field("pcp", m.pcp.as_ref());
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
            words.field("ttl", m.ttl.as_ref());
            words.field("dscp", m.dscp.as_ref());
            words.field("df", m.df);
        }
        LayerMatcher::Ipv6(m) => {
            words.field("src", m.src);
            words.field("dst", m.dst);
            words.field("next_header", m.next_header);
            words.field("hop_limit", m.hop_limit.as_ref());
            words.field("dscp", m.dscp.as_ref());
        }
        LayerMatcher::Icmp(m) => {
            words.field("type", m.kind.map(icmp_kind));
            words.field("code", m.code.as_ref());
            words.field("id", m.id.as_ref());
            words.field("seq", m.seq.as_ref());
            words.field("target", m.target);
        }
        LayerMatcher::Udp(m) => {
            words.field("src_port", m.src_port.as_ref());
            words.field("dst_port", m.dst_port.as_ref());
            words.field("port", m.port.as_ref());
        }
        LayerMatcher::Tcp(m) => {
            words.field("src_port", m.src_port.as_ref());
            words.field("dst_port", m.dst_port.as_ref());
            words.field("port", m.port.as_ref());
            words.list("flags", m.flags.iter().copied().map(TcpFlag::name));
            let lacks = m.lacks_flags.iter().copied().map(TcpFlag::name);
            words.list("lacks_flags", lacks);
            words.field("window", m.window.as_ref());
        }
        LayerMatcher::Mpls(m) => {
            words.field("label", m.label.as_ref());
            words.field("tc", m.tc.as_ref());
            words.field("bottom", m.bottom);
            words.field("ttl", m.ttl.as_ref());
        }
        LayerMatcher::Gre(m) => {
            words.field("protocol", m.protocol.map(|e| format!("{e:#06x}")));
            words.field("key", m.key.as_ref());
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
    match &matcher.kind {
        None => {}
        Some(BgpKind::Open(m)) => {
            words.0.push("open".to_owned());
            words.field("as", m.asn);
            words.field("hold_time", m.hold_time.as_ref());
            words.field("router_id", m.router_id);
            words.list("families", m.families.iter());
            words.list("capabilities", m.capabilities.iter().map(|c| c.name()));
            let lacks = m.lacks_capabilities.iter().map(|c| c.name());
            words.list("lacks_capabilities", lacks);
        }
        Some(BgpKind::Keepalive) => words.0.push("keepalive".to_owned()),
        Some(BgpKind::Notification(m)) => {
            words.0.push("notification".to_owned());
            words.field("code", m.code.as_ref());
            words.field("subcode", m.subcode.as_ref());
        }
        Some(BgpKind::RouteRefresh(m)) => {
            words.0.push("route-refresh".to_owned());
            words.field("family", m.family);
            words.field("subtype", m.subtype.as_ref());
        }
        Some(BgpKind::EndOfRib(family)) => {
            words.0.push("end-of-rib".to_owned());
            words.field("family", *family);
        }
        Some(BgpKind::Update(pattern)) => {
            words.0.push("update".to_owned());
            route(words, pattern);
        }
        Some(BgpKind::Withdraw(pattern)) => {
            words.0.push("withdraw".to_owned());
            route(words, pattern);
        }
    }
    words.field("from", matcher.from.as_ref());
    words.field("to", matcher.to.as_ref());
}

fn route(words: &mut Words, pattern: &RoutePattern) {
    words.field("family", pattern.family);
    words.field("type", pattern.route_type);
    words.field("mac", pattern.mac);
    words.field("ip", pattern.ip);
    words.field("prefix", pattern.prefix);
    words.field("rd", pattern.rd);
    words.field("esi", pattern.esi);
    words.field("ethernet_tag", pattern.ethernet_tag);
    words.field("label", pattern.label);
    words.field("vni", pattern.vni);
    words.fields("flowspec", &pattern.flowspec);
    words.field("next_hop", pattern.next_hop.as_ref());
    words.fields("rt", &pattern.route_targets);
    words.field("encap", pattern.encapsulation);
    words.fields("communities", &pattern.communities);
    words.fields("large_communities", &pattern.large_communities);
    words.fields("extended_communities", &pattern.extended_communities);
    words.field("origin", pattern.origin.map(origin_word));
    if let Some(path) = &pattern.as_path {
        let numbers: Vec<String> = path.iter().map(u32::to_string).collect();
        words.field("as_path", Some(numbers.join(" ")));
    }
    words.fields("as_path_contains", &pattern.as_path_contains);
    words.field("local_pref", pattern.local_pref);
    words.field("med", pattern.med);
    words.field("originator", pattern.originator);
    if let Some(list) = &pattern.cluster_list {
        words.fields("cluster_list", list);
    }
    if let Some(pmsi) = &pattern.pmsi {
        words.field("pmsi.type", pmsi.tunnel.map(pmsi_word));
        words.field("pmsi.label", pmsi.label);
        words.field("pmsi.vni", pmsi.vni);
        words.field("pmsi.endpoint", pmsi.endpoint.as_ref());
    }
    words.field("mobility", pattern.mobility);
    words.field("sticky", pattern.sticky);
    words.field("default_gateway", pattern.default_gateway);
    words.field("router_mac", pattern.router_mac);
    words.fields("lacks", &pattern.lacks);
}

struct Words(Vec<String>);

impl Words {
    fn fields<T: Display>(&mut self, name: &str, values: &[T]) {
        for value in values {
            self.field(name, Some(value));
        }
    }

    fn field<T: Display>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0.push(format!("{name}={value}"));
        }
    }

    fn list<T: Display>(&mut self, name: &str, values: impl Iterator<Item = T>) {
        let values: Vec<String> = values.map(|value| value.to_string()).collect();
        self.field(name, (!values.is_empty()).then(|| values.join(",")));
    }
}
