use bgp_wire::Open;

use crate::{LinkId, Moment, Negotiated, State};

/// One TCP connection and how far the handshake on it has come.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) phase: Phase,
    /// When the phase has lasted too long: the connect timeout in Connecting, DelayOpenTimer in Delaying,
    /// HoldTimer from then on.
    pub(crate) patience: Option<Moment>,
    pub(crate) keepalive_at: Option<Moment>,
    pub(crate) send_hold_at: Option<Moment>,
    /// The OPEN we sent on it.
    pub(crate) local: Option<Open>,
    pub(crate) negotiated: Option<Box<Negotiated>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Connecting,
    /// TCP is up, our OPEN is held back.
    Delaying,
    OpenSent,
    OpenConfirm,
    Established,
}

impl Link {
    pub(crate) fn new(id: LinkId, patience: Option<Moment>) -> Self {
        Self {
            id,
            phase: Phase::Connecting,
            patience,
            keepalive_at: None,
            send_hold_at: None,
            local: None,
            negotiated: None,
        }
    }

    /// What the session's state would be if this were its only link.
    pub(crate) fn state(&self) -> State {
        match (self.phase, self.id) {
            (Phase::Connecting | Phase::Delaying, LinkId::Out(_)) => State::Connect,
            (Phase::Connecting | Phase::Delaying, LinkId::In(_)) => State::Active,
            (Phase::OpenSent, _) => State::OpenSent,
            (Phase::OpenConfirm, _) => State::OpenConfirm,
            (Phase::Established, _) => State::Established,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        [self.patience, self.keepalive_at, self.send_hold_at]
            .into_iter()
            .flatten()
            .min()
    }
}
