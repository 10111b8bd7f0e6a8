//! Reading typed values out of a JSON object; what is there instead ends up in the error.

use std::collections::BTreeSet;

use bgp_wire::RouteTarget;
use serde_json::{Map, Value};

use super::{EndpointAddresses, IpText, MacText, route_target, route_target::digits};
use crate::error::{ApiError, Rule};

/// The keys of a JSON object, and what the object is called in errors.
pub(super) struct Fields {
    prefix: String,
    map: Map<String, Value>,
}

impl Fields {
    /// The keys of a whole body.
    pub(super) fn of(body: Value) -> Result<Self, ApiError> {
        match body {
            Value::Object(map) => Ok(Self {
                prefix: String::new(),
                map,
            }),
            other => Err(ApiError::new("body", Rule::Object).found(type_name(&other))),
        }
    }

    /// The object under a key, which is called `name` in errors.
    pub(super) fn nested(name: &str, map: &Map<String, Value>) -> Self {
        Self {
            prefix: format!("{name}."),
            map: map.clone(),
        }
    }

    /// Name of a key in errors.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The value of a key; JSON null counts as there.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        #[cfg(test)]
        asked::note(self.name(key));
        self.map.get(key)
    }

    /// The value of a key that has to be there.
    pub(super) fn required(&self, key: &str) -> Result<&Value, ApiError> {
        self.get(key)
            .ok_or_else(|| ApiError::new(self.name(key), Rule::Required))
    }

    /// That a key has a value of the wrong type.
    pub(super) fn wrong(&self, key: &str, wanted: &'static str) -> ApiError {
        let error = ApiError::new(self.name(key), Rule::Type(wanted));
        match self.get(key) {
            Some(value) => error.found(type_name(value)),
            None => error,
        }
    }

    fn present(&self, key: &str) -> Option<&Value> {
        self.get(key).filter(|value| !value.is_null())
    }

    /// A string; absent and null are none.
    pub(super) fn string(&self, key: &str) -> Result<Option<String>, ApiError> {
        match self.present(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    /// A name: a string that can be shown on a line; absent and null are none.
    pub(super) fn label(&self, key: &str) -> Result<Option<String>, ApiError> {
        match self.string(key)? {
            Some(text) if !is_label(&text) => Err(ApiError::new(self.name(key), Rule::Name)),
            text => Ok(text),
        }
    }

    /// An object; absent and null are none.
    pub(super) fn object(&self, key: &str) -> Result<Option<&Map<String, Value>>, ApiError> {
        match self.present(key) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.wrong(key, "an object")),
        }
    }

    /// A boolean; null and absent are none.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.present(key) {
            None => Ok(None),
            Some(_) => self.boolean(key),
        }
    }

    /// A boolean; null is not one.
    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(key, "a boolean")),
        }
    }

    /// An integer from 0 to `max`, also written as a string of digits; absent and null are none.
    pub(super) fn integer(&self, key: &str, max: u32) -> Result<Option<u32>, ApiError> {
        let text = match self.present(key) {
            None => return Ok(None),
            Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => {
                let error = ApiError::new(self.name(key), Rule::Type("an integer"));
                return Err(error.found(number.to_string()));
            }
            Some(_) => return Err(self.wrong(key, "an integer")),
        };
        digits(&text)
            .filter(|number| *number <= max)
            .map(Some)
            .ok_or_else(|| {
                ApiError::new(self.name(key), Rule::Range(0, u64::from(max))).found(text)
            })
    }

    /// The MAC address of the endpoint; absent and null are none.
    pub(super) fn optional_mac(&self) -> Result<Option<MacText>, ApiError> {
        self.present("mac_address").map(|_| self.mac()).transpose()
    }

    /// The MAC address of the endpoint.
    pub(super) fn mac(&self) -> Result<MacText, ApiError> {
        let value = self.required("mac_address")?;
        EndpointAddresses::mac(value)
            .ok_or_else(|| ApiError::new("mac_address", Rule::Mac).found(plain(value)))
    }

    /// An address with an optional length; absent and null are none.
    pub(super) fn ip(&self, key: &str) -> Result<Option<IpText>, ApiError> {
        self.present(key)
            .map(|value| {
                EndpointAddresses::ip(value)
                    .ok_or_else(|| ApiError::new(self.name(key), Rule::Ip).found(plain(value)))
            })
            .transpose()
    }

    /// Route targets, as a list or separated by commas; absent is none, null is an error.
    pub(super) fn route_targets(
        &self,
        key: &str,
    ) -> Result<Option<BTreeSet<RouteTarget>>, ApiError> {
        self.get(key)
            .map(|value| match route_target::parse_all(value) {
                Ok(targets) => Ok(targets),
                Err(Some(text)) => {
                    Err(ApiError::new(self.name(key), Rule::RouteTarget).found(format!("`{text}`")))
                }
                Err(None) => Err(self.wrong(key, "a list of strings, or a string")),
            })
            .transpose()
    }
}

/// Whether a name is fit for logs, pages and the kernel: no end of line, no NUL, no novel.
pub(super) fn is_label(text: &str) -> bool {
    text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control)
}

/// In characters.
pub(crate) const MAX_NAME: usize = 255;

/// A value as the caller sees it: strings without their quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The names of the fields that were asked for, for the test that they are described.
#[cfg(test)]
pub(super) mod asked {
    use std::{cell::RefCell, collections::BTreeSet};

    thread_local! {
        static NAMES: RefCell<BTreeSet<String>> = RefCell::default();
    }

    pub(super) fn note(name: String) {
        NAMES.with_borrow_mut(|names| names.insert(name));
    }

    pub(in crate::request) fn take() -> BTreeSet<String> {
        NAMES.take()
    }
}
