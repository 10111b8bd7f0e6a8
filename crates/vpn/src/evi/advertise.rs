//! What the instance publishes and subscribes to: made equal to what it should be, in few steps.

use std::sync::Arc;

use bgp_rib::{RibEvent, Route};
use bgp_wire::Family;

use super::Evi;
use crate::instance::EndpointKey;
use crate::manager::VpnConfig;
use crate::publication;
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
        let worker = self.worker();
        publication::subscribe(
            worker,
            &[Family::EVPN],
            &mut self.subscribed,
            &self.common.import,
            &mut events,
        );
        let multicast = self.multicast_route(config);
        let old = self.multicast.take();
        self.multicast = publication::change(worker, old, multicast, &mut events);
        let routes = touched.into_iter();
        let routes: Vec<_> = routes
            .map(|key| (key, self.endpoint_route(config, key)))
            .collect();
        publication::endpoints(worker, &mut self.advertised, routes, &mut events);
        events
    }

    /// The events that end everything the instance published and subscribed to.
    pub(crate) fn retire(&mut self) -> Vec<RibEvent> {
        let endpoints = std::mem::take(&mut self.advertised).into_values();
        let routes = endpoints.chain(self.multicast.take());
        self.subscribed.clear();
        publication::retire(self.worker(), routes)
    }

    /// The routes published now: type 3, then type 2.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.multicast.iter().chain(self.advertised.values())
    }

    /// Nobody could import a route without target, so none is made.
    fn publisher<'a>(&'a self, config: &'a VpnConfig) -> Option<Publisher<'a>> {
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

    fn endpoint_route(&self, config: &VpnConfig, key: EndpointKey) -> Option<Route> {
        let endpoint = self.common.endpoints.get(&key)?;
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
        }))
    }
}
