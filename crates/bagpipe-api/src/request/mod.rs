//! Requests as the daemon takes them: parsed once, valid from then on.
//!
//! Unknown keys are ignored ([`ignored_keys`] tells them) and the order of the checks is fixed, so that a body with several mistakes is
//! always answered with the same one first.

mod address;
mod fallback;
mod fields;
mod ignored;
mod local_port;
mod route_target;
mod strict;
mod traffic;

use std::{collections::BTreeSet, net::IpAddr};

use bgp_wire::{MacAddr, RouteTarget, Vni};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::address::{parse_mac, parse_prefix};
pub use self::fallback::Fallback;
pub(crate) use self::fields::MAX_NAME;
pub use self::ignored::ignored_keys;
pub use self::local_port::LocalPort;
pub(crate) use self::local_port::{MAX_OF_PORT, MAX_VLAN};
pub use self::route_target::parse as parse_route_target;
pub use self::strict::parse_body;
pub use self::traffic::{AttractTraffic, CLASSIFIER_KEYS, Classifier, Readvertise, StaticPrefix};
use self::{address::EndpointAddresses, fields::Fields};
use crate::{
    body::{Direction, VpnType},
    error::{ApiError, Rule},
};

/// How many bodies one call may have: more than a body of a mebibyte has room for, if they mean anything.
pub const MAX_LIST: usize = 10_000;

/// A MAC address and the text it was given as; only the address identifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacText {
    /// The address.
    pub mac: MacAddr,
    /// As the caller wrote it.
    pub text: String,
}

/// An IP address with the prefix length that came with it, and the text; only the address and, for an
/// advertised subnet, the length identify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpText {
    /// The address, host bits kept.
    pub address: IpAddr,
    /// Given prefix length, or the full one (32 or 128).
    pub prefix_len: u8,
    /// As the caller wrote it.
    pub text: String,
}

impl IpText {
    /// Whether the length is that of a single address.
    pub fn is_host(&self) -> bool {
        self.prefix_len == if self.address.is_ipv4() { 32 } else { 128 }
    }
}

/// A valid `POST /attach_localport`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachRequest {
    /// Kind of VPN.
    pub vpn_type: VpnType,
    /// The caller's name of the instance.
    pub vpn_instance_id: String,
    /// MAC address of the endpoint; none (with `learn`) means the port, whatever is behind it.
    pub mac: Option<MacText>,
    /// Learn MAC addresses at the port (E-VPN).
    pub learn: bool,
    /// Where the endpoint is plugged.
    pub local_port: LocalPort,
    /// Address of the endpoint; always there for an IP VPN.
    pub ip: Option<IpText>,
    /// Route targets whose routes the instance takes in.
    pub import_rt: BTreeSet<RouteTarget>,
    /// Route targets put on the routes of the instance.
    pub export_rt: BTreeSet<RouteTarget>,
    /// Gateway of the subnet, not interpreted; always there for an IP VPN, though it may be null.
    pub gateway_ip: Option<String>,
    /// Advertise the subnet of the address.
    pub advertise_subnet: bool,
    /// Consistent hash sort order on the routes of the endpoint.
    pub lb_consistent_hash_order: u32,
    /// LOCAL_PREF of the routes of the endpoint.
    pub local_pref: Option<u32>,
    /// VNI of the instance; none lets the daemon choose.
    pub vni: Option<Vni>,
    /// Existing bridge to use (E-VPN).
    pub linuxbr: Option<String>,
    /// Which way traffic may go.
    pub direction: Direction,
    /// Routes to advertise again with other route targets.
    pub readvertise: Option<Readvertise>,
    /// Traffic to attract by Flowspec routes.
    pub attract_traffic: Option<AttractTraffic>,
    /// Where to send what no route matches; absent keeps what is there, null ends it.
    pub fallback: Option<Fallback>,
    /// Shown with the endpoint; absent keeps what is there.
    pub description: Option<Value>,
    /// Shown with the instance; absent keeps what is there.
    pub instance_description: Option<Value>,
}

/// A valid `POST /detach_localport`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetachRequest {
    /// Kind of VPN.
    pub vpn_type: VpnType,
    /// The caller's name of the instance.
    pub vpn_instance_id: String,
    /// MAC address of the endpoint; none (E-VPN) means the port that was attached without.
    pub mac: Option<MacText>,
    /// The interface of that port.
    pub linuxif: Option<String>,
    /// Address of the endpoint; none (E-VPN) means every endpoint of the MAC.
    pub ip: Option<IpText>,
}

impl AttachRequest {
    /// Reads the body of an attach.
    ///
    /// # Errors
    /// [`ApiError`]: the first rule broken, in the order of the fields above.
    pub fn from_json(body: &[u8]) -> Result<Self, ApiError> {
        Self::from_value(parse_body(body)?)
    }

    /// The same from JSON that was read already.
    ///
    /// # Errors
    /// As [`AttachRequest::from_json`].
    pub fn from_value(body: Value) -> Result<Self, ApiError> {
        let fields = Fields::of(body)?;
        let vpn_type = vpn_type(&fields)?;
        let vpn_instance_id = instance_id(&fields)?;
        let learn = learn(&fields, vpn_type)?;
        let mac = match learn {
            true => fields.optional_mac()?.map(someones).transpose()?,
            false => Some(fields.mac()?),
        };
        let local_port = LocalPort::parse(&fields, vpn_type)?;
        let ip = ip(&fields, vpn_type)?;
        if let Some(ip) = ip.as_ref().filter(|_| mac.is_none()) {
            return Err(ApiError::new("ip_address", Rule::OnlyFor("a mac_address")).found(&ip.text));
        }
        let import_rt = fields
            .route_targets("import_rt")?
            .ok_or_else(|| missing("import_rt"))?;
        let export_rt = fields
            .route_targets("export_rt")?
            .ok_or_else(|| missing("export_rt"))?;
        let gateway_ip = gateway(&fields, vpn_type)?;
        let advertise_subnet = fields.boolean("advertise_subnet")?.unwrap_or(false);
        if advertise_subnet
            && vpn_type == VpnType::Evpn
            && let Some(ip) = ip.as_ref().filter(|ip| !ip.is_host())
        {
            return Err(ApiError::new("ip_address", Rule::NoSubnet).found(&ip.text));
        }
        let lb_consistent_hash_order = fields
            .integer("lb_consistent_hash_order", u32::MAX)?
            .unwrap_or(0);
        let local_pref = fields.integer("local_pref", u32::MAX)?;
        let vni = vni(&fields)?;
        let linuxbr = fields.label("linuxbr")?.filter(|name| !name.is_empty());
        let direction = direction(&fields)?;
        let readvertise = Readvertise::parse(&fields)?;
        let attract_traffic = AttractTraffic::parse(&fields, readvertise.as_ref())?;
        let fallback = Fallback::parse(&fields)?;
        Ok(Self {
            vpn_type,
            vpn_instance_id,
            mac,
            learn,
            local_port,
            ip,
            import_rt,
            export_rt,
            gateway_ip,
            advertise_subnet,
            lb_consistent_hash_order,
            local_pref,
            vni,
            linuxbr,
            direction,
            readvertise,
            attract_traffic,
            fallback,
            description: fields.get("description").cloned(),
            instance_description: fields.get("instance_description").cloned(),
        })
    }
}

impl DetachRequest {
    /// Reads the body of a detach. Agents send what they sent at attach; what does not name the endpoint is
    /// ignored, but route targets still have to be some.
    ///
    /// # Errors
    /// [`ApiError`]: the first rule broken, in the order of the fields above.
    pub fn from_json(body: &[u8]) -> Result<Self, ApiError> {
        Self::from_value(parse_body(body)?)
    }

    /// The same from JSON that was read already.
    ///
    /// # Errors
    /// As [`DetachRequest::from_json`].
    pub fn from_value(body: Value) -> Result<Self, ApiError> {
        let fields = Fields::of(body)?;
        let vpn_type = vpn_type(&fields)?;
        let vpn_instance_id = instance_id(&fields)?;
        // What is behind a port that was attached without is detached without.
        let mac = match vpn_type {
            VpnType::Evpn => fields.optional_mac()?,
            VpnType::Ipvpn => Some(fields.mac()?),
        };
        let linuxif = match mac {
            Some(_) => {
                LocalPort::is_said(&fields)?;
                None
            }
            None => Some(LocalPort::interface(&fields)?),
        };
        let ip = ip(&fields, vpn_type)?.filter(|_| mac.is_some());
        fields.route_targets("import_rt")?;
        fields.route_targets("export_rt")?;
        Ok(Self {
            vpn_type,
            vpn_instance_id,
            mac,
            linuxif,
            ip,
        })
    }
}

/// A MAC that somebody could have: none is told by leaving it out.
fn someones(mac: MacText) -> Result<MacText, ApiError> {
    match mac.mac {
        MacAddr([0, 0, 0, 0, 0, 0]) => Err(ApiError::new("mac_address", Rule::Mac).found(mac.text)),
        _ => Ok(mac),
    }
}

fn learn(fields: &Fields, vpn_type: VpnType) -> Result<bool, ApiError> {
    let learn = fields.flag("learn")?.unwrap_or(false);
    if learn && vpn_type == VpnType::Ipvpn {
        return Err(ApiError::new("learn", Rule::OnlyFor("vpn_type evpn")));
    }
    Ok(learn)
}

pub(crate) const VPN_TYPES: &[&str] = &["ipvpn", "evpn"];
pub(crate) const DIRECTIONS: &[&str] = &["both", "to-port", "from-port"];
pub(crate) const MAX_VNI: u32 = (1 << 24) - 1;

fn missing(field: &str) -> ApiError {
    ApiError::new(field, Rule::Required)
}

fn vpn_type(fields: &Fields) -> Result<VpnType, ApiError> {
    match fields.get("vpn_type").ok_or_else(|| missing("vpn_type"))? {
        Value::String(name) if name == "ipvpn" => Ok(VpnType::Ipvpn),
        Value::String(name) if name == "evpn" => Ok(VpnType::Evpn),
        Value::String(name) => Err(ApiError::new("vpn_type", Rule::OneOf(VPN_TYPES)).found(name)),
        other => Err(ApiError::new("vpn_type", Rule::OneOf(VPN_TYPES)).found(other.to_string())),
    }
}

fn instance_id(fields: &Fields) -> Result<String, ApiError> {
    fields.required("vpn_instance_id")?;
    fields
        .label("vpn_instance_id")?
        .ok_or_else(|| fields.wrong("vpn_instance_id", "a string"))
}

fn ip(fields: &Fields, vpn_type: VpnType) -> Result<Option<IpText>, ApiError> {
    let ip = fields.ip("ip_address")?;
    match (&ip, vpn_type) {
        (None, VpnType::Ipvpn) => Err(missing("ip_address")),
        _ => Ok(ip),
    }
}

fn gateway(fields: &Fields, vpn_type: VpnType) -> Result<Option<String>, ApiError> {
    if vpn_type == VpnType::Ipvpn {
        // Agents send null here when a subnet has no gateway, so the key is what is required.
        fields.required("gateway_ip")?;
    }
    let gateway = fields.string("gateway_ip")?.filter(|text| !text.is_empty());
    match &gateway {
        Some(text) if text.parse::<IpAddr>().is_err() => {
            Err(ApiError::new("gateway_ip", Rule::Ip).found(text))
        }
        _ => Ok(gateway),
    }
}

fn vni(fields: &Fields) -> Result<Option<Vni>, ApiError> {
    let Some(number) = fields
        .integer("vni", MAX_VNI)?
        .filter(|number| *number != 0)
    else {
        return Ok(None);
    };
    Vni::new(number).map(Some).map_err(|_| {
        ApiError::new("vni", Rule::Range(0, u64::from(MAX_VNI))).found(number.to_string())
    })
}

fn direction(fields: &Fields) -> Result<Direction, ApiError> {
    match fields.get("direction") {
        None | Some(Value::Null) => Ok(Direction::Both),
        Some(Value::String(word)) => match word.as_str() {
            "" | "both" => Ok(Direction::Both),
            "to-port" => Ok(Direction::ToPort),
            "from-port" => Ok(Direction::FromPort),
            _ => Err(ApiError::new("direction", Rule::OneOf(DIRECTIONS)).found(word)),
        },
        Some(other) => {
            Err(ApiError::new("direction", Rule::OneOf(DIRECTIONS)).found(other.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::openapi;

    fn properties(schema: &str) -> BTreeSet<String> {
        let mut names = openapi::fields(schema);
        // Not fields: their names come from the table that they are checked with.
        names.retain(|name| !name.starts_with("attract_traffic.classifier."));
        names
    }

    #[test]
    fn what_is_described_is_what_is_asked_for() {
        let mut body = json!({
            "vpn_type": "ipvpn", "vpn_instance_id": "v", "mac_address": "02:00:00:00:00:01", "ip_address": "10.0.0.1",
            "local_port": {"linuxif": "tap1", "ovs": {}}, "import_rt": [], "export_rt": [], "gateway_ip": null,
            "readvertise": {"from_rt": [], "to_rt": ["64512:1"]}, "fallback": {},
            "attract_traffic": {"redirect_rts": [], "classifier": {}, "to_rt": "64512:1", "static_destination_prefixes": []},
        });
        fields::asked::take();
        AttachRequest::from_value(body.clone()).unwrap();
        body["local_port"] = json!({"evpn": {"id": "e"}});
        AttachRequest::from_value(body.clone()).unwrap();
        assert_eq!(fields::asked::take(), properties("Attach"));
        DetachRequest::from_value(body).unwrap();
        let port =
            json!({"vpn_type": "evpn", "vpn_instance_id": "v", "local_port": {"linuxif": "tap1"}});
        DetachRequest::from_value(port).unwrap();
        assert_eq!(fields::asked::take(), properties("Detach"));
    }
}
