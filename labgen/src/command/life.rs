//! `labgen halt`, `start`, `restart`, `cut` and `heal`: something is done to a lab that is up.

use std::process::ExitCode;

use super::ask::{AskError, Asker, unexpected};
use super::{FAILED, fail};
use crate::cli::{Cable, Life};
use crate::protocol::{Reply, Request};
use crate::ui::say;

/// Does the same to several nodes, one after the other, up to the first that it cannot be done to.
pub(super) fn nodes(args: &Life, done: &str, request: fn(String) -> Request) -> ExitCode {
    let mut asker = match Asker::connect(args.choice.name()) {
        Ok(asker) => asker,
        Err(e) => return fail(&e, FAILED),
    };
    for node in &args.nodes {
        let reply = asker.ask(&request(node.clone()));
        if let Err(code) = tell(reply, &format!("{node} {done}")) {
            return code;
        }
    }
    ExitCode::SUCCESS
}

/// Pulls a cable, or plugs it in.
pub(super) fn cable(args: &Cable, done: &str, request: fn(String) -> Request) -> ExitCode {
    let asked = Asker::connect(args.choice.name());
    let reply = asked.and_then(|mut asker| asker.ask(&request(args.link.clone())));
    match tell(reply, &format!("{} {done}", args.link)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

fn tell(reply: Result<Reply, AskError>, done: &str) -> Result<(), ExitCode> {
    match reply {
        Ok(Reply::Done { seen }) => {
            say!("{done}: {seen}\n");
            Ok(())
        }
        Ok(_) => Err(unexpected()),
        Err(e) => Err(fail(&e, FAILED)),
    }
}
