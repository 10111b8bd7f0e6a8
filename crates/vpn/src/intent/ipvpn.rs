//! Forwarding intent of IP VPN instances.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::{IpPrefix, Label, MacAddr};
use serde::{Deserialize, Serialize};

use super::{Gateway, InstanceId, Intent, Link, SharedMap, SharedSet};
use crate::capabilities::Encap;
use crate::few::Few;
use crate::request::Direction;
use crate::traffic::TrafficMatch;

/// Everything the dataplane should hold for one IP VPN instance (RFC 4364), a VRF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpVpnIntent {
    /// The instance's number.
    pub instance: InstanceId,
    /// The name users gave the instance; any string.
    pub external_id: String,
    /// Address this host sends from and receives at.
    pub local_pe: IpAddr,
    /// The subnet's gateway, if the caller said one: an address that this host answers for on every port.
    pub gateway: Option<Gateway>,
    /// Local ports by interface name.
    pub ports: SharedMap<Arc<str>, IpVpnPort>,
    /// Where to send packets for prefixes; of one prefix equal ones share the traffic. An address behind an own port
    /// is not in here; a subnet behind one may be, and then others have it: chains of machines that forward to each
    /// other depend on it.
    pub routes: SharedMap<IpPrefix, Few<NextHop>>,
    /// What comes from ports and goes by another instance's routes, by the text of its Flowspec rules. Of several that
    /// match a packet the most specific counts (RFC 8955 section 5.1).
    pub flows: BTreeMap<String, FlowRedirect>,
    /// Where to send what comes from ports and no route matches: to a router that somebody else runs.
    pub fallback: Option<FallbackTo>,
}

/// The addresses of frames to a router, and the port that it is at. Drivers need all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackTo {
    /// The source address of the frames.
    pub src_mac: Option<MacAddr>,
    /// Their destination: the router's.
    pub dst_mac: Option<MacAddr>,
    /// A port of the driver's Open vSwitch bridge.
    pub port: Option<FallbackPort>,
}

/// A port of an Open vSwitch bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FallbackPort {
    /// By OpenFlow number.
    Number(u32),
    /// By name.
    Name(String),
}

/// Traffic that another instance's routes are for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowRedirect {
    /// Which traffic.
    pub traffic: TrafficMatch,
    /// The instance, an IP VPN one of this host.
    pub to: InstanceId,
}

/// A local interface plugged into the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpVpnPort {
    /// What is behind the port.
    pub endpoints: SharedSet<IpVpnEndpoint>,
    /// VLAN of this instance on the port, for drivers that share a trunk.
    pub vlan: Option<u16>,
    /// Set when the port is the end of a link to an E-VPN instance of this host, where hosts of one subnet reach each
    /// other: only the gateway is answered for.
    pub link: Option<Link>,
}

/// A MAC with one address behind a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IpVpnEndpoint {
    /// The endpoint's MAC.
    pub mac: MacAddr,
    /// The endpoint's address.
    pub ip: IpAddr,
    /// What is reached through the endpoint: its address alone, or a subnet.
    pub prefix: IpPrefix,
    /// The label that others send with: a packet that comes in with it goes to this MAC, whatever its
    /// destination. The endpoints of one MAC share it.
    pub label: Label,
    /// Which way traffic may pass.
    pub direction: Direction,
}

/// The egress PE of a prefix. Several of one prefix are in order of [`NextHop::order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextHop {
    /// The place among those that share the traffic: that of the consistent hash sort order community, 0 without.
    /// PEs that deal out flows in this order choose alike.
    pub order: u32,
    /// The PE. The own address means another instance of this host: the endpoint that has the label.
    pub pe: IpAddr,
    /// The label the PE expects; with VXLAN the VNI.
    pub label: Label,
    /// How to send there.
    pub encap: Encap,
}

impl Intent for IpVpnIntent {
    fn instance(&self) -> InstanceId {
        self.instance
    }
}

impl IpVpnIntent {
    /// Whether traffic may come in from the port.
    pub fn takes_from(&self, port: &str) -> bool {
        let port = self.ports.get(port);
        let mut endpoints = port.into_iter().flat_map(|port| port.endpoints.iter());
        endpoints.any(|endpoint| endpoint.direction.is_from_port())
    }
}
