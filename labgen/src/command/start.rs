//! `labgen up` and `labgen run`: checks first, then a supervisor, then what it tells.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use netns::lab::{Supervisor, SupervisorOptions, spawn_supervisor};
use netns::ns::NsError;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use scenario::Scenario;

use super::check;
use super::follow::{Heard, Listener};
use super::report::{self, Wanted};
use super::{FAILED, LACKING, WRONG, fail};
use crate::cli;
use crate::protocol::{DETACH, Event, Mode, Order};
use crate::report::ReportError;
use crate::state::{About, EVENTS, LabDir, SCENARIO};
use crate::ui::{Ui, last_words};
use crate::{kinds, needs};

/// The supervisor's descriptor of the lock: never used, only held. Programs of nodes inherit it, so that the name is
/// not free before the last of them has ended, when the supervisor was killed.
const LOCK: i32 = 3;

/// Why a lab could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    State(#[from] crate::state::StateError),
    #[error("cannot {what}")]
    Io { what: String, source: io::Error },
    #[error("cannot start the lab's supervisor")]
    Supervisor(#[from] netns::ns::NsError),
    #[error("cannot report on the run")]
    Report(#[from] ReportError),
}

pub(super) fn start(from: &cli::Scenario, mode: Mode, slow: u32, wanted: &Wanted<'_>) -> ExitCode {
    let (out, json) = (wanted.out, wanted.json);
    let file = from.file.as_path();
    let mut scenario = match check::load(file, &from.variables.set) {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    if let Err(code) = programs_are_there(&scenario, base(file)) {
        return code;
    }
    scenario.slow_down(slow);
    let base = base(file);
    for node in &scenario.nodes {
        if let Err(e) = kinds::programs(node, base) {
            return fail(&e, WRONG);
        }
    }
    let dir = LabDir::of(&scenario.lab.name);
    if mode == Mode::Up && dir.answers() {
        return super::plan::change(file, &scenario, &dir, json);
    }
    if let Some(Err(source)) = out.map(fs::create_dir_all) {
        let what = out.map_or_else(String::new, |out| format!("make `{}`", out.display()));
        return fail(&StartError::Io { what, source }, FAILED);
    }
    match supervise(file, base, &scenario, mode, json) {
        Ok((code, dir)) => {
            let kept = match mode {
                Mode::Run { .. } => end(&dir, wanted),
                Mode::Up => Ok(()),
            };
            // What is still up keeps its sockets.
            let tidied = dir.tidy(false).map_err(StartError::from);
            match kept.and(tidied) {
                Ok(_) => code,
                Err(e) => fail(&e, FAILED),
            }
        }
        Err(e @ (StartError::State(_) | StartError::Io { .. } | StartError::Report(_))) => {
            fail(&e, FAILED)
        }
        Err(e @ StartError::Supervisor(_)) => {
            let code = fail(&e, LACKING);
            eprintln!("help: {}", why_no_namespaces(&e));
            code
        }
    }
}

/// Where relative paths in a scenario start.
pub(super) fn base(file: &Path) -> &Path {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// What to do when the kernel gives no namespaces.
fn why_no_namespaces(error: &StartError) -> &'static str {
    let StartError::Supervisor(NsError { source, .. }) = error else {
        return "";
    };
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC) => {
            "the kernel lets this user make no more namespaces: see `sysctl user` for \
             max_user_namespaces, max_pid_namespaces, max_net_namespaces and max_mnt_namespaces"
        }
        Some(Errno::EPERM | Errno::EACCES) => {
            "the kernel lets this user make no user namespace: see `sysctl \
             kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns`, or run as root"
        }
        _ => "`labgen doctor` shows what this machine can and cannot do",
    }
}

/// The programs that the scenario needs and the machine lacks; the kernel is the supervisor's to ask.
pub(super) fn programs_are_there(scenario: &Scenario, base: &Path) -> Result<(), ExitCode> {
    let missing = needs::missing_programs(scenario);
    let nodes = scenario.nodes.iter();
    let python: BTreeSet<PathBuf> = nodes
        .filter_map(|node| kinds::missing_python(node, base))
        .collect();
    if missing.is_empty() && python.is_empty() {
        return Ok(());
    }
    for outside in missing {
        eprintln!(
            "error: the scenario needs `{}`, which is not installed",
            outside.program
        );
        eprintln!("help: on Debian, `apt-get install {}`", outside.package);
    }
    for program in python {
        eprintln!(
            "error: the scenario needs `{}`, which is not there, or not for this user",
            program.display()
        );
        eprintln!(
            "help: a virtual environment with networking-bagpipe 19.0.0 and exabgp 4.2.25; `ci/python daemon` makes one"
        );
    }
    Err(ExitCode::from(LACKING))
}

fn supervise(
    file: &Path,
    base: &Path,
    scenario: &Scenario,
    mode: Mode,
    json: bool,
) -> Result<(ExitCode, LabDir), StartError> {
    let io = |what: &str| {
        let what = what.to_owned();
        move |source| StartError::Io { what, source }
    };
    let dir = LabDir::of(&scenario.lab.name);
    let lock = dir.claim()?;
    let meant = serde_json::to_vec(scenario)
        .map_err(io::Error::from)
        .and_then(|meant| fs::write(dir.scenario(), meant));
    meant.map_err(io("write the scenario"))?;
    dir.note(&about(file, scenario))?;
    let (ours, theirs) = UnixStream::pair().map_err(io("make a socket"))?;
    let log = fs::File::create(dir.supervisor_log()).map_err(io("create the log"))?;
    let options = SupervisorOptions {
        die_with_parent: mode == (Mode::Run { keep: false }),
        new_session: true,
        ..SupervisorOptions::default()
    };
    let errors = log.try_clone().map_err(io("create the log"))?;
    let held = lock
        .as_fd()
        .try_clone_to_owned()
        .map_err(io("hold the lock"))?;
    let inherited = [
        (theirs.into(), 0),
        (log.into(), 1),
        (errors.into(), 2),
        (held, LOCK),
    ];
    let args = ["__supervise".into()];
    // By its path, not by `/proc/self/exe`: only a file of the supervisor's own mounts can be shown to nodes.
    let exe = std::env::current_exe().map_err(io("find my own executable"))?;
    let supervisor = spawn_supervisor(&exe, &args, &inherited, &options)?;
    drop(inherited);
    drop(lock);
    let order = Order {
        dir: dir.clone(),
        file: file.display().to_string(),
        base: base
            .canonicalize()
            .map_err(io("find the scenario's directory"))?,
        mode,
    };
    let line = serde_json::to_string(&order)
        .map_err(io::Error::from)
        .map_err(io("say what to build"))?;
    (&ours)
        .write_all(format!("{line}\n").as_bytes())
        .map_err(io("tell the supervisor"))?;
    let code = follow(&ours, supervisor, &order, json).map_err(io("listen to the supervisor"))?;
    Ok((code, dir))
}

/// What `labgen list` will say.
pub(super) fn about(file: &Path, scenario: &Scenario) -> About {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    About {
        file: file
            .canonicalize()
            .unwrap_or_else(|_| file.to_owned())
            .display()
            .to_string(),
        nodes: scenario.nodes.len(),
        since: now.unwrap_or_default().as_secs(),
    }
}

/// Shows what the supervisor tells, to the end of a run or until the lab is up.
fn follow(
    stream: &UnixStream,
    supervisor: Supervisor,
    order: &Order,
    json: bool,
) -> io::Result<ExitCode> {
    let mut ui = Ui::new(json);
    let mut listener = Listener::new(stream)?;
    let mut interrupted = None;
    loop {
        let line = match listener.next()? {
            Heard::Line(line) => line,
            Heard::Signal(signal) => {
                ui.end_line();
                if interrupted.replace(signal).is_some() {
                    // The second time: whoever waits has waited enough. The lab ends all the same.
                    return Ok(ended_by(signal));
                }
                eprintln!("ending lab `{}` ({})", order.dir.name(), signal.as_str());
                listener.hang_up();
                continue;
            }
            Heard::End => break,
        };
        let Ok(event) = serde_json::from_str::<Event>(&line) else {
            continue;
        };
        // After the word to end, steps fail that nobody wants to hear of.
        if interrupted.is_some() {
            continue;
        }
        ui.show(&event);
        match event {
            Event::Broken { error, lacking } => {
                eprintln!("error: {error}");
                wait_for_end(supervisor);
                return Ok(ExitCode::from(if lacking { LACKING } else { FAILED }));
            }
            Event::Up { .. } if order.mode == Mode::Up => {
                let _ = (&mut &*stream).write_all(format!("{DETACH}\n").as_bytes());
                return Ok(ExitCode::SUCCESS);
            }
            Event::Done { passed, .. } => {
                if order.mode == (Mode::Run { keep: true }) {
                    let _ = (&mut &*stream).write_all(format!("{DETACH}\n").as_bytes());
                } else {
                    wait_for_end(supervisor);
                }
                return Ok(ExitCode::from(if passed { 0 } else { FAILED }));
            }
            _ => {}
        }
    }
    wait_for_end(supervisor);
    if let Some(signal) = interrupted {
        eprintln!("lab `{}` has ended", order.dir.name());
        return Ok(ended_by(signal));
    }
    ui.end_line();
    let log = fs::read_to_string(order.dir.supervisor_log()).unwrap_or_default();
    let words = last_words(log.trim_end());
    eprintln!("error: the lab's supervisor ended unexpectedly; {words}");
    Ok(ExitCode::from(FAILED))
}

/// As shells have it.
pub(super) fn ended_by(signal: Signal) -> ExitCode {
    ExitCode::from(u8::try_from(128 + signal as i32).unwrap_or(FAILED))
}

/// Waits for the end of process number 1, and thereby of every process of the lab.
fn wait_for_end(supervisor: Supervisor) {
    while waitpid(Pid::from_raw(supervisor.pid), None) == Err(Errno::EINTR) {}
}

/// Keeps and tells what a run came to.
pub(super) fn end(dir: &LabDir, wanted: &Wanted<'_>) -> Result<(), StartError> {
    if let Some(out) = wanted.out {
        keep_evidence(dir, out)?;
    }
    Ok(report::at_the_end(dir, wanted)?)
}

/// Copies events, what was built, captures and logs to a directory of the user's.
fn keep_evidence(dir: &LabDir, out: &Path) -> Result<(), StartError> {
    let io = |path: &Path| {
        let what = format!("write `{}`", path.display());
        move |source| StartError::Io { what, source }
    };
    fs::create_dir_all(out).map_err(io(out))?;
    for file in [EVENTS, SCENARIO] {
        let (kept, target) = (dir.path().join(file), out.join(file));
        // A lab that was never begun has none.
        if kept.exists() {
            fs::copy(&kept, &target).map_err(io(&target))?;
        }
    }
    for (from, to) in [
        (dir.captures(), out.join("captures")),
        (dir.logs(), out.join("logs")),
    ] {
        fs::create_dir_all(&to).map_err(io(&to))?;
        forget(&to);
        for entry in fs::read_dir(&from).map_err(io(&from))?.flatten() {
            let target: PathBuf = to.join(entry.file_name());
            fs::copy(entry.path(), &target).map_err(io(&target))?;
        }
    }
    Ok(())
}

/// Removes what an earlier run left there: the report would take it for this run's.
fn forget(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let ending = entry.path().extension().map(OsStr::to_owned);
        if ending.is_some_and(|ending| ending == "pcapng" || ending == "log") {
            let _ = fs::remove_file(entry.path());
        }
    }
}
