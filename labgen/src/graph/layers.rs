//! Who is above whom: nodes in layers, in an order that crosses few lines.

use std::collections::BTreeMap;

use super::{Graph, Net, Node};

/// Nodes by layer from the top, and the channel each LAN's bar lies in: channel `c` is above layer `c`.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) rows: Vec<Vec<Cell>>,
    /// By net; `None` for links.
    pub(super) bars: Vec<Option<usize>>,
}

/// What takes up a place in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    /// A node's box.
    Box(usize),
    /// A line on its way through: of which net, to which of its ends.
    Pass(usize, usize),
}

/// A chain longer than this goes down the page instead of across it.
const ACROSS: usize = 5;

/// How two nodes at the ends of a link lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    FirstAbove,
    SecondAbove,
    Beside,
}

pub(super) fn layers(graph: &Graph) -> Layers {
    let level = levels(graph);
    let height = level.iter().max().map_or(0, |top| top + 1);
    let mut rows: Vec<Vec<Cell>> = vec![Vec::new(); height];
    for (node, level) in level.iter().enumerate() {
        rows[*level].push(Cell::Box(node));
    }
    let mut bars = Vec::new();
    for (index, net) in graph.nets.iter().enumerate() {
        let bar = net.lan.then(|| bar(graph, net, &level));
        for (end, at) in net.ends.iter().enumerate() {
            let from = level[at.node];
            // A link's ends meet at the lower one.
            let (low, high) = match bar {
                Some(bar) if bar > from => (from + 1, bar),
                Some(bar) => (bar, from),
                None if end == 0 => {
                    let to = net.ends.iter().map(|end| level[end.node]);
                    let to: Vec<usize> = to.collect();
                    let (top, bottom) = (to.iter().min(), to.iter().max());
                    (
                        top.map_or(0, |top| top + 1),
                        bottom.copied().unwrap_or_default(),
                    )
                }
                None => continue,
            };
            for row in rows.iter_mut().take(high).skip(low) {
                row.push(Cell::Pass(index, end));
            }
        }
        bars.push(bar);
    }
    let mut layers = Layers { rows, bars };
    order(graph, &level, &mut layers);
    layers
}

/// The bar hangs above the topmost of those below it.
fn bar(graph: &Graph, net: &Net, level: &[usize]) -> usize {
    let (_, below) = sides(graph, net);
    below.iter().map(|node| level[*node]).min().unwrap_or(0)
}

/// Who is above a LAN's bar, and who is below.
fn sides(graph: &Graph, net: &Net) -> (Vec<usize>, Vec<usize>) {
    let role = |node: &usize| graph.nodes[*node].role;
    let mut members: Vec<usize> = net.ends.iter().map(|end| end.node).collect();
    members.dedup();
    let top = members.iter().map(role).min();
    let (above, below): (Vec<usize>, Vec<usize>) = members
        .iter()
        .partition(|node| top == Some(graph.nodes[**node].role));
    if below.is_empty() {
        (below, above)
    } else {
        (above, below)
    }
}

fn base(node: &Node) -> &str {
    let base = node.name.rsplit_once('-');
    base.filter(|(_, n)| n.starts_with(|c: char| c.is_ascii_digit()))
        .map_or(&node.name, |(base, _)| base)
}

fn levels(graph: &Graph) -> Vec<usize> {
    let mut class: Vec<usize> = (0..graph.nodes.len()).collect();
    let mut above: Vec<(usize, usize)> = Vec::new();
    let long = long_chains(graph);
    for net in &graph.nets {
        if net.lan {
            let (tops, bottoms) = sides(graph, net);
            let pairs = tops
                .iter()
                .flat_map(|top| bottoms.iter().map(move |bottom| (*top, *bottom)));
            above.extend(pairs);
            continue;
        }
        let [a, b] = &net.ends[..] else { continue };
        match lie(graph, &long, a.node, b.node) {
            Lie::FirstAbove => above.push((a.node, b.node)),
            Lie::SecondAbove => above.push((b.node, a.node)),
            Lie::Beside => {
                let (from, to) = (class[a.node], class[b.node]);
                for class in &mut class {
                    if *class == from {
                        *class = to;
                    }
                }
            }
        }
    }
    let mut level = vec![0; graph.nodes.len()];
    // As deep as the longest way down to it. Circles end because no way is longer than there are nodes.
    for _ in 0..graph.nodes.len() {
        let mut changed = false;
        for (top, bottom) in &above {
            let (top, bottom) = (class[*top], class[*bottom]);
            if top != bottom && level[bottom] <= level[top] && level[top] + 1 < graph.nodes.len() {
                level[bottom] = level[top] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut used: Vec<usize> = class.iter().map(|class| level[*class]).collect();
    let levels = used.clone();
    used.sort_unstable();
    used.dedup();
    let compact = |level: &usize| used.binary_search(level).unwrap_or(0);
    levels.iter().map(compact).collect()
}

fn lie(graph: &Graph, long: &[&str], a: usize, b: usize) -> Lie {
    let (first, second) = (&graph.nodes[a], &graph.nodes[b]);
    let above = |yes| {
        if yes {
            Lie::FirstAbove
        } else {
            Lie::SecondAbove
        }
    };
    if first.role != second.role {
        return above(first.role < second.role);
    }
    if base(first) == base(second) {
        return if long.contains(&base(first)) && a.abs_diff(b) == 1 {
            above(a < b)
        } else {
            Lie::Beside
        };
    }
    let size = |node: &Node| -> usize {
        let group = graph.nodes.iter().filter(|other| base(other) == base(node));
        group.map(|node| node.count).sum()
    };
    let degree = |node| graph.nets_of(node).count();
    match (size(first), size(second)) {
        (1, 1) => match (degree(a), degree(b)) {
            (hub, 1) if hub > 2 => Lie::FirstAbove,
            (1, hub) if hub > 2 => Lie::SecondAbove,
            _ => Lie::Beside,
        },
        // One with links to several of a group is over them, one with a single link hangs below.
        (1, _) => above(degree(a) > 1),
        (_, 1) => above(degree(b) <= 1),
        (here, there) if here == there => above(a < b),
        (here, there) => above(here < there),
    }
}

/// Groups whose members are linked one to the next, and too many to lie side by side.
fn long_chains(graph: &Graph) -> Vec<&str> {
    let mut sizes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for node in &graph.nodes {
        sizes.entry(base(node)).or_default().0 += 1;
    }
    for net in graph.nets.iter().filter(|net| !net.lan) {
        if let [a, b] = &net.ends[..]
            && base(&graph.nodes[a.node]) == base(&graph.nodes[b.node])
        {
            sizes.entry(base(&graph.nodes[a.node])).or_default().1 += 1;
        }
    }
    let long = sizes
        .into_iter()
        .filter(|(_, (nodes, links))| *nodes > ACROSS && (*links == *nodes - 1 || links == nodes));
    long.map(|(base, _)| base).collect()
}

/// Each layer ordered by where its neighbours above and below are, back and forth until it settles.
fn order(graph: &Graph, level: &[usize], layers: &mut Layers) {
    // Neighbours side by side stay in the order of the file: a chain reads from left to right.
    let beside = |row: usize| {
        graph.nets.iter().any(|net| {
            let mut ends = net.ends.iter();
            !net.lan && ends.all(|end| level[end.node] == row)
        })
    };
    let rows = layers.rows.len();
    for sweep in 0..8 {
        for step in 0..rows {
            let row = if sweep % 2 == 0 {
                step
            } else {
                rows - 1 - step
            };
            let other = if sweep % 2 == 0 {
                row.checked_sub(1)
            } else {
                Some(row + 1).filter(|row| *row < rows)
            };
            let (Some(other), false) = (other, beside(row)) else {
                continue;
            };
            let places: BTreeMap<Cell, f64> = layers.rows[other]
                .iter()
                .enumerate()
                .map(|(at, cell)| {
                    (
                        *cell,
                        at as f64 + 0.5 - layers.rows[other].len() as f64 / 2.0,
                    )
                })
                .collect();
            let width = layers.rows[row].len() as f64;
            let mut keyed: Vec<(f64, Cell)> = layers.rows[row]
                .iter()
                .enumerate()
                .map(|(at, cell)| {
                    let around = neighbours(graph, *cell, &places);
                    let here = at as f64 + 0.5 - width / 2.0;
                    (mean(&around).unwrap_or(here), *cell)
                })
                .collect();
            keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            layers.rows[row] = keyed.into_iter().map(|(_, cell)| cell).collect();
        }
    }
}

/// Where those are in the neighbouring layer that a cell is joined to by a link or a passing line. Members of a LAN
/// are joined to all others, which says nothing about their order.
fn neighbours(graph: &Graph, cell: Cell, places: &BTreeMap<Cell, f64>) -> Vec<f64> {
    let at = |cell: Cell| places.get(&cell).copied();
    match cell {
        Cell::Pass(net, end) => {
            let through = at(Cell::Pass(net, end));
            let ends = graph.nets[net].ends.iter();
            let ends = ends.filter_map(|end| at(Cell::Box(end.node)));
            through.into_iter().chain(ends).collect()
        }
        Cell::Box(node) => graph
            .nets
            .iter()
            .enumerate()
            .filter(|(_, net)| net.ends.iter().any(|end| end.node == node))
            .flat_map(|(index, net)| {
                let others = net.ends.iter().filter(|end| !net.lan && end.node != node);
                let boxes = others.filter_map(|end| at(Cell::Box(end.node)));
                let passing = (0..net.ends.len()).filter(|end| {
                    !net.lan || net.ends.get(*end).is_some_and(|end| end.node == node)
                });
                let passing = passing.filter_map(move |end| at(Cell::Pass(index, end)));
                boxes.chain(passing).collect::<Vec<f64>>()
            })
            .collect(),
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
