//! Schemas of what the daemon answers.

use serde_json::{Map, Value, json};

use super::reference;

/// The statuses that any request may be answered with when it is not done.
const REFUSALS: [(&str, u16, &str); 11] = [
    (
        "BadRequest",
        400,
        "The request breaks a rule; `field` and `rule` say which.",
    ),
    (
        "Unauthorized",
        401,
        "The daemon asks for a token, and this is none or another.",
    ),
    (
        "Forbidden",
        403,
        "A page of another site asks for it (`Origin`).",
    ),
    ("NotFound", 404, "There is nothing at this address."),
    (
        "MethodNotAllowed",
        405,
        "The method is not one of this resource.",
    ),
    (
        "NotAcceptable",
        406,
        "The answer exists in none of the accepted forms.",
    ),
    ("RequestTimeout", 408, "The body is not there in time."),
    (
        "PayloadTooLarge",
        413,
        "The body is larger than any request needs.",
    ),
    (
        "HeadTooLarge",
        431,
        "The head is larger than any request needs; there is no body.",
    ),
    (
        "Failed",
        500,
        "The dataplane could not do what it was asked to.",
    ),
    (
        "Unavailable",
        503,
        "The daemon is being stopped or has too many clients; or what was asked for is done, but cannot be kept (`persist`).",
    ),
];

pub(super) fn responses() -> Value {
    let responses = REFUSALS.iter().map(|(name, _, text)| {
        let error = json!({
            "description": text,
            "content": {
                "application/json": {"schema": reference("Error")},
                "text/plain": {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
            },
        });
        ((*name).to_owned(), error)
    });
    Value::Object(responses.collect())
}

/// The answers of an operation: what it does, and with what it may be refused.
pub(super) fn answers(done: Value, refusals: &[u16]) -> Value {
    let mut answers = Map::new();
    answers.insert("200".into(), done);
    for (name, status, _) in REFUSALS {
        if refusals.contains(&status) || [401, 403, 431, 503].contains(&status) {
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            answers.insert(status.to_string(), reference);
        }
    }
    Value::Object(answers)
}

/// 200 with JSON of this schema.
pub(super) fn done(text: &str, schema: &Value) -> Value {
    json!({"description": text, "content": {"application/json": {"schema": schema}}})
}

pub(super) fn schemas() -> Value {
    json!({
        "Error": {
            "type": "object",
            "required": ["code", "title", "description"],
            "properties": {
                "code": {"type": "integer", "description": "The status."},
                "title": {"type": "string", "description": "Its name."},
                "description": {"type": "string", "description": "What happened, for people."},
                "field": {"type": "string", "description": "The field that breaks a rule."},
                "rule": {"type": "string", "description": "The rule."},
            },
            "additionalProperties": false,
        },
        "Outcomes": {
            "type": "array",
            "description": "For each body null, or the error that it alone would have been answered with.",
            "items": {"anyOf": [{"type": "null"}, reference("Error")]},
        },
        "Changes": {
            "type": "object",
            "required": ["version"],
            "properties": {"version": {"type": "integer", "minimum": 1}},
            "additionalProperties": false,
        },
        "Family": {"type": "string", "pattern": "^[a-z0-9]+/[a-z0-9-]+$"},
        "Session": {
            "type": "object",
            "required": ["peer", "state", "flaps", "agreed"],
            "properties": {
                "peer": {"type": "string", "description": "The peer's address."},
                "state": {"enum": ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"]},
                "flaps": {"type": "integer", "minimum": 0, "description": "How often it has left Established."},
                "agreed": {"anyOf": [reference("Agreed"), {"type": "null"}]},
            },
        },
        "Agreed": {
            "type": "object",
            "description": "What both ends agreed on.",
            "required": ["as", "families", "hold_time", "four_octet_as", "graceful_restart", "established_ms"],
            "properties": {
                "as": {"type": "integer", "minimum": 1},
                "families": {"type": "array"},
                "hold_time": {"type": "integer", "minimum": 0, "description": "Seconds; 0 is none."},
                "four_octet_as": {"type": "boolean"},
                "graceful_restart": {"type": "boolean"},
                "established_ms": {"type": "integer", "minimum": 0},
            },
        },
        "HeldRoute": {
            "type": "object",
            "description": "A route with its octets.",
            "required": ["source", "instances", "nlri", "next_hop", "attributes"],
            "properties": {
                "source": {"type": "string", "description": "Who advertised it: `BGP-10.0.0.1`, `EVI-2`, ..."},
                "instances": {"type": "array", "items": {"type": "string"}, "description": "The instances that imported it."},
            },
        },
    })
}
