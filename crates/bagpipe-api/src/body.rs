//! Bodies as a client writes them.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The two kinds of VPN an interface can be attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VpnType {
    /// An IP VPN (RFC 4364); the instance is a VRF.
    Ipvpn,
    /// An Ethernet VPN (RFC 7432); the instance is an EVI.
    Evpn,
}

impl fmt::Display for VpnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipvpn => "ipvpn",
            Self::Evpn => "evpn",
        })
    }
}

/// Which way traffic may use an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Only towards the port: routes are advertised, none are used.
    ToPort,
    /// Only from the port: routes are used, none are advertised.
    FromPort,
    /// Both ways.
    #[default]
    Both,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToPort => "to-port",
            Self::FromPort => "from-port",
            Self::Both => "both",
        })
    }
}

/// The interface (or the E-VPN instance) an attachment goes through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LocalPortBody {
    /// Name of a Linux interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linuxif: Option<String>,
    /// An E-VPN instance, `{"id": ..}`, plugged into an IP VPN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evpn: Option<Value>,
    /// What the Open vSwitch driver has to know about the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ovs: Option<Value>,
    /// VLAN of the instance on the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
}

impl LocalPortBody {
    /// A port that is a Linux interface.
    pub fn interface(name: impl Into<String>) -> Self {
        Self {
            linuxif: Some(name.into()),
            ..Self::default()
        }
    }
}

/// The body of `POST /attach_localport`: one endpoint, reachable through one local port, put into one
/// VPN instance that is made on first use. Posting it again updates what is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttachBody {
    /// Kind of VPN.
    pub vpn_type: VpnType,
    /// The caller's name of the instance; equal names share one instance.
    pub vpn_instance_id: String,
    /// MAC address of the endpoint; empty for a port whose MAC addresses are all learnt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
    /// Learn the MAC addresses that are seen at the port, too (E-VPN only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub learn: bool,
    /// Address of the endpoint, with or without a prefix length; none makes an E-VPN endpoint of the MAC only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// Where the endpoint is plugged.
    pub local_port: LocalPortBody,
    /// Route targets whose routes the instance takes in.
    pub import_rt: Vec<String>,
    /// Route targets put on the routes of the instance.
    pub export_rt: Vec<String>,
    /// Address of the gateway; an IP VPN needs it.
    #[serde(default)]
    pub gateway_ip: Option<String>,
    /// Advertise the subnet of `ip_address` rather than the address.
    #[serde(default)]
    pub advertise_subnet: bool,
    /// VXLAN network identifier of the instance; 0 lets the daemon choose.
    #[serde(default)]
    pub vni: u32,
    /// Value of the consistent hash sort order community on the routes of the endpoint.
    #[serde(default)]
    pub lb_consistent_hash_order: u32,
    /// BGP LOCAL_PREF of the routes of the endpoint; none is 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_pref: Option<u32>,
    /// Which way traffic may go.
    #[serde(default)]
    pub direction: Direction,
    /// Name of an existing Linux bridge to use instead of one the daemon makes (E-VPN only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linuxbr: Option<String>,
    /// `{"from_rt": [..], "to_rt": [..]}`, or null.
    #[serde(default)]
    pub readvertise: Value,
    /// Flowspec based attraction, `{}` for none.
    #[serde(default)]
    pub attract_traffic: Value,
    /// Where to send what no route matches; null ends it, absent leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Value>,
    /// Free text or object, shown with the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Value>,
    /// Free text or object, shown with the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_description: Option<Value>,
}

impl AttachBody {
    /// An endpoint of an E-VPN instance behind a Linux interface; the rest has its default.
    pub fn evpn(
        instance: impl Into<String>,
        interface: impl Into<String>,
        mac: impl Into<String>,
    ) -> Self {
        Self {
            vpn_type: VpnType::Evpn,
            vpn_instance_id: instance.into(),
            mac_address: mac.into(),
            learn: false,
            ip_address: None,
            local_port: LocalPortBody::interface(interface),
            import_rt: Vec::new(),
            export_rt: Vec::new(),
            gateway_ip: None,
            advertise_subnet: false,
            vni: 0,
            lb_consistent_hash_order: 0,
            local_pref: None,
            direction: Direction::Both,
            linuxbr: None,
            readvertise: Value::Null,
            attract_traffic: Value::Object(serde_json::Map::new()),
            fallback: None,
            description: None,
            instance_description: None,
        }
    }

    /// A port of an E-VPN instance whose MAC addresses are all learnt.
    pub fn learning(instance: impl Into<String>, interface: impl Into<String>) -> Self {
        Self {
            learn: true,
            ..Self::evpn(instance, interface, "")
        }
    }

    /// With the address of the endpoint.
    pub fn ip(mut self, ip: impl Into<String>) -> Self {
        self.ip_address = Some(ip.into());
        self
    }

    /// With a route target both imported and exported.
    pub fn rt(mut self, rt: impl Into<String>) -> Self {
        let rt = rt.into();
        self.import_rt.push(rt.clone());
        self.export_rt.push(rt);
        self
    }

    /// With a VNI of the caller's choice.
    pub fn vni(mut self, vni: u32) -> Self {
        self.vni = vni;
        self
    }
}

/// The body of `POST /detach_localport`: the part of an [`AttachBody`] that names the endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetachBody {
    /// Kind of VPN.
    pub vpn_type: VpnType,
    /// The caller's name of the instance.
    pub vpn_instance_id: String,
    /// MAC address of the endpoint; empty for a port that was attached without.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mac_address: String,
    /// Address of the endpoint; none detaches every endpoint of the MAC (E-VPN).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// Where the endpoint is plugged.
    pub local_port: LocalPortBody,
}

// By reference, as serde wants it.
fn is_false(value: &bool) -> bool {
    !value
}

impl From<&AttachBody> for DetachBody {
    fn from(attach: &AttachBody) -> Self {
        Self {
            vpn_type: attach.vpn_type,
            vpn_instance_id: attach.vpn_instance_id.clone(),
            mac_address: attach.mac_address.clone(),
            ip_address: attach.ip_address.clone(),
            local_port: attach.local_port.clone(),
        }
    }
}
