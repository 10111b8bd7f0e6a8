//! Address families as the wire has them: plain numbers, so that a family nobody named still passes through.

use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, debug_as_text, serde_as_text};

/// An (AFI, SAFI) pair (RFC 4760). Text form `l2vpn/evpn`, else `afi1/safi5`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// Address family identifier.
    pub afi: u16,
    /// Subsequent address family identifier.
    pub safi: u8,
}

serde_as_text!(Family);
debug_as_text!(Family);

impl Family {
    /// IPv4 unicast (RFC 4271, 4760).
    pub const IPV4_UNICAST: Self = Self::new(1, 1);
    /// IPv6 unicast (RFC 2545).
    pub const IPV6_UNICAST: Self = Self::new(2, 1);
    /// IPv4 MPLS VPN (RFC 4364).
    pub const VPNV4: Self = Self::new(1, 128);
    /// IPv6 MPLS VPN (RFC 4659).
    pub const VPNV6: Self = Self::new(2, 128);
    /// Ethernet VPN (RFC 7432).
    pub const EVPN: Self = Self::new(25, 70);
    /// Route target constraint (RFC 4684).
    pub const RTC: Self = Self::new(1, 132);
    /// IPv4 Flowspec (RFC 8955).
    pub const FLOWSPEC_IPV4: Self = Self::new(1, 133);
    /// IPv6 Flowspec (RFC 8956).
    pub const FLOWSPEC_IPV6: Self = Self::new(2, 133);
    /// IPv4 Flowspec VPN (RFC 8955).
    pub const FLOWSPEC_VPNV4: Self = Self::new(1, 134);
    /// IPv6 Flowspec VPN (RFC 8956).
    pub const FLOWSPEC_VPNV6: Self = Self::new(2, 134);
    /// L2VPN Flowspec VPN (draft-ietf-idr-flowspec-l2vpn).
    pub const FLOWSPEC_L2VPN: Self = Self::new(25, 134);

    const NAMED: [(Self, &'static str); 11] = [
        (Self::IPV4_UNICAST, "ipv4/unicast"),
        (Self::IPV6_UNICAST, "ipv6/unicast"),
        (Self::VPNV4, "ipv4/mpls-vpn"),
        (Self::VPNV6, "ipv6/mpls-vpn"),
        (Self::EVPN, "l2vpn/evpn"),
        (Self::RTC, "ipv4/rtc"),
        (Self::FLOWSPEC_IPV4, "ipv4/flow"),
        (Self::FLOWSPEC_IPV6, "ipv6/flow"),
        (Self::FLOWSPEC_VPNV4, "ipv4/flow-vpn"),
        (Self::FLOWSPEC_VPNV6, "ipv6/flow-vpn"),
        (Self::FLOWSPEC_L2VPN, "l2vpn/flow-vpn"),
    ];

    /// A family by its two numbers.
    pub const fn new(afi: u16, safi: u8) -> Self {
        Self { afi, safi }
    }

    /// The families with a text name.
    pub fn named() -> impl Iterator<Item = Self> {
        Self::NAMED.into_iter().map(|(family, _)| family)
    }

    /// Whether next hops carry a route distinguisher (RFC 4364 section 4.3.2).
    pub const fn has_vpn_next_hop(self) -> bool {
        matches!(
            self,
            Self {
                afi: 1 | 2,
                safi: 128 | 129
            }
        )
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMED.iter().find(|(family, _)| family == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "afi{}/safi{}", self.afi, self.safi),
        }
    }
}

impl FromStr for Family {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some((family, _)) = Self::NAMED.iter().find(|(_, name)| *name == text) {
            return Ok(*family);
        }
        let numbers = || {
            let (afi, safi) = text.split_once('/')?;
            let afi = afi.strip_prefix("afi")?.parse().ok()?;
            let safi = safi.strip_prefix("safi")?.parse().ok()?;
            Some(Self::new(afi, safi))
        };
        numbers().ok_or_else(|| {
            ParseError::new(
                "an address family such as `l2vpn/evpn` or `afi1/safi5`",
                text,
            )
        })
    }
}
