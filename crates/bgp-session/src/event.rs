use std::fmt;

use bgp_wire::{Message, Notification};
use serde::{Deserialize, Serialize};

/// One TCP connection of a session. There are two at most: one each way, until the collision is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkId {
    /// Opened by us; numbered by the session.
    Out(u32),
    /// Opened by the peer; numbered by the driver.
    In(u32),
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Out(n) => write!(f, "out-{n}"),
            Self::In(n) => write!(f, "in-{n}"),
        }
    }
}

/// Everything that can happen to a session. Each names the events of RFC 4271 section 8.1 it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// ManualStart, AutomaticStart, and both with PassiveTcpEstablishment or DampPeerOscillations (1, 3 to 7).
    Start,
    /// ManualStop, AutomaticStop (2, 8): Administrative Shutdown with this text (RFC 9003), and no retry.
    Stop(String),
    /// AutomaticStop (8) for a reason of the driver's: this NOTIFICATION goes out and the session starts over.
    Reset(Notification),
    /// Whatever timer is due: ConnectRetryTimer_Expires, HoldTimer_Expires, KeepaliveTimer_Expires,
    /// DelayOpenTimer_Expires, IdleHoldTimer_Expires (9 to 13), SendHoldTimer_Expires (29, RFC 9687).
    Tick,
    /// Tcp_CR_Acked for a link of ours (16), TcpConnectionConfirmed for one of the peer's (17).
    TcpConnected(LinkId),
    /// TcpConnectionFails while it was being opened (18).
    TcpFailed(LinkId),
    /// TcpConnectionFails later: the peer closed or reset it (18).
    TcpClosed(LinkId),
    /// BGPOpen, KeepAliveMsg, UpdateMsg, NotifMsg, NotifMsgVerErr (19, 20, 24 to 27), and ROUTE-REFRESH.
    Received(LinkId, Message),
    /// BGPHeaderErr, BGPOpenMsgErr, UpdateMsgErr (21, 22, 28): bytes that are no message.
    Malformed(LinkId, Malformed),
    /// The peer does not take what was sent; the SendHoldTimer starts unless it runs (RFC 9687).
    SendBlocked(LinkId),
    /// The peer took something; the SendHoldTimer starts again if more is `waiting`, else stops.
    SendFlowing {
        /// Which connection.
        link: LinkId,
        /// Whether there is more to be sent.
        waiting: bool,
    },
    /// Bytes of the peer lie unread because *our* side is behind: not a reason to declare it dead.
    ReadDeferred(LinkId),
}

/// Bytes that are no message: what to tell the peer, and what to tell our reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Malformed {
    /// The NOTIFICATION RFC 4271 section 6 asks for.
    pub notification: Notification,
    /// The defect in words.
    pub what: String,
}
