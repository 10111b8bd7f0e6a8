//! Running scenarios side by side, each in a process of its own.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use netns::process::{Child, Exit, ProcessSpec, Spawner};
use nix::sys::signal::Signal;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::RunError;
use super::evidence::{self, OUTPUT};
use super::room::Room;
use super::suite::Case;
use super::verdict::{self, Judged, Verdict};
use crate::cli::Test;
use crate::command::{LACKING, WRONG};
use crate::report;
use crate::report::model::Run;

/// The longest a scenario may take that does not say so itself.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The longest a lab may take to end that was told to, before it is made to.
const GRACE: Duration = Duration::from_secs(20);

/// Runs scenarios.
pub(super) struct Runner<'a> {
    pub(super) options: &'a Test,
    pub(super) spawner: Spawner,
    pub(super) room: Room,
    pub(super) program: PathBuf,
    /// Where evidence is kept.
    pub(super) out: PathBuf,
    pub(super) jobs: NonZero<u32>,
    /// Whether all is to end.
    pub(super) ending: watch::Receiver<bool>,
    /// Those that run, and since when.
    pub(super) running: RefCell<Vec<(PathBuf, Instant)>>,
    pub(super) number: Cell<usize>,
}

/// One try.
struct Try {
    verdict: Verdict,
    reason: String,
    took: Duration,
    output: String,
    run: Run,
    evidence: PathBuf,
}

impl Runner<'_> {
    /// Where the evidence of a try is kept.
    pub(super) fn place(&self, case: &Case, round: u32, attempt: u32) -> PathBuf {
        let round = Some(round).filter(|_| self.options.repeat.get() > 1);
        evidence::place(&self.out, &case.name, round, attempt)
    }

    /// Runs all once, the heaviest first, and tells of each as it ends. Those are missing that were not begun because
    /// one had failed, or all was to end.
    pub(super) async fn round(
        &self,
        cases: &[Case],
        round: u32,
        tell: &dyn Fn(&Judged),
    ) -> Result<Vec<Judged>, RunError> {
        let slots = Semaphore::new(self.jobs.get() as usize);
        let enough = Cell::new(false);
        let mut order: Vec<&Case> = cases.iter().collect();
        order.sort_by_key(|case| std::cmp::Reverse(case.nodes));
        let runs = order.into_iter().map(|case| async {
            let Ok(_slots) = slots.acquire_many(case.slots(self.jobs)).await else {
                return Ok(None);
            };
            if enough.get() || *self.ending.borrow() {
                return Ok(None);
            }
            self.judge(case, round).await.map(Some)
        });
        let mut runs: FuturesUnordered<_> = runs.collect();
        let mut all = Vec::new();
        while let Some(judged) = runs.next().await {
            let Some(judged) = judged? else { continue };
            let bad = matches!(judged.verdict, Verdict::Failed | Verdict::Broken);
            if self.options.fail_fast && bad {
                enough.set(true);
            }
            tell(&judged);
            all.push(judged);
        }
        all.sort_by(|a, b| a.case.file.cmp(&b.case.file));
        Ok(all)
    }

    /// Runs one until it passes, or has been tried often enough.
    async fn judge(&self, case: &Case, round: u32) -> Result<Judged, RunError> {
        let began = Instant::now();
        self.running.borrow_mut().push((case.file.clone(), began));
        let mut tries = 0;
        let mut first_failure = None;
        let last = loop {
            tries += 1;
            let tried = self.attempt(case, round, tries).await?;
            if tried.verdict != Verdict::Failed || tries > self.options.retries {
                break tried;
            }
            first_failure.get_or_insert(tried);
        };
        let mut running = self.running.borrow_mut();
        running.retain(|(file, since)| (file, since) != (&case.file, &began));
        let failed_before = first_failure.filter(|_| last.verdict == Verdict::Passed);
        let (verdict, reason) = match &failed_before {
            Some(failed) => (Verdict::Flaky, failed.reason.clone()),
            None => (last.verdict, last.reason),
        };
        let (output, evidence) = match failed_before {
            Some(failed) => (failed.output, failed.evidence),
            None => (last.output, last.evidence),
        };
        Ok(Judged {
            case: case.clone(),
            round,
            verdict,
            reason,
            took: last.took,
            tries,
            output,
            evidence: Some(evidence).filter(|path| path.is_dir()),
            run: last.run,
        })
    }

    async fn attempt(&self, case: &Case, round: u32, attempt: u32) -> Result<Try, RunError> {
        let options = self.options;
        let kept = self.place(case, round, attempt);
        evidence::make_room(&kept)?;
        self.number.set(self.number.get() + 1);
        let place = self.room.one(self.number.get())?;
        let slow = options.slow.unwrap_or(1);
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| place.path().join(name));
        let mut args = vec!["run".into(), "--out".into(), kept.clone().into_os_string()];
        args.extend(["--slow".into(), slow.to_string().into(), "--".into()]);
        args.push(case.file.clone().into_os_string());
        let file =
            |path: &Path| File::create(path).map_err(|source| RunError::io("write", path, source));
        let began = Instant::now();
        let child = self
            .spawner
            .spawn(ProcessSpec {
                args,
                env: vec![(crate::state::BASE.into(), place.path().into())],
                stdout: Some(file(&stdout)?.into()),
                stderr: Some(file(&stderr)?.into()),
                die_with_parent: true,
                ..ProcessSpec::new(&self.program)
            })
            .await?;
        let limit = case.timeout.or(options.timeout).unwrap_or(TIMEOUT) * slow;
        // Of the lab itself: once it is told to end, its steps are given up.
        let doing = || {
            let lab = case.lab.as_deref().unwrap_or_default();
            report::outline(&place.path().join(lab)).doing()
        };
        let (exit, ended) = self.wait(child, limit, &doing).await;
        let took = began.elapsed();
        let read = |path: &Path| {
            let octets = fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&octets).into_owned()
        };
        let errors = read(&stderr);
        let run = report::outline(&kept);
        let (verdict, reason) = match (ended, exit) {
            (Some((Ending::All, doing)), _) => (Verdict::Ended, format!("it was at {doing}")),
            (Some((Ending::TooLate, doing)), _) => {
                let reason = format!("not done after {limit:?}; it was at {doing}");
                (Verdict::Failed, reason)
            }
            (None, Exit::Code(0)) => (Verdict::Passed, String::new()),
            (None, exit) => {
                let verdict = match exit {
                    Exit::Code(code) if code == i32::from(WRONG) => Verdict::Broken,
                    Exit::Code(code) if code == i32::from(LACKING) => Verdict::Skipped,
                    _ => Verdict::Failed,
                };
                let said = run.failure().or_else(|| first_line(&errors, verdict));
                (
                    verdict,
                    said.unwrap_or_else(|| format!("it ended by {exit}")),
                )
            }
        };
        let output = read(&stdout) + &errors;
        if verdict == Verdict::Passed && !options.keep_evidence || is_empty(&kept) {
            forget(&kept, &self.out);
        } else {
            let path = kept.join(OUTPUT);
            fs::write(&path, &output).map_err(|source| RunError::io("write", &path, source))?;
        }
        Ok(Try {
            verdict,
            reason,
            took,
            output,
            run,
            evidence: kept,
        })
    }

    /// Waits for a run's end, and ends it when it takes too long or all is to end: why, and what it was doing then.
    async fn wait(
        &self,
        mut child: Child,
        limit: Duration,
        doing: &dyn Fn() -> String,
    ) -> (Exit, Option<(Ending, String)>) {
        let mut all = self.ending.clone();
        let ending = tokio::select! {
            exit = child.exited() => return (exit, None),
            () = tokio::time::sleep(limit) => Ending::TooLate,
            _ = all.wait_for(|ending| *ending) => Ending::All,
        };
        let doing = doing();
        // It ends its lab, and keeps its evidence.
        let _ = child.kill(Signal::SIGINT);
        let exit = match timeout(GRACE, child.exited()).await {
            Ok(exit) => exit,
            Err(_) => {
                // The lab ends with it.
                let _ = child.kill_group(Signal::SIGKILL);
                child.exited().await
            }
        };
        (exit, Some((ending, doing)))
    }
}

/// Why a run was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    TooLate,
    All,
}

/// The whole of what is missing; of what is wrong only the first.
fn first_line(errors: &str, verdict: Verdict) -> Option<String> {
    let line = match verdict {
        Verdict::Broken => errors.lines().find_map(|line| line.strip_prefix("error: ")),
        _ => None,
    };
    let said = line.map_or_else(|| verdict::errors(errors), str::to_owned);
    Some(said).filter(|said| !said.is_empty())
}

/// Whether there is no file below.
fn is_empty(path: &Path) -> bool {
    let mut entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.all(|entry| entry.path().is_dir() && is_empty(&entry.path()))
}

/// Removes what nobody wants, and the directories around it in which nothing else is.
fn forget(evidence: &Path, out: &Path) {
    let _ = fs::remove_dir_all(evidence);
    let around = evidence.ancestors().skip(1);
    for parent in around.take_while(|parent| parent.starts_with(out)) {
        if fs::remove_dir(parent).is_err() {
            break;
        }
    }
}
