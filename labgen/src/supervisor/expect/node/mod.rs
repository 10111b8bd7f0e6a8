//! Facts about a node, whatever its kind: its kernel, its programs, its files.

mod file;
mod interface;
mod kernel;
mod log;
mod mpls;
mod openflow;
mod program;
mod route;
mod rule;
mod table;
mod usage;

pub(super) use file::Content;
pub(super) use interface::Interfaces;
pub(super) use log::Lines;
pub(super) use mpls::Labels;
pub(super) use openflow::Flows;
pub(super) use program::Programs;
pub(super) use route::Routes;
pub(super) use rule::Rules;
pub(super) use table::{Fdb, Neighbours, neighbour_state};
pub(super) use usage::{Cpu, Memory};

use scenario::Amount;

use super::Look;
use crate::supervisor::step::Unmet;

/// At most this many are shown when an expectation is not met.
const SHOWN: usize = 12;

/// One thing of several that were looked at.
struct Item {
    /// It, in a line.
    text: String,
    /// In what it differs from what was expected; `None` when it does not.
    difference: Option<String>,
    /// How much of it is as expected.
    agreed: usize,
}

impl Item {
    /// Compares it field by field: what each is called, whether it is as expected, and what it is.
    fn compared(text: String, fields: &[(&str, bool, String)]) -> Self {
        let wrong = fields.iter().find(|(_, same, _)| !same);
        Self {
            text,
            difference: wrong.map(|(name, _, seen)| format!("`{name}` is {seen}")),
            agreed: fields.iter().filter(|(_, same, _)| *same).count(),
        }
    }
}

/// What is to be said of so many things of a kind.
fn judged(title: &str, amount: Amount, kind: &str, mut items: Vec<Item>) -> Look {
    let found = items.iter().filter(|item| item.difference.is_none());
    let (count, first) = (
        found.clone().count(),
        found.map(|item| item.text.clone()).next(),
    );
    if amount.holds(count as u64) {
        return Look::Met(first.unwrap_or_default());
    }
    let seen = match (count, items.len(), first) {
        (0, 0, _) => format!("there is no {kind} at all"),
        (0, 1, _) => format!("the only {kind} there is, is not like that"),
        (0, all, _) => format!("none of {} is like that", several(all, kind)),
        (1, _, Some(one)) => format!("there is {one}"),
        (n, _, _) => format!("{} like that", several(n, kind)),
    };
    // The one that comes nearest says most.
    items.sort_by_key(|item| std::cmp::Reverse((item.difference.is_none(), item.agreed)));
    let mut details = Vec::new();
    for item in items.into_iter().take(SHOWN) {
        details.push(item.text);
        details.extend(item.difference.map(|difference| format!("  {difference}")));
    }
    Look::Unmet(Unmet {
        expected: title.to_owned(),
        seen,
        details,
    })
}

/// `2 routes`, `2 entries`.
fn several(n: usize, kind: &str) -> String {
    match kind.strip_suffix('y').filter(|stem| stem.ends_with('r')) {
        Some(stem) if n > 1 => format!("{n} {stem}ies"),
        _ => crate::ui::count(n, kind),
    }
}

/// `field` is as expected where nothing is.
fn same<T: PartialEq>(expected: Option<&T>, seen: Option<&T>) -> bool {
    expected.is_none_or(|expected| seen == Some(expected))
}

/// A value, or that there is none.
fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}
