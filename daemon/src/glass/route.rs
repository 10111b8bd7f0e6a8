//! Routes as JSON.

use std::sync::Arc;

use bgp_rib::{
    Route, WorkerId,
    render::{self, RouteView},
};
use serde_json::{Map, Value, json};

/// Writes routes, one after the other. Neighbours in a list mostly came together, and then all that is said of them but
/// their NLRI is the same.
#[derive(Debug, Default)]
pub(super) struct Writer {
    last: Option<(WorkerId, Arc<Route>, String)>,
}

impl Writer {
    /// Appends an object whose only key is the text of the NLRI; without source when nobody says where to read about it.
    pub(super) fn write(
        &mut self,
        out: &mut String,
        source: WorkerId,
        route: &Arc<Route>,
        source_url: impl FnOnce() -> Option<String>,
    ) {
        let same = |(known, last, _): &&(WorkerId, Arc<Route>, String)| {
            *known == source && last.family() == route.family() && last.has_path_of(route)
        };
        if self.last.as_ref().filter(same).is_none() {
            let said = said(&RouteView::new(source, route), source_url());
            self.last = Some((source, Arc::clone(route), said.to_string()));
        }
        out.push('{');
        push_text(out, &render::nlri_text(route));
        out.push(':');
        out.push_str(self.last.as_ref().map_or("null", |(_, _, said)| said));
        out.push('}');
    }
}

/// Appends a JSON string.
fn push_text(out: &mut String, text: &str) {
    let is_plain = |octet: u8| matches!(octet, 0x20..0x7f) && octet != b'"' && octet != b'\\';
    if text.bytes().all(is_plain) {
        out.extend(["\"", text, "\""]);
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

fn said(route: &RouteView, source_url: Option<String>) -> Value {
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
    shown
}

#[cfg(test)]
mod tests {
    use bgp_wire::{AttributeValue, Family, NextHop, Nlri, PathAttributes};

    use super::*;

    #[test]
    fn what_is_said_of_one_route_is_not_said_of_another() {
        let preferred = |number| PathAttributes::new().with(AttributeValue::LocalPref(number));
        let route = |family, last, attributes| {
            let nlri = Nlri::new(family, vec![32, 10, 0, 0, last]);
            let next_hop = NextHop::V4([192, 0, 2, last].into());
            Arc::new(Route::new(nlri, next_hop, attributes))
        };
        let v4 = Family::IPV4_UNICAST;
        let (one, other) = (WorkerId::Evi(1), WorkerId::Evi(2));
        let list = [
            (one, route(v4, 1, preferred(1))),
            (one, route(v4, 1, preferred(1))),
            (one, route(v4, 1, preferred(2))),
            (one, route(v4, 2, preferred(2))),
            (other, route(v4, 2, preferred(2))),
            (other, route(Family::RTC, 2, preferred(2))),
        ];
        let mut writer = Writer::default();
        for (source, route) in &list {
            let url = || Some(source.to_string());
            let (mut together, mut alone) = (String::new(), String::new());
            writer.write(&mut together, *source, route, url);
            Writer::default().write(&mut alone, *source, route, url);
            assert_eq!(together, alone);
        }
    }

    #[test]
    fn names_are_json() {
        let mut out = String::new();
        push_text(&mut out, "a\\\"\n\u{7f}é");
        assert_eq!(out, r#""a\\\"\n"#.to_owned() + "\u{7f}é\"");
    }
}
