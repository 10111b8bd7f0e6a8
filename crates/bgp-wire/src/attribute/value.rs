use std::net::Ipv4Addr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{AsPath, NextHop, PmsiTunnel, code};
use crate::community::{ExtendedCommunity, LargeCommunity};
use crate::family::Family;
use crate::nlri::Nlri;

/// What a path attribute says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttributeValue {
    /// 1: where the route came into BGP.
    Origin(Origin),
    /// 2: the ASes it came through.
    AsPath(AsPath),
    /// 3: next hop of classic IPv4 unicast.
    NextHop(Ipv4Addr),
    /// 4: metric between ASes.
    Med(u32),
    /// 5: preference inside the AS.
    LocalPref(u32),
    /// 6: more specific routes were dropped.
    AtomicAggregate,
    /// 7: who aggregated.
    Aggregator(Aggregator),
    /// 8: communities.
    Communities(Vec<u32>),
    /// 9: who brought the route into the AS.
    OriginatorId(Ipv4Addr),
    /// 10: reflection clusters passed, the last first.
    ClusterList(Vec<Ipv4Addr>),
    /// 14: routes of any family.
    MpReach(MpReach),
    /// 15: withdrawn routes of any family.
    MpUnreach(MpUnreach),
    /// 16: extended communities.
    ExtendedCommunities(Vec<ExtendedCommunity>),
    /// 17: the AS path past two-octet speakers.
    As4Path(AsPath),
    /// 18: the aggregator past two-octet speakers.
    As4Aggregator(Aggregator),
    /// 22: the tunnel for broadcast, unknown and multicast traffic.
    Pmsi(PmsiTunnel),
    /// 32: large communities.
    LargeCommunities(Vec<LargeCommunity>),
    /// Anything else, kept.
    Unknown {
        /// Flags octet without the extended-length bit, which is form only.
        flags: u8,
        /// Type code.
        code: u8,
        /// Value.
        #[serde(with = "crate::text::hex")]
        data: Bytes,
    },
}

/// Where a route came into BGP (RFC 4271 section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// 0: inside the AS.
    Igp,
    /// 1: EGP.
    Egp,
    /// 2: otherwise.
    Incomplete,
}

impl Origin {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Igp => 0,
            Self::Egp => 1,
            Self::Incomplete => 2,
        }
    }

    /// By the number on the wire.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Igp),
            1 => Some(Self::Egp),
            2 => Some(Self::Incomplete),
            _ => None,
        }
    }
}

/// Who aggregated a route (RFC 4271 section 5.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Aggregator {
    /// AS number.
    pub asn: u32,
    /// BGP identifier.
    pub address: Ipv4Addr,
}

/// Routes of one family (RFC 4760 section 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MpReach {
    /// The family.
    pub family: Family,
    /// The next hop of all of them.
    pub next_hop: NextHop,
    /// The routes.
    pub nlri: Vec<Nlri>,
}

/// Withdrawn routes of one family (RFC 4760 section 4); none at all is End-of-RIB (RFC 4724).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MpUnreach {
    /// The family.
    pub family: Family,
    /// The routes.
    pub nlri: Vec<Nlri>,
}

impl AttributeValue {
    /// The type code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Origin(_) => code::ORIGIN,
            Self::AsPath(_) => code::AS_PATH,
            Self::NextHop(_) => code::NEXT_HOP,
            Self::Med(_) => code::MED,
            Self::LocalPref(_) => code::LOCAL_PREF,
            Self::AtomicAggregate => code::ATOMIC_AGGREGATE,
            Self::Aggregator(_) => code::AGGREGATOR,
            Self::Communities(_) => code::COMMUNITIES,
            Self::OriginatorId(_) => code::ORIGINATOR_ID,
            Self::ClusterList(_) => code::CLUSTER_LIST,
            Self::MpReach(_) => code::MP_REACH,
            Self::MpUnreach(_) => code::MP_UNREACH,
            Self::ExtendedCommunities(_) => code::EXTENDED_COMMUNITIES,
            Self::As4Path(_) => code::AS4_PATH,
            Self::As4Aggregator(_) => code::AS4_AGGREGATOR,
            Self::Pmsi(_) => code::PMSI,
            Self::LargeCommunities(_) => code::LARGE_COMMUNITIES,
            Self::Unknown { code, .. } => *code,
        }
    }
}
