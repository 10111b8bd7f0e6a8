use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use bgp_wire::{Family, NextHop, Nlri, PathAttributes, Update};
use serde::{Deserialize, Serialize};

/// One session with a client; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client-{}", self.0)
    }
}

/// What a reflector has to know of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// Its BGP identifier, the ORIGINATOR_ID of what it announces.
    pub router_id: Ipv4Addr,
    /// Its address, the last tie-break.
    pub address: IpAddr,
    /// Families that were negotiated. With RT-Constraint among them, VPN routes are sent on request only.
    pub families: BTreeSet<Family>,
    /// It can tell where a refresh begins and ends (RFC 7313).
    pub enhanced_refresh: bool,
}

/// What happens to a reflector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReflectorEvent {
    /// A session with a client is Established.
    Up {
        /// Which.
        client: ClientId,
        /// Who it is.
        info: ClientInfo,
    },
    /// It is gone, and all it announced.
    Down {
        /// Which.
        client: ClientId,
    },
    /// A client announced or withdrew routes.
    Update {
        /// Which.
        client: ClientId,
        /// After RFC 7606; not one that ends the session.
        update: Box<Update>,
    },
    /// The reflector itself announces or withdraws routes.
    Originate {
        /// As a client would send it.
        update: Box<Update>,
    },
    /// Every client has had time to come back, see [`Reflector::deferring`](super::Reflector::deferring).
    DeferralOver,
    /// A client wants the routes of a family again (RFC 2918).
    Refresh {
        /// Which.
        client: ClientId,
        /// Of this family.
        family: Family,
    },
}

/// What a reflector wants sent. In order for each client; `to` is ascending and not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReflectorAction {
    /// These routes, which share everything but the destination, in as few messages as possible.
    Announce {
        /// Whom to tell.
        to: Vec<ClientId>,
        /// The family of all of them.
        family: Family,
        /// As received, with ORIGINATOR_ID and CLUSTER_LIST.
        attributes: PathAttributes,
        /// As received.
        next_hop: NextHop,
        /// The destinations.
        nlri: Vec<Nlri>,
    },
    /// These routes are gone.
    Withdraw {
        /// Whom to tell.
        to: Vec<ClientId>,
        /// The family of all of them.
        family: Family,
        /// As they were announced.
        nlri: Vec<Nlri>,
    },
    /// A mark between routes.
    Mark {
        /// Whom to tell.
        to: ClientId,
        /// In which family.
        family: Family,
        /// Which.
        mark: Mark,
    },
}

/// Marks between routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// All there is has been sent once (RFC 4724 section 2).
    EndOfRib,
    /// What follows is everything again (RFC 7313).
    RefreshBegins,
    /// That was everything (RFC 7313).
    RefreshEnds,
}
