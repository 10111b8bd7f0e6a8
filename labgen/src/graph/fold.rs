//! Many equal nodes as one box: `compute-1..500`.

use std::collections::BTreeMap;

use super::{End, Graph, Net, Node};
use crate::ui::ranges::numbered;

/// Folds every group of more than `limit` nodes; 0 folds none.
pub(super) fn fold(graph: &Graph, limit: usize) -> Graph {
    if limit == 0 {
        return graph.clone();
    }
    let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Some((base, _)) = numbered(&node.name) {
            groups.entry((base, node.kind)).or_default().push(index);
        }
    }
    groups.retain(|_, members| members.len() > limit.max(1));
    // Where each node is to be found afterwards.
    let mut place = vec![usize::MAX; graph.nodes.len()];
    let mut nodes: Vec<Node> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if place[index] != usize::MAX {
            continue;
        }
        let members = groups.values().find(|members| members.contains(&index));
        let Some(members) = members else {
            place[index] = nodes.len();
            nodes.push(node.clone());
            continue;
        };
        for member in members {
            place[*member] = nodes.len();
        }
        nodes.push(merged(graph, members));
    }
    let nets = nets(graph, &mut nodes, &place);
    Graph {
        nodes,
        nets,
        ..graph.clone()
    }
}

fn merged(graph: &Graph, members: &[usize]) -> Node {
    let of = |index: usize| &graph.nodes[index];
    let all = members.iter().map(|index| of(*index));
    let mut numbers: Vec<(u64, &str)> = all
        .clone()
        .filter_map(|node| numbered(&node.name).map(|(base, number)| (number, base)))
        .collect();
    numbers.sort_unstable();
    let name = match (numbers.first(), numbers.last()) {
        (Some((first, base)), Some((last, _))) => format!("{base}-{first}..{last}"),
        _ => String::new(),
    };
    let first = of(members[0]);
    let same_as = all.clone().all(|node| node.asn == first.asn);
    Node {
        name,
        count: members.len(),
        asn: first.asn.filter(|_| same_as),
        loopbacks: span(all.clone().map(|node| node.loopbacks.as_slice())),
        aboard: if all.clone().all(|node| node.aboard == first.aboard) {
            first.aboard.clone()
        } else {
            Vec::new()
        },
        ..first.clone()
    }
}

/// From the first to the last of addresses that come one after the other.
fn span<'a>(lists: impl Iterator<Item = &'a [String]> + Clone) -> Vec<String> {
    let length = lists.clone().map(<[String]>::len).min().unwrap_or(0);
    (0..length)
        .filter_map(|at| {
            let first = lists.clone().next()?.get(at)?;
            let last = lists.clone().last()?.get(at)?;
            Some(if first == last {
                first.clone()
            } else {
                format!("{first}..{}", shortened(first, last))
            })
        })
        .collect()
}

/// What of the last address is not in the first: `10.0.0.2` and `10.0.0.9` give `9`.
fn shortened<'a>(first: &str, last: &'a str) -> &'a str {
    let common = last
        .char_indices()
        .filter(|(at, c)| matches!(c, '.' | ':') && first.get(..*at) == last.get(..*at))
        .map(|(at, _)| at + 1)
        .next_back();
    &last[common.unwrap_or(0)..]
}

fn nets(graph: &Graph, nodes: &mut [Node], place: &[usize]) -> Vec<Net> {
    let mut nets: Vec<Net> = Vec::new();
    let mut inside: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for net in &graph.nets {
        if net.lan {
            nets.push(lan(net, place, nodes));
            continue;
        }
        let ends: Vec<usize> = net.ends.iter().map(|end| place[end.node]).collect();
        let folded = ends.iter().any(|end| nodes[*end].count > 1);
        if !folded {
            let mut net = net.clone();
            for (end, node) in net.ends.iter_mut().zip(ends) {
                end.node = node;
            }
            nets.push(net);
            continue;
        }
        let base = numbered(&net.name).map_or(net.name.as_str(), |(base, _)| base);
        if let [a, b] = ends[..]
            && a == b
        {
            *inside.entry((a, base.to_owned())).or_default() += 1;
            continue;
        }
        let same = |other: &&mut Net| {
            !other.lan && other.name == base && other.ends.iter().map(|e| e.node).eq(ends.clone())
        };
        match nets.iter_mut().find(same) {
            Some(there) => {
                there.count += 1;
                for end in &mut there.ends {
                    end.addresses.clear();
                }
            }
            None => nets.push(Net {
                name: base.to_owned(),
                lan: false,
                subnets: Vec::new(),
                ends: ends
                    .into_iter()
                    .zip(&net.ends)
                    .map(|(node, end)| End {
                        node,
                        addresses: if nodes[node].count > 1 {
                            Vec::new()
                        } else {
                            end.addresses.clone()
                        },
                    })
                    .collect(),
                count: 1,
            }),
        }
    }
    for ((node, base), count) in inside {
        nodes[node]
            .aboard
            .push(format!("{base}: {}", crate::ui::count(count, "link")));
    }
    nets
}

fn lan(net: &Net, place: &[usize], nodes: &[Node]) -> Net {
    let mut by_node: Vec<(usize, Vec<&[String]>)> = Vec::new();
    for end in &net.ends {
        let node = place[end.node];
        match by_node.iter_mut().find(|(there, _)| *there == node) {
            Some((_, addresses)) if nodes[node].count > 1 => addresses.push(&end.addresses),
            _ => by_node.push((node, vec![&end.addresses])),
        }
    }
    let ends = by_node.into_iter().map(|(node, addresses)| End {
        node,
        addresses: span(addresses.into_iter()),
    });
    Net {
        ends: ends.collect(),
        ..net.clone()
    }
}
