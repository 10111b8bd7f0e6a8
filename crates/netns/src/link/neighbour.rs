//! Neighbours (address to Ethernet address) and forwarding entries (Ethernet address to port).
//!
//! The kernel keeps both in messages of one shape, and so does this module.

use std::net::{IpAddr, Ipv6Addr};

use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use serde::Serialize;

use super::request::{Mode, Request};
use crate::addr::MacAddr;

/// Which of a port's two tables holds a forwarding entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FdbTable {
    /// The device's own: for VXLAN, from address to tunnel end (`self` to iproute2).
    Own,
    /// The bridge's: the address is behind this port (`master` to iproute2).
    Master,
}

/// How long an entry stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// Until deleted. In a bridge's table: the address is the host's own.
    Permanent,
    /// Until deleted; in a bridge's table it never ages and does not move.
    Static,
    /// Until it has not been confirmed for a while, as if learned.
    Dynamic,
    /// Known, but to be confirmed before use.
    Stale,
    /// Being looked for.
    Incomplete,
    /// Looked for in vain.
    Failed,
}

const NUD_INCOMPLETE: u16 = 0x01;
const NUD_REACHABLE: u16 = 0x02;
const NUD_STALE: u16 = 0x04;
const NUD_FAILED: u16 = 0x20;
const NUD_NOARP: u16 = 0x40;
const NUD_PERMANENT: u16 = 0x80;

impl EntryState {
    fn from_bits(bits: u16) -> Self {
        match bits {
            bits if bits & NUD_PERMANENT != 0 => Self::Permanent,
            bits if bits & NUD_NOARP != 0 => Self::Static,
            bits if bits & NUD_INCOMPLETE != 0 => Self::Incomplete,
            bits if bits & NUD_FAILED != 0 => Self::Failed,
            bits if bits & NUD_STALE != 0 => Self::Stale,
            _ => Self::Dynamic,
        }
    }

    /// The state bits of a forwarding entry. A VXLAN device refuses one that is neither permanent
    /// nor reachable, and a bridge takes permanent for "local" and no-ARP for "static".
    fn fdb_bits(self) -> u16 {
        match self {
            Self::Permanent => NUD_NOARP | NUD_PERMANENT,
            Self::Static => NUD_NOARP | NUD_REACHABLE,
            _ => NUD_REACHABLE,
        }
    }

    fn neighbour_bits(self) -> u16 {
        match self {
            Self::Permanent => NUD_PERMANENT,
            Self::Static => NUD_NOARP,
            Self::Stale => NUD_STALE,
            _ => NUD_REACHABLE,
        }
    }
}

/// One forwarding entry of a bridge port or a VXLAN device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FdbEntry {
    /// Index of the port or VXLAN device.
    pub link: u32,
    /// The table.
    pub table: FdbTable,
    /// Index of the bridge, in what the kernel tells of a bridge's table; it is not sent.
    pub bridge: Option<u32>,
    /// The address; [`MacAddr::ZERO`] in a VXLAN device's own table: where the rest is flooded.
    pub mac: MacAddr,
    /// VXLAN: the remote tunnel end.
    pub dst: Option<IpAddr>,
    /// VXLAN: the network identifier to send with, when not the device's own.
    pub vni: Option<u32>,
    /// VXLAN: the UDP port to send to, when not the device's own.
    pub port: Option<u16>,
    /// How long it stays.
    pub state: EntryState,
    /// Supplied by a control plane (`extern_learn`): the bridge neither ages it nor lets a packet
    /// turn it into a learned one.
    pub extern_learn: bool,
}

impl FdbEntry {
    /// Frames for `mac` go to the tunnel end `dst`: in a VXLAN device's own table.
    pub fn tunnel(link: u32, mac: MacAddr, dst: IpAddr) -> Self {
        Self {
            link,
            table: FdbTable::Own,
            bridge: None,
            mac,
            dst: Some(dst),
            vni: None,
            port: None,
            state: EntryState::Permanent,
            extern_learn: false,
        }
    }

    /// Frames that no entry knows are flooded to `dst` too: one more end of the ingress
    /// replication list. Send it with [`FdbEntry::append`].
    pub fn flood(link: u32, dst: IpAddr) -> Self {
        Self::tunnel(link, MacAddr::ZERO, dst)
    }

    /// `mac` is behind this port: in the bridge's table.
    pub fn behind(link: u32, mac: MacAddr) -> Self {
        Self {
            table: FdbTable::Master,
            dst: None,
            state: EntryState::Static,
            ..Self::tunnel(link, mac, IpAddr::from([0; 4]))
        }
    }

    /// The same with a network identifier.
    #[must_use]
    pub fn vni(mut self, vni: u32) -> Self {
        self.vni = Some(vni);
        self
    }

    /// Adds it; fails when the address is there.
    pub fn add(&self) -> Request {
        Request::new(Message::NewNeighbour(self.message()), Mode::Create)
    }

    /// Adds it or overwrites what the table says of the address.
    pub fn replace(&self) -> Request {
        Request::new(Message::NewNeighbour(self.message()), Mode::Replace)
    }

    /// Adds one more destination for the address. Adding the same one again changes nothing.
    pub fn append(&self) -> Request {
        Request::new(Message::NewNeighbour(self.message()), Mode::Append)
    }

    /// Deletes it; of several destinations, the one named.
    pub fn delete(&self) -> Request {
        Request::new(Message::DelNeighbour(self.message()), Mode::Existing)
    }

    fn message(&self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        let header = &mut message.header;
        header.family = AddressFamily::Bridge;
        header.ifindex = self.link;
        header.state = NeighbourState::from(self.state.fdb_bits());
        header.flags = match self.table {
            FdbTable::Own => NeighbourFlags::Own,
            FdbTable::Master => NeighbourFlags::Controller,
        };
        header
            .flags
            .set(NeighbourFlags::ExtLearned, self.extern_learn);
        let attributes = &mut message.attributes;
        attributes.push(NeighbourAttribute::LinkLayerAddress(self.mac.0.to_vec()));
        if let Some(dst) = self.dst {
            attributes.push(NeighbourAttribute::Destination(dst.into()));
        }
        if let Some(vni) = self.vni {
            attributes.push(NeighbourAttribute::Vni(vni));
        }
        if let Some(port) = self.port {
            attributes.push(NeighbourAttribute::Port(port));
        }
        message
    }

    /// `None` for what is not a forwarding entry of an Ethernet device.
    pub(super) fn parse(message: &NeighbourMessage) -> Option<Self> {
        let header = &message.header;
        if header.family != AddressFamily::Bridge {
            return None;
        }
        // A bridge's own dump names the bridge; a device's own table does not.
        let mut attributes = message.attributes.iter();
        let master = attributes.find_map(|attribute| match attribute {
            NeighbourAttribute::Controller(bridge) => Some(*bridge),
            _ => None,
        });
        let own = header.flags.contains(NeighbourFlags::Own) || master.is_none();
        let mut entry = Self {
            link: header.ifindex,
            table: if own { FdbTable::Own } else { FdbTable::Master },
            bridge: master.filter(|_| !own),
            mac: MacAddr::ZERO,
            dst: None,
            vni: None,
            port: None,
            state: EntryState::from_bits(header.state.into()),
            extern_learn: header.flags.contains(NeighbourFlags::ExtLearned),
        };
        let mut found = false;
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::LinkLayerAddress(octets) => {
                    entry.mac = MacAddr::try_from(octets.as_slice()).ok()?;
                    found = true;
                }
                NeighbourAttribute::Destination(address) => entry.dst = ip(address),
                NeighbourAttribute::Vni(vni) => entry.vni = Some(*vni),
                NeighbourAttribute::Port(port) => entry.port = Some(*port),
                _ => {}
            }
        }
        // A bridge never ages an entry of the control plane but reports it like a learned one.
        if entry.table == FdbTable::Master && entry.extern_learn {
            entry.state = EntryState::Static;
        }
        found.then_some(entry)
    }
}

/// One entry of the ARP or the neighbour discovery table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Neighbour {
    /// Index of the link.
    pub link: u32,
    /// The address.
    pub ip: IpAddr,
    /// Where it is; `None` while unknown.
    pub mac: Option<MacAddr>,
    /// How long it stays.
    pub state: EntryState,
    /// Supplied by a control plane (`extern_learn`).
    pub extern_learn: bool,
}

impl Neighbour {
    /// An entry that stays until deleted.
    pub fn permanent(link: u32, ip: IpAddr, mac: MacAddr) -> Self {
        Self {
            link,
            ip,
            mac: Some(mac),
            state: EntryState::Permanent,
            extern_learn: false,
        }
    }

    /// Adds it; fails when the address is there.
    pub fn add(&self) -> Request {
        Request::new(Message::NewNeighbour(self.message()), Mode::Create)
    }

    /// Adds it or overwrites what the table says of the address.
    pub fn replace(&self) -> Request {
        Request::new(Message::NewNeighbour(self.message()), Mode::Replace)
    }

    /// Deletes it.
    pub fn delete(&self) -> Request {
        Request::new(Message::DelNeighbour(self.message()), Mode::Existing)
    }

    fn message(&self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        let header = &mut message.header;
        header.family = match self.ip {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        header.ifindex = self.link;
        header.state = NeighbourState::from(self.state.neighbour_bits());
        header
            .flags
            .set(NeighbourFlags::ExtLearned, self.extern_learn);
        message
            .attributes
            .push(NeighbourAttribute::Destination(self.ip.into()));
        if let Some(mac) = self.mac {
            message
                .attributes
                .push(NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()));
        }
        message
    }

    /// `None` for what is not an IP neighbour.
    pub(super) fn parse(message: &NeighbourMessage) -> Option<Self> {
        let header = &message.header;
        if !matches!(header.family, AddressFamily::Inet | AddressFamily::Inet6) {
            return None;
        }
        let mut address = None;
        let mut mac = None;
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(found) => address = ip(found),
                NeighbourAttribute::LinkLayerAddress(octets) => {
                    mac = MacAddr::try_from(octets.as_slice()).ok();
                }
                _ => {}
            }
        }
        Some(Self {
            link: header.ifindex,
            ip: address?,
            mac,
            state: EntryState::from_bits(header.state.into()),
            extern_learn: header.flags.contains(NeighbourFlags::ExtLearned),
        })
    }
}

/// An IPv6 address that this host answers for on a link, without having it (`ip -6 neigh add proxy`).
///
/// The link has to have `proxy_ndp` set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ProxyNeighbour {
    /// Index of the link.
    pub link: u32,
    /// The address.
    pub ip: Ipv6Addr,
    /// Supplied by a control plane (`extern_learn`); the kernel only remembers it.
    pub extern_learn: bool,
}

impl ProxyNeighbour {
    /// Adds it, unless it is there.
    pub fn replace(&self) -> Request {
        Request::new(Message::NewNeighbour(self.message()), Mode::Replace)
    }

    /// Deletes it.
    pub fn delete(&self) -> Request {
        Request::new(Message::DelNeighbour(self.message()), Mode::Existing)
    }

    fn message(&self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        let header = &mut message.header;
        header.family = AddressFamily::Inet6;
        header.ifindex = self.link;
        header.state = NeighbourState::from(NUD_PERMANENT);
        header.flags = NeighbourFlags::Proxy;
        header
            .flags
            .set(NeighbourFlags::ExtLearned, self.extern_learn);
        let address = IpAddr::from(self.ip).into();
        message
            .attributes
            .push(NeighbourAttribute::Destination(address));
        message
    }

    /// What to ask the kernel for all of them with: it wants no other flag.
    pub(super) fn question() -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet6;
        message.header.flags = NeighbourFlags::Proxy;
        message
    }

    /// `None` for what is none.
    pub(super) fn parse(message: &NeighbourMessage) -> Option<Self> {
        let header = &message.header;
        if header.family != AddressFamily::Inet6 || !header.flags.contains(NeighbourFlags::Proxy) {
            return None;
        }
        let address = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                NeighbourAttribute::Destination(address) => ip(address),
                _ => None,
            });
        let IpAddr::V6(ip) = address? else {
            return None;
        };
        Some(Self {
            link: header.ifindex,
            ip,
            extern_learn: header.flags.contains(NeighbourFlags::ExtLearned),
        })
    }
}

/// In forwarding entries the family is "bridge", so the address arrives as bare octets.
fn ip(address: &NeighbourAddress) -> Option<IpAddr> {
    match address {
        NeighbourAddress::Inet(addr) => Some((*addr).into()),
        NeighbourAddress::Inet6(addr) => Some((*addr).into()),
        NeighbourAddress::Other(octets) => match octets.as_slice() {
            &[a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
            octets => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        },
        _ => None,
    }
}
