//! `labgen doctor`: what this machine can do, found out by doing it.

use std::path::PathBuf;
use std::process::ExitCode;

use netns::probe::{self, Probe};
use scenario::Scenario;
use serde::Serialize;

use super::{LACKING, check};
use crate::cli::Doctor;
use crate::ui::say;
use crate::{kinds, needs, ui, vm};

/// A program from outside, found or not.
#[derive(Serialize)]
struct Found {
    program: &'static str,
    path: Option<PathBuf>,
    package: &'static str,
    needed_for: String,
    /// What happens without it.
    fallback: &'static str,
}

/// Programs that no node needs, but people and other commands do: program, package, what for, and what instead.
const OTHERS: [(&str, &str, &str, &str); 5] = [
    (
        vm::QEMU,
        vm::PACKAGE,
        "labs under another kernel (`--kernel`)",
        "this kernel only",
    ),
    (
        "ip",
        "iproute2",
        "`ip netns exec` by hand",
        "`labgen exec NODE/NETNS`",
    ),
    ("ping", "iputils-ping", "pings by hand", "`ping` steps"),
    (
        "tshark",
        "tshark",
        "reading captures in a terminal",
        "`expect = { packets = ... }`",
    ),
    (
        "wireshark",
        "wireshark",
        "watching `labgen capture` live",
        "`labgen capture LINK | tshark -r -`",
    ),
];

/// What a scenario needs of them, or all of them.
fn programs(scenario: Option<&Scenario>) -> Vec<Found> {
    let wanted = scenario.map(needs::programs);
    let mut found = Vec::new();
    for (kind, outside) in kinds::all_outside() {
        for outside in outside {
            if wanted
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&outside))
            {
                found.push(Found {
                    program: outside.program,
                    path: needs::in_path(outside.program),
                    package: outside.package,
                    needed_for: format!("nodes of kind `{kind}`"),
                    fallback: "scenarios with such nodes are skipped",
                });
            }
        }
    }
    if scenario.is_none() {
        let others = OTHERS.into_iter();
        found.extend(others.map(|(program, package, what, fallback)| Found {
            program,
            path: needs::in_path(program),
            package,
            needed_for: what.into(),
            fallback,
        }));
    }
    found
}

pub(super) fn doctor(args: &Doctor) -> ExitCode {
    let load = |file: &PathBuf| check::load(file, &args.variables.set);
    let scenario = match args.file.as_ref().map(load).transpose() {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let features = scenario.as_ref().map(needs::features);
    let mut probes = probe::all();
    probes.retain(|probe| features.as_ref().is_none_or(|f| f.contains(probe.name)));
    let programs = programs(scenario.as_ref());
    if args.json {
        say!(
            "{}\n",
            serde_json::json!({ "kernel": probes, "programs": programs })
        );
    } else {
        show(&probes, &programs);
    }
    let lacking = match &scenario {
        Some(_) => probes.iter().any(|p| !p.ok) || programs.iter().any(|p| p.path.is_none()),
        None => probes.iter().any(|p| !p.ok && p.fallback.is_none()),
    };
    ExitCode::from(if lacking { LACKING } else { 0 })
}

fn show(probes: &[Probe], programs: &[Found]) {
    let mut rows = vec![["", "KERNEL", "NEEDED FOR", "FOUND"].map(String::from)];
    for probe in probes {
        let found = match (&probe.fallback, probe.ok) {
            (Some(fallback), false) => format!("{}; instead: {fallback}", probe.detail),
            _ => probe.detail.clone(),
        };
        rows.push([
            mark(probe.ok),
            probe.name.into(),
            probe.needed_for.into(),
            found,
        ]);
    }
    say!("{}", ui::table(&rows));
    say!("\n");
    let mut rows = vec![["", "PROGRAM", "NEEDED FOR", "FOUND"].map(String::from)];
    for program in programs {
        let found = match &program.path {
            Some(path) => path.display().to_string(),
            None => format!(
                "missing: apt-get install {}; until then: {}",
                program.package, program.fallback
            ),
        };
        rows.push([
            mark(program.path.is_some()),
            program.program.into(),
            program.needed_for.clone(),
            found,
        ]);
    }
    say!("{}", ui::table(&rows));
}

fn mark(ok: bool) -> String {
    if ok { "ok".into() } else { "no".into() }
}
