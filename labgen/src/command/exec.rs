//! `labgen exec`: a command in a node, with this terminal.

use std::ffi::OsString;
use std::process::ExitCode;

use netns::lab::{Entry, Namespaces, enter};

use super::ask::{Asker, peer_pid, unexpected};
use super::{FAILED, fail};
use crate::protocol::{Reply, Request};

pub(super) fn exec(lab: Option<&str>, node: &str, command: &[OsString]) -> ExitCode {
    let (node, netns) = match node.split_once('/') {
        Some((node, netns)) => (node, Some(netns.to_owned())),
        None => (node, None),
    };
    let request = Request::Enter {
        node: node.to_owned(),
        netns,
    };
    // The connection stays open to the end: the supervisor holds the namespaces as long.
    let answer = Asker::connect(lab).and_then(|mut asker| Ok((asker.ask(&request)?, asker)));
    let (net, mnt, path, asker) = match answer {
        Ok((Reply::Entered { net, mnt, path }, asker)) => (net, mnt, path, asker),
        Ok(_) => return unexpected(),
        Err(e) => return fail(&e, FAILED),
    };
    let (Some(pid), Some((program, args))) = (peer_pid(&asker.stream), command.split_first())
    else {
        return unexpected();
    };
    let entry = Entry {
        program: program.clone(),
        args: args.to_vec(),
        env: vec![("PATH".into(), path.into())],
        dir: None,
    };
    let ended = Namespaces::of_node(pid, net, mnt).and_then(|place| enter(&place, &entry));
    match ended {
        Ok(exit) => ExitCode::from(exit.shell_code()),
        Err(e) => fail(&e, FAILED),
    }
}
