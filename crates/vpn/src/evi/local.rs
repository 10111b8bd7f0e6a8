//! Endpoints of this host.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::MacAddr;

use super::Evi;
use crate::error::AttachError;
use crate::instance::{EndpointKey, key_of};
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
        let endpoints = port.as_ref().map(|_| self.held(mac)).unwrap_or_default();
        let linuxif = port.as_ref().map(|port| &port.linuxif);
        if linuxif == self.placed.get(&mac) && endpoints == self.placed_endpoints(mac) {
            return false;
        }
        let mut affected: BTreeSet<IpAddr> = self.unplace(mac).collect();
        affected.extend(endpoints.iter().filter_map(|(_, ip)| *ip));
        affected.extend(self.learned.ips_of(mac));
        if let Some(port) = port {
            self.place(mac, &port, endpoints);
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
        let has_macs = plugged.is_some_and(|port| !port.endpoints.is_empty());
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
        let entry = ports.get_or_default(&linuxif.into());
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

    /// The endpoints of a MAC as the intent should have them: without address only if none has one.
    fn held(&self, mac: MacAddr) -> Vec<EndpointKey> {
        let pending = self.common.pending.values();
        let pending = pending.filter(|request| request.mac == mac).map(key_of);
        let all = self.common.keys_of(mac).chain(pending);
        let all: BTreeSet<EndpointKey> = all.collect();
        let has_address = all.last().is_some_and(|(_, ip)| ip.is_some());
        let all = all.into_iter();
        all.filter(|(_, ip)| ip.is_some() || !has_address).collect()
    }

    fn placed_endpoints(&self, mac: MacAddr) -> Vec<EndpointKey> {
        let port = self.placed.get(&mac);
        let port = port.and_then(|linuxif| self.intent.ports.get(linuxif));
        let endpoints = port.into_iter().flat_map(|port| {
            let of_mac = port.endpoints.matching(move |(of, _)| of.cmp(&mac));
            of_mac.copied()
        });
        endpoints.collect()
    }

    fn place(&mut self, mac: MacAddr, port: &LocalPort, endpoints: Vec<EndpointKey>) {
        let ips = endpoints.iter().filter_map(|(_, ip)| *ip);
        self.owners.extend(ips.map(|ip| (ip, mac)));
        self.placed.insert(mac, Arc::clone(&port.linuxif));
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        let entry = ports.get_or_default(&port.linuxif);
        entry.vlan = port.vlan;
        entry.endpoints.extend(endpoints);
    }

    /// Takes a MAC out of the intent and answers the addresses it had there.
    fn unplace(&mut self, mac: MacAddr) -> impl Iterator<Item = IpAddr> + use<> {
        let endpoints = self.placed_endpoints(mac);
        if let Some(linuxif) = self.placed.remove(&mac) {
            let ports = &mut Arc::make_mut(&mut self.intent).ports;
            if let Some(port) = ports.get_mut(&linuxif) {
                for endpoint in &endpoints {
                    port.endpoints.remove(endpoint);
                }
                if port.endpoints.is_empty() && self.common.held_port(&linuxif).is_none() {
                    ports.remove(&linuxif);
                }
            }
        }
        for ip in endpoints.iter().filter_map(|(_, ip)| ip.as_ref()) {
            self.owners.remove(ip);
        }
        endpoints.into_iter().filter_map(|(_, ip)| ip)
    }
}
