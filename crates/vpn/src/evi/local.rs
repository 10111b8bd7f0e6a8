//! Endpoints of this host.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::MacAddr;

use super::Evi;
use crate::error::AttachError;
use crate::instance::key_of;
use crate::intent::{GATEWAY_MAC, GatewayPort};
use crate::request::{AttachRequest, LocalPort};

impl Evi {
    /// Whether the request fits the endpoints that are held.
    pub(crate) fn admit(&self, request: &AttachRequest) -> Result<(), AttachError> {
        let plugged = self.intent.ports.get(&request.local_port.linuxif);
        self.common
            .admit_port(request, plugged.map(|port| port.vlan))?;
        let mac = request.mac;
        let ip = request.ip.as_ref().map(|ip| ip.address());
        match ip.and_then(|ip| Some((ip, *self.owners.get(&ip)?))) {
            Some((ip, bound)) if bound != mac => Err(AttachError::IpOnOtherMac { ip, mac, bound }),
            _ => Ok(()),
        }
    }

    /// Brings the intent up to date with the held endpoints of a MAC; answers whether that changed it.
    pub(crate) fn refresh_local(&mut self, mac: MacAddr) -> bool {
        let port = self.common.port_of(mac).cloned();
        let ips = self.held_ips(mac);
        if port.as_ref().map(|port| port.linuxif.as_str()) == self.placed.get(&mac).map(|s| &**s)
            && ips == self.placed_ips(mac)
        {
            return false;
        }
        let mut affected = self.unplace(mac);
        affected.extend(&ips);
        affected.extend(self.learned.ips_of(mac));
        if let Some(port) = port {
            self.place(mac, &port, ips);
        }
        self.refresh_remote(mac);
        for ip in affected {
            self.refresh_neighbour(ip);
        }
        true
    }

    /// Brings the intent up to date with what is held of a port beside its MACs; answers whether that changed it.
    pub(crate) fn refresh_port(&mut self, linuxif: &str) -> bool {
        let plugged = self.intent.ports.get(linuxif);
        let held = self.common.held_port(linuxif);
        let has_macs = plugged.is_some_and(|port| !port.macs.is_empty());
        let learn = self.common.learns(linuxif);
        let vlan = held.map(|port| port.vlan);
        if !has_macs && held.is_none() {
            let ports = plugged.is_some().then(|| Arc::make_mut(&mut self.intent));
            return ports.is_some_and(|intent| intent.ports.remove(linuxif).is_some());
        }
        let vlan = vlan.or_else(|| plugged.map(|port| port.vlan)).flatten();
        if plugged.is_some_and(|port| (port.learn, port.vlan) == (learn, vlan)) {
            return false;
        }
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        let entry = ports.entry(linuxif.to_owned()).or_default();
        (entry.learn, entry.vlan) = (learn, vlan);
        true
    }

    /// Plugs the instance into an IP VPN one, or out of it; answers whether that changed the intent.
    pub(crate) fn set_gateway_port(&mut self, port: Option<GatewayPort>) -> bool {
        if self.intent.gateway_port == port {
            return false;
        }
        let address = |port: &Option<GatewayPort>| port.as_ref().and_then(|port| port.address);
        let affected = [address(&self.intent.gateway_port), address(&port)];
        Arc::make_mut(&mut self.intent).gateway_port = port;
        self.refresh_remote(GATEWAY_MAC);
        for ip in affected.into_iter().flatten() {
            self.refresh_neighbour(ip);
        }
        true
    }

    /// Whether frames for a MAC go to a port of this host.
    pub(super) fn is_local_mac(&self, mac: MacAddr) -> bool {
        let is_gateway = mac == GATEWAY_MAC && self.intent.gateway_port.is_some();
        is_gateway || self.placed.contains_key(&mac) || self.learning.port_of(mac).is_some()
    }

    /// Whether an address is at a port of this host.
    pub(super) fn is_local_ip(&self, ip: IpAddr) -> bool {
        let gateway = self.intent.gateway_port.as_ref();
        let is_gateway = gateway.is_some_and(|port| port.address == Some(ip));
        is_gateway || self.owners.contains_key(&ip)
    }

    fn held_ips(&self, mac: MacAddr) -> BTreeSet<IpAddr> {
        let live = self.common.keys_of(mac).filter_map(|(_, ip)| ip);
        let pending = self
            .common
            .pending
            .values()
            .filter(|request| request.mac == mac);
        let pending = pending.filter_map(|request| key_of(request).1);
        live.chain(pending).collect()
    }

    fn placed_ips(&self, mac: MacAddr) -> BTreeSet<IpAddr> {
        let port = self
            .placed
            .get(&mac)
            .and_then(|linuxif| self.intent.ports.get(linuxif));
        port.and_then(|port| port.macs.get(&mac))
            .cloned()
            .unwrap_or_default()
    }

    fn place(&mut self, mac: MacAddr, port: &LocalPort, ips: BTreeSet<IpAddr>) {
        self.owners.extend(ips.iter().map(|ip| (*ip, mac)));
        self.placed.insert(mac, port.linuxif.clone());
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        let entry = ports.entry(port.linuxif.clone()).or_default();
        entry.vlan = port.vlan;
        entry.macs.insert(mac, ips);
    }

    /// Takes a MAC out of the intent and answers the addresses it had there.
    fn unplace(&mut self, mac: MacAddr) -> BTreeSet<IpAddr> {
        let Some(linuxif) = self.placed.remove(&mac) else {
            return BTreeSet::new();
        };
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        let Some(port) = ports.get_mut(&linuxif) else {
            return BTreeSet::new();
        };
        let ips = port.macs.remove(&mac).unwrap_or_default();
        if port.macs.is_empty() && self.common.held_port(&linuxif).is_none() {
            ports.remove(&linuxif);
        }
        for ip in &ips {
            self.owners.remove(ip);
        }
        ips
    }
}
