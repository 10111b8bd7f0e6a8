//! `bagpipe-bgp`, asked over its REST API; routes come as octets.

use std::time::Duration;

use bagpipe_api::{HeldRoute, PeerSession};
use capture::RouteFacts;

use super::{Misread, Route, Session, Up, state_named};

/// The sessions, as `GET /sessions` has them, sorted by peer.
pub fn peers(told: Vec<PeerSession>) -> Result<Vec<Session>, Misread> {
    let mut sessions = told
        .into_iter()
        .map(session)
        .collect::<Result<Vec<_>, _>>()?;
    sessions.sort_by_key(|session| session.peer);
    Ok(sessions)
}

fn session(told: PeerSession) -> Result<Session, Misread> {
    let state =
        state_named(&told.state).ok_or_else(|| Misread::new("no such state", &told.state))?;
    let session = Session {
        flaps: Some(told.flaps),
        ..Session::new(told.peer, state)
    };
    let session = match told.agreed {
        Some(agreed) => Session {
            remote_as: Some(agreed.asn),
            families: Some(agreed.families),
            hold_time: Some(agreed.hold_time),
            four_octet_as: Some(agreed.four_octet_as),
            graceful_restart: Some(agreed.graceful_restart),
            up: Some(Up::For(Duration::from_millis(agreed.established_ms))),
            ..session
        },
        None => session,
    };
    Ok(session.settled())
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
    // Peers are `BGP-10.0.0.1`, others instances of its own.
    let from = source.strip_prefix("BGP-");
    let from = from.and_then(|peer| peer.parse().ok());
    Route {
        source: Some(source),
        from,
        instances,
        ..Route::new(RouteFacts::of(&nlri, next_hop.address(), &attributes))
    }
}
