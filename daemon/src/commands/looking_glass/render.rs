//! Nodes as indented text.
//!
//! A level is two columns; what a link leads to stands two columns further in.

use serde_json::Value;

use super::node::Node;

/// The text of a node, from column 0.
pub(super) fn render(node: &Node) -> String {
    let mut out = Text(String::new());
    match node {
        Node::Object(members) if !members.is_empty() => out.members(members, 0),
        Node::List(items) if !items.is_empty() => out.items(items, 0),
        other => out.value(other, 0),
    }
    out.0
}

struct Text(String);

impl Text {
    /// The members of an object at a column; the first line is indented too.
    fn members(&mut self, members: &[(String, Node)], column: usize) {
        for (key, node) in members {
            self.indent(column);
            self.member(key, node, column);
        }
    }

    fn member(&mut self, key: &str, node: &Node, column: usize) {
        self.0.push_str(key);
        self.0.push_str(": ");
        self.value(node, column);
    }

    /// What follows `key: `, for a key at `column`; ends the line.
    fn value(&mut self, node: &Node, column: usize) {
        match node {
            Node::Scalar(Value::String(text)) if text.contains('\n') => {
                self.0.push('\n');
                for line in text.trim_matches('\n').lines() {
                    self.indent(column + 2);
                    self.line(line);
                }
            }
            Node::Scalar(value) => self.line(&scalar(value)),
            Node::Object(members) if members.is_empty() => self.line("-"),
            Node::List(items) if items.is_empty() => self.line("-"),
            Node::Object(members) => {
                self.0.push('\n');
                self.members(members, column + 2);
            }
            Node::List(items) => {
                self.0.push('\n');
                self.items(items, column + 2);
            }
            Node::Link {
                id,
                rest,
                content: None,
            } => {
                self.0.push_str(id.as_deref().unwrap_or_default());
                self.line(" (...)");
                self.members(rest, column + 2);
            }
            Node::Link {
                id,
                content: Some(content),
                ..
            } => self.followed(id, content, column + 2),
        }
    }

    fn items(&mut self, items: &[Node], column: usize) {
        for item in items {
            self.indent(column);
            self.0.push_str("* ");
            match item {
                Node::Object(members) => match members.split_first() {
                    None => self.line("-"),
                    // The first member shares the line of the asterisk.
                    Some(((key, node), others)) => {
                        self.member(key, node, column + 2);
                        self.members(others, column + 2);
                    }
                },
                Node::Link {
                    id,
                    rest,
                    content: None,
                } => {
                    self.0.push_str(id.as_deref().unwrap_or_default());
                    self.line(" (...)");
                    self.members(rest, column + 2);
                }
                Node::Link {
                    id,
                    content: Some(content),
                    ..
                } => {
                    self.followed(id, content, column + 2);
                }
                other => self.value(other, column),
            }
        }
    }

    /// A name and what its link led to, around `column`.
    fn followed(&mut self, id: &Option<String>, content: &Node, column: usize) {
        let Some(id) = id else {
            return match content {
                Node::Object(members) if !members.is_empty() => {
                    self.0.push('\n');
                    self.members(members, column + 2);
                }
                Node::List(items) if !items.is_empty() => {
                    self.0.push('\n');
                    self.items(items, column + 2);
                }
                other => self.value(other, column),
            };
        };
        self.line(id);
        match content {
            Node::Object(members) if !members.is_empty() => self.members(members, column + 2),
            Node::List(items) if !items.is_empty() => self.items(items, column + 2),
            other => {
                self.indent(column + 2);
                self.value(other, column + 2);
            }
        }
    }

    fn indent(&mut self, column: usize) {
        self.0.extend(std::iter::repeat_n(' ', column));
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }
}

/// Scalars are written as Python writes them.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
