//! `bgp`: peers, workers and the route table.

use bgp_rib::{WorkerId, render::RouteView};
use bgp_wire::Family;
use serde_json::{Map, Value, json};

use super::{Glass, Member, Named, Node};
use crate::core::Peer;

impl<'a> Glass<'a> {
    pub(super) fn bgp(&'a self) -> Node<'a> {
        Node::Object(vec![
            ("peers", Member::link(|| self.peers())),
            ("routes", Member::link(|| Node::Value(self.routes()))),
            ("workers", Member::link(|| self.workers())),
            ("route_counts", Member::value(self.route_counts())),
            (
                "calls",
                Member::value(json!({
                    "address": self.core.calls.address,
                    "refused": self.core.calls.refused,
                    "dropped": self.core.calls.dropped,
                })),
            ),
            (
                "adv_routes",
                Member::link(|| self.routes_of(WorkerId::Manager)),
            ),
        ])
    }

    fn peers(&'a self) -> Node<'a> {
        let named = |peer: &'a Peer| Named {
            id: peer.address.to_string(),
            summary: vec![("state", peer.state.to_string().into())],
            node: Box::new(move || self.peer(peer)),
        };
        Node::Named(self.core.peers.values().map(named).collect())
    }

    fn peer(&'a self, peer: &'a Peer) -> Node<'a> {
        let bgp = &self.core.config.bgp;
        let worker = peer.worker();
        let (ended, marked) = peer.ends_of_rib();
        Node::Object(vec![
            (
                "peeringAddresses",
                Member::value(json!({
                    "peer_address": peer.address,
                    "local_address": self.core.local_address,
                })),
            ),
            (
                "as_info",
                Member::value(json!({"local": bgp.my_as, "peer": peer.peer_as})),
            ),
            (
                "rtc",
                Member::value(json!({
                    "active": peer.is_constrained(),
                    "enabled": bgp.enable_rtc,
                })),
            ),
            ("active_families", Member::value(shown(&peer.families))),
            (
                "protocol",
                Member::value(json!({
                    "state": peer.state.to_string(),
                    "previous_state": format!("({})", peer.previous),
                    "hold_time": peer.hold_time,
                    "last_transition_time": peer.since.seconds(),
                    "graceful_restart": peer.graceful_restart(self.core.speaker.table()),
                })),
            ),
            (
                "end_of_rib",
                Member::value(json!({"received": shown(&ended), "sent": shown(&marked)})),
            ),
            ("name", Member::value(worker.to_string())),
            (
                "internals",
                Member::value(self.internals(worker, peer.queued())),
            ),
            ("adv_routes", Member::link(move || self.routes_of(worker))),
            (
                "logs",
                Member::link(move || self.logs(Some(&worker.to_string()))),
            ),
        ])
    }

    /// What a worker subscribed to, and how much waits for it.
    pub(super) fn internals(&self, worker: WorkerId, queued: usize) -> Value {
        let mut subscriptions: Vec<String> = self
            .core
            .speaker
            .table()
            .subscriptions(worker)
            .map(|m| m.to_string())
            .collect();
        subscriptions.sort_unstable();
        json!({"event queue length": queued, "subscriptions": subscriptions})
    }

    /// The whole table; those the daemon offers are always there.
    fn routes(&self) -> Value {
        let families = [
            Family::VPNV4,
            Family::VPNV6,
            Family::EVPN,
            Family::RTC,
            Family::FLOWSPEC_VPNV4,
        ];
        let table = self.core.speaker.table();
        let shown = families.into_iter().map(|family| {
            let routes = table.routes_in(family);
            let routes = routes.map(|(source, route)| self.route(&RouteView::new(source, route)));
            (format!("{family},*"), routes.collect())
        });
        Value::Object(shown.collect::<Map<_, Value>>())
    }

    pub(super) fn routes_of(&self, worker: WorkerId) -> Node<'a> {
        let routes = self.core.speaker.table().routes_of(worker);
        Node::Value(
            routes
                .map(|route| self.route(&RouteView::new(worker, route)))
                .collect(),
        )
    }

    fn workers(&'a self) -> Node<'a> {
        let peers = self.core.peers.values().map(|peer| Named {
            id: peer.worker().to_string(),
            summary: Vec::new(),
            node: Box::new(move || self.peer(peer)),
        });
        let instances = self.core.speaker.vpns().instances().map(|instance| Named {
            id: instance.name.clone(),
            summary: Vec::new(),
            node: Box::new(move || self.instance(instance)),
        });
        let manager = Named {
            id: WorkerId::Manager.to_string(),
            summary: Vec::new(),
            node: Box::new(|| {
                Node::Object(vec![
                    ("name", Member::value(WorkerId::Manager.to_string())),
                    (
                        "adv_routes",
                        Member::link(|| self.routes_of(WorkerId::Manager)),
                    ),
                ])
            }),
        };
        Node::Named(peers.chain(instances).chain([manager]).collect())
    }
}

/// `(l2vpn, evpn)`.
fn shown(families: &[Family]) -> Vec<String> {
    families
        .iter()
        .map(|family| format!("({})", family.to_string().replace('/', ", ")))
        .collect()
}
