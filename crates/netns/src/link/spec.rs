//! Links to be made.

use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, InfoVeth, InfoVlan, InfoVxlan, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};

use super::request::{Mode, Request};
use crate::addr::MacAddr;
use crate::ns::NetNs;

/// What every new link may be given at birth.
#[derive(Debug, Clone, Default)]
pub struct LinkSpec {
    /// Its name, 1 to 15 octets, unique in its namespace.
    pub name: String,
    /// Its index in its namespace; the kernel's choice when `None`. For one end of a cable only together with the
    /// other's.
    pub index: Option<u32>,
    /// The namespace it is born in; that of the netlink socket when `None`.
    pub ns: Option<NetNs>,
    /// Its Ethernet address; the kernel invents one when `None`.
    pub mac: Option<MacAddr>,
    /// Its MTU in octets; the kernel's choice when `None`.
    pub mtu: Option<u32>,
    /// The index of the bridge it is a port of from the start.
    pub master: Option<u32>,
    /// Whether it is up from the start.
    pub up: bool,
}

impl LinkSpec {
    /// A link that is up, everything else the kernel's choice.
    pub fn up(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            up: true,
            ..Self::default()
        }
    }

    /// The same, born in `ns`.
    #[must_use]
    pub fn in_ns(mut self, ns: &NetNs) -> Self {
        self.ns = Some(ns.clone());
        self
    }

    /// The same with an index of the caller's choice, so that addresses can be given without asking for it first.
    #[must_use]
    pub fn index(mut self, index: u32) -> Self {
        self.index = Some(index);
        self
    }

    /// The same, down.
    #[must_use]
    pub fn down(mut self) -> Self {
        self.up = false;
        self
    }

    /// The same with an Ethernet address.
    #[must_use]
    pub fn mac(mut self, mac: impl Into<MacAddr>) -> Self {
        self.mac = Some(mac.into());
        self
    }

    /// The same with an MTU in octets.
    #[must_use]
    pub fn mtu(mut self, mtu: u32) -> Self {
        self.mtu = Some(mtu);
        self
    }

    /// The same as a port of the bridge with this index.
    #[must_use]
    pub fn master(mut self, bridge: u32) -> Self {
        self.master = Some(bridge);
        self
    }

    fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        if self.up {
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
        }
        message.header.index = self.index.unwrap_or(0);
        let attributes = &mut message.attributes;
        attributes.push(LinkAttribute::IfName(self.name.clone()));
        if let Some(ns) = &self.ns {
            attributes.push(LinkAttribute::NetNsFd(ns.as_raw_fd()));
        }
        if let Some(mac) = self.mac {
            attributes.push(LinkAttribute::Address(mac.0.to_vec()));
        }
        if let Some(mtu) = self.mtu {
            attributes.push(LinkAttribute::Mtu(mtu));
        }
        if let Some(master) = self.master {
            attributes.push(LinkAttribute::Controller(master));
        }
        message
    }

    pub(super) fn create(&self, kind: InfoKind, data: Option<InfoData>) -> Request {
        self.create_on(None, kind, data)
    }

    /// `lower` is the index of the link it sits on.
    fn create_on(&self, lower: Option<u32>, kind: InfoKind, data: Option<InfoData>) -> Request {
        let mut message = self.message();
        message.attributes.extend(lower.map(LinkAttribute::Link));
        let mut info = vec![LinkInfo::Kind(kind)];
        info.extend(data.map(LinkInfo::Data));
        message.attributes.push(LinkAttribute::LinkInfo(info));
        let request = Request::new(Message::NewLink(message), Mode::Create);
        match &self.ns {
            Some(ns) => request.holding(ns),
            None => request,
        }
    }
}

/// A cable: two links, what enters one comes out of the other. Either end may be born in any
/// namespace.
#[derive(Debug, Clone)]
pub struct Veth {
    /// One end.
    pub a: LinkSpec,
    /// The other. Its `master` must be `None` or an index of its own namespace.
    pub b: LinkSpec,
}

impl Veth {
    /// Makes both ends at once. The kernel lets `b` come up only when both are there, so it stays
    /// down whatever it says; [`Netlink::create_veth`](super::Netlink::create_veth) sees to it.
    pub fn create(&self) -> Request {
        let down = LinkSpec {
            up: false,
            ..self.b.clone()
        };
        let peer = InfoVeth::Peer(down.message());
        let request = self.a.create(InfoKind::Veth, Some(InfoData::Veth(peer)));
        match &self.b.ns {
            Some(ns) => request.holding(ns),
            None => request,
        }
    }
}

/// The frames of one VLAN (IEEE 802.1Q) of another link, without their tags.
#[derive(Debug, Clone)]
pub struct Vlan {
    /// Name and so on.
    pub link: LinkSpec,
    /// The index of the link that has the tagged frames.
    pub lower: u32,
    /// 1 to 4094.
    pub id: u16,
}

impl Vlan {
    /// Makes the link.
    pub fn create(&self) -> Request {
        let data = InfoData::Vlan(vec![InfoVlan::Id(self.id)]);
        self.link
            .create_on(Some(self.lower), InfoKind::Vlan, Some(data))
    }
}

/// An Ethernet switch. Spanning tree is off and ports forward at once.
#[derive(Debug, Clone)]
pub struct Bridge {
    /// Name and so on.
    pub link: LinkSpec,
    /// After what silence a learned address is forgotten; the kernel's 300 s when `None`.
    pub ageing: Option<Duration>,
    /// Whether multicast goes only where it was asked for (IGMP, MLD). Off in a lab: snooping
    /// makes the first seconds of a bridge's life irregular.
    pub multicast_snooping: bool,
    /// The link-local groups 01:80:c2:00:00:0X that are forwarded, one bit for each X (not 0-2).
    pub group_fwd_mask: u16,
}

impl Bridge {
    /// A bridge that is up, without snooping.
    pub fn new(link: LinkSpec) -> Self {
        Self {
            link,
            ageing: None,
            multicast_snooping: false,
            group_fwd_mask: 0,
        }
    }

    /// Makes the bridge.
    pub fn create(&self) -> Request {
        let mut data = vec![
            InfoBridge::StpState(BridgeStpState::Disabled),
            InfoBridge::ForwardDelay(0),
            InfoBridge::MulticastSnooping(self.multicast_snooping),
        ];
        data.extend(self.ageing.map(ageing));
        if self.group_fwd_mask != 0 {
            data.push(InfoBridge::GroupFwdMask(self.group_fwd_mask));
        }
        self.link
            .create(InfoKind::Bridge, Some(InfoData::Bridge(data)))
    }
}

/// After what silence a bridge forgets, in hundredths of a second: the kernel's USER_HZ.
pub(super) fn ageing(time: Duration) -> InfoBridge {
    InfoBridge::AgeingTime((time.as_millis() / 10).try_into().unwrap_or(u32::MAX))
}

/// A VXLAN tunnel end point (RFC 7348).
#[derive(Debug, Clone)]
pub struct Vxlan {
    /// Name and so on.
    pub link: LinkSpec,
    /// What it carries.
    pub id: VxlanId,
    /// The source address of the outer packets.
    pub local: Option<IpAddr>,
    /// The UDP port it listens on and sends to.
    pub port: u16,
    /// Whether it learns addresses from packets; off when a control plane supplies them.
    pub learning: bool,
    /// Whether it answers ARP and neighbour solicitations from its neighbour table.
    pub proxy: bool,
    /// The link that outer packets leave by, and that their path MTU is taken from.
    pub lower: Option<u32>,
}

/// Which network identifiers a VXLAN device carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VxlanId {
    /// One, 24 bits.
    Vni(u32),
    /// Any: identifier and destination come with each packet, from a route's encapsulation
    /// (`external` mode). One such device per namespace and port.
    PerPacket,
}

impl Vxlan {
    /// The UDP port that IANA assigned.
    pub const PORT: u16 = 4789;

    /// A tunnel end on the assigned port that learns nothing by itself.
    pub fn new(link: LinkSpec, id: VxlanId) -> Self {
        Self {
            link,
            id,
            local: None,
            port: Self::PORT,
            learning: false,
            proxy: false,
            lower: None,
        }
    }

    /// Makes the device.
    pub fn create(&self) -> Request {
        let mut data = match self.id {
            VxlanId::Vni(vni) => vec![InfoVxlan::Id(vni)],
            VxlanId::PerPacket => vec![InfoVxlan::CollectMetadata(true)],
        };
        data.push(InfoVxlan::Port(self.port));
        data.push(InfoVxlan::Learning(self.learning));
        if self.proxy {
            data.push(InfoVxlan::Proxy(true));
        }
        match self.local {
            Some(IpAddr::V4(local)) => data.push(InfoVxlan::Local(local)),
            Some(IpAddr::V6(local)) => {
                data.push(InfoVxlan::Local6(local));
                // Those who send no checksum are to be understood (RFC 7348 section 5).
                data.push(InfoVxlan::UDPZeroCsumRX(true));
            }
            None => {}
        }
        if let Some(lower) = self.lower {
            data.push(InfoVxlan::Link(lower));
        }
        self.link
            .create(InfoKind::Vxlan, Some(InfoData::Vxlan(data)))
    }
}
