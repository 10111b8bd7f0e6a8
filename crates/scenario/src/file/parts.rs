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
    /// `kind = "gobgp"`: GoBGP as a reflector.
    GoBgp(GoBgpFile),
    /// `kind = "host"`: a namespace and nothing in it.
    Host(HostFile),
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

/// GoBGP as a reflector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoBgpFile {
    /// Autonomous system; 64512 when not given.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// Its clients, names of nodes or addresses; every speaker on a common LAN, or on this node, when not given.
    pub clients: Option<OneOrMany<At<String>>>,
    /// Families of every session; `evpn`, `vpnv4`, `flowspec-vpnv4` and `rtc` when not given.
    pub families: Option<OneOrMany<At<String>>>,
    /// Cluster id in the form of an IPv4 address; its own address when not given.
    pub cluster_id: Option<At<String>>,
    /// A configuration file to use as it is, relative to the scenario.
    pub config: Option<At<String>>,
    /// The node in whose namespaces it runs; its own when not given.
    pub on: Option<At<String>>,
}

/// A namespace and nothing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFile {}

/// A LAN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanFile {
    /// The nodes on it. Addresses are given in this order: `.1`, `.2` and so on.
    pub join: At<Vec<At<String>>>,
    /// The subnet; `10.N.0.0/24` for the Nth LAN, from 0, when not given.
    pub subnet: Option<At<String>>,
    /// MTU; 1600 when not given, so that a 1500 octet packet fits in a tunnel.
    pub mtu: Option<At<i64>>,
    /// Addresses that are not left to the order of `join`, by node.
    #[serde(default)]
    pub address: Addresses,
}

/// Addresses by the name of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<(At<String>, At<String>)>);

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

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Addresses;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Addresses, A::Error> {
                let mut addresses = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    addresses.push(entry);
                }
                Ok(Addresses(addresses))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}
