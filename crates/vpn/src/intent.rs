//! Forwarding intent: what should exist in the dataplane for one instance, as data.
//!
//! A driver gets the whole intent and makes the dataplane equal to it; it is never told history. Intents are
//! ordered maps, so that two that mean the same compare equal and print the same.

mod delta;
mod ipvpn;
mod link;
mod shared_map;
mod shared_set;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::{MacAddr, Vni};
use serde::{Deserialize, Serialize};

pub use delta::{IntentDelta, diff};
pub use ipvpn::{
    FallbackPort, FallbackTo, FlowRedirect, IpVpnEndpoint, IpVpnIntent, IpVpnPort, NextHop,
};
pub use link::{GATEWAY_MAC, GatewayPort, Link};
pub use shared_map::SharedMap;
pub use shared_set::SharedSet;

/// The number of a VPN instance: 1, 2, ..., never reused while the daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub u32);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything the dataplane should hold for one E-VPN instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvpnIntent {
    /// The instance's number.
    pub instance: InstanceId,
    /// The name users gave the instance; any string.
    pub external_id: String,
    /// VNI this instance receives on (RFC 8365 section 5.1.3); unique on this host.
    pub vni: Vni,
    /// Address this host sends from and receives VXLAN on.
    pub local_vtep: IpAddr,
    /// A bridge that somebody else owns and plugs ports into; used instead of one of our own.
    pub linuxbr: Option<String>,
    /// The subnet's gateway, if the caller said one.
    pub gateway: Option<Gateway>,
    /// Where the instance is plugged into an IP VPN one: a further port, with the gateway's MAC behind it.
    pub gateway_port: Option<GatewayPort>,
    /// Local ports by interface name.
    pub ports: SharedMap<Arc<str>, Port>,
    /// Where to send frames for a MAC that is not local.
    pub remote_macs: SharedMap<MacAddr, RemoteMac>,
    /// Neighbours of other hosts, for ARP and ND suppression.
    pub neighbours: SharedMap<IpAddr, MacAddr>,
    /// Where to copy broadcast, unknown unicast and multicast frames (ingress replication).
    pub flood: SharedSet<FloodTarget>,
}

/// A subnet's gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// The gateway's address.
    pub address: IpAddr,
    /// Length of the subnet's prefix in bits.
    pub prefix_len: u8,
}

impl Gateway {
    /// The gateway of a subnet with this length; that of a host if it is not known or does not fit.
    pub(crate) fn of_subnet(address: IpAddr, prefix_len: Option<u8>) -> Self {
        let host = if address.is_ipv4() { 32 } else { 128 };
        Self {
            address,
            prefix_len: prefix_len.filter(|len| *len <= host).unwrap_or(host),
        }
    }
}

/// A local interface plugged into the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The MACs behind the port with their addresses; no address for a MAC that was attached without.
    pub endpoints: SharedSet<(MacAddr, Option<IpAddr>)>,
    /// VLAN of this instance on the port, for drivers that share a trunk.
    pub vlan: Option<u16>,
    /// Whether further MACs are learnt from the frames that come in by it (RFC 7432 section 9.1).
    pub learn: bool,
}

/// Where a MAC of another host or instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RemoteMac {
    /// The egress PE. The local VTEP means another instance of this host: the one that receives on `vni`.
    pub vtep: IpAddr,
    /// The VNI the egress PE expects, which may differ from the own one.
    pub vni: Vni,
    /// Whether no frame can move it here: it is static there (RFC 7432 section 15.2), or a default gateway.
    pub pinned: bool,
}

/// A PE that wants a copy of flooded frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FloodTarget {
    /// The egress PE. The local VTEP means another instance of this host: the one that receives on `vni`.
    pub vtep: IpAddr,
    /// The VNI the egress PE expects.
    pub vni: Vni,
}

/// What drivers of one VPN type are given, per instance.
pub trait Intent: Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The instance it is for.
    fn instance(&self) -> InstanceId;
}

impl Intent for EvpnIntent {
    fn instance(&self) -> InstanceId {
        self.instance
    }
}

/// One instance's new intent, for the driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntentChange<I = EvpnIntent> {
    /// The instance is gone: remove everything made for it.
    Remove(InstanceId),
    /// This is what should exist from now on.
    Set(Arc<I>),
}

/// An intent of either type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnyIntent {
    /// For the E-VPN driver.
    Evpn(Arc<EvpnIntent>),
    /// For the IP VPN driver.
    IpVpn(Arc<IpVpnIntent>),
}

impl AnyIntent {
    /// The intent if it is an E-VPN one.
    pub fn evpn(&self) -> Option<&Arc<EvpnIntent>> {
        match self {
            Self::Evpn(intent) => Some(intent),
            Self::IpVpn(_) => None,
        }
    }

    /// The intent if it is an IP VPN one.
    pub fn ipvpn(&self) -> Option<&Arc<IpVpnIntent>> {
        match self {
            Self::IpVpn(intent) => Some(intent),
            Self::Evpn(_) => None,
        }
    }
}

impl<I: Intent> IntentChange<I> {
    /// The instance meant.
    pub fn instance(&self) -> InstanceId {
        match self {
            Self::Remove(instance) => *instance,
            Self::Set(intent) => intent.instance(),
        }
    }
}

impl Port {
    /// Whether a MAC is behind the port.
    pub fn has(&self, mac: MacAddr) -> bool {
        let mut of_mac = self.endpoints.matching(|(other, _)| other.cmp(&mac));
        of_mac.next().is_some()
    }

    /// The MACs behind the port, each once.
    pub fn macs(&self) -> BTreeSet<MacAddr> {
        self.endpoints.iter().map(|(mac, _)| *mac).collect()
    }
}

impl EvpnIntent {
    /// VNIs of other instances on this host that this one exchanges frames with, because they share route
    /// targets. How to deliver locally is the driver's decision.
    pub fn local_peers(&self) -> BTreeSet<Vni> {
        let macs = self
            .remote_macs
            .values()
            .map(|remote| (remote.vtep, remote.vni));
        let flood = self.flood.iter().map(|target| (target.vtep, target.vni));
        macs.chain(flood)
            .filter(|(vtep, _)| *vtep == self.local_vtep)
            .map(|(_, vni)| vni)
            .collect()
    }
}
