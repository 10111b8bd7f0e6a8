//! From an intent to what the kernel should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bgp_wire::MacAddr;
use vpn::EvpnIntent;
use vpn::intent::{GATEWAY_MAC, Link};

use super::model::{Endpoint, FLOOD, Kernel, Kind, Tunnel};
use super::names;

/// MTU of the VXLAN interface, in bytes: more than any underlay has.
///
/// It is not lowered to what fits the underlay on purpose. A bridge drops a frame that is larger than the
/// port it should leave by without telling anybody; a VXLAN interface that gets the frame knows the path's
/// MTU and answers "fragmentation needed" (since Linux 5.9), or fragments the outer packet.
pub const VXLAN_MTU: u32 = 65_485;

/// What the kernel should hold for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The bridge the ports are in.
    pub bridge: String,
    /// Whether the bridge is the driver's to make, plug and delete.
    pub own_bridge: bool,
    /// The VXLAN interface.
    pub vxlan: String,
    /// Whether the VXLAN interface is the driver's to make and delete.
    pub own_vxlan: bool,
    /// The address this host sends from.
    pub vtep: IpAddr,
    /// What the VXLAN interface is.
    pub endpoint: Endpoint,
    /// The end of the link to an IP VPN instance, made by the driver and plugged whoever owns the bridge; it is one of
    /// the ports.
    pub gateway: Option<Link>,
    /// Local ports and the MACs behind them.
    pub ports: BTreeMap<String, BTreeSet<MacAddr>>,
    /// Destinations of remote MACs, one each, and of flooded frames.
    pub tunnels: BTreeSet<Tunnel>,
    /// Neighbours to answer for.
    pub neighbours: BTreeMap<IpAddr, MacAddr>,
}

impl Desired {
    /// Translates an intent. What the kernel would refuse or misunderstand, such as a MAC of all zeroes or a
    /// destination of the other address family, is left out: a peer's odd route must not stop an instance.
    ///
    /// A destination that is the own address stays: the kernel hands the frame to the VXLAN interface with
    /// that VNI on this host without sending it. Only towards the own VNI it would be a loop.
    pub fn new(intent: &EvpnIntent, udp_port: u16) -> Self {
        let local = intent.local_vtep;
        let usable = |tunnel: &Tunnel| {
            tunnel.vtep.is_ipv4() == local.is_ipv4()
                && is_host(tunnel.vtep)
                && (tunnel.vtep, tunnel.vni) != (local, intent.vni)
        };
        let flood = intent.flood.iter().map(|target| Tunnel {
            mac: FLOOD,
            vtep: target.vtep,
            vni: target.vni,
        });
        let local_macs: BTreeSet<MacAddr> = intent
            .ports
            .values()
            .flat_map(|port| port.endpoints.iter().map(|(mac, _)| *mac))
            .collect();
        let macs = intent
            .remote_macs
            .iter()
            .filter(|(mac, _)| mac.is_unicast() && !local_macs.contains(mac))
            .filter(|(mac, _)| intent.gateway_port.is_none() || **mac != GATEWAY_MAC)
            .map(|(mac, remote)| Tunnel {
                mac: *mac,
                vtep: remote.vtep,
                vni: remote.vni,
            });
        Self {
            bridge: match &intent.linuxbr {
                Some(bridge) => bridge.clone(),
                None => names::bridge(&intent.external_id),
            },
            own_bridge: intent.linuxbr.is_none(),
            vxlan: names::vxlan(&intent.external_id),
            own_vxlan: true,
            vtep: local,
            endpoint: Endpoint {
                vni: intent.vni,
                local: Some(local),
                udp_port,
                learning: false,
                // A bridge port that suppresses answers as well, and floods what it cannot answer.
                proxy: false,
            },
            gateway: intent.gateway_port.as_ref().map(|port| port.link.clone()),
            ports: ports(intent),
            tunnels: flood.chain(macs).filter(usable).collect(),
            neighbours: intent
                .neighbours
                .iter()
                .filter(|(ip, mac)| is_host(**ip) && mac.is_unicast())
                .map(|(ip, mac)| (*ip, *mac))
                .collect(),
        }
    }

    /// The port every MAC is behind: local ones behind theirs, remote ones behind the VXLAN interface.
    pub fn entries(&self) -> BTreeMap<MacAddr, &str> {
        let remote = self.tunnels.iter().filter(|tunnel| tunnel.mac != FLOOD);
        let remote = remote.map(|tunnel| (tunnel.mac, self.vxlan.as_str()));
        let local = self
            .ports
            .iter()
            .flat_map(|(port, macs)| macs.iter().map(|mac| (*mac, port.as_str())));
        remote.chain(local).collect()
    }

    /// With the VXLAN interface for the same VNI that somebody else's bridge has already, if it has one.
    pub fn reusing(mut self, kernel: &Kernel) -> Self {
        if self.own_bridge {
            return self;
        }
        let same_vni = |name: &&str| match kernel.links.get(*name).map(|link| &link.kind) {
            Some(Kind::Vxlan(endpoint)) => endpoint.vni == self.endpoint.vni,
            _ => false,
        };
        let reused = kernel
            .ports(&self.bridge)
            .filter(|name| *name != self.vxlan)
            .find(same_vni)
            .map(str::to_owned);
        if let Some(name) = reused {
            self.vxlan = name;
            self.own_vxlan = false;
        }
        self
    }

    /// Whether the driver plugs the port: on somebody else's bridge, only the link to an IP VPN instance.
    pub fn plugs(&self, port: &str) -> bool {
        self.own_bridge || self.gateway.as_ref().is_some_and(|link| link.evpn == port)
    }

    /// With the routes and ports of `new` in place of those of `old`.
    pub fn exchange(&mut self, old: &Self, new: &Self) {
        // One by one: of many routes and ports, a change is about few.
        for name in old.ports.keys() {
            self.ports.remove(name);
        }
        let ports = new.ports.iter();
        self.ports
            .extend(ports.map(|(name, macs)| (name.clone(), macs.clone())));
        for tunnel in &old.tunnels {
            self.tunnels.remove(tunnel);
        }
        self.tunnels.extend(&new.tunnels);
        for ip in old.neighbours.keys() {
            self.neighbours.remove(ip);
        }
        self.neighbours.extend(&new.neighbours);
    }

    /// Without the ports named.
    pub fn without(mut self, ports: &BTreeSet<String>) -> Self {
        self.ports.retain(|port, _| !ports.contains(port));
        self
    }
}

/// Ports with their unicast MACs. A MAC declared on two ports is behind the first: a bridge knows one place
/// for a MAC.
fn ports(intent: &EvpnIntent) -> BTreeMap<String, BTreeSet<MacAddr>> {
    let mut seen = BTreeSet::new();
    let ports = intent.ports.iter().map(|(name, port)| {
        let macs = port.macs().into_iter();
        let macs = macs.filter(|mac| mac.is_unicast() && seen.insert(*mac));
        (name.to_string(), macs.collect())
    });
    let mut ports: BTreeMap<_, BTreeSet<_>> = ports.collect();
    if let Some(port) = &intent.gateway_port {
        let macs = seen.insert(GATEWAY_MAC).then_some(GATEWAY_MAC);
        ports.insert(port.link.evpn.clone(), macs.into_iter().collect());
    }
    ports
}

fn is_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}
