//! `readvertise` and `attract_traffic`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use bgp_wire::types::IP_PROTOCOLS;
use bgp_wire::{IpPrefix, RouteTarget};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{fields::Fields, route_target::digits};
use crate::error::{ApiError, Rule};

/// Routes with one set of route targets are to be advertised again with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readvertise {
    /// Routes carrying any of these.
    pub from_rt: BTreeSet<RouteTarget>,
    /// What they carry when they are advertised again.
    pub to_rt: BTreeSet<RouteTarget>,
}

/// Traffic matching a classifier is to be attracted by Flowspec routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttractTraffic {
    /// Route targets of the Flowspec routes.
    pub redirect_rts: BTreeSet<RouteTarget>,
    /// What traffic.
    pub classifier: Classifier,
    /// Where it is redirected to; one route target.
    pub to_rt: RouteTarget,
    /// Prefixes attracted whatever routes there are.
    pub static_destination_prefixes: Option<Vec<StaticPrefix>>,
}

/// Which traffic to a destination is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classifier {
    /// Where it comes from.
    pub source_prefix: Option<IpPrefix>,
    /// The IP protocol; TCP if none was given.
    pub protocol: u8,
    /// The source ports.
    pub source_ports: Option<RangeInclusive<u16>>,
    /// The destination ports.
    pub destination_ports: Option<RangeInclusive<u16>>,
    /// Keys and values as they were given. A destination is among them for display only: routes say it.
    pub given: BTreeMap<String, String>,
}

/// A prefix, and the text it was given as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticPrefix {
    /// The prefix.
    pub prefix: IpPrefix,
    /// As the caller wrote it.
    pub text: String,
}

impl Readvertise {
    pub(super) fn parse(fields: &Fields) -> Result<Option<Self>, ApiError> {
        let Some(nested) = truthy_object(fields, "readvertise")? else {
            return Ok(None);
        };
        let list = |key: &str| {
            nested.required(key)?;
            nested.route_targets(key).map(Option::unwrap_or_default)
        };
        Ok(Some(Self {
            from_rt: list("from_rt")?,
            to_rt: list("to_rt")?,
        }))
    }
}

impl AttractTraffic {
    /// Attraction without a target, here or in `readvertise`, is no attraction.
    pub(super) fn parse(
        fields: &Fields,
        readvertise: Option<&Readvertise>,
    ) -> Result<Option<Self>, ApiError> {
        let Some(nested) = truthy_object(fields, "attract_traffic")? else {
            return Ok(None);
        };
        nested.required("redirect_rts")?;
        let redirect_rts = nested.route_targets("redirect_rts")?.unwrap_or_default();
        let Some(classifier) = nested.object("classifier")? else {
            return Err(ApiError::new(
                "attract_traffic.classifier",
                Rule::Classifier,
            ));
        };
        let classifier = Classifier::parse(classifier)?;
        // One well known client writes `to`.
        let (own, of_client) = (nested.route_targets("to_rt")?, nested.route_targets("to")?);
        let own = own.or(of_client);
        let static_destination_prefixes = prefixes(&nested)?;
        if own.is_some() && static_destination_prefixes.is_none() {
            return Err(ApiError::new(
                "attract_traffic.static_destination_prefixes",
                Rule::StaticPrefixes,
            ));
        }
        let to = match (own, readvertise.map(|readvertise| &readvertise.to_rt)) {
            (None, None) => return Ok(None),
            (Some(own), Some(other)) if own != *other => {
                return Err(ApiError::new("attract_traffic.to_rt", Rule::SameTargets));
            }
            (Some(own), _) => own,
            (None, Some(other)) => other.clone(),
        };
        let mut targets = to.into_iter();
        match (targets.next(), targets.next()) {
            (Some(to_rt), None) => Ok(Some(Self {
                redirect_rts,
                classifier,
                to_rt,
                static_destination_prefixes,
            })),
            _ => Err(ApiError::new("attract_traffic.to_rt", Rule::OneTarget)),
        }
    }
}

/// The keys of a classifier.
pub const CLASSIFIER_KEYS: &[&str] = &[
    "sourcePrefix",
    "destinationPrefix",
    "sourcePort",
    "destinationPort",
    "protocol",
];

const TCP: u8 = 6;

impl Classifier {
    fn parse(object: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut classifier = Self {
            source_prefix: None,
            protocol: TCP,
            source_ports: None,
            destination_ports: None,
            given: BTreeMap::new(),
        };
        for (key, value) in object {
            let field = || format!("attract_traffic.classifier.{key}");
            if !CLASSIFIER_KEYS.contains(&key.as_str()) {
                return Err(ApiError::new(field(), Rule::Keys(CLASSIFIER_KEYS)));
            }
            let Value::String(text) = value else {
                let error = ApiError::new(field(), Rule::Type("a string"));
                return Err(error.found(value.to_string()));
            };
            let wrong = |rule| ApiError::new(field(), rule).found(text);
            match key.as_str() {
                "sourcePort" => {
                    classifier.source_ports = Some(ports(text).ok_or_else(|| wrong(Rule::Ports))?);
                }
                "destinationPort" => {
                    let ports = ports(text).ok_or_else(|| wrong(Rule::Ports))?;
                    classifier.destination_ports = Some(ports);
                }
                "protocol" => {
                    classifier.protocol = protocol(text).ok_or_else(|| wrong(Rule::Protocol))?;
                }
                key => {
                    let prefix = prefix(text).ok_or_else(|| wrong(Rule::Ip))?;
                    if key == "sourcePrefix" {
                        classifier.source_prefix = Some(prefix);
                    }
                }
            }
            classifier.given.insert(key.clone(), text.clone());
        }
        Ok(classifier)
    }
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| digits(text).and_then(|port| u16::try_from(port).ok());
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    let (low, high) = (port(low)?, port(high)?);
    (low <= high).then_some(low..=high)
}

fn protocol(text: &str) -> Option<u8> {
    let name = text.to_ascii_lowercase();
    let by_name = IP_PROTOCOLS.iter().find(|(known, _)| *known == name);
    match by_name {
        Some((_, number)) => Some(*number),
        None => u8::try_from(digits(text)?).ok(),
    }
}

/// Host bits are dropped.
fn prefix(text: &str) -> Option<IpPrefix> {
    let (address, length) = super::parse_prefix(text)?;
    IpPrefix::new(address, length).ok()
}

/// The object under a key; null, false, 0, `""`, `[]` and `{}` all mean that there is none.
fn truthy_object(fields: &Fields, key: &str) -> Result<Option<Fields>, ApiError> {
    match fields.get(key) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::Array(items)) if items.is_empty() => Ok(None),
        Some(Value::Number(number)) if number.as_u64() == Some(0) => Ok(None),
        Some(Value::Object(object)) if object.is_empty() => Ok(None),
        Some(Value::Object(object)) => Ok(Some(Fields::nested(key, object))),
        Some(_) => Err(fields.wrong(key, "an object")),
    }
}

fn prefixes(fields: &Fields) -> Result<Option<Vec<StaticPrefix>>, ApiError> {
    let key = "static_destination_prefixes";
    let items = match fields.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(fields.wrong(key, "a list of strings")),
    };
    items
        .iter()
        .map(|item| {
            let text = item.as_str().unwrap_or_default();
            let prefix = prefix(text)
                .ok_or_else(|| ApiError::new(fields.name(key), Rule::Ip).found(item.to_string()))?;
            let text = text.to_owned();
            Ok(StaticPrefix { prefix, text })
        })
        .collect::<Result<_, _>>()
        .map(Some)
}
