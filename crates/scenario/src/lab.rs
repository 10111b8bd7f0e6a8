//! A scenario as it is meant: every reference an index, every address a value.

use std::fmt;
use std::net::IpAddr;
use std::ops::{Index, RangeInclusive};
use std::time::Duration;

use bgp_wire::types::{IpPrefix, MacAddr};
use bgp_wire::{RouteTarget, Vni};
use impair::Impairment;
use serde::{Deserialize, Serialize};

use crate::announcement::Announcement;
use crate::kind::NodeKind;
use crate::place::Place;
use crate::step::{Endpoint, Flow, Step};

/// A whole scenario, valid. The vectors are indexed by the ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// What it is called.
    pub lab: Lab,
    /// Nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// LANs, in the order of the file.
    pub lans: Vec<Lan>,
    /// Point-to-point links, in the order of the file.
    pub links: Vec<Link>,
    /// VPNs, in the order of the file.
    pub vpns: Vec<Vpn>,
    /// Ports, in the order in which steps name them.
    pub ports: Vec<Port>,
    /// Captures, in the order in which steps begin them.
    pub captures: Vec<Capture>,
    /// What steps announce, in the order in which they first do.
    #[serde(default)]
    pub announcements: Vec<Announcement>,
    /// Traffic, in the order in which steps begin it.
    #[serde(default)]
    pub flows: Vec<Flow>,
    /// Steps, in the order of the file.
    pub steps: Vec<Step>,
}

/// What the lab is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// Lower-case letters, digits and dashes, at most 32.
    pub name: String,
    /// What it shows, in one line.
    pub about: Option<String>,
    /// Where everything random in the lab begins.
    pub seed: Option<u64>,
    /// When it counts as up.
    pub wait: Wait,
    /// Whether the rules of reflection are judged after every step.
    pub invariants: bool,
    /// What delays and loses frames, where the scenario says.
    pub wire: Option<WireKind>,
    /// What its steps need of the kernel besides what follows from the scenario.
    pub needs: Vec<KernelFeature>,
    /// The longest `labgen test` lets it take on a usual machine, where it says so.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// What is recorded of every LAN and link.
    pub record: Record,
    /// How many times as long as usual everything may take.
    pub slow: u32,
}

/// A part of the kernel that scenarios use by commands of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelFeature {
    /// Label switching.
    Mpls,
    /// Tables of routes as links.
    Vrf,
    /// GRE tunnels.
    Gre,
    /// VLANs on links.
    Vlan,
    /// Links that lead nowhere.
    Dummy,
    /// Queues that delay and lose packets.
    Netem,
}

/// What delays and loses frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireKind {
    /// Labgen.
    Own,
    /// The kernel.
    Netem,
}

/// When a lab counts as up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wait {
    /// Every program says that it is ready.
    #[default]
    Ready,
    /// Every configured session is Established as well.
    Converged,
}

/// A node's index in [`Scenario::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// A LAN's index in [`Scenario::lans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LanId(pub usize);

/// A point-to-point link's index in [`Scenario::links`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkId(pub usize);

/// What an interface is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetId {
    /// A LAN.
    Lan(LanId),
    /// A point-to-point link.
    Link(LinkId),
}

/// A VPN's index in [`Scenario::vpns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VpnId(pub usize);

/// A port's index in [`Scenario::ports`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortId(pub usize);

/// A capture's index in [`Scenario::captures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaptureId(pub usize);

/// An announcement's index in [`Scenario::announcements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AnnouncementId(pub usize);
/// A flow's index in [`Scenario::flows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowId(pub usize);

/// A node: namespaces and the program in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// The program, and how it is set up.
    pub kind: NodeKind,
    /// The node whose namespaces it runs in, when they are not its own.
    pub on: Option<NodeId>,
    /// Its interfaces, those on LANs first, each in the order of the file; empty when it runs on another node.
    pub interfaces: Vec<Interface>,
    /// Addresses of its loopback interface, beside those every namespace has.
    pub loopbacks: Vec<InterfaceAddress>,
    /// Routes it has from the start, whatever runs in it.
    pub routes: Vec<StaticRoute>,
    /// Where it was written.
    pub place: Place,
}

/// An interface of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// What it is plugged into.
    pub net: NetId,
    /// What it is called in the node, at most 15 octets.
    pub name: String,
    /// Its addresses: one from each subnet of the net.
    pub addresses: Vec<InterfaceAddress>,
    /// Its MAC address; when `None`, one that follows from the names of node and net.
    pub mac: Option<MacAddr>,
}

/// An address with the length of the subnet's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// Bits of the prefix.
    pub len: u8,
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.len)
    }
}

/// A route that a node has from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticRoute {
    /// Where it leads.
    pub to: IpPrefix,
    /// The next hop, on a net of the node.
    pub via: IpAddr,
}

/// A LAN: a bridge of its own, with every member on a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lan {
    /// What it is called.
    pub name: String,
    /// The subnets its addresses are in; every member has one address of each.
    pub subnets: Vec<IpPrefix>,
    /// MTU of every link and of the bridge.
    pub mtu: u32,
    /// The nodes on it, in the order given.
    pub members: Vec<NodeId>,
    /// What is done to frames from the start, in order, each cable and direction at most once.
    pub impair: Vec<Impaired>,
    /// Where it was written.
    pub place: Place,
}

/// A point-to-point link: one pair of interfaces, and nothing between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it is called.
    pub name: String,
    /// The nodes at its ends.
    pub ends: [NodeId; 2],
    /// The subnets its addresses are in; each end has one address of each.
    pub subnets: Vec<IpPrefix>,
    /// MTU of both interfaces.
    pub mtu: u32,
    /// What is done from the start to the frames that an end sends, each at most once.
    pub impair: Vec<Impaired>,
    /// Whether something may be done to its frames, now or later: it needs something between its ends.
    pub wired: bool,
    /// Where it was written.
    pub place: Place,
}

/// What is done to the frames of a node's cable in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impaired {
    /// The node.
    pub node: NodeId,
    /// Which of its frames. On a link always those that it sends.
    pub direction: Direction,
    /// What is done.
    pub by: Impairment,
}

/// Which frames of a node's cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Those that the node sends.
    Out,
    /// Those that it gets.
    In,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "out",
            Self::In => "in",
        })
    }
}

/// A VPN as it is configured on every node that has a port in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpn {
    /// What it is called: the id of the VPN instance.
    pub name: String,
    /// Which kind.
    pub kind: VpnType,
    /// Route targets it imports, sorted, each once.
    pub import_rts: Vec<RouteTarget>,
    /// Route targets its routes carry, sorted, each once.
    pub export_rts: Vec<RouteTarget>,
    /// The VNI; `None` leaves the choice to each node.
    pub vni: Option<Vni>,
    /// The gateway's address; always there in an L3 VPN.
    pub gateway_ip: Option<IpAddr>,
    /// Routes of others that are advertised again.
    pub readvertise: Option<Readvertise>,
    /// Traffic that is attracted instead.
    pub attract_traffic: Option<AttractTraffic>,
    /// Where it was written.
    pub place: Place,
}

/// Routes with a target that are advertised again with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readvertise {
    /// Routes with one of these...
    pub from_rts: Vec<RouteTarget>,
    /// ...get these.
    pub to_rts: Vec<RouteTarget>,
}

/// Traffic that Flowspec routes attract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttractTraffic {
    /// Targets of the Flowspec routes.
    pub redirect_rts: Vec<RouteTarget>,
    /// The target that it is redirected to.
    pub to_rt: RouteTarget,
    /// Prefixes attracted whatever routes there are.
    pub static_prefixes: Vec<IpPrefix>,
    /// Where it comes from.
    pub source: Option<IpPrefix>,
    /// The IP protocol; `None` leaves it to the node.
    pub protocol: Option<u8>,
    /// Source ports.
    pub source_ports: Option<RangeInclusive<u16>>,
    /// Destination ports.
    pub destination_ports: Option<RangeInclusive<u16>>,
}

/// Which way traffic may pass a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortDirection {
    /// Both ways.
    #[default]
    Both,
    /// From the VPN to the port only.
    ToPort,
    /// From the port to the VPN only.
    FromPort,
}

/// Kinds of VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VpnType {
    /// Ethernet VPN (RFC 7432, 8365).
    Evpn,
    /// BGP/MPLS IP VPN (RFC 4364).
    Ipvpn,
}

/// A port: a namespace with one interface, which is what gets attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// What it is called; so is its namespace, unless it is in that of another port.
    pub name: String,
    /// The interface on the compute node's side, at most 15 octets.
    pub interface: String,
    /// The port whose namespace it is in: itself, or the first of a machine of several ports.
    pub machine: PortId,
    /// The interface in that namespace.
    pub inside: String,
}

/// Which packets are captured, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// What it is called; so is its file.
    pub name: String,
    /// Where.
    pub on: CapturePoint,
    /// Only frames that are one of these; all when empty.
    pub only: Vec<Traffic>,
    /// Octets that the kernel has room for until frames are written.
    pub ring: u64,
    /// Octets kept of each frame; `None` is all of them.
    pub snap_len: Option<u32>,
}

/// Where packets are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapturePoint {
    /// On a LAN or link: every frame on it, once.
    Net(NetId),
    /// On the node's interface to a LAN or link.
    Interface(NodeId, NetId),
    /// On the interface in a port's namespace.
    Port(PortId),
}

/// Kinds of frame that the kernel can tell by the outermost headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Traffic {
    /// TCP from or to port 179.
    Bgp,
    /// ARP.
    Arp,
    /// ICMP and ICMPv6.
    Icmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP from or to port 4789.
    Vxlan,
    /// Frames that begin with a label.
    Mpls,
    /// GRE.
    Gre,
}

impl Traffic {
    /// Every one, and the word for it.
    pub const ALL: [(&str, Self); 8] = [
        ("bgp", Self::Bgp),
        ("arp", Self::Arp),
        ("icmp", Self::Icmp),
        ("tcp", Self::Tcp),
        ("udp", Self::Udp),
        ("vxlan", Self::Vxlan),
        ("mpls", Self::Mpls),
        ("gre", Self::Gre),
    ];
}

/// What is recorded of every LAN and link while steps are done, unless a capture of the scenario does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// BGP, where there are speakers.
    #[default]
    Bgp,
    /// Every frame.
    All,
    /// Nothing.
    None,
}

impl Scenario {
    /// The node in whose namespaces `node` runs: its own, or the one it is `on`.
    pub fn home(&self, node: NodeId) -> NodeId {
        self[node].on.unwrap_or(node)
    }

    /// The interfaces on a LAN or link, with the nodes they are in.
    pub fn interfaces(&self, net: NetId) -> impl Iterator<Item = (NodeId, &Interface)> {
        self.nodes().flat_map(move |(id, node)| {
            let on_net = move |interface: &&Interface| interface.net == net;
            node.interfaces
                .iter()
                .filter(on_net)
                .map(move |interface| (id, interface))
        })
    }

    /// What is done to the frames of a LAN or link from the start.
    pub fn impaired(&self, net: NetId) -> &[Impaired] {
        match net {
            NetId::Lan(lan) => &self[lan].impair,
            NetId::Link(link) => &self[link].impair,
        }
    }

    /// Every LAN and link.
    pub fn nets(&self) -> impl Iterator<Item = NetId> {
        let lans = (0..self.lans.len()).map(|index| NetId::Lan(LanId(index)));
        lans.chain((0..self.links.len()).map(|index| NetId::Link(LinkId(index))))
    }

    /// The name of a LAN or link.
    pub fn net_name(&self, net: NetId) -> &str {
        match net {
            NetId::Lan(lan) => &self[lan].name,
            NetId::Link(link) => &self[link].name,
        }
    }

    /// The name of a node or port.
    pub fn endpoint_name(&self, endpoint: Endpoint) -> &str {
        match endpoint {
            Endpoint::Node(node) => &self[node].name,
            Endpoint::Port(port) => &self[port].name,
        }
    }

    /// The node that has this address; of those that share a node's namespaces, that node.
    pub fn node_at(&self, address: IpAddr) -> Option<NodeId> {
        self.nodes().find_map(|(id, node)| {
            let interfaces = node.interfaces.iter();
            let own = interfaces.flat_map(|interface| &interface.addresses);
            let mut own = own.chain(&node.loopbacks);
            own.any(|own| own.ip == address).then_some(id)
        })
    }

    /// Nodes with their ids, in the order of the file.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (NodeId(index), node))
    }

    /// All steps, each before those in it.
    pub fn walk(&self) -> impl Iterator<Item = &Step> {
        let mut all = Vec::new();
        for step in &self.steps {
            step.walk(&mut |step| all.push(step));
        }
        all.into_iter()
    }

    /// The node with this name.
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        self.nodes
            .iter()
            .position(|node| node.name == name)
            .map(NodeId)
    }
}

macro_rules! indexed {
    ($($id:ident => $field:ident: $item:ident),* $(,)?) => {$(
        impl Index<$id> for Scenario {
            type Output = $item;

            fn index(&self, id: $id) -> &$item {
                &self.$field[id.0]
            }
        }
    )*};
}

indexed! {
    NodeId => nodes: Node,
    LanId => lans: Lan,
    LinkId => links: Link,
    VpnId => vpns: Vpn,
    PortId => ports: Port,
    CaptureId => captures: Capture,
    AnnouncementId => announcements: Announcement,
    FlowId => flows: Flow,
}
