//! Endpoints of this host.

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_wire::{IpPrefix, Label, MacAddr};

use super::{Placed, Vrf};
use crate::error::AttachError;
use crate::intent::{IpVpnEndpoint, Link};
use crate::request::AttachRequest;

impl Vrf {
    /// Whether the request fits the endpoints that are held.
    pub(crate) fn admit(&self, request: &AttachRequest) -> Result<(), AttachError> {
        let plugged = self.intent.ports.get(&request.local_port.linuxif);
        self.common
            .admit_port(request, plugged.map(|port| port.vlan))?;
        let mac = request.mac;
        // A subnet may be behind several MACs, an address may not.
        let ip = request.advertised_prefix().filter(IpPrefix::is_host);
        let holders = ip.and_then(|ip| self.holders.get(&ip));
        let bound = holders.and_then(|macs| macs.iter().find(|holder| **holder != mac));
        match (ip, bound) {
            (Some(ip), Some(bound)) => Err(AttachError::IpOnOtherMac {
                ip: ip.address(),
                mac,
                bound: *bound,
            }),
            _ => Ok(()),
        }
    }

    /// Brings the intent up to date with the held endpoints of a MAC; answers whether that changed it.
    pub(crate) fn refresh_local(&mut self, mac: MacAddr) -> bool {
        let endpoints = self.held(mac);
        let linuxif = self.common.port_of(mac).map(|port| port.linuxif.clone());
        let wanted = Placed {
            linuxif: linuxif.unwrap_or_default(),
            endpoints,
        };
        let placed = self.placed.remove(&mac).unwrap_or_default();
        if wanted.endpoints == placed.endpoints {
            self.keep(mac, placed);
            return false;
        }
        let affected = wanted.endpoints.iter().chain(&placed.endpoints);
        let affected: BTreeSet<IpPrefix> = affected.map(|endpoint| endpoint.prefix).collect();
        self.unplace(mac, &placed);
        self.place(mac, wanted);
        for prefix in affected {
            self.refresh_route(prefix);
        }
        true
    }

    /// Whether traffic for a prefix goes to a port of this instance.
    pub(super) fn is_local(&self, prefix: IpPrefix) -> bool {
        let macs = self.holders.get(&prefix).into_iter().flatten();
        let endpoints = macs.filter_map(|mac| self.placed.get(mac));
        let mut endpoints = endpoints.flat_map(|placed| &placed.endpoints);
        endpoints.any(|e| e.prefix == prefix && e.direction.is_advertised())
    }

    fn place(&mut self, mac: MacAddr, wanted: Placed) {
        if wanted.endpoints.is_empty() {
            return;
        }
        let vlan = self.common.port_of(mac).and_then(|port| port.vlan);
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        let port = ports.entry(wanted.linuxif.clone()).or_default();
        port.vlan = vlan;
        let vrf = self.common.numbers.id;
        let link = self.linked_to.map(|evi| Link::between(evi, vrf));
        port.link = link.filter(|link| link.ipvpn == wanted.linuxif);
        port.endpoints.extend(wanted.endpoints.iter().cloned());
        for endpoint in &wanted.endpoints {
            self.holders.entry(endpoint.prefix).or_default().insert(mac);
        }
        self.keep(mac, wanted);
    }

    fn unplace(&mut self, mac: MacAddr, placed: &Placed) {
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        if let Some(port) = ports.get_mut(&placed.linuxif) {
            port.endpoints.retain(|endpoint| endpoint.mac != mac);
            if port.endpoints.is_empty() {
                ports.remove(&placed.linuxif);
            }
        }
        for endpoint in &placed.endpoints {
            if let Some(macs) = self.holders.get_mut(&endpoint.prefix) {
                macs.remove(&mac);
                if macs.is_empty() {
                    self.holders.remove(&endpoint.prefix);
                }
            }
        }
    }

    fn keep(&mut self, mac: MacAddr, placed: Placed) {
        if !placed.endpoints.is_empty() {
            self.placed.insert(mac, placed);
        }
    }

    /// The endpoints of a MAC as the intent should have them. A pending attach replaces what is live of the
    /// same address.
    fn held(&self, mac: MacAddr) -> BTreeSet<IpVpnEndpoint> {
        let label = self.common.labels.get(&mac);
        let Some(label) = label.and_then(|label| Label::new(*label).ok()) else {
            return BTreeSet::new();
        };
        let pending: Vec<_> = self
            .common
            .pending
            .values()
            .filter(|request| request.mac == mac)
            .filter_map(|request| {
                let ip = request.ip.as_ref()?.address();
                Some((ip, request.advertised_prefix()?, request.direction))
            })
            .collect();
        let live = self.common.keys_of(mac).filter_map(|key| {
            let endpoint = self.common.endpoints.get(&key)?;
            Some((key.1?, endpoint.prefix?, endpoint.direction))
        });
        let live = live.filter(|(ip, ..)| !pending.iter().any(|(other, ..)| other == ip));
        live.chain(pending.iter().copied())
            .map(|(ip, prefix, direction)| IpVpnEndpoint {
                mac,
                ip,
                prefix,
                label,
                direction,
            })
            .collect()
    }
}
