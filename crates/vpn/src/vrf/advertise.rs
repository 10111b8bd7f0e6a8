//! What the instance publishes and subscribes to.

use std::sync::Arc;

use bgp_rib::Route;
use bgp_wire::{Label, RouteTarget};

use super::policy::FLOWS;
use super::{FAMILIES, Policy, Vrf};
use crate::instance::EndpointKey;
use crate::manager::VpnConfig;
use crate::outcome::Outcome;
use crate::publication;
use crate::routes::{AnnouncedPrefix, Publisher, distinguisher};

impl Vrf {
    /// What follows from a change of the endpoints `touched`, or of all if the export targets changed, and of the
    /// other targets. New things come before those they replace are taken away.
    pub(crate) fn publish(
        &mut self,
        config: &VpnConfig,
        touched: impl IntoIterator<Item = EndpointKey>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let worker = self.worker();
        let policy = Policy::of(&self.common);
        publication::subscribe(
            worker,
            &FAMILIES,
            &mut self.subscribed,
            &policy.wanted(),
            &mut outcome.events,
        );
        publication::subscribe(
            worker,
            &FLOWS,
            &mut self.subscribed_flows,
            &policy.wanted_flows(),
            &mut outcome.events,
        );
        let touched: Vec<EndpointKey> = touched.into_iter().collect();
        let routes = touched.iter();
        let routes: Vec<_> = routes
            .map(|key| (*key, self.endpoint_route(config, *key)))
            .collect();
        publication::endpoints(worker, &mut self.advertised, routes, &mut outcome.events);
        // What an endpoint advertises for itself has the first say: known before anything is advertised again.
        let had_none = self.again.has_no_announcers();
        let changed = self.refresh_announcers(touched, &mut outcome.events);
        self.follow(config, policy, &mut outcome);
        for key in changed {
            self.announce_all_again(config, key, &mut outcome.events);
        }
        if had_none != self.again.has_no_announcers() {
            self.refresh_flows(config, &mut outcome.events);
        }
        outcome
    }

    /// The events that end everything the instance published and subscribed to.
    pub(crate) fn retire(&mut self) -> Outcome {
        let again = std::mem::take(&mut self.again);
        let again: Vec<_> = again.routes().cloned().collect();
        let advertised = std::mem::take(&mut self.advertised);
        let routes = advertised.values().cloned();
        self.subscribed.clear();
        self.subscribed_flows.clear();
        self.policy = Policy::default();
        Outcome {
            events: publication::retire(self.worker(), again.into_iter().chain(routes)),
            redirects: self.forget_redirects(),
            ..Outcome::default()
        }
    }

    /// The routes published now.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.advertised.values().chain(self.again.routes())
    }

    /// What makes routes with these targets. Nobody could import a route without, so none is made.
    pub(super) fn publisher<'a>(
        &'a self,
        config: &'a VpnConfig,
        targets: &'a [RouteTarget],
    ) -> Option<Publisher<'a>> {
        let ipvpn = config.ipvpn.as_ref()?;
        let publisher = Publisher {
            local_address: config.local_address,
            local_vtep: ipvpn.local_pe,
            encaps: &ipvpn.capabilities.encaps,
            vni: self.common.numbers.vni,
            rd: distinguisher(config.router_id, self.common.numbers.rd),
            export: targets,
        };
        (!targets.is_empty()).then_some(publisher)
    }

    fn endpoint_route(&self, config: &VpnConfig, key: EndpointKey) -> Option<Route> {
        let endpoint = self.common.endpoints.get(&key)?;
        let rd = *self.common.rds.get(&key)?;
        let label = Label::new(*self.common.labels.get(&key.0)?).ok()?;
        let prefix = endpoint.prefix()?;
        if !endpoint.direction.is_advertised() {
            return None;
        }
        let publisher = self.publisher(config, &self.common.export)?;
        Some(publisher.prefix(&AnnouncedPrefix {
            prefix,
            label,
            rd: distinguisher(config.router_id, rd),
            local_pref: endpoint.local_pref,
            hash_order: endpoint.hash_order,
        }))
    }
}
