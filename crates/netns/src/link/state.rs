//! A link as the kernel describes it.

use std::net::IpAddr;

use netlink_packet_route::link::{
    InfoBridgePort, InfoData, InfoPortData, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage, State,
};
use serde::Serialize;

use crate::addr::MacAddr;

/// A link as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Its index, unique in its namespace.
    pub index: u32,
    /// Its name, unique in its namespace.
    pub name: String,
    /// `veth`, `bridge`, `vxlan` and so on; `None` for loopback and hardware.
    pub kind: Option<String>,
    /// Its Ethernet address.
    pub mac: Option<MacAddr>,
    /// Its MTU in octets.
    pub mtu: u32,
    /// Whether it was set up.
    pub up: bool,
    /// Whether it carries frames: it is up and so is what is below it or at its other end.
    pub carrier: bool,
    /// Whether it can be used. A tunnel has no carrier to speak of and counts as operational.
    pub operational: bool,
    /// Index of the bridge it is a port of.
    pub master: Option<u32>,
    /// Index of the other end of a veth (in that end's namespace), or of the link below.
    pub peer: Option<u32>,
    /// Set when `peer` is in another namespace: the kernel's number for that namespace.
    pub peer_ns: Option<i32>,
    /// The text to recognise it by.
    pub alias: Option<String>,
    /// How many listeners want every frame.
    pub promiscuity: u32,
    /// What it is as a port of a bridge.
    pub port: Option<PortState>,
    /// What it is as a VXLAN device.
    pub vxlan: Option<VxlanState>,
    /// Packets, octets and losses since it was made.
    pub counters: Counters,
}

/// How a bridge treats one of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PortState {
    /// Learns source addresses.
    pub learning: bool,
    /// Answers ARP and neighbour solicitations for known neighbours.
    pub neigh_suppress: bool,
    /// May send a frame back to where it came from.
    pub hairpin: bool,
    /// Exchanges frames only with ports that are not isolated.
    pub isolated: bool,
    /// Floods unknown unicast to it.
    pub unicast_flood: bool,
}

/// What a VXLAN device carries, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VxlanState {
    /// The network identifier; `None` when each packet brings its own.
    pub vni: Option<u32>,
    /// The source address of the outer packets.
    pub local: Option<IpAddr>,
    /// The UDP port.
    pub port: u16,
    /// Learns addresses from packets.
    pub learning: bool,
    /// Answers ARP from its neighbour table.
    pub proxy: bool,
}

/// Packets, octets and losses since the link was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Packets received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Received and dropped for lack of room.
    pub rx_dropped: u64,
    /// Received broken.
    pub rx_errors: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_bytes: u64,
    /// Dropped before being sent.
    pub tx_dropped: u64,
    /// That could not be sent.
    pub tx_errors: u64,
}

impl Link {
    pub(super) fn parse(message: &LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            kind: None,
            mac: None,
            mtu: 0,
            up: flags.contains(LinkFlags::Up),
            carrier: flags.contains(LinkFlags::LowerUp),
            operational: flags.contains(LinkFlags::Running),
            master: None,
            peer: None,
            peer_ns: None,
            alias: None,
            promiscuity: 0,
            port: None,
            vxlan: None,
            counters: Counters::default(),
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(octets) => {
                    link.mac = MacAddr::try_from(octets.as_slice()).ok();
                }
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::OperState(state) => {
                    link.operational &= matches!(state, State::Up | State::Unknown);
                }
                LinkAttribute::Controller(index) => link.master = Some(*index),
                LinkAttribute::Link(index) => link.peer = Some(*index).filter(|index| *index != 0),
                LinkAttribute::LinkNetNsId(id) => link.peer_ns = Some(*id),
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias.clone()),
                LinkAttribute::Promiscuity(count) => link.promiscuity = *count,
                LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| link.learn(info)),
                LinkAttribute::Stats64(stats) => {
                    link.counters = Counters {
                        rx_packets: stats.rx_packets,
                        rx_bytes: stats.rx_bytes,
                        rx_dropped: stats.rx_dropped,
                        rx_errors: stats.rx_errors,
                        tx_packets: stats.tx_packets,
                        tx_bytes: stats.tx_bytes,
                        tx_dropped: stats.tx_dropped,
                        tx_errors: stats.tx_errors,
                    };
                }
                _ => {}
            }
        }
        link
    }

    fn learn(&mut self, info: &LinkInfo) {
        match info {
            LinkInfo::Kind(kind) => self.kind = Some(kind.to_string()),
            LinkInfo::Data(InfoData::Vxlan(data)) => self.vxlan = Some(vxlan(data)),
            LinkInfo::PortData(InfoPortData::BridgePort(data)) => self.port = Some(port(data)),
            _ => {}
        }
    }
}

fn port(data: &[InfoBridgePort]) -> PortState {
    let mut port = PortState::default();
    for setting in data {
        match setting {
            InfoBridgePort::Learning(on) => port.learning = *on,
            InfoBridgePort::NeighSupress(on) => port.neigh_suppress = *on,
            InfoBridgePort::HairpinMode(on) => port.hairpin = *on,
            InfoBridgePort::Isolated(on) => port.isolated = *on,
            InfoBridgePort::UnicastFlood(on) => port.unicast_flood = *on,
            _ => {}
        }
    }
    port
}

fn vxlan(data: &[InfoVxlan]) -> VxlanState {
    let mut vxlan = VxlanState::default();
    let mut per_packet = false;
    for setting in data {
        match setting {
            InfoVxlan::Id(vni) => vxlan.vni = Some(*vni),
            InfoVxlan::Local(addr) => vxlan.local = Some((*addr).into()),
            InfoVxlan::Local6(addr) => vxlan.local = Some((*addr).into()),
            InfoVxlan::Port(number) => vxlan.port = *number,
            InfoVxlan::Learning(on) => vxlan.learning = *on,
            InfoVxlan::Proxy(on) => vxlan.proxy = *on,
            InfoVxlan::CollectMetadata(on) => per_packet = *on,
            _ => {}
        }
    }
    // The kernel reports an identifier of zero for a device that has none.
    if per_packet {
        vxlan.vni = None;
    }
    vxlan
}
