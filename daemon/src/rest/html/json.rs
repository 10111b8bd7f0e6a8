//! JSON pages as HTML: objects and lists as tables, links as links.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::escape;

/// A page; `base` is the address of the looking glass as links have it.
pub(in crate::rest) fn page(value: &Value, base: &str) -> String {
    let mut out = String::new();
    Writer { base }.value(&mut out, value, true);
    out.push('\n');
    out
}

struct Writer<'a> {
    base: &'a str,
}

impl Writer<'_> {
    // Writing to a string cannot fail.
    fn value(&self, out: &mut String, value: &Value, is_top: bool) {
        match value {
            Value::Null => out.push_str("<span class=\"null\">none</span>"),
            Value::String(text) if text.contains('\n') => {
                let _ = write!(out, "<pre>{}</pre>", escape(text));
            }
            Value::String(text) => {
                let class = match text.as_str() {
                    "Established" => " class=\"up\"",
                    "Idle" | "Connect" | "Active" => " class=\"down\"",
                    _ => "",
                };
                let _ = write!(out, "<span{class}>{}</span>", escape(text));
            }
            Value::Bool(_) | Value::Number(_) => {
                let _ = write!(out, "{value}");
            }
            Value::Array(items) if items.is_empty() => {
                out.push_str("<span class=\"null\">nothing</span>");
            }
            Value::Array(items) => self.list(out, items, is_top),
            Value::Object(members) => self.object(out, members, is_top),
        }
    }

    fn object(&self, out: &mut String, members: &Map<String, Value>, is_top: bool) {
        if members.is_empty() {
            out.push_str("<span class=\"null\">nothing</span>");
            return;
        }
        if let Some(href) = self.link(members)
            && members.keys().all(|key| key == "href" || key == "id")
        {
            let text = members.get("id").and_then(Value::as_str).unwrap_or("show");
            let _ = write!(out, "<a href=\"{}\">{}</a>", escape(href), escape(text));
            return;
        }
        let class = if is_top { " class=\"rows\"" } else { "" };
        let _ = write!(out, "<table{class}><tbody>");
        for (key, value) in members {
            let _ = write!(out, "<tr><th>{}</th><td>", escape(key));
            self.value(out, value, false);
            out.push_str("</td></tr>\n");
        }
        out.push_str("</tbody></table>");
    }

    fn list(&self, out: &mut String, items: &[Value], is_top: bool) {
        let objects: Option<Vec<&Map<String, Value>>> =
            items.iter().map(Value::as_object).collect();
        let Some(objects) = objects else {
            out.push_str("<ul>");
            for item in items {
                out.push_str("<li>");
                self.value(out, item, false);
                out.push_str("</li>");
            }
            out.push_str("</ul>");
            return;
        };
        // A column for each key that any of them has, in the order they turn up.
        let mut keys: Vec<&String> = Vec::new();
        for object in &objects {
            let new = object
                .keys()
                .filter(|key| !(*key == "href" && object.contains_key("id")));
            for key in new {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        let class = if is_top { " class=\"rows\"" } else { "" };
        let _ = write!(out, "<table{class}><thead><tr>");
        for key in &keys {
            let _ = write!(out, "<th>{}</th>", escape(key));
        }
        out.push_str("</tr></thead><tbody>\n");
        for object in objects {
            out.push_str("<tr>");
            for key in &keys {
                out.push_str("<td>");
                match (object.get(*key), self.link(object)) {
                    (Some(id), Some(href)) if *key == "id" => {
                        let _ = write!(out, "<a href=\"{}\">", escape(href));
                        self.value(out, id, false);
                        out.push_str("</a>");
                    }
                    (Some(value), _) => self.value(out, value, false),
                    (None, _) => {}
                }
                out.push_str("</td>");
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table>");
    }

    /// Where an object leads, if that is in this looking glass: what clients gave as a description leads nowhere.
    fn link<'b>(&self, members: &'b Map<String, Value>) -> Option<&'b str> {
        let href = members.get("href")?.as_str()?;
        let below = href.strip_prefix(self.base)?;
        let host = self.base.strip_suffix("/looking-glass")?;
        (below.is_empty() || below.starts_with('/')).then_some(&href[host.len()..])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: &Value) -> String {
        page(value, "http://h/looking-glass")
    }

    #[test]
    fn a_hostile_description_is_text() {
        let hostile = json!({
            "description": "</td><script>alert(1)</script>",
            "<img src=x onerror=alert(1)>": ["<b>", {"<i>": "\" onclick=\"x"}],
            "link": {"href": "javascript:alert(1)"},
            "elsewhere": {"id": "\"><script>", "href": "http://h/looking-glassy"},
        });
        let text = shown(&hostile);
        for markup in ["<script", "<img", "<b>", "<i>", "\" onclick", "<a "] {
            assert!(!text.contains(markup), "{markup} in {text}");
        }
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }

    #[test]
    fn links_lead_to_this_daemon_whatever_the_client_called_it() {
        let list =
            json!([{"id": "a&b", "state": "Idle", "href": "http://h/looking-glass/x/a%26b"}]);
        let text = shown(&list);
        assert!(
            text.contains("<a href=\"/looking-glass/x/a%26b\"><span>a&amp;b</span></a>"),
            "{text}"
        );
        let text = shown(&json!({"more": {"href": "http://h/looking-glass/x"}}));
        assert!(
            text.contains("<a href=\"/looking-glass/x\">show</a>"),
            "{text}"
        );
    }
}
