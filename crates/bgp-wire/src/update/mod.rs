//! UPDATE: routes come and go (RFC 4271 section 4.3, RFC 4760, RFC 7606).

mod decode;
mod encode;

use serde::{Deserialize, Serialize};

pub use crate::attribute::NextHop;

use crate::attribute::{PathAttributes, code};
use crate::family::Family;
use crate::message::{DecodeContext, EncodeContext};
use crate::nlri::Nlri;
use crate::raw::{RawAttribute, RawMessage, RawUpdate, flags, kind};
use crate::verdict::{Outcome, Verdict};

/// An UPDATE, read, with what RFC 7606 wants done already done to `reach` and `unreach`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The sections as received.
    pub raw: RawUpdate,
    /// The attributes without those discarded.
    pub attributes: PathAttributes,
    /// Announced routes. Empty after a treat-as-withdraw or a session reset.
    pub reach: Vec<(Family, NextHop, Vec<Nlri>)>,
    /// Withdrawn routes, and the announced ones after a treat-as-withdraw. Empty after a session reset.
    pub unreach: Vec<(Family, Vec<Nlri>)>,
    /// Every defect found.
    pub verdicts: Vec<Verdict>,
}

/// What [`Update::announce_all`] made of a list of routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The messages, in order.
    pub messages: Vec<RawMessage>,
    /// Routes that do not fit in a message with these attributes, one at a time.
    pub too_large: Vec<Nlri>,
}

impl Update {
    /// Reads the sections; total.
    pub fn decode(raw: RawUpdate, context: &DecodeContext) -> Self {
        decode::decode(raw, context)
    }

    /// The worst of the verdicts.
    pub fn outcome(&self) -> Outcome {
        self.verdicts
            .iter()
            .map(|verdict| verdict.outcome)
            .max()
            .unwrap_or_default()
    }

    /// The family whose initial routes end here (RFC 4724 section 2).
    pub fn end_of_rib(&self) -> Option<Family> {
        let RawUpdate {
            withdrawn,
            attributes,
            nlri,
            ..
        } = &self.raw;
        if !withdrawn.is_empty() || !nlri.is_empty() {
            return None;
        }
        let mut walk = RawAttribute::walk(attributes);
        match (walk.next(), walk.next()) {
            (None, _) => Some(Family::IPV4_UNICAST),
            (
                Some(Ok(RawAttribute {
                    code: code::MP_UNREACH,
                    value,
                    ..
                })),
                None,
            ) => match *value {
                [a, b, safi] => Some(Family::new(u16::from_be_bytes([a, b]), safi)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Messages that announce `nlri`, each as full as it may be. Attributes go in ascending order of code with
    /// MP_REACH_NLRI last; IPv4 unicast with an IPv4 next hop uses the classic fields. NEXT_HOP is taken from
    /// `next_hop`, whatever `attributes` have. Routes that fit in no message are left out, see
    /// [`Update::announce_all`].
    pub fn announce(
        attributes: &PathAttributes,
        family: Family,
        next_hop: &NextHop,
        nlri: &[Nlri],
        context: &EncodeContext,
    ) -> Vec<RawMessage> {
        Self::announce_all(attributes, family, next_hop, nlri, context).messages
    }

    /// As [`Update::announce`], with the routes left out.
    pub fn announce_all(
        attributes: &PathAttributes,
        family: Family,
        next_hop: &NextHop,
        nlri: &[Nlri],
        context: &EncodeContext,
    ) -> Announcement {
        encode::announce(attributes, family, next_hop, nlri, context)
    }

    /// Messages that withdraw `nlri`, each as full as it may be, without other attributes. The NLRI go out as they are,
    /// labels included.
    pub fn withdraw(family: Family, nlri: &[Nlri], context: &EncodeContext) -> Vec<RawMessage> {
        encode::withdraw(family, nlri, context)
    }

    /// The End-of-RIB mark of a family (RFC 4724 section 2).
    pub fn end_of_rib_for(family: Family) -> RawMessage {
        if family == Family::IPV4_UNICAST {
            return RawMessage::new(kind::UPDATE, &[0; 4][..]);
        }
        let [a, b] = family.afi.to_be_bytes();
        let (flags, code) = (flags::OPTIONAL, code::MP_UNREACH);
        RawMessage::new(
            kind::UPDATE,
            vec![0, 0, 0, 6, flags, code, 3, a, b, family.safi],
        )
    }
}
