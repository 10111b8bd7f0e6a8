//! Steps, as typed: one table with one word, which holds the rest.

use schemars::JsonSchema;
use serde::Deserialize;

use super::packets::{LayerFile, RoutePatternFile};
use super::words;
use super::{At, OneOrMany};

/// A step. Exactly one of the words is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// What later steps can call it.
    pub label: Option<At<String>>,
    /// Plugs a port into a VPN.
    pub attach: Option<At<AttachFile>>,
    /// Unplugs a port.
    pub detach: Option<At<DetachFile>>,
    /// Asks for echoes.
    pub ping: Option<At<PingFile>>,
    /// Begins a capture.
    pub capture: Option<At<CaptureFile>>,
    /// Runs a command.
    pub exec: Option<At<ExecFile>>,
    /// Waits for a fact.
    pub expect: Option<At<ExpectFile>>,
}

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
    /// How many requests; 1 when not given.
    pub count: Option<At<i64>>,
    /// When every reply must be there; `"5s"` when not given.
    pub within: Option<At<String>>,
    /// True: no reply may come.
    pub fails: Option<At<bool>>,
    /// How long no reply may come; `"300ms"` when not given.
    #[serde(rename = "for")]
    pub during: Option<At<String>>,
}

/// Begins a capture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureFile {
    /// The LAN.
    pub on: At<String>,
    /// What it is called; so is its file.
    #[serde(rename = "as")]
    pub name: At<String>,
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
    /// When it must have ended; `"5s"` when not given.
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

/// Waits for a fact. Exactly one of them is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectFile {
    /// A BGP session's state.
    pub session: Option<At<SessionFile>>,
    /// Routes a speaker holds.
    pub route: Option<At<Box<RouteFile>>>,
    /// Packets in a capture.
    pub packets: Option<At<PacketsFile>>,
    /// An entry in a VPN's forwarding table.
    pub forwarding: Option<At<ForwardingFile>>,
    /// An entry in a VPN's neighbour table.
    pub neighbour: Option<At<NeighbourFile>>,
    /// How long to wait for it; `"5s"` when not given.
    pub within: Option<At<String>>,
}

/// A BGP session's state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionFile {
    /// The speaker that is asked.
    pub on: At<String>,
    /// A node or an address.
    pub peer: At<String>,
    /// `"Established"` when not given, or another of RFC 4271's states.
    #[schemars(with = "Option<words::State>")]
    pub state: Option<At<String>>,
}

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

/// Packets in a capture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PacketsFile {
    /// The capture.
    #[serde(rename = "in")]
    pub capture: At<String>,
    /// Layers that appear in this order in one packet, with gaps allowed.
    pub layers: At<Vec<LayerFile>>,
    /// Only packets without this layer anywhere.
    #[schemars(with = "Option<words::Layer>")]
    pub outside: Option<At<String>>,
    /// Exactly so many; one or more when not given.
    pub count: Option<At<i64>>,
    /// So many or more.
    pub at_least: Option<At<i64>>,
    /// So many or fewer.
    pub at_most: Option<At<i64>>,
    /// The label of a step, or `"last-step"`: the last one before this that did something. The beginning of the capture when not given.
    pub since: Option<At<String>>,
}

/// An entry in a VPN's forwarding table: for a MAC address in an E-VPN, for an address in an IP VPN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardingFile {
    /// The compute node.
    pub on: At<String>,
    /// The VPN.
    pub vpn: At<String>,
    /// In an E-VPN: a MAC address, or the name of a port.
    pub mac: Option<At<String>>,
    /// In an IP VPN: an address, or the name of a port. Of the prefixes it is in, the longest counts.
    pub ip: Option<At<String>>,
    /// The tunnel's other end: an address, or the name of a node, any of whose addresses will do.
    pub next_hop: Option<At<String>>,
    /// The VNI to use.
    pub vni: Option<At<i64>>,
    /// True: there is none.
    pub absent: Option<bool>,
}

/// An entry in a VPN's neighbour table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeighbourFile {
    /// The compute node.
    pub on: At<String>,
    /// The VPN.
    pub vpn: At<String>,
    /// An address, or the name of a port.
    pub ip: At<String>,
    /// The MAC address it must have: one, or the name of a port.
    pub mac: Option<At<String>>,
    /// True: there is none.
    pub absent: Option<bool>,
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
