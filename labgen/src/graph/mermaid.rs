//! Mermaid flowcharts, for Markdown.

use super::{Graph, Role};

pub(super) fn write(graph: &Graph) -> String {
    let mut out = String::new();
    out += &format!("---\ntitle: {}\n---\nflowchart TB\n", escaped(&graph.name));
    for node in 0..graph.nodes.len() {
        let mut label = graph.label(node, 6).into_iter().map(|line| escaped(&line));
        let name = label.next().unwrap_or_default();
        let rest: Vec<String> = label.collect();
        let class = class(graph.nodes[node].role);
        out += &format!(
            "    n{node}[\"<b>{name}</b><br/>{}\"]:::{class}\n",
            rest.join("<br/>")
        );
    }
    for (index, net) in graph.nets.iter().enumerate() {
        let name = escaped(&super::layout::bar_label(net));
        if net.lan {
            out += &format!("    l{index}([\"{name}\"]):::lan\n");
            // Those above a bar come before it in the text, too.
            let mut ends: Vec<usize> = net.ends.iter().map(|end| end.node).collect();
            ends.dedup();
            let top = ends.iter().map(|node| graph.nodes[*node].role).min();
            for node in ends {
                out += &if Some(graph.nodes[node].role) == top && !uniform(graph, index) {
                    format!("    n{node} --- l{index}\n")
                } else {
                    format!("    l{index} --- n{node}\n")
                };
            }
        } else if let [a, b] = &net.ends[..] {
            let times = match net.count {
                1 => String::new(),
                count => format!(" ×{count}"),
            };
            let (a, b) = (a.node, b.node);
            out += &format!("    n{a} ---|\"{}{times}\"| n{b}\n", escaped(&net.name));
        }
    }
    out += "    classDef reflector fill:#fde7c8,stroke:#b45309,color:#1c1917\n";
    out += "    classDef router fill:#dbeafe,stroke:#1d4ed8,color:#1c1917\n";
    out += "    classDef compute fill:#d9f2e3,stroke:#15803d,color:#1c1917\n";
    out += "    classDef host fill:#eeeeee,stroke:#57534e,color:#1c1917\n";
    out += "    classDef lan fill:#ede9fe,stroke:#6d28d9,color:#1c1917\n";
    out
}

/// Whether all on a LAN are of one role.
fn uniform(graph: &Graph, net: usize) -> bool {
    let mut roles = graph.nets[net]
        .ends
        .iter()
        .map(|end| graph.nodes[end.node].role);
    let first = roles.next();
    roles.all(|role| Some(role) == first)
}

/// The word for a role in style sheets.
pub(super) fn class(role: Role) -> &'static str {
    match role {
        Role::Reflector => "reflector",
        Role::Router => "router",
        Role::Compute => "compute",
        Role::Host => "host",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
