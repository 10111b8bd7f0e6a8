//! What RFC 7606 wants done about each defect of an UPDATE, as data.

use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::nlri::NlriError;
use crate::notification::Notification;

/// What is to be done; the worst of several is their maximum (RFC 7606 section 3 j).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing.
    #[default]
    Accept,
    /// Go on without the attribute.
    AttributeDiscard,
    /// All routes of the UPDATE count as withdrawn.
    TreatAsWithdraw,
    /// Send the verdict's NOTIFICATION and close.
    SessionReset,
}

/// One defect and its consequence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// What is to be done.
    pub outcome: Outcome,
    /// The attribute's type code, if the defect is in one.
    pub attribute: Option<u8>,
    /// What is wrong.
    pub defect: Defect,
    /// What RFC 4271 section 6.3 tells the peer; sent only on a session reset.
    pub notification: Option<Notification>,
}

/// What is wrong in an UPDATE.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// The attribute section ends inside an attribute.
    #[error("attribute section ends inside the attribute at octet {offset}")]
    Overrun {
        /// Where in the section that attribute starts.
        offset: usize,
    },
    /// Optional or transitive bit not as the attribute has them.
    #[error("flags 0x{flags:02x} are wrong for this attribute")]
    Flags {
        /// The flags octet.
        flags: u8,
    },
    /// A length the attribute cannot have.
    #[error("value of {length} octets has a wrong length")]
    Length {
        /// Octets of the value.
        length: usize,
    },
    /// A value outside its range or structure.
    #[error("value is malformed")]
    Value,
    /// The second of its code.
    #[error("attribute appears more than once")]
    Duplicate,
    /// A mandatory attribute is not there.
    #[error("mandatory attribute is missing")]
    Missing,
    /// Well-known by its flags and unknown to us.
    #[error("well-known attribute is not known")]
    UnknownWellKnown,
    /// Only for internal sessions.
    #[error("attribute does not belong on an external session")]
    NotFromExternal,
    /// Only for peers without four-octet AS numbers (RFC 6793).
    #[error("attribute is only for peers without four-octet AS numbers")]
    Superfluous,
    /// The next hop length is not one of the family's.
    #[error("next hop of {length} octets is wrong for {family}")]
    NextHopLength {
        /// The family.
        family: Family,
        /// Octets of the next hop.
        length: usize,
    },
    /// NLRI that cannot be read.
    #[error("{family} NLRI: {error}")]
    Nlri {
        /// The family.
        family: Family,
        /// What is wrong.
        error: NlriError,
    },
    /// Defects in attributes that belong to no route, so routes may have been lost (RFC 7606 section 5.2).
    #[error("attributes with defects come without routes")]
    NoRoutes,
}
