//! Graphviz.

use super::{Graph, Role};

pub(super) fn write(graph: &Graph) -> String {
    let mut out = format!("graph \"{}\" {{\n", escaped(&graph.name));
    out += "  graph [splines=true, overlap=false, fontname=\"Helvetica\"];\n";
    out += "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=10];\n";
    out += "  edge [fontname=\"Helvetica\", fontsize=9];\n";
    for (index, node) in graph.nodes.iter().enumerate() {
        let label: Vec<String> = graph.label(index, 6).iter().map(|l| escaped(l)).collect();
        out += &format!(
            "  n{index} [label=\"{}\", fillcolor=\"{}\"];\n",
            label.join("\\n"),
            fill(node.role)
        );
    }
    for (index, net) in graph.nets.iter().enumerate() {
        let label = escaped(&super::layout::bar_label(net));
        if net.lan {
            out +=
                &format!("  l{index} [label=\"{label}\", shape=plain, fillcolor=\"#ede9fe\"];\n");
            for end in &net.ends {
                out += &format!("  l{index} -- n{};\n", end.node);
            }
        } else if let [a, b] = &net.ends[..] {
            let times = match net.count {
                1 => String::new(),
                count => format!(" ×{count}"),
            };
            out += &format!(
                "  n{} -- n{} [label=\"{}{times}\"];\n",
                a.node,
                b.node,
                escaped(&net.name)
            );
        }
    }
    out += "}\n";
    out
}

fn fill(role: Role) -> &'static str {
    match role {
        Role::Reflector => "#fde7c8",
        Role::Router => "#dbeafe",
        Role::Compute => "#d9f2e3",
        Role::Host => "#eeeeee",
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
