//! What callers ask for, parsed: a value in hand is valid.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::Arc;

use bgp_wire::{IpPrefix, MacAddr, RouteTarget, Vni};
use serde::{Deserialize, Serialize};

use crate::intent::FallbackTo;
use crate::traffic::AttractTraffic;

/// The two types of VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceKind {
    /// Layer 2 (RFC 7432); instances are named `EVI-n`.
    Evpn,
    /// Layer 3 (RFC 4364); instances are named `VRF-n`.
    IpVpn,
}

impl fmt::Display for InstanceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evpn => "evpn",
            Self::IpVpn => "ipvpn",
        })
    }
}

/// Which way traffic may pass an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// From the VPN to the port only.
    ToPort,
    /// From the port to the VPN only: the endpoint is not advertised.
    FromPort,
}

impl Direction {
    /// Whether others are to know the endpoint.
    pub fn is_advertised(self) -> bool {
        self != Self::FromPort
    }

    /// Whether the endpoint may send into the VPN.
    pub fn is_from_port(self) -> bool {
        self != Self::ToPort
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "both",
            Self::ToPort => "to-port",
            Self::FromPort => "from-port",
        })
    }
}

/// An address with the length of its subnet, and the text it was given as.
///
/// Equality is that of the address and the length; the text is for display.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpWithPrefix {
    address: IpAddr,
    prefix_len: u8,
    text: Text,
}

/// What an address was given as. The usual forms take no memory.
#[derive(Clone, Debug)]
enum Text {
    Address,
    WithLength,
    Other(Box<str>),
}

impl IpWithPrefix {
    /// An address in a subnet of a length that its addresses have.
    pub(crate) fn of(address: IpAddr, prefix_len: u8) -> Self {
        Self {
            address,
            prefix_len,
            text: Text::WithLength,
        }
    }

    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The subnet's length in bits; that of a host when none was given.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// What is advertised of it: itself, or its subnet.
    pub(crate) fn advertised(&self, as_subnet: bool) -> Option<IpPrefix> {
        if as_subnet {
            // The length was checked when the text was parsed.
            IpPrefix::new(self.address, self.prefix_len).ok()
        } else {
            Some(IpPrefix::host(self.address))
        }
    }
}

/// The text it was parsed from.
impl fmt::Display for IpWithPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Text::Address => write!(f, "{}", self.address),
            Text::WithLength => write!(f, "{}/{}", self.address, self.prefix_len),
            Text::Other(text) => f.write_str(text),
        }
    }
}

impl PartialEq for IpWithPrefix {
    fn eq(&self, other: &Self) -> bool {
        (self.address, self.prefix_len) == (other.address, other.prefix_len)
    }
}

impl Eq for IpWithPrefix {}

impl FromStr for IpWithPrefix {
    type Err = BadIp;

    /// Takes `10.1.1.2`, `10.1.1.2/24`, `10.1.1.2/255.255.255.0` and the IPv6 forms with a length.
    fn from_str(text: &str) -> Result<Self, BadIp> {
        let bad = || BadIp {
            text: text.to_owned(),
        };
        let (address, suffix) = match text.split_once('/') {
            Some((address, suffix)) => (address, Some(suffix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = match suffix {
            None => longest,
            Some(suffix) => length(address, suffix)
                .filter(|n| *n <= longest)
                .ok_or_else(bad)?,
        };
        let usual = [Text::Address, Text::WithLength].map(|text| Self {
            address,
            prefix_len,
            text,
        });
        let usual = usual.into_iter().find(|usual| usual.to_string() == text);
        Ok(usual.unwrap_or_else(|| Self {
            address,
            prefix_len,
            text: Text::Other(text.into()),
        }))
    }
}

/// A prefix length in digits, or for IPv4 as a netmask.
fn length(address: IpAddr, suffix: &str) -> Option<u8> {
    if suffix.bytes().all(|byte| byte.is_ascii_digit()) {
        return suffix.parse().ok();
    }
    let mask = u32::from(
        suffix
            .parse::<Ipv4Addr>()
            .ok()
            .filter(|_| address.is_ipv4())?,
    );
    let ones = mask.leading_ones();
    let contiguous = mask.checked_shl(ones).unwrap_or(0) == 0;
    contiguous
        .then_some(ones)
        .and_then(|ones| u8::try_from(ones).ok())
}

impl TryFrom<String> for IpWithPrefix {
    type Error = BadIp;

    fn try_from(text: String) -> Result<Self, BadIp> {
        text.parse()
    }
}

impl From<IpWithPrefix> for String {
    fn from(ip: IpWithPrefix) -> Self {
        ip.to_string()
    }
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("IP address {text} is not valid")]
pub struct BadIp {
    /// The text.
    pub text: String,
}

/// The local interface of an endpoint. A MAC belongs to exactly one of these per instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalPort {
    /// Interface name; endpoints are grouped by it. Whatever it is, that of the link if `evpn` says so.
    pub linuxif: Arc<str>,
    /// The name of an E-VPN instance that is plugged into this IP VPN one: the endpoint is behind it.
    pub evpn: Option<Arc<str>>,
    /// VLAN of the instance on the port, for drivers that share a trunk.
    pub vlan: Option<u16>,
    /// Anything else that was said of the port, as canonical JSON text; compared, never read.
    pub details: Option<Arc<str>>,
}

impl LocalPort {
    /// A plain interface.
    pub fn new(linuxif: impl Into<Arc<str>>) -> Self {
        Self {
            linuxif: linuxif.into(),
            evpn: None,
            vlan: None,
            details: None,
        }
    }
}

/// Route targets to copy routes between; no effect on E-VPN instances, kept for display. Without any, nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readvertise {
    /// Routes with one of these...
    pub from: BTreeSet<RouteTarget>,
    /// ...are advertised again with these.
    pub to: BTreeSet<RouteTarget>,
}

impl Readvertise {
    /// Whether it names no target at all, which ends what was asked for before.
    pub fn is_nothing(&self) -> bool {
        self.from.is_empty() && self.to.is_empty()
    }
}

/// Where to send what no route matches. One that names nothing ends what was asked for before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// What it says.
    pub to: FallbackTo,
    /// JSON text for display, as it was asked for.
    pub shown: String,
}

/// In place of a MAC: nobody's.
pub const NO_MAC: MacAddr = MacAddr([0; 6]);

/// One endpoint to attach to an instance, which is created if this is its first.
///
/// Asking again is the way to update: see each field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachRequest {
    /// The VPN's type.
    pub kind: InstanceKind,
    /// The name of the instance: any string.
    pub external_id: String,
    /// The endpoint's MAC, a unicast one; [`NO_MAC`] where all of the port's are to be learnt.
    pub mac: MacAddr,
    /// The MAC as the caller wrote it, for display.
    pub mac_text: String,
    /// Whether MACs that nobody declares are learnt at the port, as long as one of its endpoints wants it: E-VPN only.
    pub learn: bool,
    /// The endpoint's address. An E-VPN endpoint without is replaced by the first one of its MAC with an address;
    /// in an IP VPN there is none without.
    pub ip: Option<IpWithPrefix>,
    /// Where the endpoint is.
    pub local_port: LocalPort,
    /// Routes to import; replaces the instance's set.
    pub import: BTreeSet<RouteTarget>,
    /// Targets to advertise with; replaces the instance's set. Without any, nothing is advertised.
    pub export: BTreeSet<RouteTarget>,
    /// The subnet's gateway; the length comes with the instance's first endpoint.
    pub gateway: Option<IpAddr>,
    /// Advertise the whole subnet of the address instead of the address: not possible in E-VPN.
    pub advertise_subnet: bool,
    /// Value of the consistent hash sort order community.
    pub hash_order: u32,
    /// LOCAL_PREF of the endpoint's route; 100 if absent.
    pub local_pref: Option<u32>,
    /// VNI of the instance; allocated from the label range if absent. Read at creation only.
    pub vni: Option<Vni>,
    /// A bridge that somebody else owns. Read at creation only.
    pub linuxbr: Option<String>,
    /// Which way traffic may pass.
    pub direction: Direction,
    /// Routes to advertise again; kept if absent. No effect in E-VPN.
    pub readvertise: Option<Readvertise>,
    /// Traffic to attract; kept if absent. No effect in E-VPN.
    pub attract_traffic: Option<AttractTraffic>,
    /// Where to send what no route matches; kept if absent. No effect in E-VPN.
    pub fallback: Option<Fallback>,
    /// Opaque JSON text of the endpoint for display; kept if absent.
    pub description: Option<String>,
    /// Opaque JSON text of the instance for display; kept if absent.
    pub instance_description: Option<String>,
}

impl AttachRequest {
    /// An E-VPN endpoint with nothing optional.
    pub fn evpn(external_id: impl Into<String>, mac: MacAddr, local_port: LocalPort) -> Self {
        Self {
            kind: InstanceKind::Evpn,
            external_id: external_id.into(),
            mac,
            mac_text: mac.to_string(),
            learn: false,
            ip: None,
            local_port,
            import: BTreeSet::new(),
            export: BTreeSet::new(),
            gateway: None,
            advertise_subnet: false,
            hash_order: 0,
            local_pref: None,
            vni: None,
            linuxbr: None,
            direction: Direction::Both,
            readvertise: None,
            attract_traffic: None,
            fallback: None,
            description: None,
            instance_description: None,
        }
    }

    /// A port of an E-VPN instance, whose MACs are all learnt.
    pub fn learning(external_id: impl Into<String>, local_port: LocalPort) -> Self {
        Self {
            mac_text: String::new(),
            learn: true,
            ..Self::evpn(external_id, NO_MAC, local_port)
        }
    }

    /// Whether it is about a port, and not about one of the MACs behind it.
    pub fn is_of_port(&self) -> bool {
        self.mac == NO_MAC
    }

    /// An IP VPN endpoint with nothing optional.
    pub fn ipvpn(
        external_id: impl Into<String>,
        mac: MacAddr,
        ip: IpWithPrefix,
        local_port: LocalPort,
    ) -> Self {
        Self {
            kind: InstanceKind::IpVpn,
            ip: Some(ip),
            ..Self::evpn(external_id, mac, local_port)
        }
    }

    /// What the endpoint's address stands for: itself, or its subnet with
    /// [`advertise_subnet`](Self::advertise_subnet). None without address.
    pub fn advertised_prefix(&self) -> Option<IpPrefix> {
        self.ip.as_ref()?.advertised(self.advertise_subnet)
    }
}

/// An endpoint to detach, or with no address every endpoint of a MAC, or with [`NO_MAC`] a port that was attached so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetachRequest {
    /// The VPN's type; not compared with the instance's.
    pub kind: InstanceKind,
    /// The name of the instance.
    pub external_id: String,
    /// The endpoint's MAC.
    pub mac: MacAddr,
    /// The endpoint's address; its length does not matter.
    pub ip: Option<IpWithPrefix>,
    /// The interface, of a port without MAC.
    pub linuxif: Option<Arc<str>>,
}
