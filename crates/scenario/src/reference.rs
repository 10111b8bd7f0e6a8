//! The reference of the scenario language, as Markdown, made from the schema: every table, key, type and meaning.

use std::fmt::Write as _;

use serde_json::Value;

use crate::schema::by_table;

/// The reference of the scenario language.
pub fn reference() -> String {
    let schema = by_table();
    let mut page = Page {
        defs: &schema["$defs"],
        out: String::from(HEAD),
        due: Vec::new(),
        done: Vec::new(),
    };
    page.section("Top of a file", "", &schema);
    page.named(&title_of("LabFile"), "LabFile");
    page.nodes();
    for name in ["LanFile", "LinkFile", "VpnFile", "StepFile"] {
        page.named(&title_of(name), name);
    }
    page.rest();
    page.out
}

const HEAD: &str = "\
# Scenario files

Made from the types that parse them (`BLESS=1 cargo test -p scenario --test reference`). `labgen schema` prints the
same as a JSON Schema, which editors can check files against as they are typed.

A file is TOML. `include` names files whose entries count as if they stood in this one; a name can be given once over
all of them, while settings of the including file win in `[lab]`, `[vars]` and `[defaults]`.

In every string `${...}` stands for the value of an expression: integers and variables with `+ - * / %` and
parentheses. Variables come from `[vars]`, and `--set NAME=VALUE` gives one another value. A string that is one
expression may stand where a number belongs; `$${` stands for `${`.

An entry with `count = N` makes a group: N entries called `NAME-1` to `NAME-N`, in which `${i}` is the number. Wherever
a list of nodes belongs, the name of a group stands for all its members. A step with `count = N` is N steps.

";

/// Keys that every node can have.
const OF_EVERY_NODE: [&str; 5] = ["kind", "count", "loopback", "gateway", "routes"];

struct Page<'a> {
    defs: &'a Value,
    out: String,
    /// Tables that were named and are not shown yet.
    due: Vec<String>,
    done: Vec<String>,
}

impl Page<'_> {
    fn named(&mut self, title: &str, name: &str) {
        self.done.push(name.into());
        let schema = &self.defs[name];
        self.section(title, text(schema, "description"), schema);
    }

    fn nodes(&mut self) {
        self.done.push("NodeFile".into());
        self.line("## `[nodes]`\n");
        self.line("`kind` says what a node runs, and thereby which other keys there are.\n");
        let kinds = self.defs["NodeFile"]["oneOf"].as_array();
        if let Some(any) = kinds.and_then(|kinds| kinds.first()) {
            self.line("### Every kind\n");
            self.line("Beside `kind`:\n");
            let own = any["properties"].as_object().into_iter().flatten();
            let own: Vec<&str> = own
                .map(|(key, _)| key.as_str())
                .filter(|key| *key == "kind" || !OF_EVERY_NODE.contains(key))
                .collect();
            self.table(any, &own);
        }
        for kind in kinds.into_iter().flatten() {
            let title = format!("`kind = \"{}\"`", text(kind, "title"));
            self.line(&format!("### {title}\n"));
            self.line(&format!("{}\n", text(kind, "description")));
            self.table(kind, &OF_EVERY_NODE);
        }
    }

    /// Tables that others refer to, each once.
    fn rest(&mut self) {
        while let Some(name) = (!self.due.is_empty()).then(|| self.due.remove(0)) {
            if self.done.contains(&name) || name == "Expression" {
                continue;
            }
            self.named(&title_of(&name), &name);
        }
    }

    fn section(&mut self, title: &str, about: &str, schema: &Value) {
        self.line(&format!("## {title}\n"));
        if !about.is_empty() {
            self.line(&format!("{about}\n"));
        }
        if schema.get("properties").is_some() {
            self.table(schema, &[]);
        } else {
            self.choices(schema);
        }
    }

    /// The keys of a table.
    fn table(&mut self, schema: &Value, without: &[&str]) {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let keys = schema["properties"].as_object();
        let keys = keys
            .into_iter()
            .flatten()
            .filter(|(key, _)| !without.contains(&key.as_str()));
        let rows: Vec<(String, &Value)> = keys.map(|(key, value)| (key.clone(), value)).collect();
        if rows.is_empty() {
            self.line("No keys.\n");
            return;
        }
        self.line("| Key | Type | Meaning |\n|---|---|---|");
        for (key, value) in rows {
            let must = if required.contains(&key.as_str()) {
                " **Required.**"
            } else {
                ""
            };
            let kind = self.kind(value);
            let named = value["$ref"].as_str();
            let named = named.map(|name| name.trim_start_matches("#/$defs/"));
            let about = match (text(value, "description"), named) {
                ("", Some(name)) => text(&self.defs[name], "description"),
                (about, _) => about,
            };
            let about = about.replace('\n', " ").replace('|', "\\|");
            self.line(&format!("| `{key}` | {kind} | {about}{must} |"));
        }
        self.line("");
    }

    /// What stands alone or holds one of several tables.
    fn choices(&mut self, schema: &Value) {
        self.line("| One of | Holds | Meaning |\n|---|---|---|");
        for choice in schema["oneOf"].as_array().into_iter().flatten() {
            let about = text(choice, "description").replace('|', "\\|");
            let words = choice["enum"].as_array().into_iter().flatten();
            let words = words.chain(choice.get("const"));
            for word in words.filter_map(Value::as_str) {
                self.line(&format!("| `\"{word}\"` | | {about} |"));
            }
            for (key, value) in choice["properties"].as_object().into_iter().flatten() {
                let kind = self.kind(value);
                self.line(&format!("| `{{ {key} = ... }}` | {kind} | {about} |"));
            }
        }
        self.line("");
    }

    /// What a value can be, in a few words.
    fn kind(&mut self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/").to_string();
            let title = title_of(&name);
            self.due.push(name);
            let anchor = title.to_lowercase().replace(' ', "-");
            let anchor = anchor.replace(['`', '[', ']'], "");
            return format!("[{title}](#{anchor})");
        }
        if let Some(words) = schema["enum"].as_array() {
            let words = words.iter().filter_map(Value::as_str);
            return words
                .map(|word| format!("`\"{word}\"`"))
                .collect::<Vec<_>>()
                .join(", ");
        }
        if let Some(any) = schema["anyOf"].as_array() {
            let mut kinds: Vec<String> = Vec::new();
            for one in any.iter().filter(|one| one["$ref"] != "#/$defs/Expression") {
                let list = one["type"] == "array" && any.iter().any(|item| *item == one["items"]);
                let kind = if list {
                    "a list of them".into()
                } else {
                    self.kind(one)
                };
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            return kinds.join(", or ");
        }
        if let Some(words) = schema["const"].as_str() {
            return format!("`\"{words}\"`");
        }
        match &schema["type"] {
            Value::Array(types) => {
                let types = types.iter().filter_map(Value::as_str);
                types.collect::<Vec<_>>().join(" or ")
            }
            Value::String(word) if word == "array" => {
                format!("list: {}", self.kind(&schema["items"]))
            }
            Value::String(word) if word == "object" => match schema.get("additionalProperties") {
                Some(entry) if entry.is_object() => format!("table: {}", self.kind(entry)),
                _ => "table".into(),
            },
            Value::String(word) => word.clone(),
            _ => "any".into(),
        }
    }

    fn line(&mut self, text: &str) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.out, "{text}");
    }
}

fn text<'a>(schema: &'a Value, key: &str) -> &'a str {
    schema[key].as_str().unwrap_or_default()
}

/// A type's name as a heading: `StaticRouteFile` is `Static route`.
fn title_of(name: &str) -> String {
    let known = match name {
        "LabFile" => "`[lab]`",
        "NodeFile" => "`[nodes]`",
        "LanFile" => "`[lans]`",
        "LinkFile" => "`[links]`",
        "VpnFile" => "`[vpns]`",
        "StepFile" => "`[[step]]`",
        "Ipv4File" => "IPv4",
        "Ipv6File" => "IPv6",
        "BgpMessageFile" => "BGP message",
        "OpenFile" => "OPEN",
        "NotificationFile" => "NOTIFICATION",
        "RefreshFile" => "ROUTE-REFRESH",
        "EndOfRibFile" => "End-of-RIB",
        "UdpFile" => "UDP",
        "TcpFile" => "TCP",
        "MplsFile" => "MPLS",
        "GreFile" => "GRE",
        "VxlanFile" => "VXLAN",
        "ArpFile" => "ARP",
        "ImpairFile" => "`impair` of LANs and links",
        "ImpairStepFile" => "Impair",
        "IcmpFile" => "ICMP",
        _ => "",
    };
    if !known.is_empty() {
        return known.into();
    }
    let mut title = String::new();
    for c in name.trim_end_matches("File").chars() {
        if c.is_uppercase() && !title.is_empty() {
            title.push(' ');
            title.extend(c.to_lowercase());
        } else {
            title.push(c);
        }
    }
    title
}
