//! What stands in `[lab]` and `[vpns]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::words;
use super::{At, AttractFile, NumberOrWord, OneOrMany, ReadvertiseFile};

/// What the lab is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabFile {
    /// Lower-case letters, digits and dashes, at most 32; the file's name when not given.
    #[schemars(with = "Option<words::LabName>")]
    pub name: Option<At<String>>,
    /// What it shows, in one line.
    pub about: Option<At<String>>,
    /// Where everything random in the lab begins.
    pub seed: Option<At<i64>>,
    /// When it counts as up: `"ready"` (when not given), as soon as every program says that it is; or `"converged"`, once
    /// every configured session is Established as well.
    #[schemars(with = "Option<words::Wait>")]
    pub wait: Option<At<String>>,
    /// The longest `labgen test` lets it take, such as `"5m"`; what the command says, or 2 minutes, when not given.
    pub timeout: Option<At<String>>,
    /// What is recorded of every LAN and link from the start to the end of a run, besides what captures are for:
    /// `"bgp"` (when not given), where there are speakers; `"all"`, every frame; or `"none"`.
    #[schemars(with = "Option<words::Record>")]
    pub record: Option<At<String>>,
    /// True: after every step that did something, and at the end, what every client of a reflector holds must be what
    /// the rules say; see the expectation `invariants`.
    pub invariants: Option<At<bool>>,
    /// What delays and loses frames where something shall: `"netem"`, the kernel, or `"own"`, labgen's wires, whose random
    /// numbers begin at the seed. When not given: with a seed labgen, else the kernel if it can.
    #[schemars(with = "Option<words::WireKind>")]
    pub wire: Option<At<String>>,
    /// What its steps need of the kernel besides what labgen can see: `"mpls"`, `"vrf"`, `"gre"`, `"vlan"`, `"dummy"`,
    /// `"netem"`.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::KernelFeature>")]
    pub needs: OneOrMany<At<String>>,
}

/// A VPN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpnFile {
    /// `"evpn"` or `"ipvpn"`.
    #[serde(rename = "type")]
    #[schemars(with = "words::VpnType")]
    pub kind: At<String>,
    /// Route targets for both directions.
    #[serde(default)]
    pub rt: OneOrMany<At<String>>,
    /// Further route targets to import.
    #[serde(default)]
    pub import_rt: OneOrMany<At<String>>,
    /// Further route targets to export.
    #[serde(default)]
    pub export_rt: OneOrMany<At<String>>,
    /// The VNI; each node chooses its own when not given.
    pub vni: Option<At<i64>>,
    /// The gateway's address; an L3 VPN must have one.
    pub gateway_ip: Option<At<String>>,
    /// Routes of others that are advertised again with other route targets; IP VPNs only.
    pub readvertise: Option<At<ReadvertiseFile>>,
    /// Traffic that Flowspec routes attract instead; IP VPNs only.
    pub attract_traffic: Option<At<AttractFile>>,
}

/// An integer, or a word that stands for one.
pub(super) type Number = At<NumberOrWord>;
