//! `bagpipe-bgp`, whose routes come as octets.

use std::net::IpAddr;

use bagpipe_api::HeldRoute;
use capture::RouteFacts;
use capture::text::held_route;
use serde_json::Value;

use super::{Misread, Route, Session, state_named};

/// The sessions, out of the looking glass's `bgp/peers`.
pub fn peers(peers: &Value) -> Result<Vec<Session>, Misread> {
    let session = |peer: &Value| {
        let text = |key: &str| peer.get(key)?.as_str();
        let session = || {
            Some(Session {
                peer: text("id")?.parse::<IpAddr>().ok()?,
                state: state_named(text("state")?)?,
                remote_as: None,
                families: None,
            })
        };
        session().ok_or_else(|| Misread::new("no session with a peer", peer.to_string()))
    };
    let list = peers
        .as_array()
        .ok_or_else(|| Misread::new("no list of peers", peers.to_string()))?;
    let mut sessions = list.iter().map(session).collect::<Result<Vec<_>, _>>()?;
    sessions.sort_by_key(|session| session.peer);
    Ok(sessions)
}

/// The routes, as `GET /routes` has them.
pub fn held_routes(held: Vec<HeldRoute>) -> Vec<Route> {
    held.into_iter().map(route).collect()
}

fn route(held: HeldRoute) -> Route {
    let HeldRoute {
        source,
        instances,
        nlri,
        next_hop,
        attributes,
    } = held;
    Route {
        facts: RouteFacts::of(&nlri, next_hop.address(), &attributes),
        source: Some(source),
        best: None,
        instances,
        text: Some(held_route(&nlri, &next_hop, &attributes)),
    }
}
