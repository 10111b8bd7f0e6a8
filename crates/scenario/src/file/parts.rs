//! What stands in `[lab]`, `[nodes]`, `[lans]` and `[vpns]`.

use serde::Deserialize;

use super::{At, NumberOrWord, OneOrMany};

/// What the lab is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabFile {
    /// Lower-case letters, digits and dashes, at most 32; the file's name when not given.
    pub name: Option<At<String>>,
    /// What it shows, in one line.
    pub about: Option<At<String>>,
    /// Where everything random in the lab begins.
    pub seed: Option<At<i64>>,
}

/// A node; `kind` says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeFile {
    /// `kind = "bagpipe"`: our BGP VPN speaker.
    Bagpipe(BagpipeFile),
    /// `kind = "fakerr"`: our reflector.
    FakeRr(FakeRrFile),
    /// `kind = "gobgp"`: GoBGP.
    GoBgp(SpeakerFile),
    /// `kind = "frr"`: FRR.
    Frr(SpeakerFile),
    /// `kind = "bird"`: BIRD 2.
    Bird(SpeakerFile),
    /// `kind = "openbgpd"`: OpenBGPD.
    OpenBgpd(SpeakerFile),
    /// `kind = "exabgp"`: ExaBGP.
    ExaBgp(SpeakerFile),
    /// `kind = "ovs"`: Open vSwitch with the userspace datapath.
    Ovs(OvsFile),
    /// `kind = "router"`: a namespace that forwards packets, and nothing in it.
    Router(HostFile),
    /// `kind = "host"`: a namespace and nothing in it.
    Host(HostFile),
    /// `kind = "exec"`: any program.
    Exec(ProgramFile),
}

/// Our BGP VPN speaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BagpipeFile {
    /// Autonomous system; 64512 when not given.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// Who it connects to, names of nodes or addresses; every reflector on a common LAN, or on this node, when not given.
    pub peers: Option<OneOrMany<At<String>>>,
    /// Whether it uses route target constraint; true when not given.
    pub rtc: Option<bool>,
    /// `"linux"` (when not given) or `"dummy"`.
    pub dataplane: Option<At<String>>,
    /// Hold time it proposes: 0, or 3 seconds and more.
    pub hold_time: Option<At<String>>,
}

/// Our reflector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FakeRrFile {
    /// `"reflect"` (when not given) or `"splice"`.
    pub mode: Option<At<String>>,
    /// TCP port; 179 when not given.
    pub port: Option<At<i64>>,
    /// Autonomous system; 64512 when not given.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// A BGP speaker that is not ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeakerFile {
    /// Autonomous system; 64512 when not given.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// BGP identifier in the form of an IPv4 address; its first IPv4 address when not given.
    pub router_id: Option<At<String>>,
    /// Cluster id in the form of an IPv4 address, where it reflects; its BGP identifier when not given.
    pub cluster_id: Option<At<String>>,
    /// Who it has a session with and does not reflect to: names of nodes, `"lan:NAME"` for all on a LAN, or addresses.
    /// Every other BGP speaker it shares a LAN or link with when neither this nor `clients` is given.
    pub peers: Option<OneOrMany<At<String>>>,
    /// Its clients as a route reflector (RFC 4456), as `peers` names them; the speakers of kind `bagpipe` in its
    /// autonomous system when neither this nor `peers` is given.
    pub clients: Option<OneOrMany<At<String>>>,
    /// Families of its sessions; what both ends can do when not given: VPN families with a `bagpipe`, otherwise
    /// unicast as the session's net has addresses.
    pub families: Option<OneOrMany<At<String>>>,
    /// What it originates: prefixes, `"loopback"` (its loopback addresses), `"connected"` (the subnets of its nets).
    pub networks: Option<OneOrMany<At<String>>>,
    /// Hold time it proposes: 0, or 3 seconds and more.
    pub hold_time: Option<At<String>>,
    /// A configuration file to use as it is, relative to the scenario.
    pub config: Option<At<String>>,
    /// Only for `frr`: daemons to run beside `zebra`, `bgpd` and those that `config` asks for, such as `"ospfd"`.
    pub daemons: Option<At<Vec<At<String>>>>,
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// Open vSwitch: `ovsdb-server` and `ovs-vswitchd`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OvsFile {
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// Any program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramFile {
    /// The program and its arguments.
    pub command: At<Vec<At<String>>>,
    /// Files to write before it is started: absolute path in the node, content.
    #[serde(default)]
    pub files: Named,
    /// Environment variables.
    #[serde(default)]
    pub env: Named,
    /// When it is ready: `"started"` (when not given), `"notify"` (it says so as `sd_notify(3)` does), or a table.
    pub ready: Option<At<ReadyFile>>,
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// When a program is ready.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadyFile {
    /// It was started.
    Started,
    /// It said so as `sd_notify(3)` does.
    Notify,
    /// This file is there.
    File(At<String>),
    /// This Unix socket accepts connections.
    Socket(At<String>),
    /// This TCP port accepts connections.
    Tcp(At<i64>),
    /// A line with this text is in what it prints.
    Log(At<String>),
    /// This command ends with status 0.
    Command(Vec<At<String>>),
}

/// A namespace and nothing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFile {}

/// A LAN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanFile {
    /// The nodes on it. Named are given in this order: `.1`, `.2` and so on.
    pub join: At<Vec<At<String>>>,
    /// The subnet; `10.N.0.0/24` for the Nth LAN, from 0, when not given.
    pub subnet: Option<At<String>>,
    /// MTU; 1600 when not given, so that a 1500 octet packet fits in a tunnel.
    pub mtu: Option<At<i64>>,
    /// Named that are not left to the order of `join`, by node.
    #[serde(default)]
    pub address: Named,
}

/// Texts by name, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named(pub Vec<(At<String>, At<String>)>);

/// A VPN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpnFile {
    /// `"evpn"` or `"ipvpn"`.
    #[serde(rename = "type")]
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
}

/// An integer, or a word that stands for one.
pub(super) type Number = At<NumberOrWord>;

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Named;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Named, A::Error> {
                let mut named = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    named.push(entry);
                }
                Ok(Named(named))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}
