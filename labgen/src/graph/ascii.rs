//! Box characters, for terminals.

use super::Graph;
use super::canvas::Canvas;
use super::layers::layers;
use super::layout::{Measures, bar_label, layout};

/// Lines of addresses in a box.
const LINES: usize = 6;

pub(super) fn draw(graph: &Graph) -> String {
    let labels: Vec<Vec<String>> = (0..graph.nodes.len()).map(|n| label(graph, n)).collect();
    let ports = |node: usize| i64::try_from(graph.nets_of(node).count()).unwrap_or(0);
    let wide = |text: &String| i64::try_from(text.chars().count()).unwrap_or(0);
    let boxes = labels.iter().enumerate().map(|(node, label)| {
        let text = label.iter().map(wide).max().unwrap_or(0);
        // Room for every line that leaves it.
        let w = (text + 4).max(ports(node) * 2 + 1);
        (w, i64::try_from(label.len()).unwrap_or(0) + 2)
    });
    let measures = Measures {
        boxes: boxes.collect(),
        gap: 3,
        pass: 1,
        bar: 1,
        bend: 1,
        margin: 1,
        reach: 2,
        label: |text| i64::try_from(text.chars().count()).unwrap_or(0) + 2,
        beside: (1, 1),
    };
    let placed = layout(graph, &layers(graph), &measures);
    // Bars reach a little beyond what hangs on them.
    let left = placed.bars.iter().map(|bar| bar.x.0).min().unwrap_or(0);
    let shift = (-left).max(0);
    let mut canvas = Canvas::default();
    for wire in &placed.wires {
        for pair in wire.points.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|(x, y)| (x + shift, y));
            canvas.line(a, b, false);
        }
    }
    for ((x, y, w, h), label) in placed.boxes.iter().zip(&labels) {
        canvas.frame((x + shift, *y, *w, *h));
        for (line, text) in (y + 1..).zip(label) {
            canvas.text(x + shift + 2, line, text);
        }
    }
    for bar in &placed.bars {
        canvas.line((bar.x.0 + shift, bar.y), (bar.x.1 + shift, bar.y), true);
        let label = format!(" {} ", bar_label(&graph.nets[bar.net]));
        canvas.text(bar.label + shift, bar.y, &label);
    }
    heading(graph) + canvas.finish().trim_start_matches('\n')
}

fn heading(graph: &Graph) -> String {
    match &graph.about {
        Some(about) => format!("{}: {about}\n\n", graph.name),
        None => format!("{}\n\n", graph.name),
    }
}

/// The name and what it is share a line where that makes the box no wider than it has to be.
fn label(graph: &Graph, node: usize) -> Vec<String> {
    let mut lines = graph.label(node, LINES);
    let wide = |text: &String| text.chars().count();
    let widest = lines.iter().skip(2).map(wide).max().unwrap_or(0);
    let head = wide(&lines[0]) + 2 + wide(&lines[1]);
    if head <= widest.max(16) {
        let kind = lines.remove(1);
        let room = widest.max(head);
        let spaces = room - wide(&lines[0]) - wide(&kind);
        lines[0] = format!("{}{}{kind}", lines[0], " ".repeat(spaces));
    }
    lines
}
