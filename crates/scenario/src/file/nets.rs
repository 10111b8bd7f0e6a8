//! What stands in `[lans]` and `[links]`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::words;
use super::{At, ImpairFile, OneOrMany};

/// A LAN: a bridge of its own, with every member on a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LanFile {
    /// The nodes on it, names of nodes and groups. Addresses are given in this order: `.1`, `.2` and so on.
    pub join: At<Vec<At<String>>>,
    /// The subnet, or several: each member has an address of each. `10.N.0.0/24` for the Nth LAN, from 0, when not given,
    /// and larger where that is too small.
    pub subnet: Option<OneOrMany<At<String>>>,
    /// Which subnets are chosen where none is given: `"ipv4"` (when not given), `"ipv6"`, `"both"` or `"none"`. Where
    /// there are only IPv4 ones, members have no link-local IPv6 address either.
    #[schemars(with = "Option<words::Versions>")]
    pub ip: Option<At<String>>,
    /// MTU; 1600 when not given, so that a 1500 octet packet fits in a tunnel.
    pub mtu: Option<At<i64>>,
    /// Addresses that are not left to the order of `join`, by node.
    #[serde(default)]
    pub address: ByNode<OneOrMany<At<String>>>,
    /// MAC addresses, by node; others follow from the names of node and net.
    #[serde(default)]
    pub mac: ByNode<At<String>>,
    /// What it does to frames: delay, loss and the like. Captures of the LAN see what passes its bridge: what a node sends
    /// as it comes out of this, what a node gets as it goes in.
    #[serde(default)]
    pub impair: OneOrMany<At<ImpairFile>>,
}

/// A point-to-point link, or several: one pair of interfaces each, and nothing between them. Exactly one of `ends`,
/// `chain`, `ring` and `mesh` is there. Where there are several they are called `NAME-1`, `NAME-2` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFile {
    /// Its two ends. Where one is a group, every node of one end is linked with every node of the other.
    pub ends: Option<At<Vec<At<String>>>>,
    /// True: the first node of one end with the first of the other, the second with the second, and so on.
    pub zip: Option<At<bool>>,
    /// A group, or a list of nodes, each of which is linked with the next.
    pub chain: Option<At<OneOrMany<At<String>>>>,
    /// The same, and the last is linked with the first.
    pub ring: Option<At<OneOrMany<At<String>>>>,
    /// A group, or a list of nodes, each of which is linked with each other.
    pub mesh: Option<At<OneOrMany<At<String>>>>,
    /// The subnet, or several: each end has an address of each. Several links share it out, a /31 or /127 each. The next
    /// free /31 of `10.128.0.0/9` when not given.
    pub subnet: Option<OneOrMany<At<String>>>,
    /// Which subnets are chosen where none is given: `"ipv4"` (when not given), `"ipv6"`, `"both"` or `"none"`.
    #[schemars(with = "Option<words::Versions>")]
    pub ip: Option<At<String>>,
    /// MTU; 1600 when not given.
    pub mtu: Option<At<i64>>,
    /// Addresses that are not left to the order of the ends, by node.
    #[serde(default)]
    pub address: ByNode<OneOrMany<At<String>>>,
    /// MAC addresses, by node; others follow from the names of node and net.
    #[serde(default)]
    pub mac: ByNode<At<String>>,
    /// What it does to frames: delay, loss and the like. Captures of the link are taken at its first end: what that sends as it
    /// goes in, what it gets as it comes out. A link without can only get it while the lab is up where a step
    /// says so, or where this is `{}`: else nothing is between its ends that could do it.
    #[serde(default)]
    pub impair: OneOrMany<At<ImpairFile>>,
}

/// Something for each of several nodes, by name, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByNode<T>(pub Vec<(At<String>, T)>);

impl<T> Default for ByNode<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByNode<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = ByNode<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByNode<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(ByNode(entries))
            }
        }

        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for ByNode<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ByNode_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": one })
    }
}
