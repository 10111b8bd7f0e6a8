//! Why a request cannot be done, and what else callers should know.

use std::net::IpAddr;

use bgp_wire::{MacAddr, Vni};
use serde::{Deserialize, Serialize};

use crate::request::{Direction, InstanceKind};

/// Why an attach cannot be done. All are the caller's to mend; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum AttachError {
    #[error("No dataplane driver for VPN type {kind}")]
    NoDriver { kind: InstanceKind },
    #[error("VPN instance {external_id} is of type {existing}, not {kind}")]
    OtherKind {
        external_id: String,
        existing: InstanceKind,
        kind: InstanceKind,
    },
    #[error("MAC address {mac} is not valid: not a unicast address")]
    NotUnicast { mac: MacAddr },
    #[error("Unsupported direction: {direction}")]
    UnsupportedDirection { direction: Direction },
    #[error("'advertise_subnet' is not possible with VPN type {kind}")]
    SubnetInEvpn { kind: InstanceKind },
    #[error("'learn' is not possible with VPN type {kind}")]
    LearnOutsideEvpn { kind: InstanceKind },
    #[error("a port without MAC address has no IP address either")]
    AddressWithoutMac,
    #[error("Missing parameter: 'ip_address'")]
    NoAddress,
    #[error("Mandatory key is missing in local_port parameter (linuxif, or evpn)")]
    NoPort,
    #[error("only an ipvpn instance can have an evpn one plugged into it")]
    EvpnInEvpn,
    #[error("EVPN instance {name} could not be found")]
    UnknownEvpn { name: String },
    #[error("VPN instance {name} is not of type evpn, it cannot be plugged into an ipvpn one")]
    NotEvpn { name: String },
    #[error("EVPN instance {name} is already plugged into ipvpn instance {other}")]
    EvpnTaken { name: String, other: String },
    #[error(
        "EVPN instance {other} is already plugged into {external_id}, {name} cannot be as well"
    )]
    OtherEvpn {
        external_id: String,
        name: String,
        other: String,
    },
    #[error("A VPN instance using vni {vni} already exists.")]
    VniInUse { vni: Vni },
    #[error(
        "Port information is not consistent. MAC address cannot be bound to two different ports. \
         Previous plug for port {previous} ({mac} is now said to be at {port})"
    )]
    MacOnOtherPort {
        mac: MacAddr,
        previous: String,
        port: String,
    },
    #[error(
        "Inconsistent endpoint info: IP {ip} already bound to a MAC address different from {mac} \
         ({bound})"
    )]
    IpOnOtherMac {
        ip: IpAddr,
        mac: MacAddr,
        bound: MacAddr,
    },
    #[error("Port information is not consistent. Port {linuxif} already has another VLAN")]
    VlanDiffers { linuxif: String },
    #[error("no {what} left: all {total} are in use")]
    Exhausted { what: &'static str, total: u32 },
}

/// Why a detach cannot be done. All are the caller's to mend; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum DetachError {
    #[error("VPN {external_id} could not be found")]
    UnknownInstance { external_id: String },
    #[error("Endpoint ({mac}, {}) not plugged yet, can't unplug", ip_text(.ip))]
    NotPlugged { mac: MacAddr, ip: Option<IpAddr> },
    #[error("Port {linuxif} was not attached as a whole, can't unplug")]
    PortNotPlugged { linuxif: String },
}

fn ip_text(ip: &Option<IpAddr>) -> String {
    ip.map_or_else(|| "None".to_owned(), |ip| ip.to_string())
}

/// Something that does not stop the work but deserves a line in the instance's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Warning {
    #[error("No encap supported by dataplane driver for route {route}")]
    NoCommonEncapsulation { route: String },
    #[error("route {route} is not for ingress replication, nothing is flooded to its origin")]
    NotIngressReplication { route: String },
    #[error("route {route} is not used: {flaw}")]
    Unusable { route: String, flaw: Flaw },
    #[error("route {route} is of a type that this instance does not use")]
    UnusedType { route: String },
    #[error(
        "route {route} is of a segment with several PEs: frames go to the one that tells of it, the others are \
         no substitute (said once)"
    )]
    MultiHomed { route: String },
    #[error(
        "route {route} has an Ethernet tag: an instance is one broadcast domain, told by the VNI alone (said once)"
    )]
    EthernetTag { route: String },
    #[error(
        "MAC address {mac} has moved {moves} times within {seconds} s: it seems to be in two places. It \
         is advertised as it is, whatever others say, until it is detached"
    )]
    DuplicateMac {
        mac: MacAddr,
        moves: usize,
        seconds: u64,
    },
    #[error(
        "MAC address {mac} is attached here, but must not move from {pe} (static): it is not advertised"
    )]
    StickyElsewhere { mac: MacAddr, pe: IpAddr },
    #[error("traffic is not redirected to route target {target}: {reason}")]
    NoRedirect { target: String, reason: String },
    #[error(
        "traffic is not redirected to route target {target}, nor to others after it: there are {max} instances for \
         redirects already, and no more are made (said once)"
    )]
    TooManyRedirects { target: String, max: usize },
    #[error("`{field}` cannot change while the instance exists: still {kept}, not {asked}")]
    Fixed {
        field: String,
        kept: String,
        asked: String,
    },
}

impl Warning {
    /// Whether each route of a peer may cause one.
    pub const fn is_of_a_route(&self) -> bool {
        matches!(
            self,
            Self::NoCommonEncapsulation { .. }
                | Self::NotIngressReplication { .. }
                | Self::Unusable { .. }
                | Self::NoRedirect { .. }
        )
    }
}

/// What makes a route useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the texts say it")]
pub enum Flaw {
    #[error("its MAC address is not a unicast one")]
    Mac,
    #[error("its IP address is not that of a host")]
    Ip,
    #[error("it has no next hop that tunnels from here can end at")]
    NextHop,
    #[error("its PMSI tunnel does not end where tunnels from here can")]
    TunnelEndpoint,
    #[error("it leads back to this instance")]
    Loop,
    #[error("it has no label")]
    LabelStack,
    #[error("it redirects not to exactly one route target")]
    Redirects,
    #[error("it asks for more than a redirect to a route target")]
    OtherActions,
    #[error("it tells traffic apart by more than addresses, protocol and ports")]
    Components,
}
