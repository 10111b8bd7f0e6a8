//! What goes and comes back, again and again; and octets that no speaker would send; as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::CableFile;
use crate::file::At;

/// Takes something away and brings it back, again and again. Afterwards it is as it was. Exactly one of `announced`,
/// `port`, `session` and `link` is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlapFile {
    /// Routes, by the name that the step which announced them gave them: withdrawn and announced again.
    pub announced: Option<At<String>>,
    /// An attached port: detached and attached again.
    pub port: Option<At<String>>,
    /// A BGP session: reset, and waited for until it is Established again.
    pub session: Option<At<FlapSessionFile>>,
    /// Cables: cut and healed.
    pub link: Option<At<CableFile>>,
    /// How many times.
    pub times: At<i64>,
    /// From the beginning of a flap to that of the next.
    pub period: At<String>,
    /// How long it is away; half the period when not given. A session is away until it is Established again.
    pub down: Option<At<String>>,
    /// Each flap begins later than its turn by a part of this, drawn from the lab's seed: the same every time.
    pub jitter: Option<At<String>>,
}

/// A BGP session that is reset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlapSessionFile {
    /// The speaker that resets it: a `fakerr`, `gobgp`, `frr`, `bird`, `openbgpd` or `exabgp`.
    pub on: At<String>,
    /// With whom: a node or an address.
    pub peer: At<String>,
}

/// Has a reflector of ours send octets as they are, between two messages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectFile {
    /// The `fakerr`.
    pub on: At<String>,
    /// Its client: a node or an address.
    pub to: At<String>,
    /// What is sent, in hexadecimal; blanks do not count.
    pub raw: At<String>,
}
