//! A reflector and those around it: what each of them announces and holds, by its own word.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use bgp_rib::reflector::rules::{Path, Speaker};
use bgp_wire::nlri::RtcRoute;
use bgp_wire::{Family, NlriValue};
use capture::RouteFacts;
use futures_util::future::try_join_all;
use scenario::{NodeId, NodeKind, SessionState};

use super::key::{COMPARED, Key, path};
use crate::observe::{Route, Session, Topic};
use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::observing::{self, Neighbour, Observer};

/// A reflector and those around it.
pub(super) struct Around {
    /// What it writes into CLUSTER_LIST.
    pub(super) cluster: Ipv4Addr,
    /// Those with whom it has a session, and itself.
    pub(super) speakers: Vec<Speaker<Key>>,
}

/// What a node has, by its own word.
struct Told {
    /// Routes, with who told each; `None` is the node itself.
    routes: Vec<(Option<IpAddr>, RouteFacts)>,
    asks: Vec<RtcRoute>,
    /// Whether its own routes are among them.
    tells_own: bool,
    /// Whether it tells by whom the others were told, so that it can be compared.
    tells_source: bool,
    tells_all: bool,
}

impl Around {
    /// Asks everybody; `None` while the reflector does not run.
    pub(super) async fn ask(lab: &Rc<Lab>, reflector: NodeId) -> Result<Option<Self>, ReachError> {
        if observing::is_halted(lab, reflector) {
            return Ok(None);
        }
        let kind = &lab.scenario[reflector].kind;
        let (router_id, cluster, asn) = match (kind, kind.speaker()) {
            (NodeKind::FakeRr(rr), _) => (rr.router_id, rr.router_id, rr.asn),
            (_, Some(own)) => {
                let cluster = own.cluster_id.unwrap_or(own.router_id);
                (own.router_id, cluster, own.asn)
            }
            _ => return Ok(None),
        };
        let sessions = observing::sessions(lab, reflector).await?;
        let neighbours = observing::neighbours(&lab.scenario, reflector);
        let neighbours = neighbours.into_iter().filter(|one| one.asn == asn);
        let up = neighbours.filter_map(|one| Some((families(&sessions, &one)?, one)));
        let up: Vec<(BTreeSet<Family>, Neighbour)> = up.collect();
        let asked = up
            .iter()
            .map(|(families, one)| ask(lab, one.node, families));
        let told = try_join_all(asked).await?;
        let mut speakers: Vec<Speaker<Key>> = Vec::new();
        for ((families, one), told) in up.iter().zip(told) {
            speakers.push(around(lab, one, families.clone(), told));
        }
        let all: BTreeSet<Family> = up.iter().flat_map(|(all, _)| all).copied().collect();
        let inner: BTreeSet<IpAddr> = up.iter().map(|(_, one)| one.address).collect();
        let own = ask(lab, reflector, &all).await?;
        // What it has of others than those around it, it announces as its own.
        let from_outside = own
            .routes
            .iter()
            .filter(|(from, _)| from.is_none_or(|from| !inner.contains(&from)));
        let announces = keyed(from_outside.map(|(_, facts)| facts));
        speakers.push(Speaker {
            name: lab.scenario[reflector].name.clone(),
            router_id,
            is_client: true,
            is_reflector: true,
            families: all,
            asks: Vec::new(),
            announces: Some(announces),
            holds: None,
            tells_all: false,
        });
        Ok(Some(Self { cluster, speakers }))
    }
}

/// The families of the session with a neighbour; `None` unless it is Established.
fn families(sessions: &[Session], neighbour: &Neighbour) -> Option<BTreeSet<Family>> {
    let mut with_it = sessions
        .iter()
        .filter(|session| session.peer == neighbour.address);
    let up = with_it.find(|session| session.state == SessionState::Established)?;
    let families = up.families.as_ref().unwrap_or(&neighbour.families);
    Some(families.iter().copied().collect())
}

/// A neighbour of the reflector, as the rules see it.
fn around(
    lab: &Lab,
    neighbour: &Neighbour,
    families: BTreeSet<Family>,
    told: Told,
) -> Speaker<Key> {
    let node = &lab.scenario[neighbour.node];
    let of_reflector = |from: &Option<IpAddr>| *from == Some(neighbour.reflector);
    let held = told.routes.iter().filter(|(from, _)| of_reflector(from));
    let holds = keyed(held.map(|(_, facts)| facts));
    // Of what others told it, it announces what came from another AS, and a reflector a good deal more.
    let known = told.tells_own && !node.kind.reflects();
    let announces = known.then(|| {
        let own = told
            .routes
            .iter()
            .filter(|(from, _)| from.is_none_or(|from| neighbour.outside.contains(&from)));
        keyed(own.map(|(_, facts)| facts))
    });
    Speaker {
        name: node.name.clone(),
        router_id: neighbour.router_id,
        is_client: neighbour.is_client,
        is_reflector: false,
        families,
        asks: told.asks,
        announces,
        holds: told.tells_source.then_some(holds),
        tells_all: told.tells_all,
    }
}

fn keyed<'a>(facts: impl Iterator<Item = &'a RouteFacts>) -> BTreeMap<Key, Path> {
    facts
        .filter_map(|facts| Some((Key::of(facts)?, path(facts))))
        .collect()
}

/// Asks a node for its routes of these families.
async fn ask(lab: &Rc<Lab>, node: NodeId, families: &BTreeSet<Family>) -> Result<Told, ReachError> {
    match &lab.scenario[node].kind {
        NodeKind::Bagpipe(_) => ask_bagpipe(lab, node, families).await,
        kind => {
            let tells_own = !matches!(kind, NodeKind::ExaBgp(_));
            let compared = COMPARED.into_iter().chain([Family::RTC]);
            let mut told = Told {
                routes: Vec::new(),
                asks: Vec::new(),
                tells_own,
                tells_source: true,
                tells_all: false,
            };
            for family in compared.filter(|family| families.contains(family)) {
                let routes = Observer::new(lab, node, Topic::Routes(family))
                    .routes()
                    .await?;
                let routes = routes
                    .into_iter()
                    .filter(|route| route.facts.family == family);
                let used =
                    routes.filter(|route| route.best != Some(false) || route.source.is_some());
                for route in used {
                    told.note(route);
                }
            }
            Ok(told)
        }
    }
}

impl Told {
    fn note(&mut self, route: Route) {
        let from = route.from;
        if from.is_none() && route.source.is_some() {
            self.tells_source = false;
            return;
        }
        if from.is_none() {
            self.asks.extend(route.facts.membership());
        }
        self.routes.push((from, route.facts));
    }
}

async fn ask_bagpipe(
    lab: &Lab,
    node: NodeId,
    families: &BTreeSet<Family>,
) -> Result<Told, ReachError> {
    let held = lab.client(node).await?.all_routes().await;
    let held = held.map_err(|source| ReachError::Client {
        node: lab.scenario[node].name.clone(),
        source,
    })?;
    let mut told = Told {
        routes: Vec::new(),
        asks: Vec::new(),
        tells_own: true,
        tells_source: true,
        tells_all: true,
    };
    for route in held {
        if !families.contains(&route.nlri.family) {
            continue;
        }
        let from = route.source.strip_prefix("BGP-");
        let from = from.and_then(|from| from.parse().ok());
        if let (None, Ok(NlriValue::Rtc(asked))) = (from, route.nlri.value()) {
            told.asks.push(asked);
        }
        let facts = RouteFacts::of(&route.nlri, route.next_hop.address(), &route.attributes);
        told.routes.push((from, facts));
    }
    Ok(told)
}
