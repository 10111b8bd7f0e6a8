//! The account of a failure for a terminal.

use super::model::{MessageKind, Run};
use crate::ui::ms;

/// Lines of what happened before the failure.
const AROUND: usize = 8;
/// Characters of each.
const WIDTH: usize = 140;

/// What happened around a failure, and where to look; empty for a run that did not fail. `dir` is where the evidence
/// is.
pub fn around(run: &Run, dir: &str) -> String {
    let Some(divergence) = &run.divergence else {
        return String::new();
    };
    let mut lines: Vec<(u64, String)> = Vec::new();
    for step in &run.steps {
        let Some(since) = step.since else { continue };
        let state = step.state.word();
        let (called, title) = (step.called(), &step.title);
        lines.push((since, format!("step {called}: {title} ({state})")));
    }
    for fault in &run.faults {
        lines.push((fault.since, format!("fault: {} {}", fault.action, fault.on)));
    }
    for outage in &run.outages {
        let took = ms(outage.until.saturating_sub(outage.since));
        lines.push((outage.since, format!("outage of {}: {took}", outage.flow)));
    }
    for message in &run.messages {
        if message.kind != MessageKind::Keepalive {
            let (from, to) = (&message.from, &message.to);
            lines.push((message.at, format!("bgp {from} -> {to}: {}", message.text)));
        }
    }
    lines.retain(|(at, _)| *at <= divergence.until);
    lines.sort_by_key(|(at, _)| *at);
    let from = lines.len().saturating_sub(AROUND);
    let mut out = String::from("     around it:\n");
    for (at, text) in &lines[from..] {
        // Relative to the verdict: how long before it something happened is what matters.
        let before = ms(divergence.until - at);
        out += &format!("     {:>12}  {}\n", format!("-{before}"), short(text));
    }
    out += &format!("     look first at: {}\n", short(&divergence.what));
    out += &format!(
        "                    ({}, {} before the verdict)\n",
        divergence.why,
        { ms(divergence.until.saturating_sub(divergence.at)) }
    );
    out += &format!("     evidence: {dir}\n");
    out
}

fn short(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
