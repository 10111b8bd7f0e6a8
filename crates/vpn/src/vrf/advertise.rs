//! What the instance publishes and subscribes to.

use std::sync::Arc;

use bgp_rib::{RibEvent, Route};
use bgp_wire::Label;

use super::{FAMILIES, Vrf};
use crate::instance::EndpointKey;
use crate::manager::VpnConfig;
use crate::publication;
use crate::routes::{AnnouncedPrefix, Publisher, distinguisher};

impl Vrf {
    /// The events that follow from a change of the endpoints `touched`, or of all if the export targets changed.
    /// New things come before those they replace are taken away.
    pub(crate) fn publish(
        &mut self,
        config: &VpnConfig,
        touched: impl IntoIterator<Item = EndpointKey>,
    ) -> Vec<RibEvent> {
        let mut events = Vec::new();
        let worker = self.worker();
        let import = &self.common.import;
        publication::subscribe(worker, &FAMILIES, &mut self.subscribed, import, &mut events);
        let routes = touched.into_iter();
        let routes: Vec<_> = routes
            .map(|key| (key, self.endpoint_route(config, key)))
            .collect();
        publication::endpoints(worker, &mut self.advertised, routes, &mut events);
        events
    }

    /// The events that end everything the instance published and subscribed to.
    pub(crate) fn retire(&mut self) -> Vec<RibEvent> {
        let routes = std::mem::take(&mut self.advertised).into_values();
        self.subscribed.clear();
        publication::retire(self.worker(), routes)
    }

    /// The routes published now.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.advertised.values()
    }

    /// Nobody could import a route without target, so none is made.
    fn endpoint_route(&self, config: &VpnConfig, key: EndpointKey) -> Option<Route> {
        let endpoint = self.common.endpoints.get(&key)?;
        let rd = *self.common.rds.get(&key)?;
        let label = Label::new(*self.common.labels.get(&key.0)?).ok()?;
        let prefix = endpoint.prefix?;
        if !endpoint.direction.is_advertised() || self.common.export.is_empty() {
            return None;
        }
        let ipvpn = config.ipvpn.as_ref()?;
        let publisher = Publisher {
            local_address: config.local_address,
            local_vtep: ipvpn.local_pe,
            encaps: &ipvpn.capabilities.encaps,
            vni: self.common.numbers.vni,
            rd: distinguisher(config.router_id, self.common.numbers.rd),
            export: &self.common.export,
        };
        Some(publisher.prefix(&AnnouncedPrefix {
            prefix,
            label,
            rd: distinguisher(config.router_id, rd),
            local_pref: endpoint.local_pref,
            hash_order: endpoint.hash_order,
        }))
    }
}
