//! Changes to links that exist.

use std::os::fd::AsRawFd;
use std::time::Duration;

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridgePort, InfoData, InfoKind, InfoPortData,
    InfoPortKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::request::{Mode, Request};
use crate::addr::MacAddr;
use crate::ns::NetNs;

/// A link by index or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkRef {
    /// By index; survives renaming.
    Index(u32),
    /// By name.
    Name(String),
}

impl LinkRef {
    pub(super) fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        match self {
            LinkRef::Index(index) => message.header.index = *index,
            LinkRef::Name(name) => message.attributes.push(LinkAttribute::IfName(name.clone())),
        }
        message
    }

    /// Deletes the link. Both ends of a veth go together.
    pub fn delete(&self) -> Request {
        Request::new(Message::DelLink(self.message()), Mode::Existing)
    }
}

/// Deletes every link of a group at once. What the kernel waits for after each deletion, tens of
/// milliseconds, it then waits for once.
pub fn delete_group(group: u32) -> Request {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::Group(group));
    Request::new(Message::DelLink(message), Mode::Existing)
}

impl std::fmt::Display for LinkRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LinkRef::Index(index) => write!(f, "{index}"),
            LinkRef::Name(name) => write!(f, "`{name}`"),
        }
    }
}

impl From<u32> for LinkRef {
    fn from(index: u32) -> Self {
        LinkRef::Index(index)
    }
}

impl From<&str> for LinkRef {
    fn from(name: &str) -> Self {
        LinkRef::Name(name.to_owned())
    }
}

impl From<&String> for LinkRef {
    fn from(name: &String) -> Self {
        LinkRef::Name(name.clone())
    }
}

impl From<String> for LinkRef {
    fn from(name: String) -> Self {
        LinkRef::Name(name)
    }
}

/// Changes to a link; what is not mentioned stays as it is.
#[derive(Debug, Clone)]
pub struct LinkChange {
    message: LinkMessage,
    ns: Option<NetNs>,
}

impl LinkChange {
    /// No change yet.
    pub fn new(link: impl Into<LinkRef>) -> Self {
        Self {
            message: link.into().message(),
            ns: None,
        }
    }

    /// Sets it up.
    #[must_use]
    pub fn up(self) -> Self {
        self.flag(LinkFlags::Up, true)
    }

    /// Sets it down.
    #[must_use]
    pub fn down(self) -> Self {
        self.flag(LinkFlags::Up, false)
    }

    fn flag(mut self, flag: LinkFlags, on: bool) -> Self {
        self.message.header.flags.set(flag, on);
        self.message.header.change_mask |= flag;
        self
    }

    /// Makes it a port of the bridge with this index; `None` takes it out.
    #[must_use]
    pub fn master(self, bridge: impl Into<Option<u32>>) -> Self {
        self.attribute(LinkAttribute::Controller(bridge.into().unwrap_or(0)))
    }

    /// Sets the MTU in octets.
    #[must_use]
    pub fn mtu(self, mtu: u32) -> Self {
        self.attribute(LinkAttribute::Mtu(mtu))
    }

    /// Sets the Ethernet address.
    #[must_use]
    pub fn mac(self, mac: impl Into<MacAddr>) -> Self {
        self.attribute(LinkAttribute::Address(mac.into().0.to_vec()))
    }

    /// Sets a free text of up to 255 octets, to recognise one's own links by. (The kernel ignores
    /// it in the request that makes a link.)
    #[must_use]
    pub fn alias(self, alias: impl Into<String>) -> Self {
        self.attribute(LinkAttribute::IfAlias(alias.into()))
    }

    /// Keeps the kernel from inventing an IPv6 address for it, and so from sending router
    /// solicitations and the like from it. To be done before the link is set up, by a request of
    /// its own: within one, the kernel sets the link up first.
    #[must_use]
    pub fn no_ipv6_address(self) -> Self {
        let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
        let family = AfSpecUnspec::Inet6(vec![mode]);
        self.attribute(LinkAttribute::AfSpecUnspec(vec![family]))
    }

    /// Puts it into a group, a number without a meaning of its own; every link starts in group 0.
    #[must_use]
    pub fn group(self, group: u32) -> Self {
        self.attribute(LinkAttribute::Group(group))
    }

    /// Renames it. The link must have been named by its index.
    #[must_use]
    pub fn rename(self, name: impl Into<String>) -> Self {
        self.attribute(LinkAttribute::IfName(name.into()))
    }

    /// Moves it to another namespace, where it is down and has no addresses.
    #[must_use]
    pub fn to_ns(mut self, ns: &NetNs) -> Self {
        self.ns = Some(ns.clone());
        let fd = ns.as_raw_fd();
        self.attribute(LinkAttribute::NetNsFd(fd))
    }

    /// Has connections hand every segment to it by itself (`true`), so that its queueing discipline sees each. Only
    /// those that begin afterwards, and at ten times the cost of [`one_packet_a_frame`](super::one_packet_a_frame).
    #[must_use]
    pub fn single_segments(self, on: bool) -> Self {
        // Without: GSO_MAX_SEGS of older kernels, which newer ones take as well.
        self.attribute(LinkAttribute::GsoMaxSegs(if on { 1 } else { 65535 }))
    }

    /// Sets after what silence a bridge forgets a learned address.
    #[must_use]
    pub fn ageing(self, time: Duration) -> Self {
        let data = InfoData::Bridge(vec![super::spec::ageing(time)]);
        self.attribute(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(data),
        ]))
    }

    /// Changes how the bridge treats the port.
    #[must_use]
    pub fn port(self, flags: PortFlags) -> Self {
        let data = InfoPortData::BridgePort(flags.attributes());
        self.attribute(LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(data),
        ]))
    }

    fn attribute(mut self, attribute: LinkAttribute) -> Self {
        self.message.attributes.push(attribute);
        self
    }

    /// Carries the changes out, all or (a bad first one aside) up to the first that fails.
    pub fn request(&self) -> Request {
        let request = Request::new(Message::NewLink(self.message.clone()), Mode::Existing);
        match &self.ns {
            Some(ns) => request.holding(ns),
            None => request,
        }
    }
}

impl From<LinkChange> for Request {
    fn from(change: LinkChange) -> Self {
        change.request()
    }
}

/// How a bridge treats one of its ports; `None` leaves a setting as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortFlags {
    /// Learns source addresses.
    pub learning: Option<bool>,
    /// Answers ARP and neighbour solicitations for known neighbours instead of flooding them to
    /// this port (RFC 7432 section 10).
    pub neigh_suppress: Option<bool>,
    /// May send a frame back to where it came from.
    pub hairpin: Option<bool>,
    /// Exchanges frames only with ports that are not isolated: split horizon between tunnels.
    pub isolated: Option<bool>,
    /// Floods unknown unicast to it.
    pub unicast_flood: Option<bool>,
    /// Floods broadcast to it.
    pub broadcast_flood: Option<bool>,
    /// Floods unknown multicast to it.
    pub multicast_flood: Option<bool>,
}

impl PortFlags {
    fn attributes(self) -> Vec<InfoBridgePort> {
        let flags = [
            self.learning.map(InfoBridgePort::Learning),
            self.neigh_suppress.map(InfoBridgePort::NeighSupress),
            self.hairpin.map(InfoBridgePort::HairpinMode),
            self.isolated.map(InfoBridgePort::Isolated),
            self.unicast_flood.map(InfoBridgePort::UnicastFlood),
            self.broadcast_flood.map(InfoBridgePort::BroadcastFlood),
            self.multicast_flood.map(InfoBridgePort::MulticastFlood),
        ];
        flags.into_iter().flatten().collect()
    }
}
