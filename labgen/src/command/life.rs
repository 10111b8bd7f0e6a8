//! `labgen halt`, `start`, `restart`, `cut` and `heal`: something is done to a lab that is up.

use std::process::ExitCode;

use impair::Contradiction;

use super::ask::{AskError, Asker, unexpected};
use super::{FAILED, WRONG, fail};
use crate::cli::{self, Cable, Life};
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

/// Why a link cannot be impaired as asked.
#[derive(Debug, thiserror::Error)]
enum ImpairError {
    #[error("asks for nothing; `--clear` ends what is in force")]
    Nothing,
    #[error("`--clear` ends what is in force; it goes with none of what it would put into force")]
    Both,
    #[error("`--direction` says nothing without a node: `--node`, or NODE/INTERFACE")]
    Direction,
    #[error("`--{option}` {rule}")]
    Contradiction { option: String, rule: Contradiction },
}

/// Has cables do something to frames, or nothing any more.
pub(super) fn impair(args: &cli::Impair) -> ExitCode {
    let by = args.asked();
    let alone = args.node.is_none() && !args.link.contains('/');
    let wrong = match (args.clear, by.is_nothing(), by.contradiction()) {
        (_, _, Some(rule)) => Some(ImpairError::Contradiction {
            option: rule.key().replace('_', "-"),
            rule,
        }),
        (true, false, _) => Some(ImpairError::Both),
        (false, true, _) => Some(ImpairError::Nothing),
        _ if alone && args.direction.is_some() => Some(ImpairError::Direction),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return fail(&wrong, WRONG);
    }
    let request = Request::Impair {
        link: args.link.clone(),
        node: args.node.clone(),
        direction: args.direction.map(|direction| match direction {
            cli::Direction::Out => scenario::Direction::Out,
            cli::Direction::In => scenario::Direction::In,
        }),
        by,
    };
    let asked = Asker::connect(args.choice.name());
    let reply = asked.and_then(|mut asker| asker.ask(&request));
    match tell(reply, &args.link) {
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
