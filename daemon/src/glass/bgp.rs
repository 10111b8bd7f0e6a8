//! `bgp`: peers, workers and the route table.

use std::{collections::BTreeMap, sync::Arc};

use bgp_rib::{Route, WorkerId, export};
use bgp_wire::Family;
use serde_json::{Value, json};

use super::{Glass, Member, Named, Node, RouteList};
use crate::core::Peer;

impl<'a> Glass<'a> {
    pub(super) fn bgp(&'a self) -> Node<'a> {
        Node::Object(vec![
            ("peers", Member::link(|| self.peers())),
            ("routes", Member::link(|| self.routes())),
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
                    "local_address": self.core.addresses.bgp,
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
            ("sent_routes", Member::link(move || self.sent_routes(peer))),
            (
                "statistics",
                Member::link(move || Node::Value(self.statistics(peer))),
            ),
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

    /// The whole table; the families that the daemon offers are always there.
    fn routes(&self) -> Node<'a> {
        let families = [
            Family::VPNV4,
            Family::VPNV6,
            Family::EVPN,
            Family::RTC,
            Family::FLOWSPEC_VPNV4,
            Family::FLOWSPEC_VPNV6,
        ];
        let table = self.core.speaker.table();
        let lists = families.into_iter().map(|family| {
            let routes = table.routes_in(family);
            let routes = routes.map(|(source, route)| (source, Arc::clone(route)));
            (format!("{family},*"), routes)
        });
        Node::Routes(RouteList::grouped(&self.links, lists).keeping_empty())
    }

    pub(super) fn routes_of(&self, worker: WorkerId) -> Node<'a> {
        let routes = self.core.speaker.table().routes_of(worker);
        let routes = routes.map(|route| (worker, Arc::clone(route)));
        Node::Routes(RouteList::flat(&self.links, routes))
    }

    /// The routes that a peer has been sent, as they went to it (its adj-RIB-out).
    fn sent_routes(&self, peer: &Peer) -> Node<'a> {
        let sent = peer.sent(self.core.speaker.table());
        let routes = sent.map(|(source, route)| {
            let sent = Route::clone(route).with_attributes(export::attributes(route));
            (source, Arc::new(sent))
        });
        Node::Routes(RouteList::flat(&self.links, routes))
    }

    /// What has gone over a session, and how it stands.
    fn statistics(&self, peer: &Peer) -> Value {
        let table = self.core.speaker.table();
        let messages = peer.messages();
        let by_family = |families: &mut dyn Iterator<Item = Family>| {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for family in families {
                *counts.entry(family.to_string()).or_default() += 1;
            }
            counts
        };
        let received = by_family(&mut table.routes_of(peer.worker()).map(|route| route.family()));
        let sent = by_family(&mut peer.sent(table).map(|(_, route)| route.family()));
        json!({
            "uptime": peer.uptime().map(|uptime| uptime.as_secs()),
            "flaps": peer.flaps(),
            "last_error": peer.last_error.as_ref().map(|(time, text)| {
                json!({"time": time.seconds(), "message": text})
            }),
            "messages": {
                "received": messages.received().collect::<BTreeMap<_, _>>(),
                "sent": messages.sent().collect::<BTreeMap<_, _>>(),
            },
            "prefixes": {"received": received, "sent": sent},
            "announced": peer.prefixes.announced,
            "withdrawn": peer.prefixes.withdrawn,
        })
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
