//! Traffic, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, words};

/// Sends numbered probes from one place to another, and accounts for each: what is lost, doubled, reordered, how long
/// it takes, and when nothing arrives. Without `for` it goes on beside the next steps, until `stop = { traffic = ... }`
/// or the end of the run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficFile {
    /// Who sends: a port or a node.
    pub from: At<String>,
    /// Who receives: a port, a node or an address.
    pub to: At<String>,
    /// What it is called.
    #[serde(rename = "as")]
    pub name: At<String>,
    /// `"udp"` and `"tcp"` are received by labgen at the other end and measured one way; `"icmp"` is echoed by whoever
    /// has the address and measured there and back. `"udp"` when not given, or `"icmp"` to an address of nobody in the
    /// lab.
    #[schemars(with = "Option<words::Protocol>")]
    pub protocol: Option<At<String>>,
    /// Probes a second, 1 to 100000; 100 when not given. Outages are measured as finely as probes are sent.
    pub rate: Option<At<i64>>,
    /// Octets of a probe after the header of UDP, TCP or ICMP, 24 to 65507; 64 when not given.
    pub size: Option<At<i64>>,
    /// The UDP or TCP port that receives; one that is free when not given.
    pub port: Option<At<i64>>,
    /// The address that it is sent from; what the routes say when not given.
    pub source: Option<At<String>>,
    /// A probe that takes longer is lost; `"1s"` when not given.
    pub timeout: Option<At<String>>,
    /// Send for so long, and wait for it.
    #[serde(rename = "for")]
    pub during: Option<At<String>>,
}

/// Asks which routers are on the way, and judges it. It is asked again until it is as expected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TracerouteFile {
    /// Who asks: a port or a node.
    pub from: At<String>,
    /// The end of the way: a port, a node or an address.
    pub to: At<String>,
    /// Who is on the way, in order and without `to`: nodes, addresses, or `"*"` for anybody or nobody. Any way to `to`
    /// will do when not given.
    pub hops: Option<At<Vec<At<String>>>>,
    /// What it is asked with; `"icmp"` when not given.
    #[schemars(with = "Option<words::TraceMethod>")]
    pub method: Option<At<String>>,
    /// The address it is asked from; what the routes say when not given.
    pub source: Option<At<String>>,
    /// When the way must be as expected; `"5s"`, or more on a busy machine, when not given.
    pub within: Option<At<String>>,
}

/// Connects to a TCP port, or exchanges datagrams with a UDP port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectFile {
    /// Who connects: a port or a node.
    pub from: At<String>,
    /// To whom: a port, a node or an address.
    pub to: At<String>,
    /// The TCP or UDP port.
    pub port: At<i64>,
    /// `"tcp"` when not given.
    #[schemars(with = "Option<words::Transport>")]
    pub protocol: Option<At<String>>,
    /// True: labgen listens there for the time of the step and answers. False: the connection is made to what listens
    /// there by itself. True when not given, unless `to` is an address of nobody in the lab.
    pub listen: Option<At<bool>>,
    /// The address that it is made from; what the routes say when not given.
    pub source: Option<At<String>>,
    /// When it must have been made; `"5s"`, or more on a busy machine, when not given.
    pub within: Option<At<String>>,
    /// True: none can be made.
    pub fails: Option<At<bool>>,
    /// How long none can be made; `"300ms"` when not given.
    #[serde(rename = "for")]
    pub during: Option<At<String>>,
}
