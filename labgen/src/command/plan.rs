//! `labgen plan`, and `labgen up` of a lab that is up: what differs, and making it so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use scenario::Scenario;

use super::ask::{AskError, Asker, unexpected};
use super::{FAILED, WRONG, check, fail};
use crate::cli;
use crate::plan::{self, Blueprint, Change};
use crate::protocol::{Reply, Request};
use crate::state::LabDir;
use crate::ui::{self, say};
use crate::wires;

/// Why a plan could not be made or carried out.
#[derive(Debug, thiserror::Error)]
enum PlanError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("cannot find `{path}`")]
    File { path: PathBuf, source: io::Error },
    #[error("cannot write `{path}`")]
    Write { path: PathBuf, source: io::Error },
}

/// `labgen plan`.
pub(super) fn plan(args: &cli::Plan) -> ExitCode {
    let from = &args.scenario;
    let scenario = match check::load(&from.file, &from.variables.set) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let dir = LabDir::of(&scenario.lab.name);
    if dir.is_up() {
        let request = |file, resolved| Request::Plan { file, resolved };
        return ask(
            &from.file,
            &scenario,
            &dir,
            args.json,
            "would change",
            request,
        );
    }
    match Blueprint::new(Rc::new(scenario), super::start::base(&from.file)) {
        Ok(new) => {
            show(&plan::diff(None, &new), args.json);
            if !args.json && wires::are_used(&new.scenario) {
                let kind = wires::kind(&new.scenario.lab, kernel_has_netem);
                say!("frames are delayed and lost by {}\n", wires::name(kind));
            }
            ExitCode::SUCCESS
        }
        Err(e) => fail(&e, WRONG),
    }
}

fn kernel_has_netem() -> bool {
    let probes = netns::probe::all();
    probes.iter().any(|probe| probe.name == "netem" && probe.ok)
}

/// `labgen up` where the lab is up already.
pub(super) fn change(file: &Path, scenario: &Scenario, dir: &LabDir, json: bool) -> ExitCode {
    let request = |file, resolved| Request::Change { file, resolved };
    ask(file, scenario, dir, json, "changed", request)
}

fn ask(
    file: &Path,
    scenario: &Scenario,
    dir: &LabDir,
    json: bool,
    done: &str,
    request: fn(PathBuf, PathBuf) -> Request,
) -> ExitCode {
    match asked(file, scenario, dir, request) {
        Ok(Reply::Plan { changes }) => {
            show(&changes, json);
            if !json {
                let count = ui::count(changes.len(), "change");
                match changes.len() {
                    0 => say!("lab `{}` is as the file says\n", dir.name()),
                    _ => say!("lab `{}` {done}: {count}\n", dir.name()),
                }
            }
            ExitCode::SUCCESS
        }
        Ok(_) => unexpected(),
        Err(e) => fail(&e, FAILED),
    }
}

fn asked(
    file: &Path,
    scenario: &Scenario,
    dir: &LabDir,
    request: fn(PathBuf, PathBuf) -> Request,
) -> Result<Reply, PlanError> {
    let base = super::start::base(file);
    let base = base.canonicalize().map_err(|source| PlanError::File {
        path: base.to_owned(),
        source,
    })?;
    let file = base.join(file.file_name().unwrap_or_default());
    let resolved = dir.next_scenario();
    serde_json::to_vec(scenario)
        .map_err(io::Error::from)
        .and_then(|text| fs::write(&resolved, text))
        .map_err(|source| PlanError::Write {
            path: resolved.clone(),
            source,
        })?;
    let reply = Asker::to(dir.clone())?.ask(&request(file, resolved.clone()));
    // Made, it is in its place; else nobody needs it.
    let _ = fs::remove_file(resolved);
    Ok(reply?)
}

fn show(changes: &[Change], json: bool) {
    if json {
        say!("{}\n", serde_json::json!(changes));
    } else {
        say!("{}", plan::render(changes));
    }
}
