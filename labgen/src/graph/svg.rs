//! SVG: one document with its own style, for light and dark surroundings.

use super::Graph;
use super::layers::layers;
use super::layout::{Layout, Measures, Wire, bar_label, layout};
use super::mermaid::class;

/// Lines of addresses in a box.
const LINES: usize = 6;
/// Height of a line of text.
const LINE: i64 = 16;
/// Around text in a box.
const PAD: i64 = 10;
/// Around the picture.
const MARGIN: i64 = 28;
/// Of the heading.
const HEAD: i64 = 52;

/// Without variables, which not every viewer knows.
const STYLE: &str = "\
text{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1c1917}\
.bg{fill:#ffffff}\
.title{font-size:18px;font-weight:600}.about{font-size:12px;fill:#57534e}\
.name{font-size:13px;font-weight:600}.kind{font-size:11px;fill:#57534e}\
.line{font-size:11px;font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace}\
.wire{fill:none;stroke:#78716c;stroke-width:1.5}.tap{fill:none;stroke:#7c4fd6;stroke-width:1.5}\
.bar{stroke:#7c4fd6;stroke-width:5;stroke-linecap:round}.lan{font-size:12px;font-weight:600;fill:#6d28d9;stroke:#ffffff;stroke-width:4px;paint-order:stroke}\
.box{stroke-width:1.5}\
.reflector{fill:#fef3e2;stroke:#c2710c}.router{fill:#e8f0fe;stroke:#2f62c9}\
.compute{fill:#e6f6ec;stroke:#23824a}.host{fill:#f5f5f4;stroke:#78716c}\
@media(prefers-color-scheme:dark){\
text{fill:#f0efed}.bg{fill:#17181c}.about,.kind{fill:#b3afa9}.wire{stroke:#8d8984}.tap,.bar{stroke:#a284e8}.lan{fill:#c4b0fa;stroke:#17181c}\
.reflector{fill:#3a2a14;stroke:#e7a23f}.router{fill:#18263f;stroke:#79a5f5}\
.compute{fill:#14301f;stroke:#5fc488}.host{fill:#26262a;stroke:#8d8984}}";

pub(super) fn draw(graph: &Graph) -> String {
    let labels: Vec<Vec<String>> = (0..graph.nodes.len())
        .map(|node| graph.label(node, LINES))
        .collect();
    let boxes = labels.iter().enumerate().map(|(node, label)| {
        let ports = i64::try_from(graph.nets_of(node).count()).unwrap_or(0);
        let w = text_width(label) + 2 * PAD;
        let lines = i64::try_from(label.len()).unwrap_or(0);
        (w.max(ports * 10).max(84), lines * LINE + 2 * PAD - 2)
    });
    let measures = Measures {
        boxes: boxes.collect(),
        gap: 26,
        pass: 18,
        bar: 40,
        bend: 0,
        margin: 14,
        reach: 12,
        label: |text| wide(text, 7.2) + 8,
        beside: (PAD + LINE, LINE),
    };
    let placed = layout(graph, &layers(graph), &measures);
    let left = placed
        .bars
        .iter()
        .map(|bar| bar.x.0)
        .min()
        .unwrap_or(0)
        .min(0);
    let (dx, dy) = (MARGIN - left, MARGIN + HEAD);
    let about = graph.about.as_deref().unwrap_or("");
    let heading = wide(&graph.name, 11.0).max(wide(about, 6.6));
    let width = (placed.width - left).max(heading) + 2 * MARGIN;
    let height = placed.height + 2 * MARGIN + HEAD;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Lab {}\">\n<style>{STYLE}</style>\n\
         <rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>\n",
        escaped(&graph.name)
    );
    out += &format!(
        "<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>\n",
        MARGIN + 14,
        escaped(&graph.name)
    );
    if !about.is_empty() {
        out += &format!(
            "<text class=\"about\" x=\"{MARGIN}\" y=\"{}\">{}</text>\n",
            MARGIN + 34,
            escaped(about)
        );
    }
    out += &format!("<g transform=\"translate({dx} {dy})\">\n");
    wires(graph, &placed, &mut out);
    bars(graph, &placed, &mut out);
    for (node, label) in labels.iter().enumerate() {
        draw_box(graph, node, label, placed.boxes[node], &mut out);
    }
    out += "</g>\n</svg>\n";
    out
}

fn wires(graph: &Graph, placed: &Layout, out: &mut String) {
    for wire in &placed.wires {
        let net = &graph.nets[wire.net];
        let class = if net.lan { "tap" } else { "wire" };
        let mut title = bar_label(net);
        if net.count > 1 {
            title += &format!(" ×{}", net.count);
        }
        out.push_str(&format!(
            "<path class=\"{class}\" d=\"{}\"><title>{}</title></path>\n",
            path(wire),
            escaped(&title)
        ));
    }
}

/// Straight where it can be, else a curve that leaves boxes at right angles.
fn path(wire: &Wire) -> String {
    let (Some((x0, y0)), Some((x1, y1))) = (wire.points.first(), wire.points.last()) else {
        return String::new();
    };
    if x0 == x1 || y0 == y1 && wire.points.len() == 2 {
        return format!("M{x0} {y0}L{x1} {y1}");
    }
    if wire.points.len() == 4 && wire.points[1].1 > *y0.max(y1) - 1 && (y0 - y1).abs() < 200 && {
        // Both ends hang from above.
        wire.points[2].1 > *y1
    } {
        let deep = y0.max(y1) + 36 + (x1 - x0).abs() / 12;
        return format!("M{x0} {y0}C{x0} {deep} {x1} {deep} {x1} {y1}");
    }
    let middle = (y0 + y1) / 2;
    format!("M{x0} {y0}C{x0} {middle} {x1} {middle} {x1} {y1}")
}

fn bars(graph: &Graph, placed: &Layout, out: &mut String) {
    for bar in &placed.bars {
        let (y, (from, to)) = (bar.y, bar.x);
        out.push_str(&format!(
            "<line class=\"bar\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{y}\"/>\n"
        ));
        out.push_str(&format!(
            "<text class=\"lan\" x=\"{}\" y=\"{}\">{}</text>\n",
            bar.label,
            y - 7,
            escaped(&bar_label(&graph.nets[bar.net]))
        ));
    }
}

fn draw_box(
    graph: &Graph,
    node: usize,
    label: &[String],
    (x, y, w, h): (i64, i64, i64, i64),
    out: &mut String,
) {
    let this = &graph.nodes[node];
    let class = class(this.role);
    if this.count > 1 {
        // One behind the other.
        for back in [6, 3] {
            out.push_str(&format!(
                "<rect class=\"box {class}\" x=\"{}\" y=\"{}\" width=\"{w}\" height=\"{h}\" rx=\"6\"/>\n",
                x + back,
                y + back
            ));
        }
    }
    out.push_str(&format!(
        "<rect class=\"box {class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"6\"/>\n"
    ));
    let middle = x + w / 2;
    for (at, text) in (1..).zip(label) {
        let class = match at {
            1 => "name",
            2 => "kind",
            _ => "line",
        };
        out.push_str(&format!(
            "<text class=\"{class}\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            y + PAD + LINE * at - 5,
            escaped(text)
        ));
    }
}

/// As wide as the widest line is in common fonts.
fn text_width(label: &[String]) -> i64 {
    let size = |(at, text): (usize, &String)| match at {
        0 => wide(text, 8.2),
        1 => wide(text, 6.4),
        _ => wide(text, 6.7),
    };
    label.iter().enumerate().map(size).max().unwrap_or(0)
}

fn wide(text: &str, per_character: f64) -> i64 {
    (text.chars().count() as f64 * per_character).ceil() as i64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
