//! What stands in `[nodes]`: one set of keys for each kind of node, beside those that every node has.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::nets::ByNode;
use super::words;
use super::{At, OneOrMany};

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFile {
    /// What every kind of node can have.
    pub net: NodeNetFile,
    /// What it runs.
    pub kind: KindFile,
}

/// What a node runs; `kind` says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindFile {
    /// `kind = "bagpipe"`: our BGP VPN speaker.
    Bagpipe(BagpipeFile),
    /// `kind = "fakerr"`: our reflector.
    FakeRr(FakeRrFile),
    /// `kind = "gobgp"`, `"bird"`, `"openbgpd"` or `"exabgp"`.
    Speaker(SpeakerKind, SpeakerFile),
    /// `kind = "frr"`.
    Frr(FrrFile, SpeakerFile),
    /// `kind = "ovs"`: Open vSwitch.
    Ovs(OvsFile),
    /// `kind = "router"`: a namespace that forwards packets.
    Router(RouterFile),
    /// `kind = "host"`: a namespace and nothing in it.
    Host(HostFile),
    /// `kind = "exec"`: any program.
    Exec(ProgramFile),
}

/// BGP speakers that all have the same keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeakerKind {
    /// GoBGP.
    GoBgp,
    /// BIRD 2.
    Bird,
    /// OpenBGPD.
    OpenBgpd,
    /// ExaBGP.
    ExaBgp,
}

/// What every kind of node can have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeNetFile {
    /// Addresses of its loopback interface: `true` for one that is chosen (`10.255.0.1/32` and so on, in the order of the
    /// nodes), an address, or a list of them.
    #[serde(default)]
    pub loopback: OneOrMany<At<FlagOrText>>,
    /// Where it sends packets for which it has no other route: the name of a node on a common LAN or link, or an address.
    pub gateway: Option<At<String>>,
    /// Routes it has from the start.
    #[serde(default)]
    pub routes: Vec<StaticRouteFile>,
}

/// A route that a node has from the start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticRouteFile {
    /// The prefix: `"0.0.0.0/0"` for every other address.
    pub to: At<String>,
    /// The next hop: the name of a node on a common LAN or link, or an address on one.
    pub via: At<String>,
}

/// Our BGP VPN speaker, `bagpipe-bgp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BagpipeFile {
    /// Autonomous system; 64512 when not given.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// Who it connects to: names of nodes and groups, `"lan:NAME"` for all on a LAN, or addresses; every reflector on a
    /// common LAN or link, or on this node, when not given.
    pub peers: Option<OneOrMany<At<String>>>,
    /// Whether it uses route target constraint; true when not given.
    pub rtc: Option<bool>,
    /// `"linux"` (when not given) or `"dummy"`.
    #[schemars(with = "Option<words::Dataplane>")]
    pub dataplane: Option<At<String>>,
    /// Hold time it proposes: 0, or 3 seconds and more.
    pub hold_time: Option<At<String>>,
    /// How long its peers are to keep its routes while it restarts (RFC 4724): whole seconds from 1 to 4095. It restarts
    /// gracefully only when this is given.
    pub graceful_restart: Option<At<String>>,
    /// True: it keeps its attachments in a file, and has them again when it is started anew.
    pub persist: Option<At<bool>>,
    /// The Python daemon in place of ours, for those who come from it: the path of a virtual environment with
    /// networking-bagpipe, which starts at the scenario's directory. Ports are attached to it as to ours; of its routes
    /// and sessions nothing can be expected.
    pub python: Option<At<String>>,
}

/// Our reflector, `bagpipe-fakerr`: it takes any client, and any number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FakeRrFile {
    /// `"reflect"` (when not given) or `"splice"`.
    #[schemars(with = "Option<words::Mode>")]
    pub mode: Option<At<String>>,
    /// TCP port; 179 when not given.
    pub port: Option<At<i64>>,
    /// Autonomous system; 64512 when not given.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// How long its peers are to keep its routes while it restarts (RFC 4724): whole seconds from 1 to 4095. It restarts
    /// gracefully only when this is given.
    pub graceful_restart: Option<At<String>>,
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// A BGP speaker that is not ours. With neither `peers` nor `clients` it talks to every BGP speaker on a common LAN or
/// link that does not say either, and a `bagpipe` of the same AS is its client. A session that one side names is
/// configured on both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpeakerFile {
    /// Autonomous system; 64512 when not given.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// BGP identifier in the form of an IPv4 address; its first loopback or other IPv4 address when not given.
    pub router_id: Option<At<String>>,
    /// Cluster id in the form of an IPv4 address; the BGP identifier when not given.
    pub cluster_id: Option<At<String>>,
    /// Who it talks to: names of nodes and groups, `"lan:NAME"` for all on a LAN, or addresses.
    pub peers: Option<OneOrMany<At<String>>>,
    /// Whom it reflects routes to: named as in `peers`.
    pub clients: Option<OneOrMany<At<String>>>,
    /// Families of its sessions. When not given: with a `bagpipe`, the VPN families that both can do; otherwise `ipv4` and
    /// `ipv6`, as the LAN or link has addresses.
    #[schemars(with = "Option<OneOrMany<words::Family>>")]
    pub families: Option<OneOrMany<At<String>>>,
    /// What it originates: prefixes, `"loopback"` for those of its loopback interface, `"connected"` for those of its LANs
    /// and links.
    #[serde(default)]
    pub networks: OneOrMany<At<String>>,
    /// Hold time it proposes: 0, or 3 seconds and more.
    pub hold_time: Option<At<String>>,
    /// How long its peers are to keep its routes while it restarts (RFC 4724): whole seconds from 1 to 4095. It restarts
    /// gracefully only when this is given; GoBGP, FRR and BIRD can.
    pub graceful_restart: Option<At<String>>,
    /// What the TCP connections of its sessions are signed with (RFC 2385), at both ends: 1 to 80 letters, digits, `-`, `_`
    /// and `.`. Not for OpenBGPD.
    pub password: Option<At<String>>,
    /// A configuration file to use as it is, relative to the scenario.
    pub config: Option<At<String>>,
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// What only FRR has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrrFile {
    /// Daemons beside `zebra`, `bgpd` and those that a configuration file asks for: `"ospfd"`.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Daemon>")]
    pub daemons: OneOrMany<At<String>>,
}

/// Open vSwitch: `ovsdb-server` and `ovs-vswitchd` with the userspace datapath.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OvsFile {
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// A namespace that forwards IPv4 and IPv6, and nothing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouterFile {}

/// A namespace and nothing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostFile {}

/// Any program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramFile {
    /// The program, looked up in the node's `PATH`, and its arguments.
    pub command: At<Vec<String>>,
    /// Files to write first: absolute path in the node, and content.
    #[serde(default)]
    pub files: ByNode<String>,
    /// Environment variables to set.
    #[serde(default)]
    pub env: ByNode<String>,
    /// What makes it ready; that it was started when not given.
    pub ready: Option<At<ReadyFile>>,
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// The fact that makes a program ready.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
    Log(String),
    /// This command ends with status 0.
    Command(At<Vec<String>>),
}

/// `true`, or text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagOrText {
    /// `true` or `false`.
    Flag(bool),
    /// Text.
    Text(String),
}

impl<'de> Deserialize<'de> for FlagOrText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = FlagOrText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or an address")
            }

            fn visit_bool<E>(self, flag: bool) -> Result<FlagOrText, E> {
                Ok(FlagOrText::Flag(flag))
            }

            fn visit_str<E>(self, text: &str) -> Result<FlagOrText, E> {
                Ok(FlagOrText::Text(text.into()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl KindFile {
    /// The word that `kind` is.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bagpipe(_) => "bagpipe",
            Self::FakeRr(_) => "fakerr",
            Self::Speaker(kind, _) => kind.word(),
            Self::Frr(..) => "frr",
            Self::Ovs(_) => "ovs",
            Self::Router(_) => "router",
            Self::Host(_) => "host",
            Self::Exec(_) => "exec",
        }
    }

    /// Whether it has the key `on`.
    pub fn takes_on(&self) -> bool {
        !matches!(self, Self::Bagpipe(_) | Self::Router(_) | Self::Host(_))
    }

    /// The node it is to run on.
    pub fn on(&self) -> Option<&At<String>> {
        match self {
            Self::FakeRr(node) => node.on.as_ref(),
            Self::Speaker(_, node) | Self::Frr(_, node) => node.on.as_ref(),
            Self::Ovs(node) => node.on.as_ref(),
            Self::Exec(node) => node.on.as_ref(),
            Self::Bagpipe(_) | Self::Router(_) | Self::Host(_) => None,
        }
    }

    /// What is said of a BGP speaker that is not ours.
    pub fn speaker(&self) -> Option<&SpeakerFile> {
        match self {
            Self::Speaker(_, speaker) | Self::Frr(_, speaker) => Some(speaker),
            _ => None,
        }
    }
}

impl SpeakerKind {
    /// The word that `kind` is.
    pub const fn word(self) -> &'static str {
        match self {
            Self::GoBgp => "gobgp",
            Self::Bird => "bird",
            Self::OpenBgpd => "openbgpd",
            Self::ExaBgp => "exabgp",
        }
    }
}

impl JsonSchema for FlagOrText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FlagOrText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"] })
    }
}
