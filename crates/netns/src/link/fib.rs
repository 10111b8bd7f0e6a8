//! Routes as the kernel holds them, with all their next hops: what any program put there, to look at and not to change.

use std::fmt;
use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::route::{
    MplsLabel, RouteAddress, RouteAttribute, RouteFlags, RouteIp6Tunnel, RouteIpTunnel,
    RouteLwTunnelEncap, RouteMessage, RouteMplsIpTunnel, RouteNextHop, RouteType, RouteVia,
};
use serde::Serialize;

use super::{LinkError, LinkErrorKind, Netlink};
use crate::addr::IpPrefix;

/// What the kernel does with packets that a route of its forwarding table matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FibKind {
    /// Forwards them.
    Unicast,
    /// Delivers them here.
    Local,
    /// Delivers them here as broadcasts.
    Broadcast,
    /// Delivers them as multicasts.
    Multicast,
    /// Drops them silently.
    Blackhole,
    /// Drops them and tells the sender that there is no way.
    Unreachable,
    /// Drops them and tells the sender that it is forbidden.
    Prohibit,
    /// Looks on, in the table of the next rule.
    Throw,
    /// Something else.
    Other(u8),
}

impl FibKind {
    /// The kernel's numbers (`RTN_*`).
    fn of(kind: RouteType) -> Self {
        match kind {
            RouteType::Unicast => Self::Unicast,
            RouteType::Local => Self::Local,
            RouteType::Broadcast => Self::Broadcast,
            RouteType::Multicast => Self::Multicast,
            RouteType::BlackHole => Self::Blackhole,
            RouteType::Unreachable => Self::Unreachable,
            RouteType::Prohibit => Self::Prohibit,
            RouteType::Throw => Self::Throw,
            other => Self::Other(other.into()),
        }
    }

    /// Whether packets go on by it: what drops them, or looks on elsewhere, is no way.
    pub const fn leads(self) -> bool {
        !matches!(
            self,
            Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw
        )
    }

    /// iproute2's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Multicast => "multicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
            Self::Other(_) => "other",
        }
    }
}

/// What packets are put into on their way to a next hop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FibEncap {
    /// A stack of MPLS labels, the outermost first.
    Mpls(Vec<u32>),
    /// A tunnel of a per-packet tunnel device: its key and its other end.
    Ip {
        /// The tunnel key; a VXLAN network identifier.
        id: u64,
        /// The other end, where the route says it.
        dst: Option<IpAddr>,
    },
}

/// One next hop.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FibHop {
    /// The next router.
    pub via: Option<IpAddr>,
    /// Index of the link that packets leave by.
    pub link: Option<u32>,
    /// What they are put into.
    pub encap: Option<FibEncap>,
    /// The labels that take the place of the one that came, the outermost first; of MPLS routes.
    pub swap: Vec<u32>,
}

/// What a route is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FibTo {
    /// Addresses.
    Prefix(IpPrefix),
    /// Packets with this label on top.
    Label(u32),
}

/// A route of the kernel's, or its answer to where a packet goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FibRoute {
    /// The table's number.
    pub table: u32,
    /// What it is to.
    pub to: FibTo,
    /// What becomes of the packets.
    pub kind: FibKind,
    /// The lower wins among routes to the same.
    pub metric: Option<u32>,
    /// Who made it (a number of `/etc/iproute2/rt_protos`).
    pub protocol: u8,
    /// The source address that local programs get.
    pub source: Option<IpAddr>,
    /// Where packets go, one of several; none where they go nowhere.
    pub hops: Vec<FibHop>,
}

impl FibRoute {
    /// `None` for what is not a route: a cache entry, or one of a family that is not known here.
    pub(super) fn parse(message: &RouteMessage) -> Option<Self> {
        let header = &message.header;
        let to = match header.address_family {
            AddressFamily::Inet => FibTo::Prefix(IpPrefix::DEFAULT_V4),
            AddressFamily::Inet6 => FibTo::Prefix(IpPrefix::DEFAULT_V6),
            AddressFamily::Mpls => FibTo::Label(0),
            _ => return None,
        };
        let mut route = Self {
            table: header.table.into(),
            to,
            kind: FibKind::of(header.kind),
            metric: None,
            protocol: header.protocol.into(),
            source: None,
            hops: Vec::new(),
        };
        let mut first = FibHop::default();
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::Destination(RouteAddress::Mpls(label)) => {
                    route.to = FibTo::Label(label.label);
                }
                RouteAttribute::Destination(to) => {
                    let to = IpPrefix::new(ip(to)?, header.destination_prefix_length)?;
                    route.to = FibTo::Prefix(to);
                }
                RouteAttribute::Priority(metric) => route.metric = Some(*metric),
                RouteAttribute::PrefSource(source) => route.source = ip(source),
                RouteAttribute::MultiPath(hops) => route.hops.extend(hops.iter().map(hop)),
                attribute => first.learn(attribute),
            }
        }
        if first != FibHop::default() {
            route.hops.insert(0, first);
        }
        Some(route)
    }

    fn is_cloned(message: &RouteMessage) -> bool {
        message.header.flags.contains(RouteFlags::Cloned)
    }
}

impl FibHop {
    fn learn(&mut self, attribute: &RouteAttribute) {
        match attribute {
            RouteAttribute::Gateway(router) => self.via = ip(router),
            RouteAttribute::Via(RouteVia::Inet(router)) => self.via = Some((*router).into()),
            RouteAttribute::Via(RouteVia::Inet6(router)) => self.via = Some((*router).into()),
            RouteAttribute::Oif(link) => self.link = Some(*link),
            RouteAttribute::Encap(parts) => self.encap = encap(parts),
            RouteAttribute::NewDestination(stack) => self.swap = labels(stack),
            _ => {}
        }
    }
}

fn hop(next: &RouteNextHop) -> FibHop {
    let link = Some(next.interface_index).filter(|index| *index != 0);
    let mut hop = FibHop {
        link,
        ..FibHop::default()
    };
    for attribute in &next.attributes {
        hop.learn(attribute);
    }
    hop
}

fn labels(stack: &[MplsLabel]) -> Vec<u32> {
    stack.iter().map(|label| label.label).collect()
}

fn encap(parts: &[RouteLwTunnelEncap]) -> Option<FibEncap> {
    let (mut key, mut end) = (None, None);
    for part in parts {
        match part {
            RouteLwTunnelEncap::Mpls(RouteMplsIpTunnel::Destination(stack)) => {
                return Some(FibEncap::Mpls(labels(stack)));
            }
            RouteLwTunnelEncap::Ip(RouteIpTunnel::Id(id))
            | RouteLwTunnelEncap::Ip6(RouteIp6Tunnel::Id(id)) => key = Some(*id),
            RouteLwTunnelEncap::Ip(RouteIpTunnel::Destination(dst)) => end = Some((*dst).into()),
            RouteLwTunnelEncap::Ip6(RouteIp6Tunnel::Destination(dst)) => end = Some((*dst).into()),
            _ => {}
        }
    }
    key.map(|id| FibEncap::Ip { id, dst: end })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(addr) => Some((*addr).into()),
        RouteAddress::Inet6(addr) => Some((*addr).into()),
        _ => None,
    }
}

impl fmt::Display for FibTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Label(label) => write!(f, "label {label}"),
        }
    }
}

impl Netlink {
    /// Every route of every table with all next hops, IPv4 and IPv6, sorted.
    pub async fn fib(&self) -> Result<Vec<FibRoute>, LinkError> {
        let request = Message::GetRoute(RouteMessage::default());
        self.routes_of(request, |to| matches!(to, FibTo::Prefix(_)))
            .await
    }

    /// The MPLS routes, sorted; none where the kernel does not switch labels.
    pub async fn mpls_routes(&self) -> Result<Vec<FibRoute>, LinkError> {
        let mut request = RouteMessage::default();
        request.header.address_family = AddressFamily::Mpls;
        self.routes_of(Message::GetRoute(request), |to| {
            matches!(to, FibTo::Label(_))
        })
        .await
    }

    async fn routes_of(
        &self,
        request: Message,
        wanted: fn(&FibTo) -> bool,
    ) -> Result<Vec<FibRoute>, LinkError> {
        let routes = self.dump(request, "list routes", |message| match message {
            // A cloned route is a cache entry of the kernel, not a route.
            Message::NewRoute(route) if FibRoute::is_cloned(route) => None,
            Message::NewRoute(route) => FibRoute::parse(route),
            _ => None,
        });
        let mut routes = routes.await?;
        routes.retain(|route| wanted(&route.to));
        routes.sort();
        Ok(routes)
    }

    /// Where the kernel sends a packet to `to`, by all its rules and tables; `None` where it has no route for it, or one
    /// that drops it. The packet is sent from here, from the address `from` if that is said, or came in by the link `iif`.
    pub async fn lookup(
        &self,
        to: IpAddr,
        from: Option<IpAddr>,
        iif: Option<u32>,
    ) -> Result<Option<FibRoute>, LinkError> {
        let mut request = RouteMessage::default();
        let header = &mut request.header;
        let (family, bits) = match to {
            IpAddr::V4(_) => (AddressFamily::Inet, 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128),
        };
        header.address_family = family;
        header.destination_prefix_length = bits;
        // The answer says in which table it was found.
        header.flags |= RouteFlags::LookupTable;
        let attributes = &mut request.attributes;
        attributes.push(RouteAttribute::Destination(to.into()));
        if let Some(from) = from {
            request.header.source_prefix_length = bits;
            attributes.push(RouteAttribute::Source(from.into()));
        }
        attributes.extend(iif.map(RouteAttribute::Iif));
        let (message, action) = (Message::GetRoute(request), format!("find the way to {to}"));
        let answer = self.blocking(move |transport| transport.get(&message, &action));
        match answer.await {
            // Of IPv6 it also tells which route says that there is no way.
            Ok(Message::NewRoute(route)) => {
                Ok(FibRoute::parse(&route).filter(|route| route.kind.leads()))
            }
            Ok(_) => Err(LinkError::decode("find the way", "not a route")),
            Err(error) if no_way(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What the kernel answers when no route matches, or the one that does drops the packet: by EINVAL silently, by EACCES
/// because it is forbidden.
fn no_way(error: &LinkError) -> bool {
    use nix::libc::{EHOSTUNREACH, ENETUNREACH};
    matches!(
        error.kind,
        LinkErrorKind::Os(ENETUNREACH | EHOSTUNREACH)
            | LinkErrorKind::NotFound
            | LinkErrorKind::Invalid
            | LinkErrorKind::Permission
    )
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Parseable;
    use netlink_packet_route::route::RouteMessage;

    use super::{FibEncap, FibHop, FibKind, FibRoute, FibTo};

    fn read(hex: &str) -> FibRoute {
        let digits: String = hex.split_whitespace().collect();
        let octets = (0..digits.len()).step_by(2);
        let octets: Vec<u8> = octets
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        FibRoute::parse(&RouteMessage::parse(&octets[..]).unwrap()).unwrap()
    }

    /// `ip -f mpls route add 100 as 200/300 via inet 192.0.2.1 dev 10`, as the kernel tells of it.
    #[test]
    fn a_label_is_swapped() {
        let route = read(
            "1c140000 fe040001 00000000 08000100 00064100 0c001300 000c8000 0012c100 \
             0a001200 0200c000 02010000 08000400 0a000000 08000f00 fe000000",
        );
        assert_eq!(route.to, FibTo::Label(100));
        assert_eq!(route.protocol, 4);
        let hop = FibHop {
            via: Some([192, 0, 2, 1].into()),
            link: Some(10),
            encap: None,
            swap: vec![200, 300],
        };
        assert_eq!(route.hops, [hop]);
    }

    /// `ip route add 198.51.100.1 encap mpls 100 via 192.0.2.1 dev 10`.
    #[test]
    fn a_label_is_pushed() {
        let route = read(
            "02200000 fe030001 00000000 08000f00 fe000000 08000100 c6336401 08000500 c0000201 \
             08000400 0a000000 14001600 08000100 00064100 05000200 19000000 06001500 01000000",
        );
        assert_eq!(route.to, FibTo::Prefix("198.51.100.1/32".parse().unwrap()));
        assert_eq!(route.kind, FibKind::Unicast);
        assert_eq!(route.hops.len(), 1);
        assert_eq!(route.hops[0].encap, Some(FibEncap::Mpls(vec![100])));
    }

    /// `ip route add 10.9.0.0/16 nexthop via 10.0.0.1 dev 2 nexthop via 10.0.1.1 dev 3`.
    #[test]
    fn every_next_hop_is_there() {
        let route = read(
            "02100000 fe030001 00000000 08000f00 fe000000 08000100 0a090000 \
             24000900 10000000 02000000 08000500 0a000001 10000000 03000000 08000500 0a000101",
        );
        let hops: Vec<_> = route.hops.iter().map(|hop| (hop.via, hop.link)).collect();
        let hop = |third: u8, link| (Some([10, 0, third, 1].into()), Some(link));
        assert_eq!(hops, [hop(0, 2), hop(1, 3)]);
    }
}
