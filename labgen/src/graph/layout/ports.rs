//! Where lines leave boxes.

use std::collections::BTreeMap;

use super::super::Graph;
use super::super::layers::{Cell, Layers};
use super::{Beside, Measures, width};

/// An end of a net at a cell: which net, which of its ends.
type Key = (usize, usize);

/// All of them.
pub(super) fn beside(graph: &Graph, layers: &Layers, measures: &Measures) -> Vec<Beside> {
    let mut found: Vec<Beside> = Vec::new();
    for cells in &layers.rows {
        for pair in cells.windows(2) {
            let [Cell::Box(left), Cell::Box(right)] = pair else {
                continue;
            };
            let room = measures.boxes[*left].1.min(measures.boxes[*right].1);
            let mut rank = 0;
            for (index, net) in graph.nets.iter().enumerate() {
                let ends: Vec<usize> = net.ends.iter().map(|end| end.node).collect();
                let joins = ends == [*left, *right] || ends == [*right, *left];
                let fits = measures.beside.0 + measures.beside.1 * rank < room - 1;
                if !net.lan && joins && fits {
                    found.push(Beside {
                        net: index,
                        rank,
                        left: *left,
                        right: *right,
                    });
                    rank += 1;
                }
            }
        }
    }
    found
}

/// Where strands leave each cell: by row, whether below, and net and end.
pub(super) type Ports = BTreeMap<(usize, bool, Key), i64>;

pub(super) fn ports(
    graph: &Graph,
    layers: &Layers,
    measures: &Measures,
    x: &[Vec<i64>],
    beside: &[Beside],
) -> Ports {
    let mut ports = Ports::new();
    let mut row_of = BTreeMap::new();
    let mut middle = BTreeMap::new();
    for (row, cells) in layers.rows.iter().enumerate() {
        for (cell, left) in cells.iter().zip(&x[row]) {
            row_of.insert(*cell, row);
            middle.insert(*cell, left + width(cell, measures) / 2);
        }
    }
    for (row, cells) in layers.rows.iter().enumerate() {
        for (cell, left) in cells.iter().zip(&x[row]) {
            let node = match cell {
                Cell::Pass(net, end) => {
                    ports.insert((row, false, (*net, *end)), middle[cell]);
                    ports.insert((row, true, (*net, *end)), middle[cell]);
                    continue;
                }
                Cell::Box(node) => *node,
            };
            for below in [false, true] {
                let mut leaving: Vec<(i64, Key)> = Vec::new();
                for (index, net) in graph.nets.iter().enumerate() {
                    if beside.iter().any(|link| link.net == index) {
                        continue;
                    }
                    for (number, end) in net.ends.iter().enumerate() {
                        if end.node != node
                            || goes_below(graph, layers, index, number, &row_of) != below
                        {
                            continue;
                        }
                        let others = net.ends.iter().filter(|other| other.node != node);
                        let others: Vec<i64> =
                            others.map(|other| middle[&Cell::Box(other.node)]).collect();
                        let toward = others.iter().sum::<i64>() / (others.len().max(1) as i64);
                        let passing = middle.get(&Cell::Pass(index, number));
                        leaving.push((*passing.unwrap_or(&toward), (index, number)));
                    }
                }
                leaving.sort_unstable();
                let w = measures.boxes[node].0;
                let count = leaving.len() as i64;
                for (at, (_, key)) in leaving.iter().enumerate() {
                    let at = left + w * (2 * at as i64 + 1) / (2 * count.max(1));
                    ports.insert((row, below, *key), at);
                }
            }
        }
    }
    straighten(graph, layers, measures, x, &mut ports);
    ports
}

fn goes_below(
    graph: &Graph,
    layers: &Layers,
    net: usize,
    end: usize,
    row_of: &BTreeMap<Cell, usize>,
) -> bool {
    let row = |end: usize| row_of[&Cell::Box(graph.nets[net].ends[end].node)];
    match layers.bars[net] {
        Some(bar) => bar > row(end),
        // Those of one layer meet below it.
        None => row(end) <= row(1 - end.min(1)),
    }
}

/// Moves the only port of a box's side over the port it leads to, where the box reaches that far.
fn straighten(
    graph: &Graph,
    layers: &Layers,
    measures: &Measures,
    x: &[Vec<i64>],
    ports: &mut Ports,
) {
    for (row, cells) in layers.rows.iter().enumerate() {
        for (cell, left) in cells.iter().zip(&x[row]) {
            let Cell::Box(node) = cell else { continue };
            for below in [true, false] {
                let mut here = ports.keys().filter(|(r, b, (net, end))| {
                    *r == row && *b == below && graph.nets[*net].ends[*end].node == *node
                });
                let (Some(only), None) = (here.next().copied(), here.next()) else {
                    continue;
                };
                let (net, end) = only.2;
                if graph.nets[net].lan {
                    continue;
                }
                let next = if below { row + 1 } else { row.wrapping_sub(1) };
                let there = [(net, end), (net, 0), (net, 1 - end.min(1))];
                let there = there
                    .iter()
                    .find_map(|key| ports.get(&(next, !below, *key)).copied());
                if let Some(there) = there
                    && (left + 1..left + measures.boxes[*node].0 - 1).contains(&there)
                {
                    ports.insert(only, there);
                }
            }
        }
    }
}
