//! What a table need not say itself: `[defaults]` may, here or in an included file, and an expression may say of which
//! kind a node is.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::SHAPES;

/// Takes what may be said elsewhere out of the tables that have to have it, and has the file as a whole ask for it.
pub(super) fn allow(schema: &mut Value) {
    let mut conditions = Vec::new();
    if let Some(defs) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        if let Some(lan) = defs.get_mut("LanFile") {
            lan_keys(lan, &mut conditions);
        }
        if let Some(link) = defs.get_mut("LinkFile") {
            shapes(link, &mut conditions);
        }
        let nodes = defs.get_mut("NodeFile");
        let kinds = nodes.and_then(|nodes| nodes.get_mut("oneOf"));
        if let Some(kinds) = kinds.and_then(Value::as_array_mut) {
            node_keys(kinds, &mut conditions);
            kinds.push(of_computed_kind(kinds));
        }
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("allOf".into(), Value::Array(conditions));
    }
}

fn lan_keys(lan: &mut Value, conditions: &mut Vec<Value>) {
    for key in moved(lan) {
        let must = json!({ "required": [key] });
        conditions.push(unless(&[given("lan", &key)], &entries("lans", &must)));
    }
}

fn node_keys(kinds: &mut [Value], conditions: &mut Vec<Value>) {
    for kind in kinds {
        let word = kind["title"].as_str().unwrap_or_default().to_owned();
        for key in moved(kind) {
            let must = json!({
                "if": { "properties": { "kind": { "const": word } } },
                "then": { "required": [key] },
            });
            conditions.push(unless(&[given(&word, &key)], &entries("nodes", &must)));
        }
    }
}

/// A default shape stands beside any other that a link says itself, and is one too many.
fn shapes(link: &mut Value, conditions: &mut Vec<Value>) {
    let exactly_one = link["oneOf"].take();
    let mut one_or_none = exactly_one.as_array().cloned().unwrap_or_default();
    one_or_none.push(json!({ "not": { "anyOf": exactly_one } }));
    link["oneOf"] = Value::Array(one_or_none);
    let by_default = SHAPES.map(|shape| given("link", shape));
    let must = json!({ "oneOf": exactly_one });
    conditions.push(unless(&by_default, &entries("links", &must)));
    for (shape, given) in SHAPES.iter().zip(by_default) {
        let others = SHAPES.iter().filter(|other| *other != shape);
        let others: Map<String, Value> = others
            .map(|other| ((*other).into(), false.into()))
            .collect();
        let none = entries("links", &json!({ "properties": others }));
        conditions.push(json!({ "if": given, "then": none }));
    }
}

/// Keys that a table has to have, but for `kind`, by which its defaults are found; from now on it need not.
fn moved(table: &mut Value) -> Vec<String> {
    let Some(required) = table.get_mut("required").and_then(Value::as_array_mut) else {
        return Vec::new();
    };
    let keys = required.iter().filter_map(Value::as_str);
    let keys = keys
        .filter(|key| *key != "kind")
        .map(str::to_owned)
        .collect();
    required.retain(|key| key == "kind");
    keys
}

/// `[defaults]` has the key for tables of this name.
fn given(table: &str, key: &str) -> Value {
    json!({
        "required": ["defaults"],
        "properties": {
            "defaults": {
                "required": [table],
                "properties": { table: { "required": [key] } },
            },
        },
    })
}

/// The file has to be like `otherwise`, unless one of these holds or an included file may have the key.
fn unless(given: &[Value], otherwise: &Value) -> Value {
    let included = json!({ "required": ["include"] });
    let any: Vec<&Value> = given.iter().chain([&included]).collect();
    json!({ "if": { "anyOf": any }, "else": otherwise })
}

/// Every entry of a part is like this.
fn entries(part: &str, entry: &Value) -> Value {
    json!({ "properties": { part: { "additionalProperties": entry } } })
}

/// A node that may be of any kind, and so have the keys of any.
fn of_computed_kind(kinds: &[Value]) -> Value {
    let mut known: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (key, value) in kinds
        .iter()
        .filter_map(|kind| kind["properties"].as_object())
        .flatten()
    {
        let values = known.entry(key).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let known = known.into_iter().map(|(key, values)| match values[..] {
        [one] => (key.to_owned(), one.clone()),
        _ => (key.to_owned(), json!({ "anyOf": values })),
    });
    let mut properties: Map<String, Value> = known.collect();
    properties.insert("kind".into(), json!({ "$ref": "#/$defs/Expression" }));
    json!({
        "title": "computed",
        "description": "A node of the kind that an expression gives.",
        "type": "object",
        "properties": properties,
        "required": ["kind"],
        "additionalProperties": false,
    })
}
