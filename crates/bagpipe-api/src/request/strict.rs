//! JSON as a request may be: every key of an object once.
//!
//! `{"vni": 1, "vni": 2}` is read differently by different programs (RFC 8259 section 4): what was checked on the way
//! must be what is done here.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Value};

use crate::error::{ApiError, Rule};

/// Reads a body, whatever its content type said.
///
/// # Errors
/// No body, no JSON (also what is nested too deep, or a number that no program can hold), or a key that is there twice.
pub fn parse_body(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::new("body", Rule::Body));
    }
    let place = Place::default();
    let mut reader = Deserializer::from_slice(body);
    let value = (&mut reader)
        .deserialize_any(Strict(&place))
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| match place.twice.take() {
        Some(field) => ApiError::new(field, Rule::Once),
        None => ApiError::new("body", Rule::Json(error.to_string())),
    })
}

/// Where the reading is, and the key that was there twice.
#[derive(Default)]
struct Place {
    path: RefCell<String>,
    twice: RefCell<Option<String>>,
}

impl Place {
    /// Reads something whose name is that of what it is in and `step`.
    fn within<T>(&self, step: &str, read: impl FnOnce() -> T) -> T {
        let length = self.path.borrow().len();
        self.path.borrow_mut().push_str(step);
        let value = read();
        self.path.borrow_mut().truncate(length);
        value
    }

    fn step(&self, key: &str) -> String {
        let dot = if self.path.borrow().is_empty() {
            ""
        } else {
            "."
        };
        format!("{dot}{key}")
    }
}

#[derive(Clone, Copy)]
struct Strict<'a>(&'a Place);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let step = format!("[{}]", list.len());
            match self.0.within(&step, || items.next_element_seed(self))? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let step = self.0.step(&key);
            if map.contains_key(&key) {
                let name = format!("{}{step}", self.0.path.borrow());
                *self.0.twice.borrow_mut() = Some(name);
                return Err(A::Error::custom("a key is there twice"));
            }
            let value = self.0.within(&step, || members.next_value_seed(self))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: &str) -> (String, String) {
        let error = parse_body(body.as_bytes()).unwrap_err();
        (error.field.clone(), error.description())
    }

    #[test]
    fn json_as_it_is() {
        let text = r#" {"a": [1, -2, 1.5, true, null, "x\u0000"], "b": {"a": {}}} "#;
        let value = json!({"a": [1, -2, 1.5, true, null, "x\0"], "b": {"a": {}}});
        assert_eq!(parse_body(text.as_bytes()), Ok(value));
    }

    #[test]
    fn a_key_that_is_there_twice_is_named() {
        for (body, field) in [
            (r#"{"vni": 1, "vni": 2}"#, "vni"),
            (
                r#"{"local_port": {"linuxif": 1, "linuxif": 1}}"#,
                "local_port.linuxif",
            ),
            (r#"[{}, {"a": [0, {"b": 1, "b": 1}]}]"#, "[1].a[1].b"),
        ] {
            let (named, text) = refused(body);
            assert_eq!(named, field);
            assert_eq!(
                text,
                format!("API error: '{field}' must be there only once")
            );
        }
    }

    #[test]
    fn what_is_no_json() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for body in [
            deep.as_str(),
            "{",
            "{} {}",
            "1e999",
            "\"\u{1}\"",
            "nul",
            "\0",
        ] {
            assert_eq!(refused(body).0, "body", "{}", &body[..body.len().min(9)]);
        }
        assert!(parse_body(b"\xff\xfe").is_err());
        assert_eq!(refused(" \n").1, "No local port details received");
    }
}
