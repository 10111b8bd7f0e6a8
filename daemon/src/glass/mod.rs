//! The looking glass: what the core knows, as a read-only tree of JSON.

mod bgp;
mod figures;
mod filter;
mod list;
mod root;
mod route;
mod tree;
mod vpns;

use serde_json::Value;

pub(crate) use self::tree::encode;
use self::tree::{Links, Member, Named, Node};
pub use self::{
    figures::figures,
    filter::Filter,
    list::RouteList,
    tree::{NotFound, Shown},
};
use crate::core::Core;

/// The page at a path below the root, whose address is `base`.
///
/// # Errors
/// [`NotFound`]: there is nothing there.
pub fn show(core: &Core, base: &str, path: &[String]) -> Result<Shown, NotFound> {
    let glass = Glass {
        core,
        links: Links::new(base),
    };
    tree::show(glass.root(), &glass.links, path)
}

/// What pages are made from.
struct Glass<'a> {
    core: &'a Core,
    links: Links,
}

/// JSON that came in as text; text that is none stays text.
fn json_text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|_| text.into())
    })
}
