//! Paths and methods.

use serde_json::{Map, Value, json};

use super::{
    answers::{answers, done},
    bodies::example,
    looking_glass, reference,
};
use crate::request::MAX_LIST;

pub(super) fn paths() -> Value {
    let paths = [
        (
            "/",
            json!({"get": get("root", "daemon", "Whether this is the API.", &json!({"const": {}}), &[])}),
        ),
        ("/ping", ping()),
        (
            "/attach_localport",
            posted("attach", "Attach an endpoint", "Attach"),
        ),
        (
            "/detach_localport",
            posted("detach", "Detach an endpoint", "Detach"),
        ),
        (
            "/attachments",
            json!({"get": get("attachments", "attachments", "Every attachment, as bodies that attach it again.", &json!({"type": "array", "items": reference("Attach")}), &[])}),
        ),
        (
            "/looking-glass",
            page("glassRoot", "The root of the looking glass.", &[]),
        ),
        ("/looking-glass/{path}", pages()),
        ("/routes", routes()),
        (
            "/sessions",
            json!({"get": get("sessions", "state", "The sessions with peers.", &json!({"type": "array", "items": reference("Session")}), &[])}),
        ),
        ("/changes", changes()),
        (
            "/openapi.json",
            json!({"get": get("openapiJson", "daemon", "This description.", &json!({"type": "object"}), &[])}),
        ),
        (
            "/openapi.yaml",
            json!({"get": file("openapiYaml", "This description, as YAML.", "application/yaml", "object")}),
        ),
        (
            "/metrics",
            json!({"get": file("metrics", "Figures in the text format of Prometheus.", "text/plain", "string")}),
        ),
    ];
    let paths = paths.into_iter();
    Value::Object(paths.map(|(path, item)| (path.to_owned(), item)).collect())
}

fn operation(id: &str, tag: &str, summary: &str, responses: Value) -> Value {
    json!({
        "operationId": id,
        "tags": [tag],
        "summary": summary,
        "security": [{}, {"token": []}],
        "responses": responses,
    })
}

fn get(id: &str, tag: &str, summary: &str, schema: &Value, refusals: &[u16]) -> Value {
    let answers = answers(done("What was asked for.", schema), refusals);
    operation(id, tag, summary, answers)
}

fn file(id: &str, summary: &str, content_type: &str, kind: &str) -> Value {
    let done =
        json!({"description": "The text.", "content": {content_type: {"schema": {"type": kind}}}});
    operation(id, "daemon", summary, answers(done, &[]))
}

/// Restart detection looks at nothing but the number, so every method answers it.
fn ping() -> Value {
    let number = json!({"type": "integer", "minimum": 1, "description": "At least 38 digits."});
    let methods = ["get", "post", "put", "delete", "options", "patch", "trace"];
    let methods = methods.map(|method| {
        let id = format!("ping{}", method.to_uppercase());
        let summary = "A random number that stays the same for as long as the daemon runs.";
        let mut operation = get(&id, "daemon", summary, &number, &[]);
        operation["security"] = json!([]);
        (method.to_owned(), operation)
    });
    Value::Object(Map::from_iter(methods))
}

fn posted(id: &str, summary: &str, schema: &str) -> Value {
    let outcome = json!({"anyOf": [{"type": "null"}, reference("Outcomes")]});
    let mut done = done("It is done; of a list, what became of each.", &outcome);
    if schema == "Attach" {
        done["headers"] = json!({"Bagpipe-Ignored-Keys": {
            "description": "Keys that mean nothing here, separated by commas.",
            "schema": {"type": "string"},
        }});
    }
    let answers = answers(done, &[400, 406, 408, 413, 500]);
    let mut post = operation(id, "attachments", summary, answers);
    // Each item is judged by itself, so whatever it is, the list as a whole is not refused for it.
    let list = json!({
        "type": "array",
        "maxItems": MAX_LIST,
        "description": format!("Several, in order. Each should be a `{schema}`; one that is refused does not keep the others from it."),
        "items": {"anyOf": [reference(schema), {}]},
    });
    post["requestBody"] = json!({
        "required": true,
        "content": {"application/json": {
            "schema": {"anyOf": [reference(schema), list]},
            "examples": {"one": {"value": example()}},
        }},
    });
    let get = get(
        &format!("{id}Nothing"),
        "attachments",
        "Whether this is there.",
        &json!({"const": {}}),
        &[],
    );
    json!({"get": get, "post": post})
}

fn page(id: &str, summary: &str, refusals: &[u16]) -> Value {
    let done = json!({
        "description": "JSON; a page of HTML for browsers. Links are objects with `href`.",
        "content": {
            "application/json": {"schema": {}},
            "text/html": {"schema": {"type": "string"}},
        },
    });
    json!({"get": operation(id, "looking glass", summary, answers(done, refusals))})
}

fn pages() -> Value {
    let mut item = page("glass", "Something in the looking glass.", &[400, 404]);
    let mut parameters = vec![json!({
        "name": "path", "in": "path", "required": true,
        "description": "Keys and names from the root downwards, a slash within a name as `%2F`.",
        "schema": {"type": "string", "minLength": 1},
        "examples": {
            "summary": {"value": "summary"},
            "routes": {"value": "bgp/routes"},
            "instances": {"value": "vpns/instances"},
        },
    })];
    parameters.extend(looking_glass::parameters());
    item["get"]["parameters"] = parameters.into();
    item
}

fn routes() -> Value {
    let schema = json!({"type": "array", "items": reference("HeldRoute")});
    let mut get = get(
        "routes",
        "state",
        "The routes that were received.",
        &schema,
        &[400],
    );
    get["parameters"] = json!([{
        "name": "all", "in": "query", "description": "Those of the daemon itself too.",
        "schema": {"type": "boolean", "default": false},
    }]);
    json!({"get": get})
}

fn changes() -> Value {
    let mut get = get(
        "changes",
        "state",
        "Wait until something visible has changed.",
        &reference("Changes"),
        &[400],
    );
    let number = |name: &str, text: &str, max: u64| {
        json!({
            "name": name, "in": "query", "description": text,
            "schema": {"type": "integer", "minimum": 0, "maximum": max},
        })
    };
    get["parameters"] = json!([
        number(
            "after",
            "Answer as soon as the version is above this.",
            u64::MAX
        ),
        number(
            "wait",
            "Milliseconds after which to answer in any case; never more than 30,000.",
            u64::MAX
        ),
    ]);
    json!({"get": get})
}
