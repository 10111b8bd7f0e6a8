//! Keys of requests that mean nothing here: taken, as the reference takes them, but not in silence.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use bagpipe_api::request::ignored_keys;
use hyper::header::HeaderValue;
use serde_json::Value;

/// The header of an answer that has the keys of its request.
pub(super) const HEADER: &str = "bagpipe-ignored-keys";

/// So many keys are named, in the log and in an answer: whoever sends more makes them up.
const NAMED: usize = 50;

/// Longer keys are cut.
const LONGEST: usize = 80;

/// Keys that the log has named: each once.
#[derive(Debug, Default)]
pub struct IgnoredKeys(Mutex<BTreeSet<String>>);

impl IgnoredKeys {
    fn say(&self, key: &str) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < NAMED && said.insert(key.to_owned()) {
            tracing::warn!(
                "attachments are asked for with the key `{key}`, which means nothing here and is ignored (said once)"
            );
        }
    }
}

/// The keys of one request, all its bodies together.
#[derive(Default)]
pub(super) struct OfRequest(Mutex<BTreeSet<String>>);

impl OfRequest {
    /// Takes note of those of a body.
    pub(super) fn note(&self, body: &Value, all: &IgnoredKeys) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in ignored_keys(body) {
            let key: String = key.escape_default().take(LONGEST).collect();
            all.say(&key);
            if noted.len() < NAMED {
                noted.insert(key);
            }
        }
    }

    /// What the answer says of them.
    pub(super) fn header(self) -> Option<HeaderValue> {
        let noted = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<String> = noted.into_iter().collect();
        let value = HeaderValue::try_from(keys.join(", ")).ok()?;
        (!keys.is_empty()).then_some(value)
    }
}
