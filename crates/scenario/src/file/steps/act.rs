//! Steps that do something, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, OneOrMany, words};

/// Plugs a port into a VPN. A port that was attached before needs only its name; what is said anew replaces what was said.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachFile {
    /// The port's name.
    pub port: At<String>,
    /// The compute node.
    pub on: Option<At<String>>,
    /// The VPN.
    pub vpn: Option<At<String>>,
    /// The port's address with the prefix length of its subnet; without one it is a host address.
    pub ip: Option<At<String>>,
    /// Its MAC address; made from the names of lab and port when not given.
    pub mac: Option<At<String>>,
    /// True: its addresses are told to nobody; the node learns the MAC addresses of what speaks behind the port, until it is
    /// silent or the port is detached. E-VPNs only.
    pub learn: Option<At<bool>>,
    /// True: another port of the VPN may have its addresses, which is otherwise refused as a mistake.
    pub duplicate: Option<At<bool>>,
    /// An attached port of the same node whose machine it is a further interface of: in its namespace, as `tovpn2` and so
    /// on, and without a default route. A port whose first attachment does not say so has a machine of its own, where it is
    /// `tovpn`.
    pub beside: Option<At<String>>,
    /// True: what is advertised is the subnet of `ip`; IP VPNs only.
    pub advertise_subnet: Option<At<bool>>,
    /// Further subnets behind the port, each attached with `advertise_subnet`; IP VPNs only.
    pub subnets: Option<OneOrMany<At<String>>>,
    /// Which way traffic may pass: `"both"` (when not given), `"to-port"`, `"from-port"`; IP VPNs only.
    #[schemars(with = "Option<words::PortDirection>")]
    pub direction: Option<At<String>>,
    /// LOCAL_PREF of its routes.
    pub local_pref: Option<At<i64>>,
    /// Place of its routes among equal ones (the consistent hash sort order community); 0 when not given.
    pub hash_order: Option<At<i64>>,
}

/// Unplugs a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetachFile {
    /// The port's name.
    pub port: At<String>,
}

/// Asks for echoes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingFile {
    /// Who asks: a port or a node.
    pub from: At<String>,
    /// Who is asked: a port, a node or an address.
    pub to: At<String>,
    /// How many requests must be answered; 1 when not given. One that is not is sent again until `within` is over: loss is
    /// measured by `traffic`.
    pub count: Option<At<i64>>,
    /// The address that is asked from; what the routes say when not given.
    pub source: Option<At<String>>,
    /// Octets after the ICMP header, 0 to 65507; 56 when not given. A packet is 28 octets longer with IPv4, 48 with IPv6.
    pub size: Option<At<i64>>,
    /// How many hops it may go, 1 to 255; 64, or what the node's kernel says, when not given.
    pub ttl: Option<At<i64>>,
    /// True: it must arrive in one piece; whoever cannot pass it on so refuses it.
    pub df: Option<At<bool>>,
    /// How long from one request to the next; it is sent when the last was answered when not given.
    pub interval: Option<At<String>>,
    /// When every reply must be there; `"5s"`, or more on a busy machine, when not given.
    pub within: Option<At<String>>,
    /// True: no reply may come.
    pub fails: Option<At<bool>>,
    /// How long no reply may come; `"300ms"` when not given.
    #[serde(rename = "for")]
    pub during: Option<At<String>>,
}

/// Begins a capture, which lasts until it is stopped or the lab ends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureFile {
    /// A LAN or a link: every frame on it, once. Or a node's interface, `"NODE/INTERFACE"`; or a port, whose own
    /// interface it is.
    pub on: At<String>,
    /// What it is called; so is its file.
    #[serde(rename = "as")]
    pub name: At<String>,
    /// Only frames that are one of these, by their outermost headers; the kernel sorts out the others. All when not
    /// given.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Traffic>")]
    pub only: OneOrMany<At<String>>,
    /// What the kernel has room for until frames are written, like `"64MiB"`; `"32MiB"` when not given. A
    /// capture for which it was too little fails every expectation of it.
    pub ring: Option<At<String>>,
    /// Octets kept of each frame; all of them when not given.
    pub snaplen: Option<At<i64>>,
}

/// Runs a command and judges it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecFile {
    /// Where: a node, or a port's namespace.
    pub on: At<String>,
    /// Program and arguments.
    pub command: At<Vec<String>>,
    /// The exit status it must end with; 0 when not given.
    pub exit: Option<At<i64>>,
    /// What it must print.
    #[serde(default)]
    pub stdout: TextFile,
    /// What it must complain.
    #[serde(default)]
    pub stderr: TextFile,
    /// When it must have ended; `"5s"`, or more on a busy machine, when not given.
    pub within: Option<At<String>>,
}

/// What a text must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// All of these are in it.
    #[serde(default)]
    pub contains: OneOrMany<String>,
    /// None of these is.
    #[serde(default)]
    pub lacks: OneOrMany<String>,
    /// It is this, blanks at either end aside.
    pub equals: Option<String>,
}
