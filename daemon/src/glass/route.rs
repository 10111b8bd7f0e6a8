//! Routes as JSON.

use bgp_rib::{WorkerId, render::RouteView};
use serde_json::{Map, Value, json};

use super::Glass;

impl Glass<'_> {
    /// An object whose only key is the text of the NLRI.
    pub(super) fn route(&self, route: &RouteView) -> Value {
        self.shown(route, Some(self.worker_reference(route.source)))
    }

    /// The same without its source.
    pub(super) fn route_alone(&self, route: &RouteView) -> Value {
        self.shown(route, None)
    }

    fn shown(&self, route: &RouteView, source: Option<Value>) -> Value {
        let attributes: Map<String, Value> = route
            .attributes
            .iter()
            .map(|(name, text)| (name.clone(), text.clone().into()))
            .collect();
        let mut shown = json!({
            "afi-safi": route.family.to_string(),
            "attributes": attributes,
            "next_hop": route.next_hop,
        });
        if let Some(source) = source {
            shown["source"] = source;
        }
        if let Some(targets) = &route.route_targets {
            shown["route_targets"] = targets.clone().into();
        }
        let mut object = Map::new();
        object.insert(route.nlri.clone(), shown);
        Value::Object(object)
    }

    /// Where to read about a worker.
    pub(super) fn worker_reference(&self, worker: WorkerId) -> Value {
        let name = worker.to_string();
        self.links.reference(&name, &["bgp", "workers", &name])
    }
}
