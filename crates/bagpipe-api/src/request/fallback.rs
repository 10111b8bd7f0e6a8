//! `fallback`.

use bgp_wire::MacAddr;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EndpointAddresses, fields::Fields};
use crate::error::{ApiError, Rule};

/// Where to send what no route matches. One that names nothing ends what was asked for before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// The source address of the frames.
    pub src_mac: Option<MacAddr>,
    /// Their destination.
    pub dst_mac: Option<MacAddr>,
    /// The port of the Open vSwitch bridge, by number.
    pub ovs_port_number: Option<u32>,
    /// The same by name.
    pub ovs_port_name: Option<String>,
    /// As it was given.
    pub given: Value,
}

impl Fallback {
    /// Absent is none; null names nothing.
    pub(super) fn parse(fields: &Fields) -> Result<Option<Self>, ApiError> {
        let Some(object) = fields.object("fallback")? else {
            return Ok(fields.get("fallback").map(|_| Self::default()));
        };
        let nested = Fields::nested("fallback", object);
        let mac = |key: &str| -> Result<Option<MacAddr>, ApiError> {
            let Some(value) = nested.get(key).filter(|value| !value.is_null()) else {
                return Ok(None);
            };
            match EndpointAddresses::mac(value) {
                Some(mac) => Ok(Some(mac.mac)),
                None => Err(ApiError::new(nested.name(key), Rule::Mac).found(value.to_string())),
            }
        };
        Ok(Some(Self {
            src_mac: mac("src_mac")?,
            dst_mac: mac("dst_mac")?,
            ovs_port_number: nested.integer("ovs_port_number", u32::MAX)?,
            ovs_port_name: nested.label("ovs_port_name")?,
            given: Value::Object(object.clone()),
        }))
    }
}
