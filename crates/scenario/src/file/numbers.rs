//! Numbers that a field may have, as typed.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::At;

/// A number, several of which any will do, or bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumbersFile {
    /// `64`
    One(i64),
    /// `[80, 443]`
    Several(Vec<At<i64>>),
    /// `{ at_most = 5 }`
    Bounds(BoundsFile),
}

/// Bounds of a number. At least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundsFile {
    /// This or more.
    pub at_least: Option<At<i64>>,
    /// This or less.
    pub at_most: Option<At<i64>>,
}

impl<'de> Deserialize<'de> for NumbersFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyForm;

        impl<'de> Visitor<'de> for AnyForm {
            type Value = NumbersFile;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, several, or bounds")
            }

            fn visit_i64<E>(self, number: i64) -> Result<NumbersFile, E> {
                Ok(NumbersFile::One(number))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NumbersFile, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = seq.next_element()? {
                    numbers.push(number);
                }
                Ok(NumbersFile::Several(numbers))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NumbersFile, A::Error> {
                BoundsFile::deserialize(MapAccessDeserializer::new(map)).map(NumbersFile::Bounds)
            }
        }

        deserializer.deserialize_any(AnyForm)
    }
}

impl JsonSchema for NumbersFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NumbersFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({ "type": "integer" });
        let bounds = generator.subschema_for::<BoundsFile>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }, bounds] })
    }
}
