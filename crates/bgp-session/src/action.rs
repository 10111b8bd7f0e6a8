use std::fmt;

use bgp_wire::{Family, Message, Notification, RouteRefresh, Update};
use serde::{Deserialize, Serialize};

use crate::{LinkId, Negotiated};

/// What a session wants done, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Open a TCP connection to the peer; answer with `TcpConnected` or `TcpFailed`.
    Connect(LinkId),
    /// Close this connection after what was sent on it. Nothing it says from now on counts.
    Close(LinkId),
    /// Send this.
    Send(LinkId, Message),
    /// The state changed.
    StateChanged {
        /// From this.
        from: State,
        /// To this.
        to: State,
        /// Because of that.
        why: Why,
    },
    /// The session is up on this link: routes may be sent.
    Established(LinkId, Box<Negotiated>),
    /// A session that was Established is gone, and with it all that the peer announced.
    Down(DownReason),
    /// For whoever keeps the routes.
    Deliver(Delivery),
    /// Worth a line in the log.
    Log(Notice),
}

/// What the peer says to the layer above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Routes, after RFC 7606: defects that do not end the session are in its verdicts.
    Update(Update),
    /// A request to send the routes of a negotiated family again (RFC 2918).
    RouteRefresh(RouteRefresh),
}

/// The states of RFC 4271 section 8.2.2. With two connections, the state is that of the one further on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum State {
    /// Stopped, or waiting after an error.
    #[default]
    Idle,
    /// Opening a connection.
    Connect,
    /// Waiting to be called, or to try again.
    Active,
    /// Waiting for the peer's OPEN.
    OpenSent,
    /// Waiting for the peer's first KEEPALIVE.
    OpenConfirm,
    /// Exchanging routes.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        })
    }
}

/// Why the state changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// `Start`.
    #[error("started")]
    Started,
    /// A wait is over.
    #[error("trying again")]
    Retry,
    /// The peer opened a TCP connection.
    #[error("called by the peer")]
    Called,
    /// The TCP connection could not be opened.
    #[error("no TCP connection")]
    ConnectFailed,
    /// Opening the TCP connection took too long.
    #[error("TCP connection not open in time")]
    ConnectTimedOut,
    /// The TCP connection is open.
    #[error("TCP connected")]
    Connected,
    /// DelayOpenTimer.
    #[error("OPEN no longer held back")]
    DelayOver,
    /// A good OPEN.
    #[error("OPEN received")]
    OpenReceived,
    /// The first KEEPALIVE.
    #[error("KEEPALIVE received")]
    KeepaliveReceived,
    /// A connection ended.
    #[error("{0}")]
    Down(DownReason),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownReason {
    /// We were told to stop.
    #[error("stopped")]
    Stopped,
    /// The peer said so.
    #[error("peer sent {0}")]
    NotificationReceived(Notification),
    /// We said so.
    #[error("{what}: sent {notification}")]
    NotificationSent {
        /// What the peer was told.
        notification: Notification,
        /// What was wrong.
        what: String,
    },
    /// Nothing was heard for the hold time; the peer was told.
    #[error("hold timer expired")]
    HoldTimerExpired,
    /// The peer read nothing for the send hold time (RFC 9687).
    #[error("send hold timer expired")]
    SendHoldTimerExpired,
    /// The other connection with the same peer was preferred (RFC 4271 section 6.8).
    #[error("connection collision")]
    Collision,
    /// The peer called again and had announced graceful restart: it has lost the first connection (RFC 4724
    /// section 5).
    #[error("peer has restarted")]
    Replaced,
    /// The peer closed the TCP connection.
    #[error("TCP connection closed")]
    TcpClosed,
}

/// Something worth telling that changes nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// A family of ours the peer did not announce: no routes of it are exchanged.
    #[error("peer does not do {0}")]
    FamilyMissing(Family),
    /// A connection that never became a session ended.
    #[error("{link}: {reason}")]
    LinkLost {
        /// Which.
        link: LinkId,
        /// Why.
        reason: DownReason,
    },
    /// A connection was refused because the session is stopped.
    #[error("{0}: refused while stopped")]
    Refused(LinkId),
    /// A request to send routes again, of a family nobody negotiated (RFC 2918 section 4: ignored).
    #[error("route refresh for {0}, which was not negotiated")]
    RefreshIgnored(Family),
}
