//! Patterns of routes, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::words;
use super::{At, OneOrMany};

/// What a route must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutePatternFile {
    /// Address family.
    #[schemars(with = "Option<words::Family>")]
    pub family: Option<At<String>>,
    /// E-VPN route type, 1 to 5.
    #[serde(rename = "type")]
    pub route_type: Option<At<i64>>,
    /// An address, or the name of a port or node.
    pub ip: Option<At<String>>,
    /// A prefix.
    pub prefix: Option<At<String>>,
    /// A MAC address, or the name of a port.
    pub mac: Option<At<String>>,
    /// Route distinguisher.
    pub rd: Option<At<String>>,
    /// VNI.
    pub vni: Option<At<i64>>,
    /// An address, or the name of a node, any of whose addresses will do.
    pub next_hop: Option<At<String>>,
    /// Route targets that must all be there.
    #[serde(default)]
    pub rt: OneOrMany<At<String>>,
    /// Encapsulation that it asks for.
    #[schemars(with = "Option<words::Encapsulation>")]
    pub encap: Option<At<String>>,
}
