//! `labgen check`, and how every command reads a scenario.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use capture::PcapngWriter;
use scenario::Scenario;

use super::below::below;
use super::{WRONG, fail};
use crate::cli::Check;
use crate::ui::{self, say};
use crate::{kinds, needs};

/// Reads and resolves a scenario, with the variables `set` on the command line; what is wrong with it is printed.
pub(super) fn load(path: &Path, set: &[(String, String)]) -> Result<Scenario, ExitCode> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|e| {
        eprintln!("error: cannot read `{name}`: {e}");
        ExitCode::from(WRONG)
    })?;
    let checked = scenario::check_with(&name, &text, set, &mut |path| fs::read_to_string(path));
    let scenario = checked.outcome.map_err(|errors| {
        let color = ui::color_on_stderr();
        eprint!("{}", scenario::render(&errors, &checked.sources, color));
        ExitCode::from(WRONG)
    })?;
    display_filters(&scenario)?;
    named_programs(&scenario, path.parent().unwrap_or(Path::new(".")))?;
    Ok(scenario)
}

/// Whether nodes run the programs that are named. `base` is where relative paths start.
fn named_programs(scenario: &Scenario, base: &Path) -> Result<(), ExitCode> {
    let mut outcome = Ok(());
    for (step, node, name) in needs::named_programs(scenario) {
        // What is wrong with a node's configuration is told when the lab is to be built.
        let Ok(programs) = kinds::programs(&scenario[node], base) else {
            continue;
        };
        let known: Vec<&str> = programs.iter().map(|program| program.name).collect();
        if !known.contains(&name) {
            eprintln!(
                "error: step {} names `{name}`, which `{}` does not run\n  --> {}:{}\nhelp: it runs: {}",
                step.number,
                scenario[node].name,
                step.place.file,
                step.place.line,
                known.join(", ")
            );
            outcome = Err(ExitCode::from(WRONG));
        }
    }
    outcome
}

/// Has `tshark` say what it does not understand of the scenario's display filters, where it is installed.
fn display_filters(scenario: &Scenario) -> Result<(), ExitCode> {
    let mut filters = needs::display_filters(scenario).peekable();
    if filters.peek().is_none() || needs::in_path("tshark").is_none() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    let mut outcome = Ok(());
    for (step, filter) in filters {
        if !known.insert(&filter.text) {
            continue;
        }
        let Some(why) = misunderstood(&filter.text) else {
            continue;
        };
        let place = &filter.place;
        eprintln!(
            "error: step {} has `{}`, which is not a display filter\n  --> {}:{}\n{why}",
            step.number, filter.text, place.file, place.line
        );
        outcome = Err(ExitCode::from(WRONG));
    }
    outcome
}

/// What `tshark` says against a filter when it is to look through a capture without frames.
fn misunderstood(filter: &str) -> Option<String> {
    let mut tshark = Command::new("tshark")
        .args(["-r", "-", "-Y", filter])
        .envs([needs::TSHARK_ENV])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut empty = PcapngWriter::in_memory("labgen");
    let octets = std::mem::take(empty.sink());
    // It may have ended without reading.
    let _ = tshark.stdin.take()?.write_all(&octets);
    let output = tshark.wait_with_output().ok()?;
    if output.status.success() {
        return None;
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let words = words.lines().filter(|line| !line.starts_with("Running as"));
    Some(
        words
            .map(|line| format!("   | {line}"))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// What a file is at a first look.
pub(super) struct Peek {
    pub kind: PeekKind,
    /// The files that it includes, as far as they were found.
    pub included: Vec<PathBuf>,
}

pub(super) enum PeekKind {
    Scenario(Box<Scenario>),
    /// What is wrong with it is for its run to tell.
    Wrong,
    /// It is TOML of another kind.
    Other,
}

/// Reads and resolves a scenario without telling of what is wrong with it.
pub(super) fn peek(path: &Path) -> Peek {
    let Ok(text) = fs::read_to_string(path) else {
        return Peek {
            kind: PeekKind::Wrong,
            included: Vec::new(),
        };
    };
    let name = path.display().to_string();
    let checked = scenario::check_with(&name, &text, &[], &mut |path| fs::read_to_string(path));
    let kind = match checked.outcome {
        Ok(scenario) => PeekKind::Scenario(Box::new(scenario)),
        Err(_) if scenario::may_be_scenario(&text) => PeekKind::Wrong,
        Err(_) => PeekKind::Other,
    };
    let included = checked.sources.iter().skip(1);
    Peek {
        kind,
        included: included.map(|source| PathBuf::from(&source.name)).collect(),
    }
}

pub(super) fn check(args: &Check) -> ExitCode {
    let mut files = Vec::new();
    for path in &args.paths {
        if !path.is_dir() {
            files.push(path.to_owned());
            continue;
        }
        match below(path) {
            Ok(found) if found.is_empty() => {
                eprintln!("error: no scenario in `{}`", path.display());
                return ExitCode::from(WRONG);
            }
            Ok(found) => files.extend(found),
            Err(e) => return fail(&e, WRONG),
        }
    }
    let mut status = ExitCode::SUCCESS;
    for file in &files {
        match load(file, &args.variables.set) {
            Ok(s) => {
                say!(
                    "{}: fine: lab `{}`, {}, {}, {}, {}\n",
                    file.display(),
                    s.lab.name,
                    ui::count(s.nodes.len(), "node"),
                    ui::nets(s.lans.len(), s.links.len()),
                    ui::count(s.vpns.len(), "VPN"),
                    ui::count(s.steps.len(), "step"),
                );
            }
            Err(code) => status = code,
        }
    }
    status
}

/// `labgen schema`: what an editor checks a scenario against.
pub(super) fn schema() -> ExitCode {
    say!("{:#}\n", scenario::schema());
    ExitCode::SUCCESS
}
