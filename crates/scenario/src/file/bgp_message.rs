//! BGP messages, as typed.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::RoutePatternFile;
use super::numbers::NumbersFile;
use super::parts::Number;
use super::words;
use super::{At, OneOrMany};

/// A BGP message: its kind alone, or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BgpFile {
    /// `"keepalive"`
    Word(String),
    /// `{ open = { as = 64512 }, from = "rr" }`
    Table(Box<BgpMessageFile>),
}

/// A BGP message. At most one kind of message is there, any will do when none is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BgpMessageFile {
    /// Who sends it: an address, or the name of a node, any of whose addresses will do.
    pub from: Option<At<String>>,
    /// Who gets it: an address, or the name of a node, any of whose addresses will do.
    pub to: Option<At<String>>,
    /// An OPEN.
    pub open: Option<At<OpenFile>>,
    /// A KEEPALIVE.
    pub keepalive: Option<At<NothingFile>>,
    /// A NOTIFICATION.
    pub notification: Option<At<NotificationFile>>,
    /// A ROUTE-REFRESH.
    #[serde(rename = "route-refresh")]
    pub route_refresh: Option<At<RefreshFile>>,
    /// The mark at the end of all routes of a family.
    #[serde(rename = "end-of-rib")]
    pub end_of_rib: Option<At<EndOfRibFile>>,
    /// An UPDATE that announces a route like this.
    pub update: Option<At<RoutePatternFile>>,
    /// An UPDATE that withdraws a route like this.
    pub withdraw: Option<At<RoutePatternFile>>,
}

/// Has no keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingFile {}

/// What an OPEN says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenFile {
    /// The sender's AS number.
    #[serde(rename = "as")]
    pub asn: Option<At<i64>>,
    /// Proposed hold time, in seconds.
    pub hold_time: Option<At<NumbersFile>>,
    /// BGP identifier.
    pub router_id: Option<At<String>>,
    /// Families that it must all offer.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Family>")]
    pub families: OneOrMany<At<String>>,
    /// Capabilities that must all be there.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Capability>")]
    pub capabilities: OneOrMany<At<String>>,
    /// Capabilities of which none is there.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Capability>")]
    pub lacks_capabilities: OneOrMany<At<String>>,
}

/// What a NOTIFICATION says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationFile {
    /// Error code: a number, or `"message-header"`, `"open"`, `"update"`, `"hold-timer-expired"`, `"fsm"`, `"cease"`,
    /// `"route-refresh"`.
    #[schemars(with = "Option<words::NotificationCode>")]
    pub code: Option<Number>,
    /// Error subcode.
    pub subcode: Option<At<NumbersFile>>,
}

/// What a ROUTE-REFRESH says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshFile {
    /// The family whose routes are to be sent again.
    #[schemars(with = "Option<words::Family>")]
    pub family: Option<At<String>>,
    /// 0 asks, 1 begins and 2 ends the answer.
    pub subtype: Option<At<NumbersFile>>,
}

/// The mark at the end of all routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndOfRibFile {
    /// Of this family.
    #[schemars(with = "Option<words::Family>")]
    pub family: Option<At<String>>,
}

impl<'de> Deserialize<'de> for BgpFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrTable;

        impl<'de> Visitor<'de> for WordOrTable {
            type Value = BgpFile;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a BGP message, a word or a table")
            }

            fn visit_str<E>(self, word: &str) -> Result<BgpFile, E> {
                Ok(BgpFile::Word(word.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BgpFile, A::Error> {
                let table = BgpMessageFile::deserialize(MapAccessDeserializer::new(map))?;
                Ok(BgpFile::Table(Box::new(table)))
            }
        }

        deserializer.deserialize_any(WordOrTable)
    }
}

impl JsonSchema for BgpFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "BgpFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<words::BgpMessage>();
        let table = generator.subschema_for::<BgpMessageFile>();
        json_schema!({ "anyOf": [word, table] })
    }
}
