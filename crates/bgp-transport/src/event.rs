use std::time::SystemTime;

use bgp_session::{DownReason, Negotiated, State, Why};
use bgp_wire::{RouteRefresh, Update};

use crate::Outgoing;

/// What a peer task tells its caller. `Update` and `RouteRefresh` only come between `Established` and `Down`.
#[derive(Clone, Debug)]
pub enum PeerEvent {
    /// The state machine moved.
    State {
        /// From this state.
        from: State,
        /// To this one.
        to: State,
        /// Because of that.
        why: Why,
        /// Then.
        at: SystemTime,
    },
    /// The session is up.
    Established {
        /// What was agreed.
        negotiated: Box<Negotiated>,
        /// Where to put messages for the peer, for as long as this session lasts.
        outgoing: Outgoing,
    },
    /// Routes announced and withdrawn, after RFC 7606.
    Update(Box<Update>),
    /// The peer wants the routes of a family again.
    RouteRefresh(RouteRefresh),
    /// The session is gone and everything learnt over it is void.
    Down(DownReason),
    /// The task has ended by itself, see [`PeerConfig::once`](crate::PeerConfig::once): nothing follows.
    Ended,
}
