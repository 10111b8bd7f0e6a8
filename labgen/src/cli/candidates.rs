//! What shells may complete: labs that are up, their nodes, their links.

use std::collections::BTreeSet;

use clap_complete::CompletionCandidate;
use clap_complete::engine::ArgValueCandidates;
use scenario::Scenario;

use crate::state::LabDir;

/// Labs that are up.
pub(super) fn labs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let labs = LabDir::all_up();
        labs.iter()
            .map(|lab| CompletionCandidate::new(lab.name()))
            .collect()
    })
}

/// Nodes of labs that are up: which lab is meant is not known yet.
pub(super) fn nodes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        names(|scenario| {
            let nodes = scenario.nodes.iter();
            nodes.map(|node| node.name.clone()).collect()
        })
    })
}

/// LANs and links of labs that are up.
pub(super) fn links() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        names(|scenario| {
            let lans = scenario.lans.iter().map(|lan| lan.name.clone());
            let links = scenario.links.iter().map(|link| link.name.clone());
            lans.chain(links).collect()
        })
    })
}

fn names(of: impl Fn(&Scenario) -> Vec<String>) -> Vec<CompletionCandidate> {
    let labs = LabDir::all_up().into_iter();
    // Whoever types is not told of errors.
    let scenarios = labs.filter_map(|lab| lab.resolved().ok());
    let names: BTreeSet<String> = scenarios.flat_map(|scenario| of(&scenario)).collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}
