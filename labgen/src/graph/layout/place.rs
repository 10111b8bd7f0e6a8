//! From left to right: boxes near those that they are joined to.

use std::collections::BTreeMap;

use super::super::Graph;
use super::super::layers::{Cell, Layers};
use super::{Measures, width};

/// The left edge of every cell: near its neighbours, in order, none over another.
pub(super) fn positions(graph: &Graph, layers: &Layers, measures: &Measures) -> Vec<Vec<i64>> {
    let mut at: BTreeMap<Cell, f64> = BTreeMap::new();
    for cells in &layers.rows {
        let whole: i64 = cells
            .iter()
            .map(|cell| width(cell, measures) + measures.gap)
            .sum();
        let mut left = -(whole as f64) / 2.0;
        for cell in cells {
            let w = (width(cell, measures) + measures.gap) as f64;
            at.insert(*cell, left + w / 2.0);
            left += w;
        }
    }
    let joined = joined(graph, layers);
    let rows = layers.rows.len();
    for sweep in 0..12 {
        for step in 0..rows {
            let row = if sweep % 2 == 0 {
                step
            } else {
                rows - 1 - step
            };
            let cells = &layers.rows[row];
            let mut offset = 0.0;
            let mut wanted = Vec::new();
            for (index, cell) in cells.iter().enumerate() {
                let w = (width(cell, measures) + measures.gap) as f64;
                if index > 0 {
                    offset += w / 2.0;
                }
                let around = joined.get(cell).map_or(&[][..], Vec::as_slice);
                let around: Vec<f64> = around.iter().filter_map(|c| at.get(c)).copied().collect();
                let mean = if around.is_empty() {
                    at[cell]
                } else {
                    around.iter().sum::<f64>() / around.len() as f64
                };
                wanted.push((mean - offset, offset));
                offset += w / 2.0;
            }
            let placed = in_order(&wanted.iter().map(|(want, _)| *want).collect::<Vec<_>>());
            for ((cell, place), (_, offset)) in cells.iter().zip(placed).zip(&wanted) {
                at.insert(*cell, place + offset);
            }
        }
    }
    let left = |cell: &Cell| at[cell].round() as i64 - width(cell, measures) / 2;
    let least = layers.rows.iter().flatten().map(left).min().unwrap_or(0);
    let shifted = |cells: &Vec<Cell>| cells.iter().map(|cell| left(cell) - least).collect();
    let mut lefts: Vec<Vec<i64>> = layers.rows.iter().map(shifted).collect();
    // Rounding must not eat a gap.
    for (cells, lefts) in layers.rows.iter().zip(&mut lefts) {
        for at in 1..cells.len() {
            let least = lefts[at - 1] + width(&cells[at - 1], measures) + measures.gap;
            lefts[at] = lefts[at].max(least);
        }
    }
    lefts
}

/// Which cells pull at which.
fn joined(graph: &Graph, layers: &Layers) -> BTreeMap<Cell, Vec<Cell>> {
    let mut joined: BTreeMap<Cell, Vec<Cell>> = BTreeMap::new();
    let mut join = |a: Cell, b: Cell| {
        joined.entry(a).or_default().push(b);
        joined.entry(b).or_default().push(a);
    };
    let passes: Vec<(usize, usize)> = layers
        .rows
        .iter()
        .flatten()
        .filter_map(|cell| match cell {
            Cell::Pass(net, end) => Some((*net, *end)),
            Cell::Box(_) => None,
        })
        .collect();
    for (index, net) in graph.nets.iter().enumerate() {
        for (number, end) in net.ends.iter().enumerate() {
            if passes.contains(&(index, number)) {
                join(Cell::Box(end.node), Cell::Pass(index, number));
                if !net.lan
                    && let Some(other) = net.ends.get(1)
                {
                    join(Cell::Box(other.node), Cell::Pass(index, number));
                }
            }
            for other in &net.ends[number + 1..] {
                if end.node != other.node {
                    join(Cell::Box(end.node), Cell::Box(other.node));
                }
            }
        }
    }
    joined
}

/// The nearest values to those wanted that never go down: neighbours that would collide share their mean.
fn in_order(wanted: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for want in wanted {
        blocks.push((*want, 1));
        while let [.., (a, n), (b, m)] = blocks[..]
            && a > b
        {
            blocks.truncate(blocks.len() - 2);
            blocks.push(((a * n as f64 + b * m as f64) / (n + m) as f64, n + m));
        }
    }
    let spread = blocks.into_iter();
    spread
        .flat_map(|(mean, n)| std::iter::repeat_n(mean, n))
        .collect()
}
