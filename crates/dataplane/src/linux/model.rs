//! The part of the kernel's state that matters to one instance, by names instead of indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bgp_wire::{MacAddr, Vni};

/// Everything observed before planning.
///
/// Of a bridge or VXLAN interface that somebody else owns, tables hold only what the driver put there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Interfaces by name: the instance's, those wanted as ports and those that are in the way.
    pub links: BTreeMap<String, Link>,
    /// Per VXLAN interface, where it sends what.
    pub tunnels: BTreeMap<String, BTreeSet<Tunnel>>,
    /// Per bridge, the port of each MAC that was put there and not learned.
    pub entries: BTreeMap<String, BTreeMap<MacAddr, String>>,
    /// Per bridge, the permanent neighbours.
    pub neighbours: BTreeMap<String, BTreeMap<IpAddr, MacAddr>>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is.
    pub kind: Kind,
    /// What it is a port of.
    pub master: Option<String>,
    /// Whether it was set up.
    pub up: bool,
    /// MTU in bytes.
    pub mtu: u32,
    /// Whether the bridge treats it as a tunnel: no learning, neighbours suppressed.
    pub tunnel_port: bool,
}

/// What an interface is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bridge.
    Bridge,
    /// A VXLAN interface for one VNI.
    Vxlan(Endpoint),
    /// Anything else.
    Other,
}

/// What cannot be changed on an existing VXLAN interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The VNI it receives on.
    pub vni: Vni,
    /// The address it sends from.
    pub local: Option<IpAddr>,
    /// UDP port it receives on and sends to.
    pub udp_port: u16,
    /// Whether it learns by itself.
    pub learning: bool,
    /// Whether it answers ARP from its own neighbours and drops every request it has no answer to.
    pub proxy: bool,
}

/// One destination of a MAC in a VXLAN interface's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tunnel {
    /// The MAC; [`FLOOD`] for everything that has no entry.
    pub mac: MacAddr,
    /// The PE.
    pub vtep: IpAddr,
    /// The VNI the PE expects.
    pub vni: Vni,
}

/// The all-zero MAC: frames without an entry of their own go to all of its destinations.
pub const FLOOD: MacAddr = MacAddr([0; 6]);

/// One change of the kernel's state. Interfaces are named, as some do not exist yet when the plan is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Deletes a link, and with it its table; ports of a deleted bridge become free.
    DeleteLink { name: String },
    /// Makes a bridge, down, that forwards at once and snoops nothing.
    CreateBridge { name: String, mac: MacAddr },
    /// Makes a VXLAN interface, down, free.
    CreateVxlan {
        name: String,
        mac: MacAddr,
        endpoint: Endpoint,
    },
    /// Keeps the kernel from giving the link an IPv6 address, and so from talking on it.
    Quiet { name: String },
    /// Sets the MTU, in bytes.
    SetMtu { name: String, mtu: u32 },
    /// Sets a link up or down.
    SetUp { name: String, up: bool },
    /// Makes a link a port of a bridge, taking it out of another.
    Plug { name: String, bridge: String },
    /// Makes a link free. The bridge forgets what it put behind it.
    Unplug { name: String },
    /// Has the bridge treat a port as a tunnel.
    TunnelPort { name: String },
    /// Makes this the destination of a MAC that has one at most.
    PutTunnel { device: String, tunnel: Tunnel },
    /// Adds a destination to a MAC.
    AppendTunnel { device: String, tunnel: Tunnel },
    /// Removes a destination of a MAC.
    DeleteTunnel { device: String, tunnel: Tunnel },
    /// Puts a MAC behind a port, wherever it was. `remote`: as told by a control plane.
    PutEntry {
        port: String,
        mac: MacAddr,
        remote: bool,
    },
    /// Forgets that a MAC is behind a port.
    DeleteEntry { port: String, mac: MacAddr },
    /// Sets a permanent neighbour of a bridge.
    PutNeighbour {
        bridge: String,
        ip: IpAddr,
        mac: MacAddr,
    },
    /// Forgets a neighbour.
    DeleteNeighbour { bridge: String, ip: IpAddr },
}

impl Op {
    /// Whether it concerns one remote route and nothing else depends on it.
    pub fn is_route(&self) -> bool {
        matches!(
            self,
            Self::PutTunnel { .. }
                | Self::AppendTunnel { .. }
                | Self::PutEntry { remote: true, .. }
                | Self::PutNeighbour { .. }
        )
    }

    /// Whether it takes something away, so that finding nothing is success.
    pub fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::DeleteLink { .. }
                | Self::Unplug { .. }
                | Self::DeleteTunnel { .. }
                | Self::DeleteEntry { .. }
                | Self::DeleteNeighbour { .. }
        )
    }
}

impl Kernel {
    /// The state after `name` is deleted, as the kernel would leave it.
    pub fn forget(&mut self, name: &str) {
        self.links.remove(name);
        for link in self.links.values_mut() {
            if link.master.as_deref() == Some(name) {
                link.master = None;
                link.tunnel_port = false;
            }
        }
        self.tunnels.remove(name);
        self.entries.remove(name);
        self.neighbours.remove(name);
        for entries in self.entries.values_mut() {
            entries.retain(|_, port| port != name);
        }
    }

    /// Names of the ports of a bridge.
    pub fn ports<'a>(&'a self, bridge: &'a str) -> impl Iterator<Item = &'a str> {
        let ports = self.links.iter();
        ports
            .filter(move |(_, link)| link.master.as_deref() == Some(bridge))
            .map(|(name, _)| name.as_str())
    }

    /// Whether the link is a port of the bridge.
    pub fn is_port_of(&self, link: &str, bridge: &str) -> bool {
        let link = self.links.get(link);
        link.is_some_and(|link| link.master.as_deref() == Some(bridge))
    }
}
