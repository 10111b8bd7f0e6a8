//! What was broken on purpose and is not mended yet.

use scenario::NodeId;

use super::lab::Lab;
use crate::ui;

/// Nodes that are halted, cables that are cut, links that are impaired: of all nodes but one that is known, because any
/// may be in between.
pub(super) fn out_of_order(lab: &Lab, known: Option<NodeId>) -> Vec<String> {
    let known = known.map(|node| lab.scenario[node].name.as_str());
    let mut lines = Vec::new();
    for (name, node) in &*lab.state.nodes.borrow() {
        if node.halted && known != Some(name) {
            lines.push(format!("`{name}` is halted"));
        }
    }
    for ((node, net), plug) in &*lab.state.plugs.borrow() {
        if plug.cut {
            lines.push(format!("the cable of `{node}` to `{net}` is cut"));
        }
    }
    lines.extend(lab.impaired().iter().map(|one| {
        let (net, node, way, by) = (&one.net, &one.node, one.direction, &one.by);
        let counted = one.counters.as_ref().and_then(|counters| {
            let frames = ui::count(counters.frames as usize, "frame");
            Some(format!(": {} of {frames}", ui::fates(counters)?))
        });
        let counted = counted.unwrap_or_default();
        format!("`{net}` is impaired, {node} {way}: {by}{counted}")
    }));
    lines
}
