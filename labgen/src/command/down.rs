//! `labgen down`: ends labs, and says what is kept of them.

use std::process::ExitCode;

use super::ask::{AskError, Asker};
use super::{FAILED, fail};
use crate::cli::Down;
use crate::protocol::Request;
use crate::state::{LabDir, StateError};
use crate::ui::say;

pub(super) fn down(args: &Down) -> ExitCode {
    let name = args.name.as_deref().or(args.choice.name());
    if args.all {
        return all(args.purge);
    }
    let done = match LabDir::choose(name) {
        Ok(lab) => end(&lab, args.purge),
        // Its files may still be wanted gone.
        Err(StateError::NotUp(name)) if args.purge && LabDir::of(&name).path().is_dir() => {
            tidy(&LabDir::of(&name), true, "was not up")
        }
        Err(e) => Err(e.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e, FAILED),
    }
}

fn all(purge: bool) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    let up = LabDir::all_up();
    let ended: Vec<_> = up.iter().map(|lab| end(lab, purge)).collect();
    let kept = if purge {
        LabDir::all_kept()
    } else {
        Vec::new()
    };
    let purged: Vec<_> = kept
        .iter()
        .map(|lab| tidy(lab, true, "was not up"))
        .collect();
    if ended.is_empty() && purged.is_empty() {
        say!("no lab is up\n");
    }
    for e in ended.into_iter().chain(purged).filter_map(Result::err) {
        status = fail(&e, FAILED);
    }
    status
}

fn end(lab: &LabDir, purge: bool) -> Result<(), AskError> {
    let reply = Asker::to(lab.clone()).and_then(|mut asker| asker.ask(&Request::Down));
    match reply {
        // However it came to its end, it is at it.
        Ok(_) | Err(AskError::Ended(_)) => {}
        Err(e) => return Err(e),
    }
    lab.wait_until_down()?;
    tidy(lab, purge, "is down")
}

fn tidy(lab: &LabDir, purge: bool, state: &str) -> Result<(), AskError> {
    let kept = lab.tidy(purge)?;
    let name = lab.name();
    match kept {
        None if lab.is_up() => say!("lab `{name}` {state}, and up again since\n"),
        _ if purge => say!("lab `{name}` {state}; its files are removed\n"),
        Some(path) => say!(
            "lab `{name}` {state}; logs and captures are in {}\n",
            path.display()
        ),
        None => say!("lab `{name}` {state}\n"),
    }
    Ok(())
}
