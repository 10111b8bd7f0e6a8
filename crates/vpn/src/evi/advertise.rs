//! What the instance publishes and subscribes to: made equal to what it should be, in few steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bgp_rib::{RibEvent, Route};
use bgp_wire::{Family, MacAddr};

use super::Evi;
use crate::instance::EndpointKey;
use crate::intent::GATEWAY_MAC;
use crate::manager::VpnConfig;
use crate::outcome::Outcome;
use crate::publication;
use crate::routes::{Announced, Publisher, distinguisher};

impl Evi {
    /// What follows from a change of the endpoints `touched`, or of all if the export targets changed.
    /// New things come before those they replace are taken away.
    pub(crate) fn publish(
        &mut self,
        config: &VpnConfig,
        touched: impl IntoIterator<Item = EndpointKey>,
        now: Duration,
    ) -> Outcome {
        let mut events = Vec::new();
        let worker = self.worker();
        let import = &self.common.import;
        if !import.is_subset(&self.subscribed) {
            self.mobility.subscribed(now);
        }
        let families = &[Family::EVPN];
        publication::subscribe(worker, families, &mut self.subscribed, import, &mut events);
        let multicast = self.multicast_route(config);
        let old = self.multicast.take();
        self.multicast = publication::change(worker, old, multicast, &mut events);
        let gateway = self.gateway_route(config);
        let old = self.gateway.take();
        self.gateway = publication::change(worker, old, gateway, &mut events);
        let mut touched: BTreeSet<EndpointKey> = touched.into_iter().collect();
        let gateway = self.intent.gateway.map(|gateway| gateway.address);
        if std::mem::replace(&mut self.published_gateway, gateway) != gateway {
            touched.extend(self.common.endpoints.keys().copied());
        }
        let macs: BTreeSet<MacAddr> = touched.iter().map(|(mac, _)| *mac).collect();
        let mut warnings = Vec::new();
        let mut changed = false;
        for mac in macs {
            let judgement = self.locate(mac, config, now);
            warnings.extend(judgement.warning);
            if judgement.changed {
                touched.extend(self.own_keys(mac));
            }
            changed |= self.give_up(mac, now);
        }
        let routes = touched
            .into_iter()
            .map(|key| (key, self.endpoint_route(config, key)))
            .collect();
        publication::endpoints(worker, &mut self.advertised, routes, &mut events);
        Outcome {
            changed,
            events,
            warnings,
            ..Outcome::default()
        }
    }

    /// The events that end everything the instance published and subscribed to.
    pub(crate) fn retire(&mut self, now: Duration) -> Vec<RibEvent> {
        let endpoints = std::mem::take(&mut self.advertised);
        let routes = endpoints.values().cloned();
        let routes = routes.chain(self.multicast.take());
        let routes = routes.chain(self.gateway.take());
        self.subscribed.clear();
        self.unlearn_all();
        self.mobility.leave_all(now);
        publication::retire(self.worker(), routes)
    }

    /// The routes published now: type 3, the gateway, then the endpoints.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<Route>> {
        let own = self.multicast.iter().chain(&self.gateway);
        own.chain(self.advertised.values())
    }

    /// Nobody could import a route without target, so none is made.
    pub(super) fn publisher<'a>(&'a self, config: &'a VpnConfig) -> Option<Publisher<'a>> {
        let publisher = Publisher {
            local_address: config.local_address,
            local_vtep: config.local_vtep,
            encaps: &config.capabilities.encaps,
            vni: self.common.numbers.vni,
            rd: distinguisher(config.router_id, self.common.numbers.rd),
            export: &self.common.export,
        };
        (!self.common.export.is_empty()).then_some(publisher)
    }

    fn multicast_route(&self, config: &VpnConfig) -> Option<Route> {
        Some(self.publisher(config)?.multicast())
    }

    /// The gateway behind the link to an IP VPN instance (RFC 7432 section 10.1).
    fn gateway_route(&self, config: &VpnConfig) -> Option<Route> {
        let address = self.intent.gateway_port.as_ref()?.address?;
        let publisher = self.publisher(config)?;
        Some(publisher.endpoint(&Announced {
            mac: GATEWAY_MAC,
            ip: Some(address),
            rd: publisher.rd,
            local_pref: None,
            hash_order: 0,
            sequence: 0,
            is_gateway: true,
        }))
    }

    fn endpoint_route(&self, config: &VpnConfig, key: EndpointKey) -> Option<Route> {
        self.own_route(config, key)
            .filter(|_| self.mobility.is_advertised(key.0))
    }

    /// The route of an endpoint whether it is to be advertised or not.
    pub(super) fn own_route(&self, config: &VpnConfig, key: EndpointKey) -> Option<Route> {
        let Some(endpoint) = self.common.endpoints.get(&key) else {
            let is_whole = key.1.is_none() && self.is_only_learnt(key.0);
            return is_whole.then(|| self.learnt_route(config, key.0))?;
        };
        let rd = *self.common.rds.get(&key)?;
        if !endpoint.direction.is_advertised() {
            return None;
        }
        let (mac, ip) = key;
        Some(self.publisher(config)?.endpoint(&Announced {
            mac,
            ip,
            rd: distinguisher(config.router_id, rd),
            local_pref: endpoint.local_pref,
            hash_order: endpoint.hash_order,
            sequence: self.mobility.sequence(mac),
            is_gateway: self.is_gateway(key),
        }))
    }
}
