//! Layers of packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{
    ArpFile, At, BgpFile, EthernetFile, IcmpFile, Ipv4File, Ipv6File, LayerFile, NumberOrWord,
    PortsFile, VxlanFile,
};
use crate::packet::{
    ArpMatcher, ArpOperation, BgpMatcher, EthernetMatcher, IcmpKind, IcmpMatcher, Ipv4Matcher,
    Ipv6Matcher, LayerMatcher, PortsMatcher, VniMatch, VxlanMatcher,
};
use crate::values;

const VERB: &str = "expects packets with the address of";

/// Operations of ARP that have words.
pub(crate) const ARP_OPERATIONS: [(&str, ArpOperation); 2] = [
    ("request", ArpOperation::Request),
    ("reply", ArpOperation::Reply),
];

/// Types of ICMP message that have words.
pub(crate) const ICMP_TYPES: [(&str, IcmpKind); 4] = [
    ("echo-request", IcmpKind::EchoRequest),
    ("echo-reply", IcmpKind::EchoReply),
    ("unreachable", IcmpKind::Unreachable),
    ("time-exceeded", IcmpKind::TimeExceeded),
];

/// Words for a VNI.
pub(crate) const VNIS: [(&str, VniMatch); 1] = [("advertised", VniMatch::Advertised)];

impl Resolver<'_> {
    pub(super) fn layer(&mut self, typed: &LayerFile) -> LayerMatcher {
        match typed {
            LayerFile::Ethernet(typed) => LayerMatcher::Ethernet(self.ethernet(typed)),
            LayerFile::Arp(typed) => LayerMatcher::Arp(self.arp(typed)),
            LayerFile::Ipv4(typed) => LayerMatcher::Ipv4(self.ipv4(typed)),
            LayerFile::Ipv6(typed) => LayerMatcher::Ipv6(self.ipv6(typed)),
            LayerFile::Icmp(typed) => LayerMatcher::Icmp(self.icmp(typed)),
            LayerFile::Udp(typed) => LayerMatcher::Udp(self.tcp_or_udp(typed)),
            LayerFile::Tcp(typed) => LayerMatcher::Tcp(self.tcp_or_udp(typed)),
            LayerFile::Vxlan(typed) => LayerMatcher::Vxlan(self.vxlan(typed)),
            LayerFile::Bgp(typed) => LayerMatcher::Bgp(self.bgp(typed)),
        }
    }

    fn ethernet(&mut self, typed: &EthernetFile) -> EthernetMatcher {
        EthernetMatcher {
            src: typed.src.as_ref().and_then(|mac| self.mac_of(mac, VERB)),
            dst: typed.dst.as_ref().and_then(|mac| self.mac_of(mac, VERB)),
            ethertype: self.field("the EtherType", &typed.ethertype, 0xffff),
            vlan: self.field("the VLAN identifier", &typed.vlan, 4095),
        }
    }

    fn arp(&mut self, typed: &ArpFile) -> ArpMatcher {
        ArpMatcher {
            operation: self.maybe(typed.operation.as_ref(), |word| {
                values::one_of("an ARP operation", word, &ARP_OPERATIONS)
            }),
            sender_mac: typed
                .sender_mac
                .as_ref()
                .and_then(|mac| self.mac_of(mac, VERB)),
            sender_ip: self.ipv4_of(&typed.sender_ip),
            target_mac: typed
                .target_mac
                .as_ref()
                .and_then(|mac| self.mac_of(mac, VERB)),
            target_ip: self.ipv4_of(&typed.target_ip),
        }
    }

    fn ipv4(&mut self, typed: &Ipv4File) -> Ipv4Matcher {
        Ipv4Matcher {
            src: self.ipv4_of(&typed.src),
            dst: self.ipv4_of(&typed.dst),
            protocol: self.field("the protocol", &typed.protocol, 255),
            ttl: self.field("the TTL", &typed.ttl, 255),
        }
    }

    fn ipv6(&mut self, typed: &Ipv6File) -> Ipv6Matcher {
        Ipv6Matcher {
            src: self.ipv6_of(&typed.src),
            dst: self.ipv6_of(&typed.dst),
            next_header: self.field("the next header", &typed.next_header, 255),
            hop_limit: self.field("the hop limit", &typed.hop_limit, 255),
        }
    }

    fn icmp(&mut self, typed: &IcmpFile) -> IcmpMatcher {
        IcmpMatcher {
            kind: typed.kind.as_ref().and_then(|kind| self.icmp_kind(kind)),
            code: self.field("the code", &typed.code, 255),
            id: self.field("the identifier", &typed.id, 65535),
            seq: self.field("the sequence number", &typed.seq, 65535),
        }
    }

    fn icmp_kind(&mut self, typed: &At<NumberOrWord>) -> Found<IcmpKind> {
        let kind = match &typed.value {
            NumberOrWord::Number(number) => {
                values::number("the ICMP type", *number, 0, 255).map(IcmpKind::Number)
            }
            NumberOrWord::Word(word) => values::one_of("a type of ICMP message", word, &ICMP_TYPES),
        };
        self.keep(&typed.span, kind)
    }

    fn tcp_or_udp(&mut self, typed: &PortsFile) -> PortsMatcher {
        PortsMatcher {
            src_port: self.field("the source port", &typed.src_port, 65535),
            dst_port: self.field("the destination port", &typed.dst_port, 65535),
        }
    }

    fn vxlan(&mut self, typed: &VxlanFile) -> VxlanMatcher {
        VxlanMatcher {
            vni: typed.vni.as_ref().and_then(|vni| self.vni_match(vni)),
        }
    }

    fn vni_match(&mut self, typed: &At<NumberOrWord>) -> Found<VniMatch> {
        match &typed.value {
            NumberOrWord::Number(number) => {
                let number = At {
                    value: *number,
                    span: typed.span.clone(),
                };
                self.vni(&number).map(VniMatch::Exactly)
            }
            NumberOrWord::Word(word) => {
                let vni = values::one_of("a number or a word for a VNI", word, &VNIS);
                self.keep(&typed.span, vni)
            }
        }
    }

    fn bgp(&mut self, typed: &BgpFile) -> BgpMatcher {
        let verb = "expects a route for";
        match typed {
            BgpFile::Open => BgpMatcher::Open,
            BgpFile::Keepalive => BgpMatcher::Keepalive,
            BgpFile::Notification => BgpMatcher::Notification,
            BgpFile::RouteRefresh => BgpMatcher::RouteRefresh,
            BgpFile::Update(pattern) => BgpMatcher::Update(self.pattern(pattern, verb)),
            BgpFile::Withdraw(pattern) => BgpMatcher::Withdraw(self.withdrawn(pattern, verb)),
        }
    }

    fn field<T: TryFrom<i64>>(
        &mut self,
        what: &str,
        typed: &Option<At<i64>>,
        max: i64,
    ) -> Option<T> {
        typed
            .as_ref()
            .and_then(|number| self.number(what, number, 0, max))
    }

    fn ipv4_of(&mut self, typed: &Option<At<String>>) -> Option<Ipv4Addr> {
        let typed = typed.as_ref()?;
        match self.ip_of(typed, VERB)? {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(address) => self.wrong_version(typed, "an IPv4 address", &address),
        }
    }

    fn ipv6_of(&mut self, typed: &Option<At<String>>) -> Option<Ipv6Addr> {
        let typed = typed.as_ref()?;
        match self.ip_of(typed, VERB)? {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(address) => self.wrong_version(typed, "an IPv6 address", &address),
        }
    }

    fn wrong_version<T>(
        &mut self,
        typed: &At<String>,
        what: &str,
        address: &impl ToString,
    ) -> Option<T> {
        let kind = ErrorKind::BadValue {
            what: what.into(),
            value: typed.value.clone(),
            reason: format!("this is {}", address.to_string()),
        };
        self.fail(&typed.span, kind);
        None
    }
}
