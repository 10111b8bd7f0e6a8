//! Matchers of BGP messages.

use bgp_wire::Family;
use bgp_wire::capability::code;
use serde::{Deserialize, Serialize};

use crate::numbers::Numbers;
use crate::route::{OneOf, RoutePattern};

/// A BGP message. Routes count per message: one with two matching routes is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BgpMatcher {
    /// Who sends it.
    pub from: Option<OneOf>,
    /// Who gets it.
    pub to: Option<OneOf>,
    /// What it is; `None` is any message.
    pub kind: Option<BgpKind>,
}

/// A kind of BGP message and what it must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BgpKind {
    /// OPEN.
    Open(OpenMatcher),
    /// KEEPALIVE.
    Keepalive,
    /// NOTIFICATION.
    Notification(NotificationMatcher),
    /// ROUTE-REFRESH (RFC 2918).
    RouteRefresh(RefreshMatcher),
    /// The mark at the end of all routes of a family (RFC 4724 section 2), of this one.
    EndOfRib(Option<Family>),
    /// An UPDATE that announces a route like this.
    Update(RoutePattern),
    /// An UPDATE that withdraws a route like this; only what an NLRI holds can be asked for.
    Withdraw(RoutePattern),
}

impl From<BgpKind> for BgpMatcher {
    fn from(kind: BgpKind) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }
}

/// What an OPEN must say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenMatcher {
    /// The sender's AS number, that of the capability where there is one (RFC 6793).
    pub asn: Option<u32>,
    /// Proposed hold time in seconds.
    pub hold_time: Option<Numbers>,
    /// BGP identifier.
    pub router_id: Option<std::net::Ipv4Addr>,
    /// Families that it must all offer (RFC 4760 section 8).
    pub families: Vec<Family>,
    /// Capabilities that must all be there.
    pub capabilities: Vec<CapabilityKind>,
    /// Capabilities of which none may be there.
    pub lacks_capabilities: Vec<CapabilityKind>,
}

/// What a NOTIFICATION must say (RFC 4271 section 4.5, RFC 4486).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationMatcher {
    /// Error code.
    pub code: Option<Numbers>,
    /// Error subcode.
    pub subcode: Option<Numbers>,
}

/// What a ROUTE-REFRESH must say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshMatcher {
    /// The family whose routes are to be sent again.
    pub family: Option<Family>,
    /// 0 asks, 1 begins and 2 ends the answer (RFC 7313).
    pub subtype: Option<Numbers>,
}

/// A capability that can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapabilityKind {
    /// Routes of some family besides IPv4's (RFC 4760).
    Multiprotocol,
    /// ROUTE-REFRESH (RFC 2918).
    RouteRefresh,
    /// ROUTE-REFRESH with begin and end marks (RFC 7313).
    EnhancedRouteRefresh,
    /// Next hops of another address family (RFC 8950).
    ExtendedNextHop,
    /// Messages up to 65,535 octets (RFC 8654).
    ExtendedMessage,
    /// Several labels a route (RFC 8277).
    MultipleLabels,
    /// Roles (RFC 9234).
    Role,
    /// Graceful restart (RFC 4724).
    GracefulRestart,
    /// Long-lived graceful restart (RFC 9494).
    LongLivedGracefulRestart,
    /// AS numbers in four octets (RFC 6793).
    FourOctetAs,
    /// Several paths a route (RFC 7911).
    AddPath,
    /// Host and domain name (draft-walton-bgp-hostname-capability).
    HostName,
}

impl CapabilityKind {
    /// Every one, in the order of the codes.
    pub const ALL: [Self; 12] = [
        Self::Multiprotocol,
        Self::RouteRefresh,
        Self::ExtendedNextHop,
        Self::ExtendedMessage,
        Self::MultipleLabels,
        Self::Role,
        Self::GracefulRestart,
        Self::FourOctetAs,
        Self::AddPath,
        Self::EnhancedRouteRefresh,
        Self::LongLivedGracefulRestart,
        Self::HostName,
    ];

    /// The word for it in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Multiprotocol => "multiprotocol",
            Self::RouteRefresh => "route-refresh",
            Self::EnhancedRouteRefresh => "enhanced-route-refresh",
            Self::ExtendedNextHop => "extended-next-hop",
            Self::ExtendedMessage => "extended-message",
            Self::MultipleLabels => "multiple-labels",
            Self::Role => "role",
            Self::GracefulRestart => "graceful-restart",
            Self::LongLivedGracefulRestart => "long-lived-graceful-restart",
            Self::FourOctetAs => "four-octet-as",
            Self::AddPath => "add-path",
            Self::HostName => "host-name",
        }
    }

    /// The number in the IANA registry "Capability Codes".
    pub const fn code(self) -> u8 {
        match self {
            Self::Multiprotocol => code::MULTI_PROTOCOL,
            Self::RouteRefresh => code::ROUTE_REFRESH,
            Self::EnhancedRouteRefresh => code::ENHANCED_ROUTE_REFRESH,
            Self::ExtendedNextHop => code::EXTENDED_NEXT_HOP,
            Self::ExtendedMessage => code::EXTENDED_MESSAGE,
            Self::MultipleLabels => code::MULTIPLE_LABELS,
            Self::Role => code::ROLE,
            Self::GracefulRestart => code::GRACEFUL_RESTART,
            Self::LongLivedGracefulRestart => code::LONG_LIVED_GRACEFUL_RESTART,
            Self::FourOctetAs => code::FOUR_OCTET_AS,
            Self::AddPath => code::ADD_PATH,
            Self::HostName => code::FQDN,
        }
    }
}
