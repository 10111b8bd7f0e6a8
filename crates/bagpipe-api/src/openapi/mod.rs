//! The API described for programs: OpenAPI 3.1.
//!
//! Limits, words and keys come from the tables that requests are parsed with, and tests hold that the parser asks for the
//! fields that are described and no others (`tests/openapi.rs`).

mod answers;
mod bodies;
mod looking_glass;
mod paths;
mod yaml;

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub use self::{looking_glass::FILTERS, yaml::to_yaml};

/// The description of a daemon of some version.
pub fn document(version: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "bagpipe-bgp",
            "version": version,
            "summary": "Attaches endpoints to BGP VPNs, and shows what the daemon knows.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "attachments", "description": "Endpoints put into VPN instances."},
            {"name": "state", "description": "What the daemon knows, for programs."},
            {"name": "looking glass", "description": "What the daemon knows, for people."},
            {"name": "daemon", "description": "The daemon itself."},
        ],
        "paths": paths::paths(),
        "components": {
            "schemas": schemas(),
            "responses": answers::responses(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where the daemon is configured with `[API] token_file`.",
                },
            },
        },
    })
}

/// The names of the fields of a schema, those of objects within as `object.field`.
pub fn fields(schema: &str) -> BTreeSet<String> {
    let schemas = schemas();
    let mut names = BTreeSet::new();
    collect(&schemas, &schemas[schema], "", &mut names);
    names
}

fn collect(schemas: &Value, schema: &Value, prefix: &str, names: &mut BTreeSet<String>) {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap_or_default();
        return collect(schemas, &schemas[name], prefix, names);
    }
    for option in schema["anyOf"].as_array().into_iter().flatten() {
        collect(schemas, option, prefix, names);
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let name = format!("{prefix}{key}");
        collect(schemas, schema, &format!("{name}."), names);
        names.insert(name);
    }
}

fn schemas() -> Value {
    let mut schemas = answers::schemas();
    for (name, schema) in bodies::schemas() {
        schemas[name] = schema;
    }
    schemas
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
