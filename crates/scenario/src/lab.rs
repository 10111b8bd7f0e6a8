//! A scenario as it is meant: every reference an index, every address a value.

use std::net::IpAddr;
use std::ops::Index;

use bgp_wire::types::IpPrefix;
use bgp_wire::{Family, RouteTarget, Vni};
use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::step::Step;

/// A whole scenario, valid. The vectors are indexed by the ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// What it is called.
    pub lab: Lab,
    /// Nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// LANs, in the order of the file.
    pub lans: Vec<Lan>,
    /// VPNs, in the order of the file.
    pub vpns: Vec<Vpn>,
    /// Ports, in the order in which steps name them.
    pub ports: Vec<Port>,
    /// Captures, in the order in which steps begin them.
    pub captures: Vec<Capture>,
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
}

/// A node's index in [`Scenario::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// A LAN's index in [`Scenario::lans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LanId(pub usize);

/// A VPN's index in [`Scenario::vpns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VpnId(pub usize);

/// A port's index in [`Scenario::ports`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortId(pub usize);

/// A capture's index in [`Scenario::captures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaptureId(pub usize);

/// A node: namespaces and the program in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// The program, and how it is set up.
    pub kind: NodeKind,
    /// The node whose namespaces it runs in, when they are not its own.
    pub on: Option<NodeId>,
    /// Its links, in the order of the LANs; empty when it runs on another node.
    pub links: Vec<Link>,
    /// Where it was written.
    pub place: Place,
}

/// A node's link to a LAN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The LAN.
    pub lan: LanId,
    /// The node's address there; its prefix length is the LAN's.
    pub address: IpAddr,
    /// The interface in the node, at most 15 octets.
    pub interface: String,
}

/// The programs a node can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// Our BGP VPN speaker, `bagpipe-bgp`.
    Bagpipe(Bagpipe),
    /// Our reflector, `bagpipe-fakerr`.
    FakeRr(FakeRr),
    /// `gobgpd` as a reflector.
    GoBgp(GoBgp),
    /// A namespace and nothing in it.
    Host,
}

/// How `bagpipe-bgp` is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bagpipe {
    /// Autonomous system.
    pub asn: u32,
    /// Its address: next hop of its routes, tunnel endpoint, BGP identifier.
    pub local_address: IpAddr,
    /// Who it connects to, in the order given.
    pub peers: Vec<Peer>,
    /// Whether it uses route target constraint (RFC 4684).
    pub rtc: bool,
    /// What it forwards with.
    pub dataplane: Dataplane,
    /// Hold time it proposes, in seconds; `None` leaves it to the program.
    pub hold_time: Option<u16>,
}

/// A peer as a node knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its address, seen from the node.
    pub address: IpAddr,
    /// Its TCP port.
    pub port: u16,
    /// Its node, unless only an address was given.
    pub node: Option<NodeId>,
}

/// What a speaker forwards with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dataplane {
    /// The Linux kernel's bridge and VXLAN devices.
    Linux,
    /// Nothing; it only keeps the books.
    Dummy,
}

/// How `bagpipe-fakerr` is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FakeRr {
    /// What it does with what it receives.
    pub mode: FakeRrMode,
    /// TCP port it listens on.
    pub port: u16,
    /// Autonomous system.
    pub asn: u32,
    /// BGP identifier and cluster id: the first address it has, or that of the node it runs on.
    pub router_id: IpAddr,
}

/// What the fake reflector does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FakeRrMode {
    /// Reflects routes between any number of clients (RFC 4456).
    Reflect,
    /// Joins two TCP connections byte for byte.
    Splice,
}

/// How `gobgpd` is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoBgp {
    /// Autonomous system.
    pub asn: u32,
    /// BGP identifier: the first address it has, or that of the node it runs on.
    pub router_id: IpAddr,
    /// Cluster id (RFC 4456), in the form of an IPv4 address.
    pub cluster_id: IpAddr,
    /// Addresses of its clients, as it sees them; it waits for them to connect.
    pub clients: Vec<IpAddr>,
    /// Families of every session.
    pub families: Vec<Family>,
    /// A configuration file to use as it is, relative to the scenario; the rest is then ignored.
    pub config: Option<String>,
}

/// A LAN: a bridge of its own, with every member on a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lan {
    /// What it is called.
    pub name: String,
    /// The subnet its addresses are in.
    pub subnet: IpPrefix,
    /// MTU of every link and of the bridge.
    pub mtu: u32,
    /// The nodes on it, in the order given.
    pub members: Vec<NodeId>,
    /// Where it was written.
    pub place: Place,
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
    /// Where it was written.
    pub place: Place,
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
    /// What it is called; so is its namespace.
    pub name: String,
    /// The interface on the compute node's side, at most 15 octets.
    pub interface: String,
}

/// Where packets are captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// What it is called; so is its file.
    pub name: String,
    /// The LAN: every frame on it, once.
    pub lan: LanId,
}

impl Scenario {
    /// The node in whose namespaces `node` runs: its own, or the one it is `on`.
    pub fn home(&self, node: NodeId) -> NodeId {
        self[node].on.unwrap_or(node)
    }

    /// Nodes with their ids, in the order of the file.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (NodeId(index), node))
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
    VpnId => vpns: Vpn,
    PortId => ports: Port,
    CaptureId => captures: Capture,
}

impl NodeKind {
    /// The word for it in a scenario.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bagpipe(_) => "bagpipe",
            Self::FakeRr(_) => "fakerr",
            Self::GoBgp(_) => "gobgp",
            Self::Host => "host",
        }
    }
}
