//! Routes as JSON.

use bgp_rib::render::RouteView;
use serde_json::{Map, Value, json};

/// An object whose only key is the text of the NLRI; without source when nobody says where to read about it.
pub(super) fn shown(route: &RouteView, source_url: Option<String>) -> Value {
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
    if let Some(href) = source_url {
        shown["source"] = json!({"id": route.source.to_string(), "href": href});
    }
    if let Some(targets) = &route.route_targets {
        shown["route_targets"] = targets.clone().into();
    }
    let mut object = Map::new();
    object.insert(route.nlri.clone(), shown);
    Value::Object(object)
}
