//! Endpoints of this host.

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_wire::{IpPrefix, Label, MacAddr};

use super::Vrf;
use crate::error::AttachError;
use crate::intent::{IpVpnEndpoint, Link, SharedSet};
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
        let wanted = self.held(mac);
        let placed: BTreeSet<_> = self.placed_endpoints(mac).cloned().collect();
        if wanted == placed {
            return false;
        }
        let affected = wanted.iter().chain(&placed);
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
        let macs = self.holders.get(&prefix).into_iter();
        let macs = macs.flat_map(SharedSet::iter);
        let mut endpoints = macs.flat_map(|mac| self.placed_endpoints(*mac));
        endpoints.any(|e| e.prefix == prefix && e.direction.is_advertised())
    }

    fn placed_endpoints(&self, mac: MacAddr) -> impl Iterator<Item = &IpVpnEndpoint> {
        let port = self.placed.get(&mac);
        let port = port.and_then(|linuxif| self.intent.ports.get(linuxif));
        let endpoints = port.into_iter().map(|port| &port.endpoints);
        endpoints.flat_map(move |endpoints| endpoints.matching(move |e| e.mac.cmp(&mac)))
    }

    fn place(&mut self, mac: MacAddr, wanted: BTreeSet<IpVpnEndpoint>) {
        let Some(local) = self.common.port_of(mac).filter(|_| !wanted.is_empty()) else {
            return;
        };
        let vrf = self.common.numbers.id;
        let link = self.linked_to.map(|evi| Link::between(evi, vrf));
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        let port = ports.get_or_default(&local.linuxif);
        port.vlan = local.vlan;
        port.link = link.filter(|link| *link.ipvpn == *local.linuxif);
        self.placed.insert(mac, Arc::clone(&local.linuxif));
        for endpoint in wanted {
            let holders = self.holders.get_or_default(&endpoint.prefix);
            holders.insert(mac);
            port.endpoints.insert(endpoint);
        }
    }

    fn unplace(&mut self, mac: MacAddr, placed: &BTreeSet<IpVpnEndpoint>) {
        let Some(linuxif) = self.placed.remove(&mac) else {
            return;
        };
        let ports = &mut Arc::make_mut(&mut self.intent).ports;
        if let Some(port) = ports.get_mut(&linuxif) {
            for endpoint in placed {
                port.endpoints.remove(endpoint);
            }
            if port.endpoints.is_empty() {
                ports.remove(&linuxif);
            }
        }
        for endpoint in placed {
            if let Some(macs) = self.holders.get_mut(&endpoint.prefix) {
                macs.remove(&mac);
                if macs.is_empty() {
                    self.holders.remove(&endpoint.prefix);
                }
            }
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
            Some((key.1?, endpoint.prefix()?, endpoint.direction))
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
