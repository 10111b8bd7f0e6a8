//! The lab's own process: PID 1 of the lab's PID namespace, owner of all the lab consists of.

mod advice;
mod build;
mod cables;
mod change;
mod control;
mod expect;
mod front;
mod home;
mod lab;
mod life;
mod observing;
mod ports;
mod ready;
mod recording;
mod rest;
mod standing;
mod step;
mod view;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use netns::process::{Reap, Spawner};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use scenario::{Scenario, Wait};
use tokio::task::LocalSet;

use crate::needs;
use crate::protocol::{Event, Mode, Order};
use build::BuildError;
use front::Front;
use standing::Standing;

/// Runs a lab from its order, which comes in on standard input, to its end.
pub fn main() -> ExitCode {
    let began = Instant::now();
    match start(began) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Into the lab's own log: the front end hears of anything after this by events.
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn start(began: Instant) -> std::io::Result<()> {
    let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut line = String::new();
    // One line and no more: the rest belongs to the executor.
    let mut reader = BufReader::with_capacity(1, stream.try_clone()?);
    reader.read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    let scenario = change::read_scenario(&order.dir.scenario())
        .map_err(Broken::from)
        .and_then(|scenario| kernel_can(&scenario).map(|()| scenario));
    // Where it cannot be raised it may still do, and if not, that is said then.
    let _ = netns::limit::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, supervise(order, scenario, stream, began))
}

async fn supervise(
    order: Order,
    scenario: Result<Scenario, Broken>,
    stream: UnixStream,
    began: Instant,
) -> std::io::Result<()> {
    let front = Front::new(stream)?;
    let outcome = match scenario {
        Ok(scenario) => live(&order, scenario, &front, began).await,
        Err(broken) => Err(broken),
    };
    if let Err(Broken { error, lacking }) = outcome {
        front.send(&Event::Broken { error, lacking });
    }
    end_all();
    front.finish().await;
    Ok(())
}

/// Ends every process of the lab and waits for their ends, so that whoever sees this process close its
/// descriptors knows that nothing runs any more.
fn end_all() {
    // For any other process than number 1 of a namespace these are all the user's.
    if std::process::id() != 1 {
        return;
    }
    let _ = netns::process::kill(-1, Signal::SIGKILL);
    while !matches!(waitpid(None, None), Err(Errno::ECHILD)) {}
}

/// Why there is no lab.
struct Broken {
    error: String,
    lacking: bool,
}

impl Broken {
    fn failed(error: String) -> Self {
        Self {
            error,
            lacking: false,
        }
    }
}

impl<E: std::error::Error + 'static> From<E> for Broken {
    fn from(error: E) -> Self {
        let mut text = crate::command::chain(&error);
        if let Some(advice) = advice::on(&error) {
            text += &format!("\nhelp: {advice}");
        }
        Self::failed(text)
    }
}

/// What the kernel is asked to do by building the lab: that it can is only doubted when it did not, because to find
/// out takes as long as to build a small lab.
const BUILT_WITH: [&str; 4] = ["network namespace", "tmpfs", "veth", "bridge"];

/// What else the kernel cannot do that the scenario needs is said before anything is built. The probes run executors
/// of their own, so this comes before the supervisor's.
fn kernel_can(scenario: &Scenario) -> Result<(), Broken> {
    let mut needed = needs::features(scenario);
    needed.retain(|feature| !BUILT_WITH.contains(feature));
    lacking(&needed).map_or(Ok(()), Err)
}

/// Why a lab could not be built: what the kernel cannot do, if that is it.
fn unbuilt(scenario: &Scenario, error: BuildError) -> Broken {
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
    if needed.is_empty() {
        return None;
    }
    let probes = netns::probe::here(|name| needed.contains(name));
    let lacking: Vec<String> = probes
        .iter()
        .filter(|probe| !probe.ok)
        .map(|probe| format!("  - {}: {}", probe.name, probe.detail))
        .collect();
    if lacking.is_empty() {
        return None;
    }
    let error = format!(
        "the kernel cannot do what the scenario needs\n{}\nhelp: `labgen doctor` shows all that this \
         machine can and cannot do; `labgen run --kernel` brings a kernel that can (`ci/kernel` fetches Debian's)",
        lacking.join("\n")
    );
    Some(Broken {
        error,
        lacking: true,
    })
}

/// From the first namespace to the last step or the word to go.
async fn live(
    order: &Order,
    scenario: Scenario,
    front: &Front,
    began: Instant,
) -> Result<(), Broken> {
    let listener = control::listen(&order.dir)?;
    let spawner = Spawner::start(Reap::All)?;
    let scenario = Rc::new(scenario);
    let building = build::build(order, Rc::clone(&scenario), front, began, spawner);
    let lab = tokio::select! {
        lab = building => Rc::new(lab.map_err(|error| unbuilt(&scenario, error))?),
        () = front.gone() => return Ok(()),
    };
    if lab.scenario.lab.wait == Wait::Converged {
        front.send(&Event::Building {
            what: "sessions".into(),
            at: lab.at(),
        });
        tokio::select! {
            converged = observing::converged(&lab) => converged?,
            () = front.gone() => return Ok(()),
        }
    }
    front.send(&Event::Up {
        lab: view::known(&lab),
        at: lab.at(),
    });
    let standing = Rc::new(Standing::new(lab));
    tokio::select! {
        () = control::serve(&listener, &standing) => {}
        () = front.gone() => {}
        () = drive(order.mode, &standing, front) => {}
    }
    Ok(())
}

/// Does the steps if there is a run, and comes back when the lab need not stay.
async fn drive(mode: Mode, standing: &Standing, front: &Front) {
    if let Mode::Run { keep } = mode {
        let lab = &standing.now();
        let driven = standing.drive();
        let passed = step::run_all(lab, front).await;
        let evidence = recording::write_all(lab, front).await;
        drop(driven);
        front.send(&Event::Done {
            passed,
            at: lab.at(),
            evidence,
        });
        if !keep {
            return;
        }
    }
    std::future::pending::<()>().await;
}
