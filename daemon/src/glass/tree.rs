//! The mechanics of the looking glass: lazy nodes, links, paths.
//!
//! A page shows a node: inline nodes in full, others as links. A path goes down through links, named objects
//! and the keys of JSON objects alike.

use std::fmt::Write as _;

use bgp_rib::WorkerId;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::list::RouteList;

/// A node, made when it is looked at.
pub enum Node<'a> {
    /// JSON as it is.
    Value(Value),
    /// Members in order.
    Object(Vec<(&'static str, Member<'a>)>),
    /// A list of objects with names of their own.
    Named(Vec<Named<'a>>),
    /// Routes, which may be many.
    Routes(RouteList),
}

/// A page.
#[derive(Debug)]
pub enum Shown {
    /// All of it.
    Json(Value),
    /// Routes, to be made text of elsewhere.
    Routes(RouteList),
}

/// How an object shows a member.
pub enum Member<'a> {
    /// In place.
    Inline(Node<'a>),
    /// As a link.
    Link(Lazy<'a>),
}

/// An element of a list of named objects.
pub struct Named<'a> {
    /// Its name, unique in the list; any text.
    pub id: String,
    /// What the list says about it, in order.
    pub summary: Vec<(&'static str, Value)>,
    /// The object.
    pub node: Lazy<'a>,
}

/// Makes a node when somebody goes there.
pub type Lazy<'a> = Box<dyn FnOnce() -> Node<'a> + 'a>;

impl<'a> Member<'a> {
    /// JSON in place.
    pub fn value(value: impl Into<Value>) -> Self {
        Self::Inline(Node::Value(value.into()))
    }

    /// A link to a node.
    pub fn link(node: impl FnOnce() -> Node<'a> + 'a) -> Self {
        Self::Link(Box::new(node))
    }
}

/// There is nothing at a path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("No such looking glass object: {element} at {url}")]
pub struct NotFound {
    /// The element that led nowhere; in quotes if it was looked up among the keys of an object.
    pub element: String,
    /// The address of where it was looked up.
    pub url: String,
}

/// The addresses of nodes, as the client of a request sees them.
#[derive(Debug, Clone)]
pub struct Links {
    base: String,
}

impl Links {
    /// Links below `base`, the address of the root (`http://127.0.0.1:8082/looking-glass`).
    pub fn new(base: impl Into<String>) -> Self {
        Self { base: base.into() }
    }

    /// The address of a node.
    pub fn to(&self, path: &[&str]) -> String {
        path.iter()
            .fold(self.base.clone(), |url, element| below(&url, element))
    }

    /// The address of a worker.
    pub fn worker(&self, worker: WorkerId) -> String {
        self.to(&["bgp", "workers", &worker.to_string()])
    }

    /// A reference to a named object elsewhere in the tree.
    pub fn reference(&self, id: &str, path: &[&str]) -> Value {
        json!({"id": id, "href": self.to(path)})
    }
}

/// Shows what is at `path` under `root`. Elements are decoded; `.json` at the end of the last one is taken
/// off if nothing has it in its name.
///
/// # Errors
/// [`NotFound`] with the first element that leads nowhere.
pub fn show(root: Node<'_>, links: &Links, path: &[String]) -> Result<Shown, NotFound> {
    let mut node = root;
    let mut url = links.base.clone();
    for (index, element) in path.iter().enumerate() {
        let is_last = index + 1 == path.len();
        let element = if is_last && !node.has(element) {
            element.strip_suffix(".json").unwrap_or(element)
        } else {
            element
        };
        // Whatever comes after a scalar is ignored.
        if matches!(&node, Node::Value(value) if !value.is_object() && !value.is_array()) {
            break;
        }
        let is_object = !matches!(node, Node::Named(_));
        node = node.descend(element).ok_or_else(|| NotFound {
            element: if is_object {
                format!("'{element}'")
            } else {
                element.to_owned()
            },
            url: url.clone(),
        })?;
        url = below(&url, element);
    }
    Ok(match node {
        Node::Routes(routes) => Shown::Routes(routes),
        node => Shown::Json(node.page(&url)),
    })
}

impl<'a> Node<'a> {
    fn has(&self, element: &str) -> bool {
        match self {
            Self::Routes(routes) => routes.clone().descend(element).is_some(),
            Self::Value(value) => value.get(element).is_some(),
            Self::Object(members) => members.iter().any(|(key, _)| *key == element),
            Self::Named(items) => items.iter().any(|item| item.id == element),
        }
    }

    fn descend(self, element: &str) -> Option<Node<'a>> {
        match self {
            Self::Value(Value::Object(mut object)) => object.swap_remove(element).map(Node::Value),
            Self::Value(_) => None,
            Self::Object(members) => {
                let (_, member) = members.into_iter().find(|(key, _)| *key == element)?;
                Some(match member {
                    Member::Inline(node) => node,
                    Member::Link(node) => node(),
                })
            }
            Self::Named(items) => items
                .into_iter()
                .find(|item| item.id == element)
                .map(|item| (item.node)()),
            Self::Routes(routes) => routes.descend(element).map(Node::Routes),
        }
    }

    fn page(self, url: &str) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Object(members) => {
                let shown = members.into_iter().map(|(key, member)| {
                    let url = below(url, key);
                    let value = match member {
                        Member::Inline(node) => node.page(&url),
                        Member::Link(_) => json!({"href": url}),
                    };
                    (key.to_owned(), value)
                });
                Value::Object(shown.collect())
            }
            Self::Named(items) => items.into_iter().map(|item| item.summary(url)).collect(),
            // Only ever at the end of a path; here for whoever puts one in place.
            Self::Routes(routes) => serde_json::from_str(&routes.json()).unwrap_or_default(),
        }
    }
}

impl Named<'_> {
    fn summary(self, url: &str) -> Value {
        let href = below(url, &self.id);
        let mut object = Map::new();
        object.insert("id".into(), self.id.into());
        for (key, value) in self.summary {
            object.insert(key.into(), value);
        }
        object.insert("href".into(), href.into());
        Value::Object(object)
    }
}

/// The address of an element, whatever its name.
fn below(url: &str, element: &str) -> String {
    format!("{url}/{}", encode(element))
}

/// An element of a path, percent-encoded whole, slashes too, so that every name can be reached.
pub(crate) fn encode(element: &str) -> String {
    let mut out = String::new();
    for byte in element.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Node<'static> {
        let instance = |name: &'static str| Node::Object(vec![("name", Member::value(name))]);
        let instances = move || {
            Node::Named(
                ["a/b c", "x.json"]
                    .into_iter()
                    .map(|id| Named {
                        id: id.to_owned(),
                        summary: vec![("name", json!("EVI-1"))],
                        node: Box::new(move || instance(id)),
                    })
                    .collect(),
            )
        };
        Node::Object(vec![
            (
                "summary",
                Member::value(json!({"version": "1", "peers": {"up": 1}, "none": null})),
            ),
            ("instances", Member::link(instances)),
        ])
    }

    fn show(path: &[&str]) -> Result<Value, String> {
        let path: Vec<String> = path.iter().map(|element| (*element).to_owned()).collect();
        match super::show(tree(), &Links::new("http://h/lg"), &path) {
            Ok(Shown::Json(value)) => Ok(value),
            Ok(Shown::Routes(_)) => panic!("there are none in this tree"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn pages_link_to_what_they_do_not_show() {
        assert_eq!(
            show(&[]).unwrap().to_string(),
            r#"{"summary":{"version":"1","peers":{"up":1},"none":null},"instances":{"href":"http://h/lg/instances"}}"#
        );
        assert_eq!(
            show(&["instances"]).unwrap().to_string(),
            r#"[{"id":"a/b c","name":"EVI-1","href":"http://h/lg/instances/a%2Fb%20c"},{"id":"x.json","name":"EVI-1","href":"http://h/lg/instances/x.json"}]"#
        );
    }

    #[test]
    fn paths_go_down_to_scalars_and_no_further() {
        assert_eq!(
            show(&["instances", "a/b c"]).unwrap(),
            json!({"name": "a/b c"})
        );
        assert_eq!(show(&["summary", "peers", "up"]).unwrap(), json!(1));
        assert_eq!(show(&["summary", "version", "more"]).unwrap(), json!("1"));
        assert_eq!(show(&["summary", "none"]).unwrap(), Value::Null);
    }

    #[test]
    fn an_extension_is_ignored_unless_it_is_part_of_a_name() {
        assert_eq!(show(&["summary", "version.json"]).unwrap(), json!("1"));
        assert_eq!(
            show(&["instances", "x.json"]).unwrap(),
            json!({"name": "x.json"})
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        for (path, expected) in [
            (
                &["xx"][..],
                "No such looking glass object: 'xx' at http://h/lg",
            ),
            (
                &["summary", "xx"],
                "No such looking glass object: 'xx' at http://h/lg/summary",
            ),
            (
                &["instances", "x"],
                "No such looking glass object: x at http://h/lg/instances",
            ),
        ] {
            assert_eq!(show(path).unwrap_err(), expected);
        }
    }
}
