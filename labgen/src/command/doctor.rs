//! `labgen doctor`: what this machine can do, found out by doing it.

use std::path::PathBuf;
use std::process::ExitCode;

use netns::probe::{self, Probe};
use serde::Serialize;

use super::{LACKING, check};
use crate::cli::Doctor;
use crate::kinds::Outside;
use crate::ui::say;
use crate::{needs, ui};

/// A program from outside, found or not.
#[derive(Serialize)]
struct Found {
    program: &'static str,
    path: Option<PathBuf>,
    package: &'static str,
    needed_for: &'static str,
}

/// Programs from outside that scenarios can use.
const PROGRAMS: [(Outside, &str); 3] = [
    (
        Outside {
            program: "gobgpd",
            package: "gobgpd",
        },
        "nodes of kind `gobgp`",
    ),
    (
        Outside {
            program: "ip",
            package: "iproute2",
        },
        "`ip netns exec` by hand; `labgen exec NODE/NETNS` does the same",
    ),
    (
        Outside {
            program: "ping",
            package: "iputils-ping",
        },
        "pings by hand; `ping` steps need nothing",
    ),
];

pub(super) fn doctor(args: &Doctor) -> ExitCode {
    let load = |file: &PathBuf| check::load(file, &args.variables.set);
    let scenario = match args.file.as_ref().map(load).transpose() {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let features = scenario.as_ref().map(needs::features);
    let mut probes = probe::all();
    probes.retain(|probe| features.as_ref().is_none_or(|f| f.contains(probe.name)));
    let missing = scenario.as_ref().map(needs::missing_programs);
    let programs: Vec<Found> = PROGRAMS
        .into_iter()
        .filter(|(outside, _)| missing.as_ref().is_none_or(|m| m.contains(outside)))
        .map(|(outside, needed_for)| Found {
            program: outside.program,
            path: needs::in_path(outside.program),
            package: outside.package,
            needed_for,
        })
        .collect();
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
            None => format!("missing: apt-get install {}", program.package),
        };
        let needed_for = program.needed_for.into();
        rows.push([
            mark(program.path.is_some()),
            program.program.into(),
            needed_for,
            found,
        ]);
    }
    say!("{}", ui::table(&rows));
}

fn mark(ok: bool) -> String {
    if ok { "ok".into() } else { "no".into() }
}
