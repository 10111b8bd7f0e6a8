//! Paths and queries of requests.

use std::time::Duration;

use hyper::StatusCode;

use super::{CHANGES_WAIT, error::HttpError};

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `/`
    Root,
    /// `/ping`
    Ping,
    /// `/attach_localport`
    Attach,
    /// `/detach_localport`
    Detach,
    /// `/looking-glass` and below; the decoded elements.
    LookingGlass(Vec<String>),
    /// `/attachments`
    Attachments,
    /// `/changes`
    Changes,
    /// `/routes`
    Routes,
    /// `/sessions`
    Sessions,
    /// Anything else.
    Nothing,
}

impl Target {
    /// Trailing slashes do not matter, nor does a `.json` at the end (the looking glass sees to its own).
    pub(super) fn of(path: &str) -> Self {
        let elements = path.split('/').filter(|element| !element.is_empty());
        let mut elements = elements.map(decode);
        let Some(first) = elements.next() else {
            return Self::Root;
        };
        let rest: Vec<String> = elements.collect();
        let name = if rest.is_empty() {
            first.strip_suffix(".json").unwrap_or(&first)
        } else {
            &first
        };
        match (name, rest.is_empty()) {
            ("looking-glass", _) => Self::LookingGlass(rest),
            ("ping", true) => Self::Ping,
            ("attach_localport", true) => Self::Attach,
            ("detach_localport", true) => Self::Detach,
            ("attachments", true) => Self::Attachments,
            ("changes", true) => Self::Changes,
            ("routes", true) => Self::Routes,
            ("sessions", true) => Self::Sessions,
            _ => Self::Nothing,
        }
    }
}

/// Undoes percent-encoding; what is not encoded properly stays as it is.
fn decode(element: &str) -> String {
    let bytes = element.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let encoded = (bytes[index] == b'%')
            .then(|| element.get(index + 1..index + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match encoded {
            Some(byte) => {
                out.push(byte);
                index += 3;
            }
            None => {
                out.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The query of `/changes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) after: u64,
    pub(super) wait: Duration,
}

pub(super) fn changes(query: &str) -> Result<Changes, HttpError> {
    let mut changes = Changes {
        after: 0,
        wait: CHANGES_WAIT,
    };
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let number = || {
            value.parse::<u64>().map_err(|_| HttpError {
                status: StatusCode::BAD_REQUEST,
                description: format!("API error: '{key}' must be an integer, not {value}"),
                field: Some(key.to_owned()),
                rule: Some("must be an integer".to_owned()),
            })
        };
        match key {
            "after" => changes.after = number()?,
            "wait" => changes.wait = Duration::from_millis(number()?),
            _ => {}
        }
    }
    Ok(changes)
}
