//! Routes and the rules that choose a routing table.

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteIp6Tunnel, RouteIp6TunnelFlags,
    RouteIpTunnel, RouteLwEnCapType, RouteLwTunnelEncap, RouteMessage, RouteNextHop,
    RouteNextHopFlags, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage, RulePortRange};
use serde::Serialize;

use super::request::{Mode, Request};
use crate::addr::IpPrefix;

/// The main routing table.
pub const MAIN_TABLE: u32 = RouteHeader::RT_TABLE_MAIN as u32;

/// The table of addresses that are delivered locally.
pub const LOCAL_TABLE: u32 = 255;

/// What becomes of a packet that a route matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteKind {
    /// It is forwarded.
    Unicast,
    /// It is delivered here.
    Local,
    /// It is dropped and the sender told so.
    Unreachable,
    /// It is dropped silently.
    Blackhole,
    /// Something else that the kernel keeps for itself (broadcast, multicast and so on).
    Other(u8),
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Route {
    /// The table's number.
    pub table: u32,
    /// The destinations; host bits must be zero.
    pub to: IpPrefix,
    /// What becomes of the packets.
    pub kind: RouteKind,
    /// The next router.
    pub via: Option<IpAddr>,
    /// Index of the link that packets leave by.
    pub link: Option<u32>,
    /// The lower wins among routes to the same destinations.
    pub metric: Option<u32>,
    /// The source address that local programs get.
    pub source: Option<IpAddr>,
    /// Who made it, to recognise one's own routes by (a number of `/etc/iproute2/rt_protos`).
    pub protocol: u8,
    /// The next router is on the link even though no prefix of the link says so.
    pub onlink: bool,
    /// The tunnel that packets are put into.
    pub encap: Option<IpEncap>,
    /// Further ways that share the traffic with this one, flow by flow and evenly; in this order the kernel deals
    /// out the flows.
    pub more: Vec<Hop>,
}

/// One of several ways of a route; fields as in [`Route`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[allow(missing_docs, reason = "see `Route`")]
pub struct Hop {
    pub via: Option<IpAddr>,
    pub link: Option<u32>,
    pub onlink: bool,
    pub encap: Option<IpEncap>,
}

/// Where a per-packet tunnel device sends a packet, and with which identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct IpEncap {
    /// The tunnel key; a VXLAN network identifier.
    pub id: u64,
    /// The remote tunnel end.
    pub dst: IpAddr,
}

impl Route {
    /// A route of protocol `static` in the main table with nothing said of where to.
    pub fn to(to: IpPrefix) -> Self {
        Self {
            table: MAIN_TABLE,
            to,
            kind: RouteKind::Unicast,
            via: None,
            link: None,
            metric: None,
            source: None,
            protocol: RouteProtocol::Static.into(),
            onlink: false,
            encap: None,
            more: Vec::new(),
        }
    }

    /// The same by this way, and no other.
    #[must_use]
    pub fn by(mut self, hop: Hop) -> Self {
        (self.via, self.link) = (hop.via, hop.link);
        (self.onlink, self.encap) = (hop.onlink, hop.encap);
        self.more.clear();
        self
    }

    /// All its ways, of which the first may lead nowhere.
    pub fn hops(&self) -> impl Iterator<Item = Hop> + '_ {
        let first = Hop {
            via: self.via,
            link: self.link,
            onlink: self.onlink,
            encap: self.encap,
        };
        std::iter::once(first).chain(self.more.iter().copied())
    }

    /// The same by a next router.
    #[must_use]
    pub fn via(mut self, router: IpAddr) -> Self {
        self.via = Some(router);
        self
    }

    /// The same by a link.
    #[must_use]
    pub fn link(mut self, link: u32) -> Self {
        self.link = Some(link);
        self
    }

    /// The same in another table.
    #[must_use]
    pub fn table(mut self, table: u32) -> Self {
        self.table = table;
        self
    }

    /// Adds it; fails when the table has one to the same destinations with the same metric.
    pub fn add(&self) -> Request {
        Request::new(Message::NewRoute(self.message()), Mode::Create)
    }

    /// Adds it or overwrites the one to the same destinations with the same metric.
    pub fn replace(&self) -> Request {
        Request::new(Message::NewRoute(self.message()), Mode::Replace)
    }

    /// Deletes it.
    pub fn delete(&self) -> Request {
        Request::new(Message::DelRoute(self.message()), Mode::Existing)
    }

    fn message(&self) -> RouteMessage {
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = family(self.to.addr());
        header.destination_prefix_length = self.to.prefix_len();
        header.table = u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        header.protocol = RouteProtocol::from(self.protocol);
        let is_ipv4 = self.to.addr().is_ipv4();
        header.scope = match (self.kind, self.via) {
            (RouteKind::Local, _) => RouteScope::Host,
            (RouteKind::Unicast, None) if is_ipv4 && self.more.is_empty() => RouteScope::Link,
            _ => RouteScope::Universe,
        };
        header.kind = match self.kind {
            RouteKind::Unicast => RouteType::Unicast,
            RouteKind::Local => RouteType::Local,
            RouteKind::Unreachable => RouteType::Unreachable,
            RouteKind::Blackhole => RouteType::BlackHole,
            RouteKind::Other(number) => RouteType::from(number),
        };
        if self.more.is_empty() {
            header.flags.set(RouteFlags::Onlink, self.onlink);
        }
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Table(self.table));
        if self.to.prefix_len() > 0 {
            attributes.push(RouteAttribute::Destination(self.to.addr().into()));
        }
        if self.more.is_empty() {
            for hop in self.hops() {
                attributes.extend(hop.attributes(is_ipv4));
                attributes.extend(hop.link.map(RouteAttribute::Oif));
            }
        } else {
            let hops = self.hops().map(|hop| hop.message(is_ipv4));
            attributes.push(RouteAttribute::MultiPath(hops.collect()));
        }
        if let Some(metric) = self.metric {
            attributes.push(RouteAttribute::Priority(metric));
        }
        if let Some(source) = self.source {
            attributes.push(RouteAttribute::PrefSource(source.into()));
        }
        message
    }

    pub(super) fn parse(message: &RouteMessage) -> Option<Self> {
        let header = &message.header;
        let any = match header.address_family {
            AddressFamily::Inet => IpPrefix::DEFAULT_V4,
            AddressFamily::Inet6 => IpPrefix::DEFAULT_V6,
            _ => return None,
        };
        // A cloned route is a cache entry of the kernel, not a route.
        if header.flags.contains(RouteFlags::Cloned) {
            return None;
        }
        let mut route = Route::to(IpPrefix::new(any.addr(), header.destination_prefix_length)?);
        route.table = header.table.into();
        route.protocol = header.protocol.into();
        route.onlink = header.flags.contains(RouteFlags::Onlink);
        route.kind = match header.kind {
            RouteType::Unicast => RouteKind::Unicast,
            RouteType::Local => RouteKind::Local,
            RouteType::Unreachable => RouteKind::Unreachable,
            RouteType::BlackHole => RouteKind::Blackhole,
            other => RouteKind::Other(other.into()),
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::Destination(to) => {
                    route.to = IpPrefix::new(ip(to)?, header.destination_prefix_length)?;
                }
                RouteAttribute::Gateway(router) => route.via = ip(router),
                RouteAttribute::Via(RouteVia::Inet(router)) => route.via = Some((*router).into()),
                RouteAttribute::Via(RouteVia::Inet6(router)) => route.via = Some((*router).into()),
                RouteAttribute::Oif(link) => route.link = Some(*link),
                RouteAttribute::Priority(metric) => route.metric = Some(*metric),
                RouteAttribute::PrefSource(source) => route.source = ip(source),
                RouteAttribute::Encap(parts) => route.encap = parse_encap(parts),
                RouteAttribute::MultiPath(hops) => {
                    let mut hops = hops.iter().map(Hop::parse);
                    route = route.by(hops.next()?);
                    route.more = hops.collect();
                }
                _ => {}
            }
        }
        Some(route)
    }
}

impl Hop {
    /// What says where to, but for the link.
    fn attributes(&self, is_ipv4: bool) -> Vec<RouteAttribute> {
        let mut attributes = Vec::new();
        if let Some(encap) = self.encap {
            let (kind, parts) = match encap.dst {
                IpAddr::V4(dst) => (
                    RouteLwEnCapType::Ip,
                    vec![
                        RouteLwTunnelEncap::Ip(RouteIpTunnel::Id(encap.id)),
                        RouteLwTunnelEncap::Ip(RouteIpTunnel::Destination(dst)),
                    ],
                ),
                IpAddr::V6(dst) => (
                    RouteLwEnCapType::Ip6,
                    vec![
                        RouteLwTunnelEncap::Ip6(RouteIp6Tunnel::Id(encap.id)),
                        RouteLwTunnelEncap::Ip6(RouteIp6Tunnel::Destination(dst)),
                        // Nothing else in an IPv6 header would tell that its addresses were damaged (RFC 8200
                        // section 8.1), and who receives may refuse packets without.
                        RouteLwTunnelEncap::Ip6(RouteIp6Tunnel::Flags(
                            RouteIp6TunnelFlags::Checksum,
                        )),
                    ],
                ),
            };
            attributes.push(RouteAttribute::EncapType(kind));
            attributes.push(RouteAttribute::Encap(parts));
        }
        match self.via {
            // An IPv4 route over an IPv6 router (RFC 5549).
            Some(IpAddr::V6(router)) if is_ipv4 => {
                attributes.push(RouteAttribute::Via(RouteVia::Inet6(router)));
            }
            Some(router) => attributes.push(RouteAttribute::Gateway(router.into())),
            None => {}
        }
        attributes
    }

    fn message(&self, is_ipv4: bool) -> RouteNextHop {
        let mut message = RouteNextHop::default();
        message.interface_index = self.link.unwrap_or_default();
        message.flags.set(RouteNextHopFlags::Onlink, self.onlink);
        message.attributes = self.attributes(is_ipv4);
        message
    }

    fn parse(message: &RouteNextHop) -> Self {
        let mut hop = Self {
            via: None,
            link: Some(message.interface_index).filter(|link| *link != 0),
            onlink: message.flags.contains(RouteNextHopFlags::Onlink),
            encap: None,
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Gateway(router) => hop.via = ip(router),
                RouteAttribute::Via(RouteVia::Inet(router)) => hop.via = Some((*router).into()),
                RouteAttribute::Via(RouteVia::Inet6(router)) => hop.via = Some((*router).into()),
                RouteAttribute::Encap(parts) => hop.encap = parse_encap(parts),
                _ => {}
            }
        }
        hop
    }
}

fn parse_encap(parts: &[RouteLwTunnelEncap]) -> Option<IpEncap> {
    let mut id = None;
    let mut dst = None;
    for part in parts {
        match part {
            RouteLwTunnelEncap::Ip(RouteIpTunnel::Id(value))
            | RouteLwTunnelEncap::Ip6(RouteIp6Tunnel::Id(value)) => id = Some(*value),
            RouteLwTunnelEncap::Ip(RouteIpTunnel::Destination(value)) => {
                dst = Some((*value).into())
            }
            RouteLwTunnelEncap::Ip6(RouteIp6Tunnel::Destination(value)) => {
                dst = Some((*value).into())
            }
            _ => {}
        }
    }
    Some(IpEncap { id: id?, dst: dst? })
}

/// Ports that a rule can tell: neither the first, 0, nor the last, 65535, is among those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PortRange {
    low: u16,
    high: u16,
}

impl PortRange {
    /// From one port to another, both included; none if the kernel does not take that.
    pub fn new(low: u16, high: u16) -> Option<Self> {
        (low > 0 && low <= high && high < u16::MAX).then_some(Self { low, high })
    }
}

/// A rule: packets that match look into a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Rule {
    /// Whether it is a rule for IPv6 packets.
    pub ipv6: bool,
    /// Rules are tried from the lowest.
    pub priority: u32,
    /// The packet came in by the link with this name.
    pub iif: Option<String>,
    /// The packet is bound to leave by the link with this name.
    pub oif: Option<String>,
    /// The packet came out of a tunnel with this key.
    pub tunnel_id: Option<u64>,
    /// The packet bears this mark.
    pub mark: Option<u32>,
    /// The packet is from one of these.
    pub from: Option<IpPrefix>,
    /// The packet is to one of these.
    pub to: Option<IpPrefix>,
    /// The packet is of this IP protocol.
    pub protocol: Option<u8>,
    /// The packet is from one of these ports.
    pub from_ports: Option<PortRange>,
    /// The packet is to one of these ports.
    pub to_ports: Option<PortRange>,
    /// The table it looks into; `None`: the destination counts as unreachable.
    pub table: Option<u32>,
}

impl Rule {
    /// An IPv4 rule that every packet matches.
    pub fn lookup(priority: u32, table: u32) -> Self {
        Self {
            ipv6: false,
            priority,
            iif: None,
            oif: None,
            tunnel_id: None,
            mark: None,
            from: None,
            to: None,
            protocol: None,
            from_ports: None,
            to_ports: None,
            table: Some(table),
        }
    }

    /// The same for packets that came in by this link.
    #[must_use]
    pub fn iif(mut self, name: impl Into<String>) -> Self {
        self.iif = Some(name.into());
        self
    }

    /// Adds it; fails when the same rule is there.
    pub fn add(&self) -> Request {
        Request::new(Message::NewRule(self.message()), Mode::Create)
    }

    /// Deletes the first rule that says the same.
    pub fn delete(&self) -> Request {
        Request::new(Message::DelRule(self.message()), Mode::Existing)
    }

    fn message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        let header = &mut message.header;
        header.family = if self.ipv6 {
            AddressFamily::Inet6
        } else {
            AddressFamily::Inet
        };
        header.action = if self.table.is_some() {
            RuleAction::ToTable
        } else {
            RuleAction::Unreachable
        };
        let attributes = &mut message.attributes;
        attributes.push(RuleAttribute::Priority(self.priority));
        if let Some(table) = self.table {
            header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
            attributes.push(RuleAttribute::Table(table));
        }
        if let Some(name) = &self.iif {
            attributes.push(RuleAttribute::Iifname(name.clone()));
        }
        if let Some(name) = &self.oif {
            attributes.push(RuleAttribute::Oifname(name.clone()));
        }
        if let Some(id) = self.tunnel_id {
            attributes.push(RuleAttribute::TunId(id));
        }
        if let Some(mark) = self.mark {
            attributes.push(RuleAttribute::FwMark(mark));
        }
        if let Some(from) = self.from {
            header.src_len = from.prefix_len();
            attributes.push(RuleAttribute::Source(from.addr()));
        }
        if let Some(to) = self.to {
            header.dst_len = to.prefix_len();
            attributes.push(RuleAttribute::Destination(to.addr()));
        }
        if let Some(protocol) = self.protocol {
            attributes.push(RuleAttribute::IpProtocol(protocol.into()));
        }
        let message_of = |PortRange { low, high }| RulePortRange {
            start: low,
            end: high,
        };
        let from = self.from_ports.map(message_of);
        attributes.extend(from.map(RuleAttribute::SourcePortRange));
        let to = self.to_ports.map(message_of);
        attributes.extend(to.map(RuleAttribute::DestinationPortRange));
        message
    }

    pub(super) fn parse(message: &RuleMessage) -> Option<Self> {
        let header = &message.header;
        let mut rule = Rule::lookup(0, header.table.into());
        rule.ipv6 = match header.family {
            AddressFamily::Inet => false,
            AddressFamily::Inet6 => true,
            _ => return None,
        };
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Priority(priority) => rule.priority = *priority,
                RuleAttribute::Table(table) => rule.table = Some(*table),
                RuleAttribute::Iifname(name) => rule.iif = Some(name.clone()),
                RuleAttribute::Oifname(name) => rule.oif = Some(name.clone()),
                RuleAttribute::TunId(id) => rule.tunnel_id = Some(*id),
                RuleAttribute::FwMark(mark) => rule.mark = Some(*mark),
                RuleAttribute::Source(addr) => rule.from = IpPrefix::new(*addr, header.src_len),
                RuleAttribute::Destination(addr) => rule.to = IpPrefix::new(*addr, header.dst_len),
                RuleAttribute::IpProtocol(protocol) => rule.protocol = Some((*protocol).into()),
                RuleAttribute::SourcePortRange(ports) => {
                    rule.from_ports = PortRange::new(ports.start, ports.end);
                }
                RuleAttribute::DestinationPortRange(ports) => {
                    rule.to_ports = PortRange::new(ports.start, ports.end);
                }
                _ => {}
            }
        }
        if header.action != RuleAction::ToTable {
            rule.table = None;
        }
        Some(rule)
    }
}

fn family(addr: IpAddr) -> AddressFamily {
    if addr.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(addr) => Some((*addr).into()),
        RouteAddress::Inet6(addr) => Some((*addr).into()),
        _ => None,
    }
}
