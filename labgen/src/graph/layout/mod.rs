//! Where everything goes. The unit is whatever the measures are in: characters or pixels.
//!
//! ```text
//!   ┌──┐   layer 0
//!   └┬─┘
//!  ══╧═╤══ channel 1: bars of LANs and the bends of links, each on a track of its own
//!    ┌─┴┐  layer 1
//! ```

mod channel;
mod place;
mod ports;

use super::Graph;
use super::layers::{Cell, Layers};
pub(super) use channel::bar_label;
use channel::{Strand, label, strands, tracks};
use place::positions;
use ports::{beside, ports};

/// Measures of a medium.
pub(super) struct Measures {
    /// Width and height of each node's box.
    pub(super) boxes: Vec<(i64, i64)>,
    /// Between neighbours in a layer.
    pub(super) gap: i64,
    /// Width of a line on its way through a layer.
    pub(super) pass: i64,
    /// Height of a track in a channel, for a LAN and for a link; 0: links are not bent.
    pub(super) bar: i64,
    pub(super) bend: i64,
    /// Above the first and below the last track of a channel.
    pub(super) margin: i64,
    /// How far a bar reaches beyond what hangs on it.
    pub(super) reach: i64,
    /// Width of a LAN's label.
    pub(super) label: fn(&str) -> i64,
    /// Distance from a box's top to the first and to each further line to the box beside it.
    pub(super) beside: (i64, i64),
}

/// A picture with coordinates.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) width: i64,
    pub(super) height: i64,
    /// By node: left, top, width, height.
    pub(super) boxes: Vec<(i64, i64, i64, i64)>,
    pub(super) bars: Vec<Bar>,
    pub(super) wires: Vec<Wire>,
}

/// A LAN.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) net: usize,
    pub(super) y: i64,
    pub(super) x: (i64, i64),
    /// Where its label begins.
    pub(super) label: i64,
}

/// A line: corner to corner.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) net: usize,
    pub(super) points: Vec<(i64, i64)>,
}

/// A link between boxes next to each other that goes straight across.
struct Beside {
    net: usize,
    /// How many there are before it.
    rank: i64,
    left: usize,
    right: usize,
}

pub(super) fn layout(graph: &Graph, layers: &Layers, measures: &Measures) -> Layout {
    let mut out = Layout {
        boxes: vec![(0, 0, 0, 0); graph.nodes.len()],
        ..Layout::default()
    };
    let x = positions(graph, layers, measures);
    let width_of = |cell: &Cell| width(cell, measures);
    let beside = beside(graph, layers, measures);
    let ports = ports(graph, layers, measures, &x, &beside);
    let edges = layers.rows.iter().zip(&x).flat_map(|(cells, lefts)| {
        let cells = cells.iter().zip(lefts);
        cells.map(|(cell, left)| left + width(cell, measures))
    });
    let middle = edges.max().unwrap_or(0) / 2;
    let mut y = 0;
    let rows = layers.rows.len();
    let mut tops = Vec::new();
    let mut channels: Vec<(i64, Vec<Strand>)> = Vec::new();
    for row in 0..=rows {
        let mut strands = strands(graph, layers, measures, row, &ports, &beside);
        let pins: Vec<(usize, Vec<i64>)> = strands.iter().map(|s| (s.net, s.pins())).collect();
        for strand in strands.iter_mut().filter(|strand| strand.lan) {
            let others = pins.iter().filter(|(net, _)| *net != strand.net);
            let others: Vec<i64> = others.flat_map(|(_, pins)| pins).copied().collect();
            label(strand, middle, measures.reach, &others);
        }
        let (heights, height) = tracks(&mut strands, measures, row > 0 && row < rows);
        for strand in &mut strands {
            strand.track = heights
                .get(strand.track)
                .map_or(0, |h| usize::try_from(*h).unwrap_or(0));
        }
        channels.push((y, strands));
        y += height;
        tops.push(y);
        if let Some(cells) = layers.rows.get(row) {
            y += cells
                .iter()
                .map(|cell| height_of(cell, measures))
                .max()
                .unwrap_or(0);
        }
    }
    out.height = y;
    for (row, cells) in layers.rows.iter().enumerate() {
        let tall = cells
            .iter()
            .map(|cell| height_of(cell, measures))
            .max()
            .unwrap_or(0);
        for (at, cell) in cells.iter().enumerate() {
            let left = x[row][at];
            match cell {
                Cell::Box(node) => {
                    let (w, h) = measures.boxes[*node];
                    out.boxes[*node] = (left, tops[row], w, h);
                }
                Cell::Pass(net, _) => {
                    let middle = left + width_of(cell) / 2;
                    let points = vec![(middle, tops[row] - 1), (middle, tops[row] + tall)];
                    out.wires.push(Wire { net: *net, points });
                }
            }
            out.width = out.width.max(left + width_of(cell));
        }
    }
    for (row, (top, strands)) in channels.iter().enumerate() {
        let above = |x: i64| match row.checked_sub(1) {
            None => *top,
            // Boxes of a layer are not all of the same height.
            Some(row) => bottom_at(&out, layers, measures, row, tops[row], x),
        };
        let ends: Vec<(Vec<i64>, i64)> = strands
            .iter()
            .map(|strand| (strand.tops.iter().map(|x| above(*x)).collect(), tops[row]))
            .collect();
        for (strand, (from, below)) in strands.iter().zip(ends) {
            draw(strand, *top, &from, below, &mut out);
        }
    }
    for Beside {
        net,
        rank,
        left,
        right,
    } in &beside
    {
        let (a, b) = (out.boxes[*left], out.boxes[*right]);
        let y = a.1 + measures.beside.0 + measures.beside.1 * rank;
        out.wires.push(Wire {
            net: *net,
            points: vec![(a.0 + a.2 - 1, y), (b.0, y)],
        });
    }
    let right = out.bars.iter().map(|bar| bar.x.1 + 1).max();
    out.width = out.width.max(right.unwrap_or(0));
    out
}

fn draw(strand: &Strand, top: i64, from: &[i64], below: i64, out: &mut Layout) {
    let y = top + i64::try_from(strand.track).unwrap_or(0);
    let net = strand.net;
    let mut wire = |points| out.wires.push(Wire { net, points });
    if strand.lan {
        for (x, from) in strand.tops.iter().zip(from) {
            wire(vec![(*x, *from), (*x, y)]);
        }
        for x in &strand.bottoms {
            wire(vec![(*x, y), (*x, below)]);
        }
        out.bars.push(Bar {
            net,
            y,
            x: strand.x,
            label: strand.label,
        });
        return;
    }
    match (&strand.tops[..], &strand.bottoms[..]) {
        ([a], [b]) if a == b => wire(vec![(*a, from[0]), (*b, below)]),
        ([a], [b]) => wire(vec![(*a, from[0]), (*a, y), (*b, y), (*b, below)]),
        ([a, b], []) => wire(vec![(*a, from[0]), (*a, y), (*b, y), (*b, from[1])]),
        _ => {}
    }
}

fn bottom_at(
    out: &Layout,
    layers: &Layers,
    measures: &Measures,
    row: usize,
    top: i64,
    x: i64,
) -> i64 {
    let tall = layers.rows[row]
        .iter()
        .map(|cell| height_of(cell, measures))
        .max();
    for cell in &layers.rows[row] {
        if let Cell::Box(node) = cell {
            let (left, top, w, h) = out.boxes[*node];
            if (left..left + w).contains(&x) {
                return top + h - 1;
            }
        }
    }
    top + tall.unwrap_or(0) - 1
}

fn width(cell: &Cell, measures: &Measures) -> i64 {
    match cell {
        Cell::Box(node) => measures.boxes[*node].0,
        Cell::Pass(..) => measures.pass,
    }
}

fn height_of(cell: &Cell, measures: &Measures) -> i64 {
    match cell {
        Cell::Box(node) => measures.boxes[*node].1,
        Cell::Pass(..) => 0,
    }
}
