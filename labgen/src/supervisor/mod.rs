//! The lab's own process: PID 1 of the lab's PID namespace, owner of all the lab consists of.

mod advice;
mod broken;
mod build;
mod cables;
mod change;
mod control;
mod disorder;
mod expect;
mod front;
mod home;
mod impair;
mod journal;
mod lab;
mod life;
mod marks;
mod observing;
mod ports;
mod ready;
mod recording;
mod rest;
mod slowness;
mod standing;
mod step;
mod telling;
mod traffic;
mod view;

use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use netns::changes::Changes;
use netns::process::{Reap, Spawner};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use scenario::{Scenario, Wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::protocol::{Event, Mode, Order};
use crate::state::LabDir;
use broken::Broken;
use front::Front;
use journal::Journal;
use standing::Standing;

pub(crate) use recording::only;

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
        .and_then(|scenario| broken::kernel_can(&scenario).map(|()| scenario));
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
    let front = Front::new(stream, Journal::create(&order.dir)?)?;
    front.send(&journal::beginning(&order, began));
    let outcome = match scenario {
        Ok(scenario) => live(&order, scenario, &front, began).await,
        Err(broken) => Err(broken),
    };
    if let Err(broken) = outcome {
        front.send(&Event::Broken {
            error: broken.render(),
            lacking: broken.is_lacking(),
        });
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
        lab = building => Rc::new(lab.map_err(|error| broken::unbuilt(&scenario, error))?),
        () = front.gone() => return Ok(()),
    };
    let standing = Rc::new(Standing::new(lab));
    tokio::select! {
        () = control::serve(&listener, &standing) => Err(Broken::Ended),
        () = front.gone() => Ok(()),
        () = unreachable(&order.dir) => Err(Broken::Removed(order.dir.path().to_owned())),
        () = told_to_end() => Err(Broken::Terminated),
        lived = drive(order.mode, &standing, front) => lived,
    }
}

/// Comes back when the lab's directory has been removed: nobody could end the lab any more.
async fn unreachable(dir: &LabDir) {
    if let Ok(mut changes) = Changes::here(dir.path()) {
        while dir.control_socket().exists() {
            if changes.next().await.is_err() {
                break;
            }
        }
        if !dir.control_socket().exists() {
            return;
        }
    }
    // It cannot be watched: `labgen down` still ends it.
    std::future::pending().await
}

/// Comes back at SIGTERM, which process number 1 of a namespace is not ended by.
async fn told_to_end() {
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        terminate.recv().await;
    } else {
        std::future::pending().await
    }
}

/// Waits until the lab is as its scenario wants it, does the steps if there is a run, and comes back when the lab
/// need not stay.
async fn drive(mode: Mode, standing: &Standing, front: &Front) -> Result<(), Broken> {
    let lab = standing.now();
    let driven = standing.drive();
    if lab.scenario.lab.wait == Wait::Converged {
        front.send(&Event::Building {
            what: "sessions".into(),
            at: lab.at(),
        });
        observing::converged(&lab).await?;
    }
    front.send(&Event::Up {
        lab: view::known(&lab),
        at: lab.at(),
    });
    if let Mode::Run { keep } = mode {
        let passed = step::run_all(&lab).await;
        let evidence = recording::end_all(&lab, front).await;
        front.send(&Event::Done {
            passed,
            at: lab.at(),
            evidence,
        });
        if !keep {
            return Ok(());
        }
    }
    drop((driven, lab));
    std::future::pending().await
}
