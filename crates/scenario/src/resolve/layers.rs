//! Layers of packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{
    ArpFile, At, EthernetFile, GreFile, IcmpFile, Ipv4File, Ipv6File, LayerFile, MplsFile,
    NumberOrWord, NumbersFile, TcpFile, UdpFile, VxlanFile,
};
use crate::numbers::Numbers;
use crate::packet::{
    ArpMatcher, ArpOperation, EthernetMatcher, GreMatcher, IcmpKind, IcmpMatcher, Ipv4Matcher,
    Ipv6Matcher, LayerKind, LayerMatcher, MplsMatcher, TcpFlag, TcpMatcher, UdpMatcher, VniMatch,
    VxlanMatcher,
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
    /// Layers that appear in this order in one packet.
    pub(super) fn layers(&mut self, typed: &At<Vec<LayerFile>>) -> Vec<LayerMatcher> {
        if typed.value.is_empty() {
            let key = "layers".into();
            self.fail(&typed.span, ErrorKind::Empty { key });
        }
        let layers: Vec<LayerMatcher> = typed.value.iter().map(|layer| self.layer(layer)).collect();
        let kinds: Vec<LayerKind> = layers.iter().map(LayerMatcher::kind).collect();
        let wrong = kinds.windows(2).find(|pair| !pair[0].can_hold(pair[1]));
        if let Some([outer, inner]) = wrong {
            let reason = match outer {
                LayerKind::Tcp => format!("comes after `{outer}`, which holds nothing but `bgp`"),
                outer => format!("comes after `{outer}`, within which there is no other layer"),
            };
            let key = inner.to_string();
            self.fail(&typed.span, ErrorKind::Misplaced { key, reason });
        }
        layers
    }

    fn layer(&mut self, typed: &LayerFile) -> LayerMatcher {
        match typed {
            LayerFile::Ethernet(typed) => LayerMatcher::Ethernet(self.ethernet(typed)),
            LayerFile::Arp(typed) => LayerMatcher::Arp(self.arp(typed)),
            LayerFile::Ipv4(typed) => LayerMatcher::Ipv4(self.ipv4(typed)),
            LayerFile::Ipv6(typed) => LayerMatcher::Ipv6(self.ipv6(typed)),
            LayerFile::Icmp(typed) => LayerMatcher::Icmp(self.icmp(typed)),
            LayerFile::Udp(typed) => LayerMatcher::Udp(self.udp(typed)),
            LayerFile::Tcp(typed) => LayerMatcher::Tcp(self.tcp(typed)),
            LayerFile::Vxlan(typed) => LayerMatcher::Vxlan(self.vxlan(typed)),
            LayerFile::Mpls(typed) => LayerMatcher::Mpls(self.mpls(typed)),
            LayerFile::Gre(typed) => LayerMatcher::Gre(self.gre(typed)),
            LayerFile::Bgp(typed) => LayerMatcher::Bgp(Box::new(self.bgp_message(typed))),
        }
    }

    fn ethernet(&mut self, typed: &EthernetFile) -> EthernetMatcher {
        EthernetMatcher {
            src: typed.src.as_ref().and_then(|mac| self.mac_of(mac, VERB)),
            dst: typed.dst.as_ref().and_then(|mac| self.mac_of(mac, VERB)),
            ethertype: self.field("the EtherType", &typed.ethertype, 0xffff),
            vlan: self.numbers("the VLAN identifier", &typed.vlan, 4095),
            pcp: self.numbers("the priority", &typed.pcp, 7),
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
            ttl: self.numbers("the TTL", &typed.ttl, 255),
            dscp: self.numbers("the DSCP", &typed.dscp, 63),
            df: typed.df,
        }
    }

    fn ipv6(&mut self, typed: &Ipv6File) -> Ipv6Matcher {
        Ipv6Matcher {
            src: self.ipv6_of(&typed.src),
            dst: self.ipv6_of(&typed.dst),
            next_header: self.field("the next header", &typed.next_header, 255),
            hop_limit: self.numbers("the hop limit", &typed.hop_limit, 255),
            dscp: self.numbers("the DSCP", &typed.dscp, 63),
        }
    }

    fn icmp(&mut self, typed: &IcmpFile) -> IcmpMatcher {
        IcmpMatcher {
            kind: typed.kind.as_ref().and_then(|kind| self.icmp_kind(kind)),
            code: self.numbers("the code", &typed.code, 255),
            id: self.numbers("the identifier", &typed.id, 65535),
            seq: self.numbers("the sequence number", &typed.seq, 65535),
            target: self.ipv6_of(&typed.target),
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

    fn udp(&mut self, typed: &UdpFile) -> UdpMatcher {
        UdpMatcher {
            src_port: self.numbers("the source port", &typed.src_port, 65535),
            dst_port: self.numbers("the destination port", &typed.dst_port, 65535),
            port: self.numbers("the port", &typed.port, 65535),
        }
    }

    fn tcp(&mut self, typed: &TcpFile) -> TcpMatcher {
        let set = self.tcp_flags(&typed.flags.0);
        let unset = self.tcp_flags(&typed.lacks_flags.0);
        if let Some(at) = unset.iter().position(|flag| set.contains(flag)) {
            let key = "lacks_flags".into();
            let reason = "asks for a control bit to be absent that `flags` asks for".into();
            self.fail(
                &typed.lacks_flags.0[at].span,
                ErrorKind::Misplaced { key, reason },
            );
        }
        TcpMatcher {
            src_port: self.numbers("the source port", &typed.src_port, 65535),
            dst_port: self.numbers("the destination port", &typed.dst_port, 65535),
            port: self.numbers("the port", &typed.port, 65535),
            flags: set,
            lacks_flags: unset,
            window: self.numbers("the window", &typed.window, 65535),
        }
    }

    fn tcp_flags(&mut self, typed: &[At<String>]) -> Vec<TcpFlag> {
        let words = TcpFlag::ALL.map(|flag| (flag.name(), flag));
        let flags = typed.iter().filter_map(|word| {
            let flag = values::one_of("a control bit of TCP", &word.value, &words);
            self.keep(&word.span, flag)
        });
        flags.collect()
    }

    fn mpls(&mut self, typed: &MplsFile) -> MplsMatcher {
        MplsMatcher {
            label: self.numbers("the label", &typed.label, 0xf_ffff),
            tc: self.numbers("the traffic class", &typed.tc, 7),
            bottom: typed.bottom,
            ttl: self.numbers("the TTL", &typed.ttl, 255),
        }
    }

    fn gre(&mut self, typed: &GreFile) -> GreMatcher {
        GreMatcher {
            protocol: self.field("the EtherType", &typed.protocol, 0xffff),
            key: self.numbers("the key", &typed.key, 0xffff_ffff),
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

    /// Numbers from 0 to `max` that a field may have.
    pub(super) fn numbers(
        &mut self,
        what: &str,
        typed: &Option<At<NumbersFile>>,
        max: i64,
    ) -> Option<Numbers> {
        let typed = typed.as_ref()?;
        match &typed.value {
            NumbersFile::One(number) => {
                let number = values::number::<u64>(what, *number, 0, max);
                self.keep(&typed.span, number).map(Numbers::from)
            }
            NumbersFile::Several(several) => {
                if several.is_empty() {
                    let key = what.into();
                    self.fail(&typed.span, ErrorKind::Empty { key });
                }
                let several = several
                    .iter()
                    .filter_map(|number| self.number(what, number, 0, max));
                Some(Numbers::one_of(several.collect::<Vec<u64>>()))
            }
            NumbersFile::Bounds(bounds) => {
                let most = bounds.at_most.as_ref();
                let most: Option<u64> = most.and_then(|most| self.number(what, most, 0, max));
                let top = most.map_or(max, |most| i64::try_from(most).unwrap_or(max));
                let least = bounds.at_least.as_ref();
                let least = least.and_then(|least| self.number(what, least, 0, top));
                if bounds.at_least.is_none() && bounds.at_most.is_none() {
                    let key = "at_least` or `at_most".into();
                    self.fail(&typed.span, ErrorKind::MissingKey { key });
                }
                Some(Numbers::within(least, most))
            }
        }
    }

    pub(super) fn field<T: TryFrom<i64>>(
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
