//! Failures, and steps made of steps.

use crate::file::{At, StepFile};
use crate::lab::{NodeId, Scenario};
use crate::step::{Action, Cable, Limit, Repeat};

/// The title of a step that does not begin with a word of [`super::of`].
pub(super) fn of(scenario: &Scenario, action: &Action, typed: &StepFile) -> String {
    match action {
        Action::Move { from, to } => format!(
            "move {} from {} to {}",
            scenario[from.port].name, scenario[from.on].name, scenario[to.on].name
        ),
        Action::Cut(cable) => format!("cut {}", self::cable(scenario, *cable)),
        Action::Heal(cable) => format!("heal {}", self::cable(scenario, *cable)),
        Action::Impair(_) => impair(typed),
        Action::Halt(nodes) => format!("halt {}", names(scenario, nodes)),
        Action::Start(nodes) => format!("start {}", names(scenario, nodes)),
        Action::Restart(nodes) => format!("restart {}", names(scenario, nodes)),
        Action::Signal(to) => {
            let node = &scenario[to.node].name;
            let to_whom = match &to.program {
                Some(program) => format!("{program} of {node}"),
                None => node.clone(),
            };
            format!("signal {to_whom} with {}", to.signal.name())
        }
        Action::Steps(steps) => format!("{} steps", steps.len()),
        Action::Parallel(steps) => format!("{} steps in parallel", steps.len()),
        Action::Repeat(repeat) => self::repeat(repeat, typed),
        Action::Wait(_) => {
            let wait = typed.wait.as_ref().map(|wait| &wait.value.step);
            format!("wait for {}", text(wait))
        }
        Action::Stop(_) => {
            let stop = typed.stop.as_ref();
            let stop = stop.and_then(|stop| stop.value.step.as_ref());
            format!("stop {}", text(stop))
        }
        Action::StopCapture(id) => format!("stop the capture {}", scenario[*id].name),
        _ => String::new(),
    }
}

fn impair(typed: &StepFile) -> String {
    let Some(typed) = typed.impair.as_ref().map(|impair| &impair.value) else {
        return String::new();
    };
    let effects = typed.effects();
    let words = [
        ("delay", effects.delay),
        ("jitter", effects.jitter),
        ("loss", effects.loss),
        ("correlation", effects.loss_correlation),
        ("duplicate", effects.duplicate),
        ("reorder", effects.reorder),
        ("corrupt", effects.corrupt),
        ("rate", effects.rate),
    ];
    let words = words.into_iter();
    let words = words.filter_map(|(word, value)| Some(format!("{word} {}", value?.value)));
    let words: Vec<String> = words.collect();
    let place = match (&typed.node, &typed.direction) {
        (None, _) => typed.on.value.clone(),
        (Some(node), None) => format!("{} on {}", node.value, typed.on.value),
        (Some(node), Some(direction)) => {
            format!("{} {} on {}", node.value, direction.value, typed.on.value)
        }
    };
    match words.is_empty() {
        true => format!("impair {place} no more"),
        false => format!("impair {place}: {}", words.join(", ")),
    }
}

fn repeat(repeat: &Repeat, typed: &StepFile) -> String {
    let every = match (&typed.repeat, &typed.soak) {
        (Some(repeat), _) => &repeat.value.every,
        (_, Some(soak)) => &soak.value.every,
        _ => &None,
    };
    let every = every
        .as_ref()
        .map(|every| format!(", every {}", every.value));
    let limit = match (repeat.limit, &typed.soak) {
        (Limit::Times(times), _) => format!("{times} times"),
        (_, soak) => format!("for {}", text(soak.as_ref().map(|soak| &soak.value.during))),
    };
    let steps = match repeat.steps.as_slice() {
        [one] => one.title.clone(),
        steps => format!("{} steps", steps.len()),
    };
    format!("repeat {steps} {limit}{}", every.unwrap_or_default())
}

pub(super) fn cable(scenario: &Scenario, cable: Cable) -> String {
    let net = scenario.net_name(cable.on);
    match cable.node {
        Some(node) => format!("{} off {net}", scenario[node].name),
        None => net.to_string(),
    }
}

fn names(scenario: &Scenario, nodes: &[NodeId]) -> String {
    const FEW: usize = 4;
    let shown: Vec<&str> = nodes
        .iter()
        .take(FEW)
        .map(|node| scenario[*node].name.as_str())
        .collect();
    match nodes.len().checked_sub(FEW) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn text(typed: Option<&At<String>>) -> &str {
    typed.map_or("", |typed| &typed.value)
}
