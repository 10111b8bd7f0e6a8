//! Where everything goes. The unit is whatever the measures are in: characters or pixels.
//!
//! ```text
//!   ┌──┐   layer 0
//!   └┬─┘
//!  ══╧═╤══ channel 1: bars of LANs and the bends of links, each on a track of its own
//!    ┌─┴┐  layer 1
//! ```

use std::collections::BTreeMap;

use super::Graph;
use super::layers::{Cell, Layers};

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

/// A net's part in a channel.
#[derive(Debug)]
struct Strand {
    net: usize,
    lan: bool,
    /// Where it comes from above and from below.
    tops: Vec<i64>,
    bottoms: Vec<i64>,
    x: (i64, i64),
    /// A LAN's: how wide it is, then where it begins.
    label: i64,
    track: usize,
}

impl Strand {
    fn straight(&self) -> bool {
        !self.lan && matches!((&self.tops[..], &self.bottoms[..]), ([a], [b]) if a == b)
    }
}

/// An end of a strand at a cell: which net, which of its ends.
type Key = (usize, usize);

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
        for strand in strands.iter_mut().filter(|strand| strand.lan) {
            label(strand, middle, measures.reach);
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
    for (net, rank, left, right) in &beside {
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

/// The left edge of every cell: near its neighbours, in order, none over another.
fn positions(graph: &Graph, layers: &Layers, measures: &Measures) -> Vec<Vec<i64>> {
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

/// Links between boxes next to each other that go straight across: net, how many before it, left, right.
fn beside(graph: &Graph, layers: &Layers, measures: &Measures) -> Vec<(usize, i64, usize, usize)> {
    let mut found: Vec<(usize, i64, usize, usize)> = Vec::new();
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
                    found.push((index, rank, *left, *right));
                    rank += 1;
                }
            }
        }
    }
    found
}

/// Where strands leave each cell: by row, whether below, and net and end.
type Ports = BTreeMap<(usize, bool, Key), i64>;

fn ports(
    graph: &Graph,
    layers: &Layers,
    measures: &Measures,
    x: &[Vec<i64>],
    beside: &[(usize, i64, usize, usize)],
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
                    if beside.iter().any(|(net, ..)| *net == index) {
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

/// What runs through the channel above `row`.
fn strands(
    graph: &Graph,
    layers: &Layers,
    measures: &Measures,
    row: usize,
    ports: &Ports,
    beside: &[(usize, i64, usize, usize)],
) -> Vec<Strand> {
    let mut strands = Vec::new();
    for (index, net) in graph.nets.iter().enumerate() {
        if beside.iter().any(|(net, ..)| *net == index) {
            continue;
        }
        let side = |row: Option<usize>, below: bool| -> Vec<(usize, i64)> {
            let Some(row) = row else { return Vec::new() };
            let at = |end| ports.get(&(row, below, (index, end))).map(|x| (end, *x));
            (0..net.ends.len()).filter_map(at).collect()
        };
        let (tops, bottoms) = (side(row.checked_sub(1), true), side(Some(row), false));
        let lan = layers.bars[index] == Some(row);
        if net.lan && !lan {
            // On its way: each end by itself.
            for (end, top) in &tops {
                if let Some((_, bottom)) = bottoms.iter().find(|(other, _)| other == end) {
                    strands.push(strand(index, false, vec![*top], vec![*bottom], 0));
                }
            }
            continue;
        }
        if tops.is_empty() && bottoms.is_empty() {
            continue;
        }
        let x = |ends: Vec<(usize, i64)>| ends.into_iter().map(|(_, x)| x).collect();
        let label = if lan {
            (measures.label)(&bar_label(net))
        } else {
            0
        };
        strands.push(strand(index, lan, x(tops), x(bottoms), label));
    }
    strands
}

/// A LAN's name and subnets.
pub(super) fn bar_label(net: &super::Net) -> String {
    let mut label = net.name.clone();
    for subnet in &net.subnets {
        label += &format!(" {subnet}");
    }
    label
}

fn strand(net: usize, lan: bool, tops: Vec<i64>, bottoms: Vec<i64>, label: i64) -> Strand {
    let mut pins: Vec<i64> = tops.iter().chain(&bottoms).copied().collect();
    pins.sort_unstable();
    let (first, last) = (pins.first().copied(), pins.last().copied());
    Strand {
        net,
        lan,
        tops,
        bottoms,
        x: (first.unwrap_or(0), last.unwrap_or(0)),
        label,
        track: 0,
    }
}

/// Lengthens a bar to hold its label, whose width becomes the place where it begins: in the widest space between
/// two lines, else past the last of them, toward the middle of the picture.
fn label(strand: &mut Strand, middle: i64, reach: i64) {
    let width = strand.label;
    let mut pins: Vec<i64> = strand.tops.iter().chain(&strand.bottoms).copied().collect();
    pins.sort_unstable();
    let (first, last) = strand.x;
    strand.x = (first - reach, last + reach);
    let gaps = pins.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
    let widest = gaps.max_by_key(|(gap, at)| (*gap, -at));
    strand.label = match widest {
        Some((gap, from)) if gap > width + 3 => from + (gap - width) / 2 + 1,
        _ if first > middle => {
            strand.x.0 -= width + 3;
            strand.x.0 + reach
        }
        _ => {
            strand.x.1 += width + 3;
            last + 4
        }
    };
}

/// Gives each strand a track, so that none lies over another; the y of each track, and the height of the channel.
fn tracks(strands: &mut [Strand], measures: &Measures, inner: bool) -> (Vec<i64>, i64) {
    let bent = |s: &Strand| s.lan || (measures.bend > 0 && !s.straight());
    let mut waiting: Vec<usize> = (0..strands.len())
        .filter(|at| bent(&strands[*at]))
        .collect();
    waiting.sort_by_key(|at| (strands[*at].x.0, strands[*at].net));
    let mut heights = Vec::new();
    let mut y = if strands.is_empty() {
        0
    } else {
        measures.margin
    };
    while !waiting.is_empty() {
        // A strand that comes from above must turn before one that goes down in the same place.
        let blocked = |at: usize| {
            waiting.iter().any(|other| {
                *other != at
                    && strands[*other]
                        .tops
                        .iter()
                        .any(|x| strands[at].bottoms.contains(x))
            })
        };
        let mut chosen: Vec<usize> = Vec::new();
        for at in &waiting {
            let (left, right) = strands[*at].x;
            let lan = chosen.first().is_some_and(|first| strands[*first].lan);
            let fits = chosen.iter().all(|other| {
                let (from, to) = strands[*other].x;
                right + 1 < from || to + 1 < left
            });
            if fits && !blocked(*at) && (chosen.is_empty() || lan == strands[*at].lan) {
                chosen.push(*at);
            }
        }
        if chosen.is_empty() {
            chosen.push(waiting[0]);
        }
        let tall = if chosen.iter().any(|at| strands[*at].lan) {
            measures.bar
        } else {
            measures.bend
        };
        heights.push(y + tall / 2);
        y += tall;
        for at in &chosen {
            strands[*at].track = heights.len() - 1;
        }
        waiting.retain(|at| !chosen.contains(at));
    }
    if !strands.is_empty() {
        y += measures.margin;
        if measures.bend == 0 && inner {
            let far = strands
                .iter()
                .filter(|s| !s.lan)
                .map(|s| s.x.1 - s.x.0)
                .max();
            y = y.max(far.map_or(0, |far| 70 + (far / 6).min(90)));
        }
    } else if inner {
        y = measures.margin.max(1);
    }
    (heights, y)
}
