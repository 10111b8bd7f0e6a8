//! ROUTE-REFRESH (RFC 2918, RFC 7313).

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::family::Family;

/// A ROUTE-REFRESH body.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RouteRefresh {
    /// What is to be sent again.
    pub family: Family,
    /// The octet between AFI and SAFI: [`RouteRefresh::REQUEST`], [`RouteRefresh::BEGIN`], [`RouteRefresh::END`].
    pub subtype: u8,
    /// What follows (outbound route filters, RFC 5291).
    #[serde(with = "crate::text::hex")]
    pub rest: Bytes,
}

impl RouteRefresh {
    /// A request.
    pub const REQUEST: u8 = 0;
    /// Beginning of the routes asked for (BoRR).
    pub const BEGIN: u8 = 1;
    /// End of the routes asked for (EoRR).
    pub const END: u8 = 2;

    /// A plain request for `family`.
    pub const fn request(family: Family) -> Self {
        Self {
            family,
            subtype: Self::REQUEST,
            rest: Bytes::new(),
        }
    }

    /// A body, or `None` if it is shorter than four octets.
    pub fn parse(body: &Bytes) -> Option<Self> {
        let &[afi0, afi1, subtype, safi, ..] = body.as_ref() else {
            return None;
        };
        let family = Family::new(u16::from_be_bytes([afi0, afi1]), safi);
        Some(Self {
            family,
            subtype,
            rest: body.slice(4..),
        })
    }

    /// The body.
    pub fn encode_body(&self) -> Bytes {
        let mut body = BytesMut::with_capacity(4 + self.rest.len());
        body.put_u16(self.family.afi);
        body.put_u8(self.subtype);
        body.put_u8(self.family.safi);
        body.put_slice(&self.rest);
        body.freeze()
    }
}
