//! A plan for people.

use std::collections::BTreeMap;

use impair::Impairment;
use scenario::Direction;

use super::Change;

/// A line for each change: `+` comes, `-` goes, `~` changes in place, `!` goes and comes anew.
pub fn render(changes: &[Change]) -> String {
    let lines = changes.iter().map(|change| {
        let (mark, words) = line(change);
        format!("{mark} {words}\n")
    });
    lines.collect()
}

fn line(change: &Change) -> (char, String) {
    match change {
        Change::RemoveNode { node } => ('-', format!("node {node}")),
        Change::RemoveLink { link } => ('-', format!("link {link}")),
        Change::Unplug { node, lan } => ('-', format!("{node} leaves LAN {lan}")),
        Change::RemoveLan { lan } => ('-', format!("LAN {lan}")),
        Change::RemakeNode { node, why } => ('!', format!("node {node}: {why}")),
        Change::AddNode { node, kind } => ('+', format!("node {node} ({kind})")),
        Change::AddLan { lan } => ('+', format!("LAN {lan}")),
        Change::SetMtu { net, mtu } => ('~', format!("{net}: MTU {mtu}")),
        Change::Impair { net, by } => ('~', format!("{net}: {by}")),
        Change::Plug { node, lan } => ('+', format!("{node} joins LAN {lan}")),
        Change::Replug { node, lan, why } => ('!', format!("{node} on LAN {lan}: {why}")),
        Change::RemakeLink { link, why } => ('!', format!("link {link}: {why}")),
        Change::AddLink { link, ends } => ('+', format!("link {link}: {} to {}", ends[0], ends[1])),
        Change::Readdress {
            node,
            net,
            remove,
            add,
        } => {
            let net = net.as_deref().unwrap_or("the loopback interface");
            let words = both(remove, add, ToString::to_string);
            ('~', format!("{node} on {net}: {words}"))
        }
        Change::Reroute { node, remove, add } => {
            let route = |route: &scenario::StaticRoute| format!("{} via {}", route.to, route.via);
            let words = both(remove, add, route);
            ('~', format!("{node}: {words}"))
        }
        Change::RestartNode { node, why } => ('~', format!("restart {node}: {why}")),
    }
}

fn both<T>(remove: &[T], add: &[T], word: impl Fn(&T) -> String) -> String {
    let signed = |sign: char, items: &[T]| -> Vec<String> {
        let words = items.iter().map(&word);
        words.map(|word| format!("{sign}{word}")).collect()
    };
    [signed('-', remove), signed('+', add)].concat().join(", ")
}

/// What is done to frames, in a line: `compute-a out: loss 1%; 12 nodes in: delay 1ms`.
pub fn treated<'a>(places: impl Iterator<Item = (&'a str, Direction, Impairment)>) -> String {
    const FEW: usize = 4;
    let mut alike: BTreeMap<(String, Direction), Vec<&str>> = BTreeMap::new();
    for (node, direction, by) in places.filter(|(_, _, by)| !by.is_nothing()) {
        alike
            .entry((by.to_string(), direction))
            .or_default()
            .push(node);
    }
    let parts = alike.into_iter().map(|((by, direction), nodes)| {
        let whose = match nodes.len() {
            0..=FEW => nodes.join(", "),
            many => format!("{many} nodes"),
        };
        format!("{whose} {direction}: {by}")
    });
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => Impairment::default().to_string(),
        false => parts.join("; "),
    }
}
