//! `labgen report` and `labgen open`, and the reports that a run ends with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;

use super::{FAILED, fail};
use crate::cli::{self, Forms};
use crate::report::model::Verdict;
use crate::report::{self, Form, HTML, ReportError};
use crate::state::{self, EVENTS, LabDir, StateError, TESTED};
use crate::ui::say;

/// Why a report cannot be made or shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("no run is kept yet (`labgen run FILE` makes one)")]
    NoRun,
    #[error(
        "`{0}` is neither a directory of evidence (no {EVENTS} in it) nor a lab of which a run is kept"
    )]
    Unknown(String),
    #[error("cannot start `{program}`")]
    Browser { program: String, source: io::Error },
    #[error("`{program}` could not show the report ({status})")]
    NotShown {
        program: String,
        status: std::process::ExitStatus,
    },
}

/// What is made of a run at its end.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    /// Where the evidence is to be, with every form of report.
    pub(super) out: Option<&'a Path>,
    /// Single forms, elsewhere.
    pub(super) forms: Option<&'a Forms>,
    /// Standard output is for programs.
    pub(super) json: bool,
}

/// Reports on a run whose lab has ended, before its directory is tidied up.
pub(super) fn at_the_end(dir: &LabDir, wanted: &Wanted<'_>) -> Result<(), ReportError> {
    let place = wanted.out.unwrap_or(dir.path());
    let forms = wanted.forms.cloned().unwrap_or_default();
    let single = forms.html.is_some() || forms.junit.is_some();
    let said = !wanted.json && failed(&dir.events());
    if !place.join(EVENTS).exists() || !(wanted.out.is_some() || single || said) {
        return Ok(());
    }
    let (run, scenario) = report::read(place)?;
    let mut files = listed(&forms);
    if let Some(out) = wanted.out {
        files.extend(Form::FILES.map(|(form, name)| (form, out.join(name))));
    }
    for (form, path) in &files {
        form.write(&run, scenario.as_ref(), path)?;
    }
    if said {
        let shown = match wanted.out {
            Some(out) => format!("{0} (`labgen open {0}` shows it)", out.display()),
            None => format!(
                "{} (`labgen open {}` shows it)",
                dir.path().display(),
                dir.name()
            ),
        };
        say!("{}", report::around(&run, &shown));
        annotate(&run, &forms);
    }
    Ok(())
}

/// Whether a step failed or the lab could not be built: only then is there more to say than was said.
fn failed(events: &Path) -> bool {
    let text = fs::read_to_string(events).unwrap_or_default();
    let bad = [r#"{"event":"step-failed""#, r#"{"event":"broken""#];
    text.lines()
        .any(|line| bad.iter().any(|bad| line.starts_with(bad)))
}

fn listed(forms: &Forms) -> Vec<(Form, PathBuf)> {
    let html = forms.html.iter().map(|path| (Form::Html, path.clone()));
    let junit = forms.junit.iter().map(|path| (Form::Junit, path.clone()));
    html.chain(junit).collect()
}

fn annotate(run: &report::model::Run, forms: &Forms) {
    let on_github = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    if forms.github || on_github {
        say!("{}", report::annotations(run));
    }
}

pub(super) fn report(args: &cli::Report) -> ExitCode {
    match make(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e, FAILED),
    }
}

fn make(args: &cli::Report) -> Result<(), ShowError> {
    let dir = find(args.evidence.as_deref())?;
    let (run, scenario) = report::read(&dir)?;
    let mut files = listed(&args.forms);
    if files.is_empty() {
        files.extend(Form::FILES.map(|(form, name)| (form, dir.join(name))));
    }
    say!("lab `{}`: {}\n", run.lab, run.verdict.word());
    if let (Verdict::Failed, Some(step)) = (run.verdict, run.failed_step()) {
        say!("     step {}: {}\n", step.number, step.title);
        say!("     --> {}:{}\n", step.file, step.line);
        say!(
            "     expected: {}\n",
            step.expected.as_deref().unwrap_or_default()
        );
        say!("     seen:     {}\n", step.seen);
        for detail in &step.details {
            say!("       {detail}\n");
        }
        say!("{}", report::around(&run, &dir.display().to_string()));
    }
    for (form, path) in &files {
        form.write(&run, scenario.as_ref(), path)?;
        say!("wrote {}\n", path.display());
    }
    annotate(&run, &args.forms);
    Ok(())
}

pub(super) fn open(args: &cli::Open) -> ExitCode {
    match show(args.evidence.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e, FAILED),
    }
}

fn show(evidence: Option<&str>) -> Result<(), ShowError> {
    let dir = find(evidence)?;
    let path = dir.join(HTML);
    let made = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    if made(&path) < made(&dir.join(EVENTS)) {
        let (run, scenario) = report::read(&dir)?;
        Form::Html.write(&run, scenario.as_ref(), &path)?;
    }
    let path = path.canonicalize().unwrap_or(path);
    say!("{}\n", path.display());
    let Some(browser) = browser(&path) else {
        say!(
            "no browser to open it with: set BROWSER, or install xdg-utils where there is a display\n"
        );
        return Ok(());
    };
    let (program, arguments) = browser;
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null());
    match command.status() {
        Err(source) => Err(ShowError::Browser { program, source }),
        Ok(status) if !status.success() => Err(ShowError::NotShown { program, status }),
        Ok(_) => Ok(()),
    }
}

/// `$BROWSER` as xdg-open reads it (commands between colons, `%s` for the page), else xdg-open itself.
fn browser(page: &Path) -> Option<(String, Vec<String>)> {
    let page = page.display().to_string();
    let set = std::env::var("BROWSER").unwrap_or_default();
    for command in set.split(':') {
        let mut words = command.split_whitespace().map(str::to_owned);
        let Some(program) = words.next().filter(|program| is_there(program)) else {
            continue;
        };
        let mut arguments: Vec<String> = words.map(|word| word.replace("%s", &page)).collect();
        if !command.contains("%s") {
            arguments.push(page);
        }
        return Some((program, arguments));
    }
    let display = ["DISPLAY", "WAYLAND_DISPLAY"];
    let display = display
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    (display && is_there("xdg-open")).then(|| ("xdg-open".into(), vec![page]))
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path);
    // A path replaces the directory it is joined to where it is absolute.
    places.any(|place| place.join(program).is_file())
}

/// The directory meant: evidence somewhere, or what is kept of a lab; without either, the last run.
fn find(evidence: Option<&str>) -> Result<PathBuf, ShowError> {
    let Some(given) = evidence else {
        let kept = LabDir::all_kept().into_iter().chain(LabDir::all_up());
        let kept = kept.map(|lab| lab.path().to_owned());
        let mut runs: Vec<PathBuf> = kept.collect();
        evidence_below(&state::base_dir().join(TESTED), &mut runs);
        let runs = runs.into_iter();
        let runs = runs.filter_map(|dir| Some((modified(&dir.join(EVENTS))?, dir)));
        let last = runs.max_by_key(|(modified, _)| *modified);
        return last.map_or(Err(ShowError::NoRun), |(_, dir)| Ok(dir));
    };
    let dir = Path::new(given);
    if dir.join(EVENTS).exists() {
        return Ok(dir.to_owned());
    }
    match LabDir::named(given) {
        Ok(lab) if lab.events().exists() => Ok(lab.path().to_owned()),
        _ => Err(ShowError::Unknown(given.to_owned())),
    }
}

/// What `labgen test` kept: of several rounds or tries, each is a directory of its own.
fn evidence_below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_inner = ["captures", "logs"].iter().any(|inner| name == *inner);
        if !is_inner && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
            evidence_below(&entry.path(), found);
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
