//! Sessions.

use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::Family;
use serde::{Deserialize, Serialize};

use crate::route::KINDS;

use crate::lab::NodeId;

/// The session of `on` with `peer` is in `state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionExpectation {
    /// The speaker that is asked.
    pub on: NodeId,
    /// The peer's address as `on` knows it.
    pub peer: IpAddr,
    /// The state it must reach.
    pub state: SessionState,
    /// Families that both ends must have agreed on, sorted; others may be there too.
    pub families: Vec<Family>,
    /// Hold time agreed on, in seconds.
    pub hold_time: Option<u16>,
    /// Whether both ends can do four-octet AS numbers (RFC 6793).
    pub four_octet_as: Option<bool>,
    /// Whether the peer announces graceful restart (RFC 4724).
    pub graceful_restart: Option<bool>,
    /// How long it must have been Established.
    pub uptime: Option<Duration>,
    /// How often it has left Established since the speaker's program began.
    pub flaps: Option<u64>,
}

/// Something that can be asked of a session beside its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionField {
    /// Families agreed on.
    Families,
    /// Hold time agreed on.
    HoldTime,
    /// Four-octet AS numbers.
    FourOctetAs,
    /// Graceful restart of the peer.
    GracefulRestart,
    /// How long it has been Established.
    Uptime,
    /// How often it has left Established.
    Flaps,
}

impl SessionField {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Families,
        Self::HoldTime,
        Self::FourOctetAs,
        Self::GracefulRestart,
        Self::Uptime,
        Self::Flaps,
    ];

    /// Its key in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Families => "families",
            Self::HoldTime => "hold_time",
            Self::FourOctetAs => "four_octet_as",
            Self::GracefulRestart => "graceful_restart",
            Self::Uptime => "uptime_at_least",
            Self::Flaps => "flaps",
        }
    }

    /// Whether nodes of that kind tell it of their sessions.
    pub fn is_told_by(self, kind: &str) -> bool {
        let untold: &[&str] = match self {
            Self::Families | Self::HoldTime | Self::FourOctetAs => &[],
            Self::GracefulRestart => &["exabgp"],
            Self::Uptime => &["bird"],
            Self::Flaps => &["bird", "openbgpd"],
        };
        KINDS.contains(&kind) && !untold.contains(&kind)
    }

    /// The kinds of node that tell it.
    pub fn told_by(self) -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().filter(move |kind| self.is_told_by(kind))
    }

    /// Which kinds of node tell what, as a table in Markdown.
    pub fn table() -> String {
        let row = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let mut table = row([&["Key"], &KINDS[..]].concat());
        table += &row(vec!["---"; KINDS.len() + 1]);
        for field in Self::ALL {
            let name = format!("`{}`", field.name());
            let told = KINDS.map(|kind| if field.is_told_by(kind) { "yes" } else { "no" });
            table += &row([&[name.as_str()], &told[..]].concat());
        }
        table
    }
}

/// States of RFC 4271 section 8.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// Refuses everything.
    Idle,
    /// Waits for its TCP connection.
    Connect,
    /// Waits for a TCP connection from the peer.
    Active,
    /// Has sent OPEN.
    OpenSent,
    /// Has received OPEN.
    OpenConfirm,
    /// Exchanges routes.
    Established,
}

impl SessionState {
    /// Every state, in the order of the RFC.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::Connect,
        Self::Active,
        Self::OpenSent,
        Self::OpenConfirm,
        Self::Established,
    ];

    /// The RFC's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }
}
