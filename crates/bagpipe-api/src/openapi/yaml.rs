//! JSON as YAML, as far as a description needs it.

use std::fmt::Write as _;

use serde_json::Value;

/// The value as YAML 1.2, two spaces a level. Text is always quoted, as in JSON, which YAML reads the same way.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn write(out: &mut String, value: &Value, indent: usize) {
    // Writing to a string cannot fail.
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let _ = write!(out, "{:indent$}{}:", "", Value::from(key.as_str()));
                member(out, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{:indent$}-", "");
                member(out, item, indent);
            }
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

fn member(out: &mut String, value: &Value, indent: usize) {
    let is_block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        write(out, value, indent + 2);
    } else {
        let _ = writeln!(out, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_and_scalars() {
        let value = json!({"a": {"b: c": [1, "x\n", {}, {"d": null}]}, "e": []});
        let text = "\"a\":\n  \"b: c\":\n    - 1\n    - \"x\\n\"\n    - {}\n    -\n      \"d\": null\n\"e\": []\n";
        assert_eq!(to_yaml(&value), text);
    }
}
