//! Address families as the wire has them: plain numbers, so that a family nobody named still passes through.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An (AFI, SAFI) pair (RFC 4760).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Family {
    /// Address family identifier.
    pub afi: u16,
    /// Subsequent address family identifier.
    pub safi: u8,
}

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

    /// A family by its two numbers.
    pub const fn new(afi: u16, safi: u8) -> Self {
        Self { afi, safi }
    }
}
