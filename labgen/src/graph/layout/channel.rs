//! What runs between two layers, and on which track.

use super::super::layers::Layers;
use super::super::{Graph, Net};
use super::ports::Ports;
use super::{Beside, Measures};

/// A net's part in a channel.
#[derive(Debug)]
pub(super) struct Strand {
    pub(super) net: usize,
    pub(super) lan: bool,
    /// Where it comes from above and from below.
    pub(super) tops: Vec<i64>,
    pub(super) bottoms: Vec<i64>,
    pub(super) x: (i64, i64),
    /// A LAN's: how wide it is, then where it begins.
    pub(super) label: i64,
    pub(super) track: usize,
}

impl Strand {
    /// Where it comes from, above and below, from left to right.
    pub(super) fn pins(&self) -> Vec<i64> {
        let mut pins: Vec<i64> = self.tops.iter().chain(&self.bottoms).copied().collect();
        pins.sort_unstable();
        pins
    }

    fn straight(&self) -> bool {
        !self.lan && matches!((&self.tops[..], &self.bottoms[..]), ([a], [b]) if a == b)
    }
}

/// What runs through the channel above `row`.
pub(super) fn strands(
    graph: &Graph,
    layers: &Layers,
    measures: &Measures,
    row: usize,
    ports: &Ports,
    beside: &[Beside],
) -> Vec<Strand> {
    let mut strands = Vec::new();
    for (index, net) in graph.nets.iter().enumerate() {
        if beside.iter().any(|link| link.net == index) {
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
pub(in crate::graph) fn bar_label(net: &Net) -> String {
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
pub(super) fn label(strand: &mut Strand, middle: i64, reach: i64, others: &[i64]) {
    let width = strand.label;
    let pins = strand.pins();
    let (first, last) = strand.x;
    strand.x = (first - reach, last + reach);
    let gaps = pins.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
    let widest = gaps.max_by_key(|(gap, at)| (*gap, -at));
    if let Some((gap, from)) = widest
        && gap > width + 3
    {
        strand.label = from + (gap - width) / 2 + 1;
        return;
    }
    // It should neither make the picture wider nor hide a line of another net.
    let (left, right) = (strand.x.0 - width - 3 + reach, last + 4);
    let price = |from: i64| {
        let wider = (-from).max(from + width - 2 * middle).max(0);
        let hides = others.iter().any(|x| (from..from + width).contains(x));
        wider + if hides { width / 2 } else { 0 }
    };
    let to_left = match price(left) - price(right) {
        0 => first > middle,
        difference => difference < 0,
    };
    if to_left {
        strand.x.0 -= width + 3;
        strand.label = left;
    } else {
        strand.x.1 += width + 3;
        strand.label = right;
    }
}

/// Gives each strand a track, so that none lies over another; the y of each track, and the height of the channel.
pub(super) fn tracks(strands: &mut [Strand], measures: &Measures, inner: bool) -> (Vec<i64>, i64) {
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
