//! Routes, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::packets::RoutePatternFile;
use crate::file::{At, OneOrMany, words};

/// Routes a speaker holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteFile {
    /// The speaker that is asked.
    pub on: At<String>,
    /// Only routes that this VPN imported.
    pub vpn: Option<At<String>>,
    /// Address family.
    #[schemars(with = "words::Family")]
    pub family: At<String>,
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
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// True: none.
    pub absent: Option<At<bool>>,
}

impl RouteFile {
    /// What the routes must look like.
    pub fn pattern(&self) -> RoutePatternFile {
        RoutePatternFile {
            family: Some(self.family.clone()),
            route_type: self.route_type.clone(),
            ip: self.ip.clone(),
            prefix: self.prefix.clone(),
            mac: self.mac.clone(),
            rd: self.rd.clone(),
            vni: self.vni.clone(),
            next_hop: self.next_hop.clone(),
            rt: self.rt.clone(),
            encap: self.encap.clone(),
        }
    }
}
