//! The JSON Schema of scenario files, made from the types that parse them.
//!
//! What several kinds of node have in common is parsed apart, and expressions may stand where numbers belong; both is
//! put together here. What may be said elsewhere than in its table is in [`elsewhere`].

mod elsewhere;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::file::{
    BagpipeFile, FakeRrFile, FrrFile, HostFile, KINDS, LabFile, LanFile, LinkFile, NodeNetFile,
    OvsFile, ProgramFile, RouterFile, SpeakerFile, StepFile, VpnFile,
};
use crate::values;

/// The JSON Schema (draft 2020-12) of a scenario file.
pub fn schema() -> Value {
    let mut schema = by_table();
    elsewhere::allow(&mut schema);
    schema
}

/// The schema of files whose tables say everything themselves: what the reference is made from.
pub(crate) fn by_table() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let generator = &mut generator;
    let lab = reference::<LabFile>(generator);
    let entries = [
        ("lans", reference::<LanFile>(generator), "LANs, by name."),
        (
            "links",
            reference::<LinkFile>(generator),
            "Point-to-point links, by name.",
        ),
        ("vpns", reference::<VpnFile>(generator), "VPNs, by name."),
    ];
    let step = reference::<StepFile>(generator);
    let kinds: Vec<(&str, Value)> = KINDS
        .iter()
        .map(|kind| (*kind, kind_schema(generator, kind)))
        .collect();
    let mut defaults = Map::new();
    for (kind, schema) in &kinds {
        defaults.insert((*kind).into(), partial(schema));
    }
    let mut defs: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    for name in ["LanFile", "LinkFile", "VpnFile"] {
        if let Some(properties) = properties_mut(defs.get_mut(name)) {
            properties.insert("count".into(), count());
        }
    }
    if let Some(properties) = properties_mut(defs.get_mut("StepFile")) {
        let times = "Makes it so many steps, one after the other, in which `${i}` is the number.";
        properties.insert("count".into(), number_of(times));
    }
    for (name, key) in [("LanFile", "lan"), ("LinkFile", "link")] {
        let schema = defs.get(name).map(partial);
        defaults.insert(key.into(), schema.unwrap_or_default());
    }
    exactly_one(defs.get_mut("StepFile"), &crate::file::WORDS);
    exactly_one(defs.get_mut("ExpectFile"), &crate::file::FACTS);
    exactly_one(defs.get_mut("ForwardingFile"), &["mac", "ip"]);
    exactly_one(defs.get_mut("StopFile"), &["step", "capture", "traffic"]);
    exactly_one(defs.get_mut("PacketsFile"), &["layers", "tshark"]);
    exactly_one(defs.get_mut("KernelRouteFile"), &["to", "lookup"]);
    exactly_one(defs.get_mut("InterfaceFile"), &["name", "net"]);
    exactly_one(defs.get_mut("FlapFile"), &crate::resolve::FLAPPING);
    exactly_one(defs.get_mut("LinkFile"), &SHAPES);
    at_most_one(
        defs.get_mut("BgpMessageFile"),
        &crate::resolve::bgp_message::MESSAGES,
    );
    let nodes: Vec<Value> = kinds.into_iter().map(|(_, schema)| schema).collect();
    defs.insert(
        "NodeFile".into(),
        json!({ "description": "A node; `kind` says which.", "oneOf": nodes }),
    );
    let mut properties = Map::new();
    properties.insert("include".into(), include());
    properties.insert("lab".into(), lab);
    properties.insert("vars".into(), vars());
    properties.insert("defaults".into(), json!({
        "description": "What entries say that do not say otherwise: by kind of node, and for LANs and links.",
        "type": "object",
        "properties": defaults,
        "additionalProperties": false,
    }));
    let node = json!({ "$ref": "#/$defs/NodeFile" });
    properties.insert("nodes".into(), named(node, "Nodes, by name."));
    for (key, entry, description) in entries {
        properties.insert(key.into(), named(entry, description));
    }
    properties.insert(
        "step".into(),
        json!({
            "description": "What happens, in order.",
            "type": "array",
            "items": step,
        }),
    );
    let mut defs = Value::Object(defs);
    let mut properties = Value::Object(properties);
    for part in [&mut defs, &mut properties] {
        without_null(part);
        computed(part);
    }
    if let Some(defs) = defs.as_object_mut() {
        defs.insert("Expression".into(), json!({
            "description": "A string with `${...}` in it: a variable, `i` in an entry with `count`, arithmetic.",
            "type": "string",
            "pattern": r"\$\{",
        }));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario",
        "description": "A lab of BGP speakers, and what is done in it.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "anyOf": [{ "required": ["nodes"] }, { "required": ["include"] }],
        "$defs": defs,
    })
}

/// Keys of which a link has exactly one.
const SHAPES: [&str; 4] = ["ends", "chain", "ring", "mesh"];

fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// Entries by name.
fn named(entry: Value, description: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "propertyNames": { "pattern": values::NAME },
        "additionalProperties": entry,
    })
}

fn include() -> Value {
    let path = json!({ "type": "string" });
    json!({
        "description": "Files whose entries count as if they stood here, relative to this one.",
        "anyOf": [path, { "type": "array", "items": path }],
    })
}

fn vars() -> Value {
    json!({
        "description": "Variables for `${...}`; `--set NAME=VALUE` gives one another value.",
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": { "const": "i" } },
        "additionalProperties": { "type": ["integer", "boolean", "string"] },
    })
}

fn count() -> Value {
    number_of("Makes a group: entries `NAME-1`, `NAME-2` and so on, in which `${i}` is the number.")
}

fn number_of(description: &str) -> Value {
    json!({
        "description": description,
        "type": "integer",
        "minimum": 1,
        "maximum": 100_000,
    })
}

/// The keys of one kind of node: its own, those it shares with others, and those of every node.
fn kind_schema(generator: &mut SchemaGenerator, kind: &str) -> Value {
    let own: Vec<Value> = match kind {
        "bagpipe" => vec![own::<BagpipeFile>(generator)],
        "fakerr" => vec![own::<FakeRrFile>(generator)],
        "frr" => vec![own::<SpeakerFile>(generator), own::<FrrFile>(generator)],
        "ovs" => vec![own::<OvsFile>(generator)],
        "router" => vec![own::<RouterFile>(generator)],
        "host" => vec![own::<HostFile>(generator)],
        "exec" => vec![own::<ProgramFile>(generator)],
        _ => vec![own::<SpeakerFile>(generator)],
    };
    let shared = own.first().and_then(|own| own.get("description"));
    let shared = shared.and_then(Value::as_str).unwrap_or_default();
    let description = match kind {
        "gobgp" => format!("GoBGP: `gobgpd`. {shared}"),
        "frr" => format!("FRR: `zebra`, `bgpd` and what else is asked for. {shared}"),
        "bird" => format!("BIRD 2: `bird`. {shared}"),
        "openbgpd" => format!("OpenBGPD: `bgpd`. {shared}"),
        "exabgp" => format!("ExaBGP: `exabgp`, which only connects. {shared}"),
        _ => shared.to_string(),
    };
    let mut properties = Map::new();
    properties.insert("kind".into(), json!({ "const": kind }));
    properties.insert("count".into(), count());
    let mut required = vec![json!("kind")];
    for part in own.into_iter().chain([own_of_every(generator)]) {
        if let Some(more) = part.get("properties").and_then(Value::as_object) {
            properties.extend(more.clone());
        }
        if let Some(more) = part.get("required").and_then(Value::as_array) {
            required.extend(more.iter().cloned());
        }
    }
    if let Some(families) = properties.get_mut("families") {
        let can = crate::resolve::families::families(kind).unwrap_or_default();
        let words: Vec<&str> = can
            .iter()
            .map(|family| values::family_word(*family))
            .collect();
        let one = json!({ "type": "string", "enum": words });
        *families = json!({
            "description": families.get("description").cloned().unwrap_or_default(),
            "anyOf": [one, { "type": "array", "items": one }],
        });
    }
    json!({
        "title": kind,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn own<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    T::json_schema(generator).to_value()
}

fn own_of_every(generator: &mut SchemaGenerator) -> Value {
    own::<NodeNetFile>(generator)
}

/// The same keys, none of which must be there.
fn partial(schema: &Value) -> Value {
    let mut properties = schema.get("properties").cloned().unwrap_or_default();
    if let Some(properties) = properties.as_object_mut() {
        properties.remove("kind");
        properties.remove("count");
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn properties_mut(schema: Option<&mut Value>) -> Option<&mut Map<String, Value>> {
    schema?.get_mut("properties")?.as_object_mut()
}

/// Of these keys exactly one is there.
fn exactly_one(schema: Option<&mut Value>, keys: &[&str]) {
    let one: Vec<Value> = keys
        .iter()
        .map(|key| json!({ "required": [key] }))
        .collect();
    if let Some(schema) = schema.and_then(Value::as_object_mut) {
        schema.insert("oneOf".into(), Value::Array(one));
    }
}

/// Of these keys at most one is there.
fn at_most_one(schema: Option<&mut Value>, keys: &[&str]) {
    let pairs = keys.iter().enumerate().flat_map(|(index, first)| {
        let later = keys.iter().skip(index + 1);
        later.map(move |second| json!({ "required": [first, second] }))
    });
    let pairs: Vec<Value> = pairs.collect();
    if let Some(schema) = schema.and_then(Value::as_object_mut) {
        schema.insert("not".into(), json!({ "anyOf": pairs }));
    }
}

/// TOML has no null: what is not given is not there.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(without_null),
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|word| word != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    object.insert("type".into(), one);
                }
            }
            if let Some(Value::Array(words)) = object.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            if let Some(Value::Array(any)) = object.get_mut("anyOf") {
                any.retain(|one| one.get("type").is_none_or(|word| word != "null"));
                if let [Value::Object(one)] = any.as_slice() {
                    let one = one.clone();
                    object.remove("anyOf");
                    object.extend(one);
                }
            }
            object.remove("default");
            object.remove("format");
            object.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

/// Lets an expression stand wherever a number, a truth value or one of a few words belongs.
fn computed(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(computed),
        Value::Object(object) => {
            let is = |word: &str| object.get("type").and_then(Value::as_str) == Some(word);
            let narrow = object.contains_key("enum") || object.contains_key("pattern");
            if is("integer") || is("boolean") || is("string") && narrow {
                let description = object.remove("description");
                let typed = Value::Object(std::mem::take(object));
                object.extend(description.map(|text| ("description".into(), text)));
                let expression = json!({ "$ref": "#/$defs/Expression" });
                object.insert("anyOf".into(), json!([typed, expression]));
                return;
            }
            for (key, value) in object.iter_mut() {
                if key != "propertyNames" {
                    computed(value);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("oneOf")
                && choices.iter().any(|choice| choice["type"] == "string")
            {
                choices.push(json!({ "$ref": "#/$defs/Expression" }));
            }
        }
        _ => {}
    }
}
