//! `labgen exec` and `labgen shell`: a command in a node, with this terminal.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use netns::lab::{Entry, Namespaces, enter};
use netns::ns::NsError;

use super::ask::{AskError, Asker, peer_pid, unexpected};
use super::{FAILED, fail};
use crate::cli;
use crate::protocol::{Reply, Request};

/// As shells say that there is no such command, and that it is no program.
const NOT_FOUND: u8 = 127;
const NOT_A_PROGRAM: u8 = 126;

pub(super) fn exec(args: &cli::Exec) -> ExitCode {
    let Some((program, arguments)) = args.command.split_first() else {
        return unexpected();
    };
    run(args.choice.name(), &args.node, |_| Command {
        program: program.clone(),
        args: arguments.to_vec(),
        env: Vec::new(),
    })
}

pub(super) fn shell(args: &cli::Shell) -> ExitCode {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = shell.unwrap_or_else(|| "/bin/sh".into());
    run(args.choice.name(), &args.node, |lab| {
        if std::io::stderr().is_terminal() {
            let node = &args.node;
            eprintln!("in `{node}` of lab `{lab}`; `exit` or Ctrl-D leaves");
        }
        interactive(&shell, lab, &args.node)
    })
}

struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

/// A shell whose prompt says where one is.
fn interactive(shell: &OsStr, lab: &str, node: &str) -> Command {
    let place = format!("[{node}@{lab}]");
    let name = Path::new(shell).file_name().unwrap_or(shell);
    let mut args: Vec<OsString> = vec!["-i".into()];
    let mut env: Vec<(OsString, OsString)> = vec![
        ("LABGEN_LAB".into(), lab.into()),
        ("LABGEN_NODE".into(), node.into()),
    ];
    let mut set = |name: &str, value: String| env.push((name.into(), value.into()));
    match name.to_str() {
        // After its start-up files, which set a prompt of their own.
        Some("bash") => set(
            "PROMPT_COMMAND",
            format!("PS1=\"{place} $PS1\"; unset PROMPT_COMMAND"),
        ),
        Some("fish") => args.extend([
            "-C".into(),
            format!(
                "functions -c fish_prompt labgen_prompt; \
                 function fish_prompt; echo -n '{place} '; labgen_prompt; end"
            )
            .into(),
        ]),
        Some("zsh") => {
            set("PS1", format!("{place} %~ %# "));
            set("RPS1", place);
        }
        _ => set("PS1", format!("{place} $PWD # ")),
    }
    Command {
        program: shell.to_owned(),
        args,
        env,
    }
}

/// Runs in NODE or NODE/NETNS what `command` makes of the lab's name.
fn run(lab: Option<&str>, place: &str, command: impl FnOnce(&str) -> Command) -> ExitCode {
    let (node, netns) = match place.split_once('/') {
        Some((node, netns)) => (node, Some(netns.to_owned())),
        None => (place, None),
    };
    let request = Request::Enter {
        node: node.to_owned(),
        netns,
    };
    // The connection stays open to the end: the supervisor holds the namespaces as long.
    let answer: Result<_, AskError> =
        Asker::connect(lab).and_then(|mut asker| Ok((asker.ask(&request)?, asker)));
    let (net, mnt, mut env, asker) = match answer {
        Ok((Reply::Entered { net, mnt, env }, asker)) => (net, mnt, env, asker),
        Ok(_) => return unexpected(),
        Err(e) => return fail(&e, FAILED),
    };
    let Some(pid) = peer_pid(&asker.stream) else {
        return unexpected();
    };
    let command = command(asker.lab.name());
    let mut entry = Entry {
        program: command.program,
        args: command.args,
        env: command.env,
        dir: None,
    };
    entry.env.extend(
        env.drain(..)
            .map(|(name, value)| (name.into(), value.into())),
    );
    let ended = Namespaces::of_node(pid, net, mnt).and_then(|place| enter(&place, &entry));
    match ended {
        Ok(exit) => ExitCode::from(exit.shell_code()),
        Err(e) => fail(&e, not_started(&e, &entry.program)),
    }
}

/// The exit status when there is none of the command's.
fn not_started(error: &NsError, program: &OsStr) -> u8 {
    // Anything else that failed comes with what it was.
    if error.action != format!("start `{}`", program.to_string_lossy()) {
        return FAILED;
    }
    match error.source.kind() {
        ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_A_PROGRAM,
    }
}
