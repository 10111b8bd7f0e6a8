//! A lab as a picture. Everything here is pure, and the same scenario always gives the same text.
//!
//! ```text
//!   Scenario -> Graph -> fold -> layers -> layout -> ascii, svg
//!                             '---------------------> mermaid, dot
//! ```

mod ascii;
mod canvas;
mod dot;
mod fold;
mod layers;
mod layout;
mod mermaid;
mod svg;
#[cfg(test)]
mod tests;

use scenario::{NetId, NodeId, NodeKind, Scenario};

/// What is drawn: boxes, and the nets that join them.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    name: String,
    about: Option<String>,
    nodes: Vec<Node>,
    nets: Vec<Net>,
}

/// A box.
#[derive(Debug, Clone)]
struct Node {
    name: String,
    kind: &'static str,
    role: Role,
    /// How many nodes it stands for.
    count: usize,
    asn: Option<u32>,
    loopbacks: Vec<String>,
    /// What else runs in it, and what lies within a folded group.
    aboard: Vec<String>,
}

/// Where a node belongs in the picture, from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Reflector,
    Router,
    Compute,
    Host,
}

/// A LAN or a link.
#[derive(Debug, Clone)]
struct Net {
    name: String,
    lan: bool,
    subnets: Vec<String>,
    ends: Vec<End>,
    /// How many it stands for.
    count: usize,
}

/// Where a net meets a node.
#[derive(Debug, Clone)]
struct End {
    node: usize,
    addresses: Vec<String>,
}

/// Draws with box characters, at most `WIDTH` columns wide where folding groups can bring that about.
pub(super) fn ascii(scenario: &Scenario, fold: Option<usize>) -> String {
    const WIDTH: usize = 120;
    let graph = Graph::of(scenario);
    let limits = match fold {
        Some(limit) => vec![limit],
        None => vec![12, 8, 6, 5, 4, 3, 2, 1],
    };
    let mut drawn = String::new();
    for limit in limits {
        drawn = ascii::draw(&fold::fold(&graph, limit));
        if drawn.lines().all(|line| line.chars().count() <= WIDTH) {
            break;
        }
    }
    drawn
}

/// Draws a self-contained SVG document for light and dark surroundings.
pub(super) fn svg(scenario: &Scenario, fold: Option<usize>) -> String {
    svg::draw(&folded(scenario, fold))
}

/// Writes a Mermaid flowchart.
pub(super) fn mermaid(scenario: &Scenario, fold: Option<usize>) -> String {
    mermaid::write(&folded(scenario, fold))
}

/// Writes a graph for Graphviz.
pub(super) fn dot(scenario: &Scenario, fold: Option<usize>) -> String {
    dot::write(&folded(scenario, fold))
}

fn folded(scenario: &Scenario, fold: Option<usize>) -> Graph {
    fold::fold(&Graph::of(scenario), fold.unwrap_or(12))
}

impl Graph {
    fn of(scenario: &Scenario) -> Self {
        let owners: Vec<NodeId> = scenario
            .nodes()
            .filter(|(_, node)| node.on.is_none())
            .map(|(id, _)| id)
            .collect();
        let place = |id: NodeId| owners.iter().position(|owner| *owner == scenario.home(id));
        let nodes = owners.iter().map(|id| node(scenario, *id)).collect();
        let ends = |net| {
            scenario
                .interfaces(net)
                .filter_map(|(id, interface)| {
                    let text = |a: &scenario::InterfaceAddress| match net {
                        NetId::Lan(_) => a.ip.to_string(),
                        NetId::Link(_) => a.to_string(),
                    };
                    Some(End {
                        node: place(id)?,
                        addresses: interface.addresses.iter().map(text).collect(),
                    })
                })
                .collect()
        };
        let mut nets = Vec::new();
        for (index, lan) in scenario.lans.iter().enumerate() {
            nets.push(Net {
                name: lan.name.clone(),
                lan: true,
                subnets: lan.subnets.iter().map(ToString::to_string).collect(),
                ends: ends(NetId::Lan(scenario::LanId(index))),
                count: 1,
            });
        }
        for (index, link) in scenario.links.iter().enumerate() {
            nets.push(Net {
                name: link.name.clone(),
                lan: false,
                subnets: link.subnets.iter().map(ToString::to_string).collect(),
                ends: ends(NetId::Link(scenario::LinkId(index))),
                count: 1,
            });
        }
        Self {
            name: scenario.lab.name.clone(),
            about: scenario.lab.about.clone(),
            nodes,
            nets,
        }
    }

    /// The nets of a node, with its addresses there.
    fn nets_of(&self, node: usize) -> impl Iterator<Item = (&Net, &End)> {
        self.nets.iter().flat_map(move |net| {
            let ends = net.ends.iter().filter(move |end| end.node == node);
            ends.map(move |end| (net, end))
        })
    }

    /// What stands in a node's box: its name first, then what it is, then a line for each address. At most
    /// `lines` of those.
    fn label(&self, node: usize, lines: usize) -> Vec<String> {
        let this = &self.nodes[node];
        let mut kind = this.kind.to_owned();
        if let Some(asn) = this.asn {
            kind += &format!(" AS {asn}");
        }
        if this.count > 1 {
            kind += &format!(" ×{}", this.count);
        }
        let mut label = vec![this.name.clone(), kind];
        label.extend(this.aboard.iter().map(|what| format!("+ {what}")));
        let mut rest: Vec<String> = this.loopbacks.iter().map(|l| format!("lo {l}")).collect();
        let mut merged: Vec<(&str, usize)> = Vec::new();
        let alone = self.nets_of(node).count() == 1;
        for (net, end) in self.nets_of(node) {
            if !net.lan && net.count > 1 {
                match merged.iter_mut().find(|(name, _)| *name == net.name) {
                    Some((_, count)) => *count += net.count,
                    None => merged.push((&net.name, net.count)),
                }
            }
            for address in &end.addresses {
                rest.push(if alone {
                    address.clone()
                } else {
                    format!("{} {address}", net.name)
                });
            }
        }
        let merged = merged.into_iter();
        rest.extend(merged.map(|(name, count)| format!("{name} ×{count}")));
        if rest.len() > lines {
            let more = rest.len() - (lines - 1);
            rest.truncate(lines - 1);
            rest.push(format!("… {more} more"));
        }
        label.extend(rest);
        label
    }
}

fn node(scenario: &Scenario, id: NodeId) -> Node {
    let node = &scenario[id];
    let aboard = scenario.nodes().filter(|(_, other)| other.on == Some(id));
    let reflects = |kind: &NodeKind| {
        let speaker = kind.speaker();
        matches!(kind, NodeKind::FakeRr(_))
            || speaker.is_some_and(|s| s.sessions.iter().any(|session| session.client))
    };
    let role = match &node.kind {
        kind if reflects(kind) => Role::Reflector,
        NodeKind::Bagpipe(_) | NodeKind::Ovs => Role::Compute,
        NodeKind::Host | NodeKind::Exec(_) => Role::Host,
        _ => Role::Router,
    };
    Node {
        name: node.name.clone(),
        kind: node.kind.name(),
        role,
        count: 1,
        asn: node.kind.speaker().map(|speaker| speaker.asn),
        loopbacks: node.loopbacks.iter().map(ToString::to_string).collect(),
        aboard: aboard
            .map(|(_, other)| format!("{} {}", other.name, other.kind.name()))
            .collect(),
    }
}
