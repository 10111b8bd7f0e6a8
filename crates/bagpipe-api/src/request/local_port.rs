//! `local_port`: where an endpoint is plugged.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::{Fields, is_label};
use crate::{
    body::VpnType,
    error::{ApiError, Rule},
};

/// Where an endpoint is plugged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalPort {
    /// Interface, the key under which endpoints are grouped; none when an E-VPN instance is plugged.
    pub linuxif: Option<String>,
    /// E-VPN instance plugged into an IP VPN, `{"id": ..}` and what else was given.
    pub evpn: Option<Value>,
    /// What the Open vSwitch driver is told, as it was given.
    pub ovs: Option<Value>,
    /// VLAN on the port.
    pub vlan: Option<u16>,
}

impl LocalPort {
    /// Reads the port of an attach: the name of an interface, or an object that says more.
    pub(super) fn parse(fields: &Fields, vpn_type: VpnType) -> Result<Self, ApiError> {
        let object = match fields.required("local_port")? {
            Value::String(name) if !is_label(name) => {
                return Err(ApiError::new("local_port", Rule::Name));
            }
            Value::String(name) if !name.is_empty() => {
                return Ok(Self {
                    linuxif: Some(name.clone()),
                    evpn: None,
                    ovs: None,
                    vlan: None,
                });
            }
            Value::String(_) => return Err(ApiError::new("local_port", Rule::LocalPort)),
            Value::Object(object) => Fields::nested("local_port", object),
            _ => return Err(fields.wrong("local_port", "an object or a string")),
        };
        let linuxif = object.label("linuxif")?.filter(|name| !name.is_empty());
        let evpn = evpn(&object, vpn_type)?;
        match (&linuxif, &evpn) {
            (None, None) => return Err(ApiError::new("local_port", Rule::LocalPort)),
            (Some(_), Some(_)) => {
                return Err(ApiError::new("local_port.evpn", Rule::NotWith("linuxif")));
            }
            _ => {}
        }
        let vlan = object.integer("vlan", MAX_VLAN)?;
        Ok(Self {
            linuxif,
            evpn,
            ovs: ovs(&object)?,
            vlan: vlan.and_then(|vlan| u16::try_from(vlan).ok()),
        })
    }

    /// Checks the port of a detach. It has to be there and is not looked at: the MAC address finds the endpoint.
    pub(super) fn is_said(fields: &Fields) -> Result<(), ApiError> {
        match fields.required("local_port")? {
            Value::String(name) if !name.is_empty() => Ok(()),
            Value::Object(object)
                if object.contains_key("linuxif") || object.contains_key("evpn") =>
            {
                Ok(())
            }
            Value::String(_) | Value::Object(_) => {
                Err(ApiError::new("local_port", Rule::LocalPort))
            }
            _ => Err(fields.wrong("local_port", "an object or a string")),
        }
    }

    /// Reads the interface of a detach without MAC address: nothing else finds what was attached.
    pub(super) fn interface(fields: &Fields) -> Result<String, ApiError> {
        let interface = match fields.required("local_port")? {
            Value::String(_) => fields.label("local_port")?,
            Value::Object(object) => Fields::nested("local_port", object).label("linuxif")?,
            _ => return Err(fields.wrong("local_port", "an object or a string")),
        };
        let interface = interface.filter(|name| !name.is_empty());
        interface.ok_or_else(|| ApiError::new("mac_address", Rule::Required))
    }
}

pub(crate) const MAX_VLAN: u32 = 4095;
/// Port numbers of OpenFlow 1.3 have 32 bits.
pub(crate) const MAX_OF_PORT: u32 = u32::MAX;

fn evpn(port: &Fields, vpn_type: VpnType) -> Result<Option<Value>, ApiError> {
    let Some(object) = port.object("evpn")? else {
        return Ok(None);
    };
    if vpn_type == VpnType::Evpn {
        let rule = Rule::OnlyFor("vpn_type ipvpn");
        return Err(ApiError::new("local_port.evpn", rule));
    }
    let evpn = Fields::nested("local_port.evpn", object);
    evpn.required("id")?;
    if evpn.label("id")?.is_none() {
        return Err(evpn.wrong("id", "a string"));
    }
    evpn.label("ovs_port_name")?;
    Ok(Some(Value::Object(object.clone())))
}

fn ovs(port: &Fields) -> Result<Option<Value>, ApiError> {
    let Some(object) = port.object("ovs")? else {
        return Ok(None);
    };
    let ovs = Fields::nested("local_port.ovs", object);
    ovs.flag("plugged")?;
    ovs.label("port_name")?;
    ovs.integer("port_number", MAX_OF_PORT)?;
    ovs.integer("vlan", MAX_VLAN)?;
    Ok(Some(Value::Object(object.clone())))
}
