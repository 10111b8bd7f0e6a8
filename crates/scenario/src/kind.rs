//! What nodes run, and how it is set up.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::Family;
use bgp_wire::types::IpPrefix;
use serde::{Deserialize, Serialize};

use crate::lab::NodeId;

/// The programs a node can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// Our BGP VPN speaker, `bagpipe-bgp`.
    Bagpipe(Bagpipe),
    /// Our reflector, `bagpipe-fakerr`.
    FakeRr(FakeRr),
    /// GoBGP: `gobgpd`.
    GoBgp(Speaker),
    /// FRR: `zebra`, `bgpd` and what else its configuration asks for.
    Frr(Frr),
    /// BIRD 2: `bird`.
    Bird(Speaker),
    /// OpenBGPD: `bgpd`.
    OpenBgpd(Speaker),
    /// ExaBGP: `exabgp`.
    ExaBgp(Speaker),
    /// Open vSwitch: `ovsdb-server` and `ovs-vswitchd` with the userspace datapath.
    Ovs,
    /// A namespace that forwards packets, and nothing in it.
    Router,
    /// A namespace and nothing in it.
    Host,
    /// Any program.
    Exec(ExecNode),
}

/// How `bagpipe-bgp` is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bagpipe {
    /// Autonomous system.
    pub asn: u32,
    /// Its address: next hop of its routes, tunnel endpoint.
    pub local_address: IpAddr,
    /// BGP identifier: its address where that is of IPv4.
    pub router_id: Ipv4Addr,
    /// Who it connects to, in the order given.
    pub peers: Vec<Peer>,
    /// Whether it uses route target constraint (RFC 4684).
    pub rtc: bool,
    /// What it forwards with.
    pub dataplane: Dataplane,
    /// Hold time it proposes, in seconds; `None` leaves it to the program.
    pub hold_time: Option<u16>,
    /// How long peers are to keep its routes while it restarts, in seconds; `None` if it does not restart gracefully.
    pub graceful_restart: Option<u16>,
    /// Whether it has its attachments again when it is started anew.
    pub persist: bool,
    /// The virtual environment of the Python daemon that is run in place of ours; may be relative to the scenario.
    pub python: Option<String>,
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
    /// Whether it only makes connections, so that it is waited for.
    pub calls: bool,
    /// What the connections with it are signed with (RFC 2385).
    pub password: Option<String>,
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
    /// BGP identifier and cluster id.
    pub router_id: Ipv4Addr,
    /// How long clients are to keep routes while it restarts, in seconds; 0 has them keep none.
    pub graceful_restart: u16,
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

/// How a BGP speaker that is not ours is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// Autonomous system.
    pub asn: u32,
    /// BGP identifier.
    pub router_id: Ipv4Addr,
    /// Cluster id (RFC 4456 section 7) where it reflects; the BGP identifier when `None`.
    pub cluster_id: Option<Ipv4Addr>,
    /// Its sessions, in the order of the file.
    pub sessions: Vec<Session>,
    /// Prefixes it originates, IPv4 and IPv6 unicast.
    pub networks: Vec<IpPrefix>,
    /// Hold time it proposes, in seconds; `None` leaves it to the program.
    pub hold_time: Option<u16>,
    /// How long peers are to keep its routes while it restarts, in seconds; `None` if it does not restart gracefully.
    pub graceful_restart: Option<u16>,
    /// A configuration file to use as it is, relative to the scenario; the rest is then what labgen knows of it, no more.
    pub config: Option<String>,
}

/// A BGP session as one of its two ends sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The other end.
    pub peer: Peer,
    /// The own address it runs from.
    pub local: IpAddr,
    /// The other end's autonomous system.
    pub remote_as: u32,
    /// Whether the other end is a client of this reflector (RFC 4456).
    pub client: bool,
    /// Whether this end waits for the other to connect.
    pub passive: bool,
    /// Families both ends can do, sorted.
    pub families: Vec<Family>,
}

/// How FRR is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frr {
    /// `bgpd`'s part.
    pub speaker: Speaker,
    /// Daemons beside `zebra`, `bgpd` and those that a configuration file asks for, such as `ospfd`.
    pub daemons: Vec<String>,
}

/// Any program, and when it counts as ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecNode {
    /// The program, looked up in the node's `PATH`, and its arguments.
    pub command: Vec<String>,
    /// Files to write first: absolute path in the node, content.
    pub files: BTreeMap<String, String>,
    /// Environment variables to set.
    pub env: BTreeMap<String, String>,
    /// When it is ready.
    pub ready: Ready,
}

/// The fact that makes a program of a user's ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// It was started.
    #[default]
    Started,
    /// It said so as `sd_notify(3)` does.
    Notify,
    /// This file is there.
    File(String),
    /// This Unix socket accepts connections.
    Socket(String),
    /// This TCP port accepts connections.
    Tcp(u16),
    /// A line with this text is in what it prints.
    Log(String),
    /// This command ends with status 0.
    Command(Vec<String>),
}

impl NodeKind {
    /// The word for it in a scenario.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bagpipe(_) => "bagpipe",
            Self::FakeRr(_) => "fakerr",
            Self::GoBgp(_) => "gobgp",
            Self::Frr(_) => "frr",
            Self::Bird(_) => "bird",
            Self::OpenBgpd(_) => "openbgpd",
            Self::ExaBgp(_) => "exabgp",
            Self::Ovs => "ovs",
            Self::Router => "router",
            Self::Host => "host",
            Self::Exec(_) => "exec",
        }
    }

    /// Whether it passes on packets that are not for it.
    pub fn forwards(&self) -> bool {
        forwards(self.name())
    }

    /// Whether the Python daemon is run: it tells nothing of routes and sessions that a program could rely on.
    pub const fn is_python(&self) -> bool {
        matches!(
            self,
            Self::Bagpipe(Bagpipe {
                python: Some(_),
                ..
            })
        )
    }

    /// How it is set up, if it is a BGP speaker that is not ours.
    pub const fn speaker(&self) -> Option<&Speaker> {
        match self {
            Self::GoBgp(speaker)
            | Self::Bird(speaker)
            | Self::OpenBgpd(speaker)
            | Self::ExaBgp(speaker) => Some(speaker),
            Self::Frr(frr) => Some(&frr.speaker),
            Self::Bagpipe(_)
            | Self::FakeRr(_)
            | Self::Ovs
            | Self::Router
            | Self::Host
            | Self::Exec(_) => None,
        }
    }
}

/// Whether nodes of the kind with this word pass on packets that are not for them.
pub(crate) fn forwards(word: &str) -> bool {
    matches!(word, "router" | "frr" | "bird" | "openbgpd" | "gobgp")
}
