//! What delays and loses frames: labgen's own wires or the kernel.

use scenario::{Lab, Scenario, WireKind};

/// What does it in a lab. `kernel_can` is asked where nothing else decides.
///
/// A seed stands for the same decisions whenever the lab runs; netem begins its random numbers somewhere (before Linux
/// 6.6 it cannot be told where).
pub fn kind(lab: &Lab, kernel_can: impl FnOnce() -> bool) -> WireKind {
    match (lab.wire, lab.seed) {
        (Some(kind), _) => kind,
        (None, Some(_)) => WireKind::Own,
        (None, None) if kernel_can() => WireKind::Netem,
        (None, None) => WireKind::Own,
    }
}

/// Whether the scenario, from the start or by a step, has anything done to frames.
pub fn are_used(scenario: &Scenario) -> bool {
    let declared = scenario
        .nets()
        .any(|net| !scenario.impaired(net).is_empty());
    let mut steps = scenario.walk();
    declared || steps.any(|step| matches!(step.action, scenario::Action::Impair(_)))
}

/// What people call it.
pub fn name(kind: WireKind) -> &'static str {
    match kind {
        WireKind::Own => "labgen's own wires",
        WireKind::Netem => "the kernel's netem",
    }
}
