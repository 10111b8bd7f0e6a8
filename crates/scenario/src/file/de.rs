//! Serde over a tree of values, with errors that are data.
//!
//! `toml`'s own deserializer turns an unknown key or a wrong type into a sentence. Here they stay what they
//! are, with the place of the word at fault, so that the renderer can list the keys there are.

use std::ops::Range;

use super::at::{AT, ONE_OR_MANY};
use super::fault::{Fault, unexpected};
use crate::error::ErrorKind;
use crate::tree::{Field, Scalar, Value, What};
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

/// A value about to be read.
#[derive(Clone)]
pub(super) struct Node<'a> {
    value: &'a What,
    span: Range<usize>,
    /// The key it stands behind: the better place for "something is missing in here".
    named: Range<usize>,
    /// A key that was read already.
    skip: Option<&'static str>,
}

impl<'a> Node<'a> {
    pub fn new(value: &'a Value, named: Range<usize>) -> Self {
        Self {
            value: &value.what,
            span: value.span.clone(),
            named,
            skip: None,
        }
    }

    /// Hides one key of the table.
    pub fn without(mut self, key: &'static str) -> Self {
        self.skip = Some(key);
        self
    }

    fn place(&self, mut fault: Fault) -> Fault {
        let missing = matches!(*fault.kind, ErrorKind::MissingKey { .. });
        let place = if missing { &self.named } else { &self.span };
        fault.span.get_or_insert_with(|| place.clone());
        fault
    }

    fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            What::Text(text) => visitor.visit_str(text),
            What::Integer(integer) => visitor.visit_i64(*integer),
            What::Broken(kind) => Err(kind.clone().into()),
            What::Float(float) => visitor.visit_f64(*float),
            What::Boolean(value) => visitor.visit_bool(*value),
            What::Date(value) => Err(de::Error::invalid_type(
                Unexpected::Other(&format!("the date {value}")),
                &visitor,
            )),
            What::Array(values) => visitor.visit_seq(Elements {
                nodes: values
                    .iter()
                    .map(|value| Node::new(value, value.span.clone()))
                    .collect::<Vec<_>>()
                    .into_iter(),
            }),
            What::Table(table) => visitor.visit_map(Entries {
                fields: table.0.iter(),
                skip: self.skip,
                key: "",
                value: None,
            }),
            What::Computed(Scalar::Integer(integer)) => visitor.visit_i64(*integer),
            What::Computed(Scalar::Boolean(value)) => visitor.visit_bool(*value),
            What::Computed(Scalar::Text(text)) => visitor.visit_str(text),
        }
    }
}

impl<'de> de::Deserializer<'de> for Node<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor).map_err(|fault| self.place(fault))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            What::Computed(scalar) => visitor.visit_string(scalar.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == AT {
            return visitor.visit_map(Located {
                node: Some(self),
                next: 0,
            });
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            What::Array(_) if name == ONE_OR_MANY => self.deserialize_any(visitor),
            _ if name == ONE_OR_MANY => visitor.visit_seq(Elements {
                nodes: vec![self].into_iter(),
            }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant = match self.value {
            What::Text(word) | What::Computed(Scalar::Text(word)) => Variant {
                word,
                place: self.span.clone(),
                content: None,
            },
            What::Table(table) => {
                let mut fields = table.0.iter();
                let Some(field) = fields.next() else {
                    let known = variants.iter().map(ToString::to_string).collect();
                    let kind = ErrorKind::NoWord {
                        what: "look for".into(),
                        known,
                    };
                    return Err(self.place(kind.into()));
                };
                if let Some(second) = fields.next() {
                    let kind = ErrorKind::TwoWords {
                        first: field.key.clone(),
                        second: second.key.clone(),
                    };
                    return Err(Fault::new(kind, second.place.clone()));
                }
                Variant {
                    word: &field.key,
                    place: field.place.clone(),
                    content: Some(Node::new(&field.value, field.place.clone())),
                }
            }
            other => {
                let fault = de::Error::invalid_type(unexpected(other), &"a word or a table");
                return Err(self.place(fault));
            }
        };
        visitor.visit_enum(variant).map_err(|mut fault| {
            if let ErrorKind::UnknownWord { what, .. } = &mut *fault.kind
                && what.is_empty()
            {
                *what = match name {
                    "ReadyFile" => "a fact that makes a program ready",
                    _ => "a layer",
                }
                .into();
            }
            self.place(fault)
        })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

/// The elements of an array.
struct Elements<'a> {
    nodes: std::vec::IntoIter<Node<'a>>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        self.nodes
            .next()
            .map(|node| seed.deserialize(node))
            .transpose()
    }
}

/// The entries of a table.
struct Entries<'a> {
    fields: std::slice::Iter<'a, Field>,
    skip: Option<&'static str>,
    key: &'a str,
    value: Option<Node<'a>>,
}

/// Keys whose values are spans of time.
const TIMES: [&str; 14] = [
    "graceful_restart",
    "within",
    "for",
    "hold_time",
    "delay",
    "deadline",
    "quiet",
    "interval",
    "period",
    "down",
    "jitter",
    "every",
    "timeout",
    "uptime_at_least",
];

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let skip = self.skip;
        let Some(field) = self.fields.find(|field| Some(field.key.as_str()) != skip) else {
            return Ok(None);
        };
        self.key = &field.key;
        self.value = Some(Node::new(&field.value, field.place.clone()));
        let text = What::Text(field.key.clone());
        let node = Node {
            value: &text,
            span: field.place.clone(),
            named: field.place.clone(),
            skip: None,
        };
        seed.deserialize(node)
            .map(Some)
            .map_err(|fault| fault.at(field.place.clone()))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(node) => seed.deserialize(node).map_err(|fault| {
                if TIMES.contains(&self.key) {
                    fault.of_seconds()
                } else {
                    fault
                }
            }),
            None => Err(de::Error::custom("a value was read before its key")),
        }
    }
}

/// A value shown as the start, the end and the value of an [`At`](super::at::At).
struct Located<'a> {
    node: Option<Node<'a>>,
    next: usize,
}

impl<'de> MapAccess<'de> for Located<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.next += 1;
        if self.node.is_none() {
            return Ok(None);
        }
        seed.deserialize(self.next.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let span = self
            .node
            .as_ref()
            .map(|node| node.span.clone())
            .unwrap_or_default();
        match (self.next, self.node.take()) {
            (1, node) => {
                self.node = node;
                seed.deserialize(span.start.into_deserializer())
            }
            (2, node) => {
                self.node = node;
                seed.deserialize(span.end.into_deserializer())
            }
            (_, Some(node)) => seed.deserialize(node),
            (_, None) => Err(de::Error::custom("a place was read twice")),
        }
    }
}

/// `"word"`, or `{ word = content }`.
struct Variant<'a> {
    word: &'a str,
    place: Range<usize>,
    content: Option<Node<'a>>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let value = seed
            .deserialize(word(self.word))
            .map_err(|fault| fault.at(self.place.clone()))?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(self.wrong("a table", format!("the word \"{}\" alone", self.word))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        match &self.content {
            Some(node) => seed.deserialize(node.clone()),
            None => Err(self.wrong("a word", format!("`{{ {} = {{ ... }} }}`", self.word))),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Fault> {
        Err(de::Error::custom("no scenario type has such a variant"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.content {
            Some(node) => de::Deserializer::deserialize_any(node.clone(), visitor),
            None => Err(self.wrong("a word", format!("`{{ {} = {{ ... }} }}`", self.word))),
        }
    }
}

impl Variant<'_> {
    fn wrong(&self, found: &str, expected: String) -> Fault {
        let kind = ErrorKind::WrongType {
            found: found.into(),
            expected,
            fix: None,
        };
        Fault::new(kind, self.place.clone())
    }
}

fn word(text: &str) -> StrDeserializer<'_, Fault> {
    text.into_deserializer()
}
