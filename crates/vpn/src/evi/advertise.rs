//! What the instance publishes and subscribes to: made equal to what it should be, in few steps.

use std::sync::Arc;

use bgp_rib::{Match, RibEvent, Route};
use bgp_wire::Family;

use super::{EndpointKey, Evi};
use crate::manager::VpnConfig;
use crate::routes::{Announced, Publisher, distinguisher};

impl Evi {
    /// The events that follow from a change of the endpoints `touched`, or of all if the export targets changed.
    /// New things come before those they replace are taken away.
    pub(crate) fn publish(
        &mut self,
        config: &VpnConfig,
        touched: impl IntoIterator<Item = EndpointKey>,
    ) -> Vec<RibEvent> {
        let mut events = Vec::new();
        self.subscribe(&mut events);
        let multicast = self.multicast_route(config);
        let old = self.multicast.take();
        self.multicast = self.change(old, multicast, &mut events);
        let mut withdrawn = Vec::new();
        for key in touched {
            let route = self.endpoint_route(config, key);
            let out = if route.is_some() {
                &mut events
            } else {
                &mut withdrawn
            };
            let old = self.advertised.remove(&key);
            if let Some(route) = self.change(old, route, out) {
                self.advertised.insert(key, route);
            }
        }
        events.extend(withdrawn);
        events
    }

    /// The events that end everything the instance published and subscribed to.
    pub(crate) fn retire(&mut self) -> Vec<RibEvent> {
        let worker = self.worker();
        let endpoints = std::mem::take(&mut self.advertised).into_values();
        let routes = endpoints.chain(self.multicast.take());
        let mut events: Vec<_> = routes
            .map(|route| RibEvent::Withdraw {
                source: worker,
                key: route.key(),
            })
            .collect();
        self.subscribed.clear();
        events.push(RibEvent::Cleanup { worker });
        events
    }

    /// The routes published now: type 3, then type 2.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.multicast.iter().chain(self.advertised.values())
    }

    fn subscribe(&mut self, events: &mut Vec<RibEvent>) {
        let worker = self.worker();
        let wanted = |target| Match::new(Family::EVPN, target);
        let new = self.import.difference(&self.subscribed);
        events.extend(new.map(|target| RibEvent::Subscribe {
            worker,
            wanted: wanted(*target),
        }));
        let gone = self.subscribed.difference(&self.import);
        events.extend(gone.map(|target| RibEvent::Unsubscribe {
            worker,
            wanted: wanted(*target),
        }));
        self.subscribed.clone_from(&self.import);
    }

    /// The event that leads from one route to the other, and what is published then.
    fn change(
        &self,
        old: Option<Arc<Route>>,
        new: Option<Route>,
        events: &mut Vec<RibEvent>,
    ) -> Option<Arc<Route>> {
        let source = self.worker();
        match (old, new) {
            (Some(old), Some(new)) if *old == new => Some(old),
            (_, Some(new)) => {
                let route = Arc::new(new);
                events.push(RibEvent::Advertise {
                    source,
                    route: Arc::clone(&route),
                });
                Some(route)
            }
            (Some(old), None) => {
                events.push(RibEvent::Withdraw {
                    source,
                    key: old.key(),
                });
                None
            }
            (None, None) => None,
        }
    }

    /// Nobody could import a route without target, so none is made.
    fn publisher<'a>(&'a self, config: &'a VpnConfig) -> Option<Publisher<'a>> {
        let publisher = Publisher {
            local_address: config.local_address,
            local_vtep: config.local_vtep,
            encaps: &config.capabilities.encaps,
            vni: self.numbers.vni,
            rd: distinguisher(config.router_id, self.numbers.rd),
            export: &self.export,
        };
        (!self.export.is_empty()).then_some(publisher)
    }

    fn multicast_route(&self, config: &VpnConfig) -> Option<Route> {
        Some(self.publisher(config)?.multicast())
    }

    fn endpoint_route(&self, config: &VpnConfig, key: EndpointKey) -> Option<Route> {
        let endpoint = self.endpoints.get(&key)?;
        let rd = *self.rds.get(&key)?;
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
        }))
    }
}
