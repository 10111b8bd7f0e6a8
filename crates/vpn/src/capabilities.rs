//! What a dataplane can do, as far as routing has to know.

use std::collections::BTreeSet;

use bgp_wire::community::Encapsulation;
use serde::{Deserialize, Serialize};

use crate::request::Direction;

/// What a driver can forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Encapsulations to advertise and to accept, preferred first.
    pub encaps: Vec<Encap>,
    /// Whether several equal routes can be used at once.
    pub ecmp: bool,
    /// Which endpoint directions can be made.
    pub directions: BTreeSet<Direction>,
}

impl Capabilities {
    /// VXLAN, one path, both directions: what a Linux bridge with a VXLAN port does.
    pub fn vxlan() -> Self {
        Self {
            encaps: vec![Encap::Vxlan],
            ecmp: false,
            directions: BTreeSet::from([Direction::Both]),
        }
    }

    /// MPLS as it is or in what a route says nothing about, one path, both directions.
    pub fn mpls() -> Self {
        Self {
            encaps: vec![Encap::Default, Encap::Mpls],
            ..Self::vxlan()
        }
    }

    /// The encapsulation to use for a route that advertises these: the most preferred one, or none that can be
    /// forwarded. A route without any means [`Encap::Default`].
    pub fn common(&self, advertised: &[Encapsulation]) -> Option<Encap> {
        let is_common = |encap: &&Encap| match encap.tunnel_type() {
            Some(number) => advertised.iter().any(|e| e.number() == number),
            None => advertised.is_empty(),
        };
        self.encaps.iter().find(is_common).copied()
    }
}

/// How packets travel between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encap {
    /// What a route without Encapsulation community means.
    Default,
    /// GRE (RFC 2784).
    Gre,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// MPLS (RFC 3032).
    Mpls,
    /// MPLS in UDP (RFC 7510).
    MplsInUdp,
}

impl Encap {
    /// The tunnel type of the BGP Encapsulation extended community (RFC 9012 section 4.1, RFC 8365
    /// section 11); none for [`Encap::Default`], which is the absence of the community.
    pub fn tunnel_type(self) -> Option<u16> {
        match self {
            Self::Default => None,
            Self::Gre => Some(2),
            Self::Vxlan => Some(8),
            Self::Mpls => Some(10),
            Self::MplsInUdp => Some(13),
        }
    }
}
