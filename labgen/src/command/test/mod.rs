//! `labgen test`: many scenarios side by side, one verdict.

mod evidence;
mod junit;
mod room;
mod run;
mod show;
mod suite;
mod verdict;

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use netns::process::{Reap, Spawner};
use nix::sys::signal::Signal;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::watch;

use super::start::ended_by;
use super::{FAILED, LACKING, WRONG, fail};
use crate::cli::Test;
use crate::state::{self, StateError};
use crate::ui::say;
use room::Room;
use run::Runner;
use show::Show;
pub use suite::Shard;
use suite::{Case, suite};
use verdict::{Count, Judged};

/// How often those that run are shown.
const TICK: Duration = Duration::from_millis(500);
/// Scenarios that a processor bears at a time: they wait more than they work.
const JOBS_A_PROCESSOR: u32 = 2;
/// Memory that one may need, in KiB.
const MEMORY_A_JOB: u64 = 512 << 10;

/// Why scenarios cannot be run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Start(#[from] netns::ns::NsError),
    #[error("`{}` holds `{found}`, which is no evidence; remove it, or give another directory with --out", path.display())]
    Occupied { path: PathBuf, found: String },
    #[error("cannot {what} `{}`", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot {0}")]
    Executor(&'static str, #[source] io::Error),
}

impl RunError {
    fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { what, path, source }
    }
}

/// What came of a suite.
struct Outcome {
    rounds: Vec<Vec<Judged>>,
    interrupted: Option<Signal>,
}

pub(super) fn test(options: &Test) -> ExitCode {
    let cases = match suite(options) {
        Ok(cases) => cases,
        Err(e) => return fail(&e, WRONG),
    };
    if options.list {
        for case in &cases {
            say!("{}\n", case.file.display());
        }
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| RunError::Executor("start an executor", source));
    match runtime.and_then(|runtime| runtime.block_on(run(options, &cases))) {
        Ok(outcome) => code(&outcome, options),
        Err(e) => fail(&e, FAILED),
    }
}

async fn run(options: &Test, cases: &[Case]) -> Result<Outcome, RunError> {
    let began = Instant::now();
    let jobs = options.jobs.unwrap_or_else(jobs);
    let program = std::env::current_exe();
    let program = program.map_err(|e| RunError::Executor("find my own executable", e))?;
    let (end, ending) = watch::channel(false);
    let out = options.out.clone();
    let runner = Runner {
        options,
        spawner: Spawner::start(Reap::Own)?,
        room: Room::new()?,
        program,
        out: out.unwrap_or_else(|| state::base_dir().join(state::TESTED)),
        jobs,
        ending,
        running: RefCell::default(),
        number: Cell::new(0),
    };
    // Before any is run: who has waited for some would lose their verdicts.
    for case in cases {
        evidence::is_used(&runner.place(case, 1, 1))?;
    }
    let show = Show::new(options, cases.len());
    let mut rounds = Vec::new();
    let mut interrupted = None;
    let mut signals = Interruptions::new()?;
    for round in 1..=options.repeat.get() {
        let started = Instant::now();
        let done = Cell::new(0);
        let tell = |judged: &Judged| {
            done.set(done.get() + 1);
            show.judged(judged, done.get());
        };
        let mut running = std::pin::pin!(runner.round(cases, round, &tell));
        let mut tick = tokio::time::interval(TICK);
        let judged = loop {
            tokio::select! {
                judged = &mut running => break judged?,
                _ = tick.tick() => show.running(&runner.running.borrow(), done.get()),
                signal = signals.next() => {
                    show.clear();
                    if interrupted.replace(signal).is_some() {
                        // The second time: whoever waits has waited enough. The kernel ends the rest.
                        return Ok(Outcome { rounds, interrupted });
                    }
                    let labs = runner.running.borrow().len();
                    eprintln!("ending {} ({})", crate::ui::count(labs, "lab"), signal.as_str());
                    end.send_replace(true);
                }
            }
        };
        show.round(round, options.repeat.get(), &judged, started.elapsed());
        let count = Count::of(&judged);
        rounds.push(judged);
        let failed = count.failed + count.broken > 0;
        if interrupted.is_some() || options.fail_fast && failed {
            break;
        }
    }
    show.summary(&rounds, jobs.get(), began.elapsed());
    if let Some(path) = &options.junit {
        let written = fs::write(path, junit::junit(&rounds));
        written.map_err(|source| RunError::io("write", path, source))?;
    }
    Ok(Outcome {
        rounds,
        interrupted,
    })
}

/// The signals that ask this process to end.
struct Interruptions([(Signal, Signals); 3]);

impl Interruptions {
    fn new() -> Result<Self, RunError> {
        let listen = |kind| signal(kind).map_err(|e| RunError::Executor("listen for signals", e));
        Ok(Self([
            (Signal::SIGINT, listen(SignalKind::interrupt())?),
            (Signal::SIGTERM, listen(SignalKind::terminate())?),
            (Signal::SIGHUP, listen(SignalKind::hangup())?),
        ]))
    }

    async fn next(&mut self) -> Signal {
        let [(int, a), (term, b), (hup, c)] = &mut self.0;
        tokio::select! {
            _ = a.recv() => *int,
            _ = b.recv() => *term,
            _ = c.recv() => *hup,
        }
    }
}

/// As many as the processors and the memory that is free bear.
fn jobs() -> NonZero<u32> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    let wanted = processors.saturating_mul(JOBS_A_PROCESSOR);
    let memory = fs::read_to_string("/proc/meminfo").ok();
    let room = memory
        .as_deref()
        .and_then(available)
        .map(|kib| kib / MEMORY_A_JOB);
    let room = room.and_then(|room| u32::try_from(room).ok());
    NonZero::new(wanted.min(room.unwrap_or(wanted))).unwrap_or(NonZero::<u32>::MIN)
}

/// KiB that `/proc/meminfo` says are to be had.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn code(outcome: &Outcome, options: &Test) -> ExitCode {
    if let Some(signal) = outcome.interrupted {
        return ended_by(signal);
    }
    let count = Count::of(outcome.rounds.iter().flatten());
    ExitCode::from(match count {
        Count { failed: 1.., .. } => FAILED,
        Count { broken: 1.., .. } => WRONG,
        // Where all was skipped nothing was judged.
        Count {
            skipped: 1..,
            passed: 0,
            flaky: 0,
            ..
        } => LACKING,
        Count { skipped: 1.., .. } if options.strict => LACKING,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_read_from_the_kernels_words() {
        let text = "MemTotal:       24689396 kB\nMemFree:  1 kB\nMemAvailable:   23862728 kB\n";
        assert_eq!(super::available(text), Some(23_862_728));
        assert_eq!(super::available("MemTotal: 1 kB\n"), None);
    }
}
