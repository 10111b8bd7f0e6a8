//! Why there is no lab.

use std::collections::BTreeSet;
use std::path::PathBuf;

use netns::ns::NsError;
use scenario::Scenario;

use super::advice;
use super::build::BuildError;
use super::change::ChangeError;
use super::control::ListenError;
use super::observing::Unconverged;
use crate::needs;

/// Why there is no lab, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Scenario(#[from] ChangeError),
    #[error(
        "the kernel cannot do what the scenario needs\n{}\nhelp: `labgen doctor` shows all that this machine can and \
         cannot do; `labgen run --kernel` brings a kernel that can (`ci/kernel` fetches Debian's)",
        .0.join("\n")
    )]
    Lacking(Vec<String>),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Start(#[from] NsError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Unconverged(#[from] Unconverged),
    #[error("the lab was ended by `labgen down`")]
    Ended,
    #[error("the lab was ended by SIGTERM to its supervisor")]
    Terminated,
    #[error("the lab was ended because its directory `{}` was removed: nobody could have reached it any more", .0.display())]
    Removed(PathBuf),
}

impl Broken {
    /// Whether the machine lacks something, as opposed to a fault of ours or the scenario's.
    pub(super) fn is_lacking(&self) -> bool {
        matches!(self, Self::Lacking(_))
    }

    /// For people: the error, what caused it, and what to do where that is known.
    pub(super) fn render(&self) -> String {
        let mut text = crate::command::chain(self);
        if let Some(advice) = advice::on(self) {
            text += &format!("\nhelp: {advice}");
        }
        text
    }
}

/// What the kernel is asked to do by building the lab: that it can is only doubted when it did not, because to find
/// out takes as long as to build a small lab.
const BUILT_WITH: [&str; 4] = ["network namespace", "tmpfs", "veth", "bridge"];

/// What else the kernel cannot do that the scenario needs is said before anything is built. The probes run executors
/// of their own, so this comes before the supervisor's.
pub(super) fn kernel_can(scenario: &Scenario) -> Result<(), Broken> {
    let mut needed = needs::features(scenario);
    needed.retain(|feature| !BUILT_WITH.contains(feature));
    lacking(&needed).map_or(Ok(()), Err)
}

/// Why a lab could not be built: what the kernel cannot do, if that is it.
pub(super) fn unbuilt(scenario: &Scenario, error: BuildError) -> Broken {
    // What is used up is not missing.
    if advice::on(&error).is_some() {
        return error.into();
    }
    let needed = needs::features(scenario);
    let probing = std::thread::spawn(move || lacking(&needed));
    let lacking = probing.join().ok().flatten();
    lacking.unwrap_or_else(|| error.into())
}

/// Which of these features the kernel lacks, as a reason for there being no lab.
fn lacking(needed: &BTreeSet<&'static str>) -> Option<Broken> {
    let probes = netns::probe::here(|name| needed.contains(name));
    let lacking: Vec<String> = probes
        .iter()
        .filter(|probe| !probe.ok)
        .map(|probe| format!("  - {}: {}", probe.name, probe.detail))
        .collect();
    (!lacking.is_empty()).then_some(Broken::Lacking(lacking))
}
