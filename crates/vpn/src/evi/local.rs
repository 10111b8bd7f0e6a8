//! Endpoints of this host.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_wire::MacAddr;

use super::{Endpoint, EndpointKey, Evi};
use crate::error::AttachError;
use crate::request::{AttachRequest, LocalPort};

impl Evi {
    /// Whether the request fits the endpoints that are held.
    pub(crate) fn admit(&self, request: &AttachRequest) -> Result<(), AttachError> {
        let (mac, port) = (request.mac, &request.local_port);
        let previous = self.port_of(mac).filter(|previous| *previous != port);
        if let Some(previous) = previous {
            return Err(AttachError::MacOnOtherPort {
                mac,
                previous: previous.linuxif.clone(),
                port: port.linuxif.clone(),
            });
        }
        let plugged = self.intent.ports.get(&port.linuxif);
        if plugged.is_some_and(|plugged| plugged.vlan != port.vlan) {
            let linuxif = port.linuxif.clone();
            return Err(AttachError::VlanDiffers { linuxif });
        }
        let ip = request.ip.as_ref().map(|ip| ip.address());
        match ip.and_then(|ip| Some((ip, *self.owners.get(&ip)?))) {
            Some((ip, bound)) if bound != mac => Err(AttachError::IpOnOtherMac { ip, mac, bound }),
            _ => Ok(()),
        }
    }

    /// The endpoint a request is about. One without address stands for those of its MAC that have one.
    pub(crate) fn is_covered(&self, request: &AttachRequest) -> bool {
        request.ip.is_none() && self.keys_of(request.mac).any(|(_, ip)| ip.is_some())
    }

    /// Makes a pending request's endpoint live, or updates it. What was not said is kept.
    pub(crate) fn enliven(&mut self, request: &AttachRequest) {
        let key = key_of(request);
        let known = self.endpoints.get(&key);
        let description = known.and_then(|endpoint| endpoint.description.clone());
        let endpoint = Endpoint {
            mac_text: request.mac_text.clone(),
            ip_text: request.ip.as_ref().map(|ip| ip.text().to_owned()),
            port: request.local_port.clone(),
            direction: request.direction,
            local_pref: request.local_pref,
            hash_order: request.hash_order,
            description: request.description.clone().or(description),
        };
        self.endpoints.insert(key, endpoint);
    }

    /// The live endpoints of a MAC.
    pub(crate) fn keys_of(&self, mac: MacAddr) -> impl Iterator<Item = EndpointKey> + '_ {
        // `None` sorts before every address, so the range starts at the MAC's first endpoint.
        let from = self.endpoints.range((mac, None)..).map(|(key, _)| *key);
        from.take_while(move |(of, _)| *of == mac)
    }

    /// Whether an endpoint is live or about to be.
    pub(crate) fn is_held(&self, key: EndpointKey) -> bool {
        self.endpoints.contains_key(&key) || self.pending.values().any(|r| key_of(r) == key)
    }

    /// Whether any endpoint of a MAC is live or about to be.
    pub(crate) fn is_mac_held(&self, mac: MacAddr) -> bool {
        self.port_of(mac).is_some()
    }

    /// Brings the intent up to date with the held endpoints of a MAC; answers whether that changed it.
    pub(crate) fn refresh_local(&mut self, mac: MacAddr) -> bool {
        let port = self.port_of(mac).cloned();
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

    /// The port of a MAC that is held.
    fn port_of(&self, mac: MacAddr) -> Option<&LocalPort> {
        let live = self
            .keys_of(mac)
            .next()
            .and_then(|key| self.endpoints.get(&key));
        let pending = || self.pending.values().find(|request| request.mac == mac);
        live.map(|endpoint| &endpoint.port)
            .or_else(|| pending().map(|request| &request.local_port))
    }

    fn held_ips(&self, mac: MacAddr) -> BTreeSet<IpAddr> {
        let live = self.keys_of(mac).filter_map(|(_, ip)| ip);
        let pending = self.pending.values().filter(|request| request.mac == mac);
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
        if port.macs.is_empty() {
            ports.remove(&linuxif);
        }
        for ip in &ips {
            self.owners.remove(ip);
        }
        ips
    }
}

pub(crate) fn key_of(request: &AttachRequest) -> EndpointKey {
    (request.mac, request.ip.as_ref().map(|ip| ip.address()))
}
