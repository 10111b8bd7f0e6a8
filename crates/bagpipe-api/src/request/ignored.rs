//! Keys of an attach that mean nothing here: misspelt, or of another version.

use std::{collections::BTreeSet, sync::LazyLock};

use serde_json::{Map, Value};

use crate::openapi;

/// The names of all fields.
static FIELDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| openapi::fields("Attach"));

/// The keys of the body of an attach that are not looked at, those of objects within as `object.key`. What is within a
/// description is anybody's.
pub fn ignored_keys(body: &Value) -> Vec<String> {
    let mut ignored = Vec::new();
    if let Value::Object(object) = body {
        collect(object, "", &mut ignored);
    }
    ignored
}

fn collect(object: &Map<String, Value>, prefix: &str, ignored: &mut Vec<String>) {
    for (key, value) in object {
        let name = format!("{prefix}{key}");
        if !FIELDS.contains(&name) {
            ignored.push(name);
            continue;
        }
        let within = format!("{name}.");
        let is_described = FIELDS.iter().any(|field| field.starts_with(&within));
        if let (Value::Object(object), true) = (value, is_described) {
            collect(object, &within, ignored);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_looked_at_is_told() {
        let body = json!({
            "vpn_type": "evpn", "vpn_instanceid": "x", "description": {"any": "thing"}, "import_rt": [],
            "local_port": {"linuxif": "tap1", "linux_if": "tap2", "ovs": {"plugged": true, "plug": 1}},
            "readvertise": {"from_rt": [], "to": []}, "": null,
        });
        let mut ignored = ignored_keys(&body);
        ignored.sort();
        let expected = [
            "",
            "local_port.linux_if",
            "local_port.ovs.plug",
            "readvertise.to",
            "vpn_instanceid",
        ];
        assert_eq!(ignored, expected);
        for nothing in [
            json!([]),
            json!(null),
            json!({"fallback": null, "local_port": "tap1"}),
        ] {
            assert_eq!(ignored_keys(&nothing), [] as [String; 0]);
        }
    }
}
