//! What is to be shown: JSON, with the links told apart and, when asked for, followed.

use std::{future::Future, pin::Pin};

use bagpipe_api::{Client, ClientError};
use serde_json::{Map, Value};

/// A piece of a looking glass.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A string, number, boolean or null.
    Scalar(Value),
    /// Members in order.
    Object(Vec<(String, Node)>),
    /// Elements in order.
    List(Vec<Node>),
    /// What is behind a link.
    Link {
        /// Its name, if it says one.
        id: Option<String>,
        /// What is said about it here.
        rest: Vec<(String, Node)>,
        /// What is there, when the link was followed.
        content: Option<Box<Node>>,
    },
}

/// Where JSON comes from.
pub(super) trait Fetch {
    /// What is at a path.
    fn fetch(&mut self, path: &str) -> impl Future<Output = Result<Value, ClientError>>;
}

impl Fetch for Client {
    async fn fetch(&mut self, path: &str) -> Result<Value, ClientError> {
        let body = self.get(path).await?;
        serde_json::from_slice(&body).map_err(|source| ClientError::Answer {
            body: String::from_utf8_lossy(&body).into_owned(),
            source,
        })
    }
}

/// A way to a looking glass.
pub(super) struct Glass<F> {
    pub(super) source: F,
    pub(super) authority: String,
}

type Expanding<'a> = Pin<Box<dyn Future<Output = Result<Node, ClientError>> + 'a>>;

impl<F: Fetch> Glass<F> {
    /// The address of a path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// What is at a path, or at the link that is there, and its address.
    pub(super) async fn top(&mut self, path: &str) -> Result<(Value, String), ClientError> {
        let value = self.source.fetch(path).await?;
        match value.get("href").and_then(Value::as_str).map(str::to_owned) {
            Some(href) => Ok((self.source.fetch(path_of(&href)).await?, href)),
            None => Ok((value, self.url(path))),
        }
    }

    /// Tells links from other objects, and follows those that lead below `base`, the address of what is
    /// being shown; `None` follows none. Leading below is what keeps this from running in circles.
    pub(super) fn expand<'a>(&'a mut self, value: Value, base: Option<&'a str>) -> Expanding<'a> {
        Box::pin(async move {
            match value {
                Value::Array(items) => {
                    let mut list = Vec::new();
                    for item in items {
                        list.push(self.expand(item, base).await?);
                    }
                    Ok(Node::List(list))
                }
                Value::Object(mut object) => match link(&mut object) {
                    None => Ok(Node::Object(self.members(object, base).await?)),
                    Some((id, href)) => {
                        let below = base.is_some_and(|base| {
                            href.strip_prefix(base)
                                .is_some_and(|rest| rest.starts_with('/'))
                        });
                        let content = if below {
                            let value = self.source.fetch(path_of(&href)).await?;
                            Some(Box::new(self.expand(value, Some(href.as_str())).await?))
                        } else {
                            None
                        };
                        let rest = self.members(object, base).await?;
                        Ok(Node::Link { id, rest, content })
                    }
                },
                scalar => Ok(Node::Scalar(scalar)),
            }
        })
    }

    async fn members(
        &mut self,
        object: Map<String, Value>,
        base: Option<&str>,
    ) -> Result<Vec<(String, Node)>, ClientError> {
        let mut members = Vec::new();
        for (key, value) in object {
            members.push((key, self.expand(value, base).await?));
        }
        Ok(members)
    }
}

/// Takes `id` and `href` out of an object that is a link: nothing but an href, or named by an id.
fn link(object: &mut Map<String, Value>) -> Option<(Option<String>, String)> {
    let href = object.get("href")?.as_str()?.to_owned();
    let id = object.get("id").map(|id| match id {
        Value::String(id) => id.clone(),
        other => other.to_string(),
    });
    if id.is_none() && object.len() > 1 {
        return None;
    }
    object.shift_remove("href");
    object.shift_remove("id");
    Some((id, href))
}

/// The path of an address.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}
